"""A trustee's steps of the count: announce the sums, then decrypt them.

Decrypts nothing that is handed to it: only the sums that it computed from the log, only after t trustees announced
the same ones, and only ever those that it announced first. Decides when a share is released; leaves the combination to
`combine`.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit.bounds import TALLY_TRIES
from stembus.audit.formats.entry_bodies import Decryption, PaperResult, PartialDecryption, TallyIntent
from stembus.audit.formats.manifest import question_shapes
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.rules import count_status
from stembus.audit.state_machine import Phase
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.group import scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs
from stembus.crypto.threshold import partial_decrypt
from stembus.tally.errors import MustNotCount, OtherSumsAnnounced, ReferendumCancelled, StepDone, StepOutOfTurn
from stembus.tally.key_file import AnnouncedTree
from stembus.tally.member import Member, demand


class CountSteps(Member):
    """Each step returns the signed entry to be logged."""

    def _closed_sums(self) -> Sequence[Ciphertext]:
        log, manifest = self._log, self._log.manifest
        if log.phase is Phase.CANCELLED:
            raise ReferendumCancelled("the referendum was cancelled; nothing is decrypted")
        demand(bool(log.sums), "voting is not closed, or no ballot counts")
        paper = next((e.body for _, _, e in log.entries() if isinstance(e.body, PaperResult)), None)
        status = count_status(manifest, log.counted, paper.ballots if paper else 0)
        if status == "not-counted-floor":
            raise MustNotCount(f"{log.counted} ballots are below the privacy floor; nothing is decrypted")
        if status == "not-counted-minimum":
            raise MustNotCount("too few took part, and this referendum is then not counted; nothing is decrypted")
        return log.sums

    def _logged(self) -> list[TallyIntent]:
        """All intents of this trustee in the log, sound ones and others."""
        bodies = [entry.body for _, _, entry in self._log.entries() if isinstance(entry.body, TallyIntent)]
        return [body for body in bodies if body.trustee == self.number]

    def _first_announced(self) -> AnnouncedTree | None:
        """What this trustee announced first: as its file says, or else the log, whose intents it signed. A file from a
        backup may not know of them."""
        if self._secrets.announced is not None:
            return self._secrets.announced
        return next((AnnouncedTree(size=i.size, root=i.root, sums=i.sums) for i in self._logged()), None)

    def _demand_same(self, announced: AnnouncedTree, digest: str) -> None:
        """Raises OtherSumsAnnounced."""
        if announced.sums != digest:
            raise OtherSumsAnnounced(
                "the log's sums are not the ones this trustee announced, and it never announces or decrypts any other; "
                "nothing is released"
            )

    def intent(self) -> bytes:
        """Announces the sums that this trustee is ready to decrypt, and a tree that holds them; once more, if what it
        announced was lost or does not count."""
        sums = self._closed_sums()
        self.rehearse()
        digest = sums_digest(self._referendum, sums).hex()
        announced = self._first_announced()
        if announced is not None:
            self._demand_same(announced, digest)
        if any(intent.trustee == self.number for intent in self._log.tally.intents):
            self._store(announced=announced)
            raise StepDone("this trustee has announced its intent; next: decrypt")
        demand(
            len(self._logged()) < TALLY_TRIES,
            f"the log holds {TALLY_TRIES} intents of this trustee, none of which counts; it takes no more",
        )
        named = self._tree_to_name(digest)
        if announced is not None and self._may_name(announced):
            named = announced
        self._store(announced=announced or named)
        return self._entry(TallyIntent(trustee=self.number, size=named.size, root=named.root, sums=digest))

    def _may_name(self, announced: AnnouncedTree) -> bool:
        """Whether it is a tree of this log, and not one that did not count."""
        if announced.size > self._log.head.size or any(intent.size == announced.size for intent in self._logged()):
            return False
        return self._log.tree.root_at(announced.size).hex() == announced.root

    def _tree_to_name(self, digest: str) -> AnnouncedTree:
        """The tree of the first valid intent, or else the one right before any intent."""
        if self._log.tally.intents:
            first = self._log.tally.intents[0]
            return AnnouncedTree(size=first.size, root=first.root, sums=digest)
        indexes = (index for index, _, entry in self._log.entries() if isinstance(entry.body, TallyIntent))
        size = next(indexes, self._log.head.size)
        return AnnouncedTree(size=size, root=self._log.tree.root_at(size).hex(), sums=digest)

    def decrypt(self) -> bytes:
        """This trustee's partial decryption, once t trustees' valid intents stand in the log."""
        sums = self._closed_sums()
        announced = self._first_announced()
        if announced is None:
            raise StepOutOfTurn("announce first: run the intent step and publish it")
        self._demand_same(announced, sums_digest(self._referendum, sums).hex())
        intents = self._log.tally.intents
        own = next((intent for intent in intents if intent.trustee == self.number), None)
        if own is None:
            raise StepOutOfTurn(
                "no intent of this trustee that counts stands in the log; run the intent step once more"
            )
        missing = self._threshold - len({intent.trustee for intent in intents})
        demand(missing <= 0, f"{missing} more trustees must announce the same sums")
        if self.number in self._log.tally.partials:
            raise StepDone("this trustee's partial decryption stands in the log")
        logged = [e.body for _, _, e in self._log.entries() if isinstance(e.body, PartialDecryption)]
        demand(
            sum(body.trustee == self.number for body in logged) < TALLY_TRIES,
            f"the log holds {TALLY_TRIES} decryptions of this trustee, none of which is valid; it takes no more",
        )
        self.rehearse()
        return self._entry(self._decryptions(sums, own.root))

    def _decryptions(self, sums: Sequence[Ciphertext], root: str) -> PartialDecryption:
        share = self._share()
        remaining = iter(sums)
        decryptions: list[list[Decryption]] = []
        for question, shape in enumerate(question_shapes(self._log.manifest)):
            parts = []
            for number in range(shape.ciphertexts):
                ciphertext = next(remaining)
                context = decryption_context(self._referendum, bytes.fromhex(root), self.number, question, number)
                proof = prove_equal_logs(share, ciphertext.nonce_point, context)
                parts.append(
                    Decryption(
                        point=partial_decrypt(share, ciphertext).to_bytes().hex(),
                        challenge=scalar_to_bytes(proof.challenge).hex(),
                        response=scalar_to_bytes(proof.response).hex(),
                    )
                )
            decryptions.append(parts)
        return PartialDecryption(trustee=self.number, root=root, decryptions=decryptions)
