"""A trustee's steps of the count: announce the one tree, then decrypt its sums.

Decrypts nothing that is handed to it: only the sums that it computed from the log, only after t trustees announced
the same tree, only ever one tree. Decides when a share is released; leaves the combination to `combine`.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit.formats.entry_bodies import Decryption, PaperResult, PartialDecryption, TallyIntent
from stembus.audit.formats.manifest import question_shapes
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.rules import count_status
from stembus.audit.state_machine import Phase
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.group import scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs
from stembus.crypto.threshold import partial_decrypt
from stembus.tally.errors import MustNotCount, OtherRootSigned, ReferendumCancelled, StepDone, StepOutOfTurn
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

    def _intents(self) -> dict[int, TallyIntent]:
        bodies = [entry.body for _, _, entry in self._log.entries() if isinstance(entry.body, TallyIntent)]
        return {body.trustee: body for body in bodies}

    def intent(self) -> bytes:
        """Announces the tree and the sums that this trustee is ready to decrypt."""
        sums = self._closed_sums()
        if self.number in self._intents():
            raise StepDone("this trustee has announced its intent; next: decrypt")
        digest = sums_digest(self._referendum, sums).hex()
        announced = self._secrets.announced
        tree = announced or self._tree_to_name(digest)
        same = tree.size <= self._log.head.size and self._log.tree.root_at(tree.size).hex() == tree.root
        if announced is not None and (announced.sums != digest or not same):
            raise OtherRootSigned("this trustee has announced another tree before and never announces a second one")
        self._store(announced=tree)
        return self._entry(TallyIntent(trustee=self.number, size=tree.size, root=tree.root, sums=digest))

    def _tree_to_name(self, digest: str) -> AnnouncedTree:
        """The tree of the first valid intent, or else the one right before any intent."""
        if self._log.tally.intents:
            first = self._log.tally.intents[0]
            return AnnouncedTree(size=first.size, root=first.root, sums=digest)
        indexes = (index for index, _, entry in self._log.entries() if isinstance(entry.body, TallyIntent))
        size = next(indexes, self._log.head.size)
        return AnnouncedTree(size=size, root=self._log.tree.root_at(size).hex(), sums=digest)

    def decrypt(self) -> bytes:
        """This trustee's partial decryption, once t trustees' valid intents for one tree stand in the log."""
        sums = self._closed_sums()
        own = self._intents().get(self.number)
        if own is None:
            raise StepOutOfTurn("announce first: run the intent step and publish it")
        if self._secrets.announced != AnnouncedTree(size=own.size, root=own.root, sums=own.sums):
            raise OtherRootSigned("the intent in the log is not the one this file announced; nothing is released")
        if own.sums != sums_digest(self._referendum, sums).hex():
            raise OtherRootSigned("the log's sums are not the ones this trustee announced; nothing is released")
        tally = self._log.tally
        alike = [i for i in tally.intents if (i.size, i.root, i.sums) == (own.size, own.root, own.sums)]
        missing = self._threshold - len({intent.trustee for intent in alike})
        demand(missing <= 0, f"{missing} more trustees must announce the same tree")
        demand(self.number in tally.agreed, "the trustees agreed on another tree than this one announced")
        for _, _, entry in self._log.entries():
            if isinstance(entry.body, PartialDecryption) and entry.body.trustee == self.number:
                raise StepDone("this trustee's partial decryption stands in the log")
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
