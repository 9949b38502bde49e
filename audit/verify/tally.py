"""Chapter 6, the tally: intents, partial decryptions, counts, outcome (V25-V28).

Works after the counted set and its sums are established. A trustee's bad contribution is named and passed
over; a result that does not follow is a breach.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from stembus.audit.entry_rules import has_shape
from stembus.audit.formats.entry_bodies import PaperBallots, PartialDecryption, Result, TallyIntent
from stembus.audit.formats.manifest import Manifest, question_shapes
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.rules import Paper, Status, ballots_in_sums, count_status, make_result
from stembus.audit.verify.checked_log import SignedRoots
from stembus.audit.verify.report import Report
from stembus.audit.verify.verified_log import TallyState
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.errors import CryptoError, ProofInvalid
from stembus.crypto.group import Point, generator_times, scalar_from_bytes
from stembus.crypto.proofs import LogProof, verify_equal_logs
from stembus.crypto.threshold import combine_partials


def check_partial(
    referendum: bytes,
    questions: Sequence[int],
    sums: Sequence[Ciphertext],
    verification_key: Point,
    body: PartialDecryption,
) -> list[Point]:
    """One trustee's contributions in the order of `sums`, proven for the tree that the body names. `questions` gives
    how many each has. Raises ProofInvalid or EncodingInvalid."""
    if [len(parts) for parts in body.decryptions] != list(questions):
        raise ProofInvalid("a decryption without the shape of the questions")
    places = [(question, number) for question, count in enumerate(questions) for number in range(count)]
    return [
        _check_decryption(referendum, total, verification_key, body, *place)
        for total, place in zip(sums, places, strict=True)
    ]


def _check_decryption(
    referendum: bytes, total: Ciphertext, verification_key: Point, body: PartialDecryption, question: int, number: int
) -> Point:
    """Raises ProofInvalid or EncodingInvalid."""
    part = body.decryptions[question][number]
    image = Point.from_bytes(bytes.fromhex(part.point))
    proof = LogProof(*(scalar_from_bytes(bytes.fromhex(text)) for text in (part.challenge, part.response)))
    context = decryption_context(referendum, bytes.fromhex(body.root), body.trustee, question, number)
    verify_equal_logs(verification_key, total.nonce_point, image, proof, context)
    return image


class TallyCheck:
    """Is fed entries in log order and concludes at the end, when the sums are known."""

    def __init__(self, manifest: Manifest, referendum: bytes, report: Report) -> None:
        self._manifest = manifest
        self._referendum = referendum
        self._report = report
        self.intents: list[tuple[int, TallyIntent]] = []
        self.partials: list[tuple[int, PartialDecryption]] = []
        self.result: tuple[int, Result] | None = None
        self.paper: Paper | None = None
        # The tree that is counted ends right after the close or, if people were struck, after the paper votes.
        self.decided = 0
        self.decided_at: int | None = None
        # Where the log says that the referendum ends without a result.
        self.abandoned: int | None = None
        self._sound: list[tuple[int, TallyIntent]] = []
        self._proven: dict[int, list[Point]] = {}

    def state(self) -> TallyState:
        """What was found valid; of use once all was concluded."""
        sound = tuple(body for _, body in self._sound)
        return TallyState(self.decided, self.paper, sound, dict(self._proven), self.decided_at)

    def take_intent(self, position: int, body: TallyIntent) -> None:
        self.intents.append((position, body))

    def conclude(
        self,
        sums: Sequence[Ciphertext],
        parts: Sequence[Sequence[Ciphertext]],
        counted: int,
        verification_keys: Sequence[Point],
        roots: SignedRoots,
        cosigned: Collection[int],
    ) -> None:
        """Checks all that was taken. `parts` are sums that must not be opened apart, `counted` is the number of counted
        tokens, `cosigned` the sizes whose checkpoint a quorum has seen."""
        self._sound = self._sound_intents(sums, roots, cosigned)
        valid = self._proven = self._valid_partials(sums, verification_keys)
        status = count_status(self._manifest, counted, self.paper.ballots if self.paper else 0)
        if status != "counted" and self.partials:
            where = f"entry {self.partials[0][0]}"
            self._report.breach("V28", where, "sums were decrypted that the rules say must not be")
        for part in parts:
            self._forbid_part(part, verification_keys)
        if self.abandoned is not None:
            self._check_end(f"entry {self.abandoned}", status)
        if self.result is None:
            return
        position, result = self.result
        where = f"entry {position}"
        if status != "counted":
            if result != make_result(self._manifest, counted, self.paper, [], []):
                self._report.breach("V28", where, f"the result must be {status}, with these participants, no figures")
            return
        together, held = isinstance(self.paper, PaperBallots), ballots_in_sums(counted, self.paper)
        claimed = [question.total if together else question.online or [] for question in result.questions]
        self._check_counts(where, result, claimed, sums, held, valid)
        if not has_shape(self._manifest, claimed):
            self._report.breach("V28", where, "the result does not have the shape of the questions")
        elif result != make_result(self._manifest, counted, self.paper, claimed, result.trustees):
            self._report.breach("V28", where, "status, participants, totals or outcome do not follow from the counts")

    def _sound_intents(
        self, sums: Sequence[Ciphertext], roots: SignedRoots, cosigned: Collection[int]
    ) -> list[tuple[int, TallyIntent]]:
        """Those that name the tree that is counted, and its sums; with their log positions."""
        digest = sums_digest(self._referendum, sums).hex() if sums and not any(s.has_identity for s in sums) else ""
        root = roots.get(self.decided)
        sound = []
        for position, body in self.intents:
            where = f"entry {position}"
            if root is None or (body.size, body.root) != (self.decided, root.hex()):
                self._report.passed_over("V25", where, f"trustee {body.trustee} names a tree that is not counted")
            elif self.decided not in cosigned:
                self._report.passed_over("V25", where, f"trustee {body.trustee} names a tree no quorum has cosigned")
            elif body.sums != digest:
                self._report.passed_over("V25", where, f"trustee {body.trustee} announces other sums")
            else:
                sound.append((position, body))
        return sound

    def _valid_partials(self, sums: Sequence[Ciphertext], verification_keys: Sequence[Point]) -> dict[int, list[Point]]:
        shape = [question.sums for question in question_shapes(self._manifest)]
        valid: dict[int, list[Point]] = {}
        for position, body in self.partials:
            where, trustee = f"entry {position}", body.trustee
            before = {intent.trustee for at, intent in self._sound if at < position}
            if trustee not in before or len(before) < self._manifest.trustees.threshold:
                self._report.passed_over("V26", where, f"trustee {trustee} decrypts without agreed intents")
                continue
            if trustee in valid:
                self._report.passed_over("V26", where, f"trustee {trustee} has decrypted before")
                continue
            try:
                if body.root != self._sound[0][1].root:
                    raise ProofInvalid("a decryption for another tree")
                valid[trustee] = check_partial(self._referendum, shape, sums, verification_keys[trustee - 1], body)
            except CryptoError as error:
                self._report.passed_over("V26", where, f"trustee {trustee}: {error}")
        return valid

    def _check_end(self, where: str, status: Status) -> None:
        if status != "counted":
            self._report.breach("V28", where, f"ended without a result, though the rules say that it is {status}")
        elif len(self._proven) >= self._manifest.trustees.threshold:
            self._report.breach("V28", where, "ended without a result, though enough trustees had decrypted")

    def _forbid_part(self, part: Sequence[Ciphertext], verification_keys: Sequence[Point]) -> None:
        """A few paper votes are only ever counted together with the online ones: either part would show the other.
        Fewer than t trustees open nothing, and make nothing void. Each sum counts, in whatever entries it is opened."""
        shapes = question_shapes(self._manifest)
        places = [(question, number) for question, shape in enumerate(shapes) for number in range(shape.sums)]
        for total, (question, number) in zip(part, places, strict=True):
            opened: set[int] = set()
            for _, body in self.partials:
                with suppress(CryptoError, IndexError):  # a body need not have the shape of the questions
                    key = verification_keys[body.trustee - 1]
                    _check_decryption(self._referendum, total, key, body, question, number)
                    opened.add(body.trustee)
            if len(opened) >= self._manifest.trustees.threshold:
                where = f"entry {self.partials[0][0]}"
                self._report.breach("V28", where, "the online votes, or a few paper votes, were decrypted apart")
                return

    def _check_counts(
        self,
        where: str,
        result: Result,
        claims: Sequence[Sequence[int]],
        sums: Sequence[Ciphertext],
        held: int,
        valid: Mapping[int, list[Point]],
    ) -> None:
        """`claims` are what the sums are said to give, `held` is the number of ballots in them."""
        chosen = result.trustees
        enough = len(chosen) == self._manifest.trustees.threshold and chosen == sorted(set(chosen))
        if not enough or any(trustee not in valid for trustee in chosen):
            self._report.breach("V27", where, "the result does not rest on enough proven partial decryptions")
            return
        shapes = question_shapes(self._manifest)
        if [len(counts) for counts in claims] != [shape.options for shape in shapes]:
            self._report.breach("V27", where, "the result does not have a count for each option")
            return
        number = 0
        for asked, (counts, shape) in enumerate(zip(claims, shapes, strict=True), 1):
            for claimed in shape.by_sum(counts):
                message = combine_partials(sums[number], {trustee: valid[trustee][number] for trustee in chosen})
                number += 1
                # A sum of two counts has one reading only because they add up to no more than the ballots in it.
                if sum(claimed) > held or generator_times(shape.number(claimed)) != message:
                    told = " and ".join(map(str, claimed))
                    self._report.breach("V27", where, f"a sum of question {asked} does not decrypt to {told}")
