"""A trustee's steps of the count: announce the tree that is counted, then decrypt its sums.

Decrypts nothing that is handed to it: only the sums that it computed from the log, only after t trustees announced
the same tree, and only ever those of the tree that it announced first. Decides when a share is released; leaves the
combination to `combine`.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit.formats.entry_bodies import Decryption, PartialDecryption, TallyIntent
from stembus.audit.formats.manifest import question_shapes
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.rules import count_status
from stembus.audit.state_machine import Phase
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.group import scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs
from stembus.crypto.threshold import partial_decrypt
from stembus.tally.errors import (
    PAPER_MISSING,
    MustNotCount,
    OtherTreeAnnounced,
    ReferendumCancelled,
    ReferendumEnded,
    StepDone,
    StepOutOfTurn,
)
from stembus.tally.key_file import AnnouncedTree
from stembus.tally.member import Member, demand


class CountSteps(Member):
    """Each step returns the signed entry to be logged."""

    def _closed_sums(self) -> Sequence[Ciphertext]:
        log, manifest = self.log, self.log.manifest
        if log.phase is Phase.CANCELLED:
            raise ReferendumCancelled("the referendum was cancelled; nothing is decrypted")
        if log.phase is Phase.ABANDONED:
            raise ReferendumEnded("the referendum was ended without a result; nothing is decrypted")
        demand(bool(log.sums), "voting is not closed, or no ballot counts")
        demand(
            log.tally.decided > 0,
            PAPER_MISSING,
        )
        paper = log.tally.paper
        status = count_status(manifest, log.counted, paper.ballots if paper else 0)
        if status == "not-counted-floor":
            raise MustNotCount(f"{log.counted} ballots are below the privacy floor; nothing is decrypted")
        if status == "not-counted-minimum":
            raise MustNotCount("too few took part, and this referendum is then not counted; nothing is decrypted")
        return log.sums

    def _logged(self) -> list[TallyIntent]:
        """All intents of this trustee in the log, sound ones and others."""
        bodies = [entry.body for _, _, entry in self.log.entries() if isinstance(entry.body, TallyIntent)]
        return [body for body in bodies if body.trustee == self.number]

    def _first_announced(self) -> AnnouncedTree | None:
        """What this trustee announced first: as its file says, or else the log, whose intents it signed. A file from a
        backup may not know of them."""
        if self._secrets.announced is not None:
            return self._secrets.announced
        return next((AnnouncedTree(size=i.size, root=i.root, sums=i.sums) for i in self._logged()), None)

    def _tree(self, sums: Sequence[Ciphertext]) -> AnnouncedTree:
        """The tree that is counted, the same for everybody: right after the close, or the paper votes. Raises
        OtherTreeAnnounced unless it is the one that this trustee announced first, if any."""
        size, digest = self.log.tally.decided, sums_digest(self._referendum, sums).hex()
        tree = AnnouncedTree(size=size, root=self.log.tree.root_at(size).hex(), sums=digest)
        if self._first_announced() not in (None, tree):
            raise OtherTreeAnnounced(
                "this trustee has announced another tree, or other sums, before, and never announces or decrypts a "
                "second one; nothing is released"
            )
        return tree

    def _demand_complaints_heard(self) -> None:
        """An intent ends the time in which a complaint can lead to a cancellation, whoever runs the log."""
        seconds, since = self.log.manifest.complaint_seconds, self.log.tally.decided_at
        if seconds and (since is None or self._clock.now() < since + seconds):
            raise StepOutOfTurn(
                f"people have {seconds / 3600:g} hours to complain after the close; announce after that"
            )

    def intent(self) -> bytes:
        """Announces the tree and the sums that this trustee is ready to decrypt; once more, if that was lost."""
        self._demand_complaints_heard()
        tree = self._tree(self._closed_sums())
        self.rehearse()
        self._store(announced=tree)
        if any(intent.trustee == self.number for intent in self.log.tally.intents):
            raise StepDone("this trustee has announced its intent; next: decrypt")
        return self._entry(TallyIntent(trustee=self.number, size=tree.size, root=tree.root, sums=tree.sums))

    def decrypt(self) -> bytes:
        """This trustee's partial decryption, once t trustees' valid intents stand in the log."""
        self._demand_complaints_heard()
        sums = self._closed_sums()
        tree = self._tree(sums)
        announced = {intent.trustee for intent in self.log.tally.intents}
        if self.number not in announced:
            raise StepOutOfTurn("announce first: run the intent step and publish it")
        missing = self._threshold - len(announced)
        demand(missing <= 0, f"{missing} more trustees must announce the same tree")
        if self.number in self.log.tally.partials:
            raise StepDone("this trustee's partial decryption stands in the log")
        return self._entry(self._decryptions(sums, tree.root))

    def _decryptions(self, sums: Sequence[Ciphertext], root: str) -> PartialDecryption:
        share = self._count_share()
        remaining = iter(sums)
        decryptions: list[list[Decryption]] = []
        for question, shape in enumerate(question_shapes(self.log.manifest)):
            parts = []
            for number in range(shape.sums):
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
