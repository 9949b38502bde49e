"""Chapter 2, the key ceremony (V11, V12): who committed to what, and whether the joint key follows.

A faulty attempt that was voided is passed over and named; a fault in the attempt that made the election
key is a breach.
"""

from __future__ import annotations

from collections.abc import Callable

from stembus.audit.formats.ceremony import (
    Attempt,
    commitment_hash,
    drill_context,
    drill_randomness,
    possession_context,
    receiving_key,
)
from stembus.audit.formats.entries import Entry
from stembus.audit.formats.entry_bodies import Commit, Complaint, Confirm, Drill, ElectionKey, Reveal, Share
from stembus.audit.formats.manifest import Manifest
from stembus.audit.verify.report import Report
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import Point, generator_times, scalar_from_bytes
from stembus.crypto.proofs import LogProof, verify_equal_logs, verify_key
from stembus.crypto.sealed import box_public, open_sealed
from stembus.crypto.threshold import check_share


def reveal_problems(referendum: bytes, threshold: int, commit: Commit, reveal: Reveal) -> list[str]:
    """What is wrong with a reveal; trustees ask the same before they confirm."""
    coefficients = [bytes.fromhex(point) for point in reveal.coefficients]
    arguments = (referendum, reveal.attempt, reveal.trustee, coefficients)
    if len(coefficients) != threshold:
        return [f"reveals {len(coefficients)} commitments where {threshold} are due"]
    problems = []
    if commitment_hash(*arguments).hex() != commit.commitment:
        problems.append("reveals what it did not commit to")
    try:
        points = [Point.from_bytes(data) for data in coefficients]
        numbers = [scalar_from_bytes(bytes.fromhex(text)) for text in (reveal.proof_challenge, reveal.proof_response)]
        verify_key(points[0], LogProof(*numbers), possession_context(*arguments))
    except CryptoError as error:
        problems.append(f"reveals without proof: {error}")
    return problems


def expected_key(referendum: bytes, trustees: int, attempt: Attempt) -> ElectionKey | None:
    """The election key that this attempt makes; None while its reveals make none, or are of different lengths."""
    lengths = {len(reveal.coefficients) for reveal in attempt.reveals.values()}
    if len(lengths) > 1 or 0 in lengths:
        return None
    try:
        return attempt.election_key(referendum, trustees)
    except CryptoError:
        return None


def confirm_problem(expected: ElectionKey | None, body: Confirm) -> str | None:
    """A confirmation names what the attempt's own messages make."""
    if expected is None or (body.joint_key, body.transcript) != (expected.joint_key, expected.transcript):
        return f"trustee {body.trustee} confirmed another key or transcript"
    return None


def drill_problem(referendum: bytes, key: ElectionKey | None, root: bytes, body: Drill) -> str | None:
    """`key` is what the attempt makes, `root` that of the log where the drill's ciphertext was fixed."""
    who = f"trustee {body.trustee}"
    if key is None or body.root != root.hex():
        return f"{who} drilled for another root"
    try:
        public = Point.from_bytes(bytes.fromhex(key.verification_keys[body.trustee - 1]))
        randomness = drill_randomness(referendum, body.attempt, root)
        base, image = generator_times(randomness), Point.from_bytes(bytes.fromhex(body.point))
        if image != public * randomness:
            return f"{who} drilled with another share"
        proof = LogProof(*(scalar_from_bytes(bytes.fromhex(text)) for text in (body.challenge, body.response)))
        context = drill_context(referendum, body.attempt, root, body.trustee)
        verify_equal_logs(public, base, image, proof, context)
    except CryptoError as error:
        return f"{who} drilled without proof: {error}"
    return None


def commit_problem(trustees: int, body: Commit) -> str | None:
    if len(body.receiving_keys) == trustees:
        return None
    return f"trustee {body.trustee} commits without a receiving key for each trustee"


def guilty(attempt: Attempt, body: Complaint) -> tuple[int, str]:
    """Who is at fault: the accuser shows its receiving key for this dealer, so everybody can open the share."""
    try:
        secret = bytes.fromhex(body.receiving_secret)
        if box_public(secret).hex() != receiving_key(attempt.commits[body.accuser], body.accused):
            return body.accuser, "shows a key that is not its receiving key"
    except CryptoError as error:
        return body.accuser, str(error)
    try:
        opened = open_sealed(secret, bytes.fromhex(attempt.shares[body.accused, body.accuser].sealed))
        points = [Point.from_bytes(bytes.fromhex(p)) for p in attempt.reveals[body.accused].coefficients]
        check_share(points, body.accuser, scalar_from_bytes(opened))
    except CryptoError:
        return body.accused, "is at fault"
    return body.accuser, "is at fault"


class CeremonyCheck:
    """Is fed the ceremony's entries in log order; faults wait until it is known which attempt counts."""

    def __init__(self, manifest: Manifest, referendum: bytes, report: Report) -> None:
        self._trustees = len(manifest.trustees.members)
        self._threshold = manifest.trustees.threshold
        self._referendum = referendum
        self._report = report
        self._attempts: dict[int, Attempt] = {}
        self._faults: list[tuple[int, str, str]] = []
        self._used: int | None = None
        self._expected: dict[int, ElectionKey | None] = {}
        # Where the ciphertexts of drills were fixed: by the last confirmation of an attempt, and by the roll.
        self._agreed: dict[int, bytes] = {}
        self._roll: bytes | None = None
        self.drilled_again = 0

    def take_roll(self, root: bytes) -> None:
        """`root` is that of the log which ends with the entry `roll`."""
        self._roll = root

    def take(self, position: int, entry: Entry, root: Callable[[], bytes]) -> None:
        """`root` gives that of the log which ends with this entry."""
        body = entry.body
        where = f"entry {position}"
        if isinstance(body, Commit):
            self._attempts.setdefault(body.attempt, Attempt(body.attempt))
        if not isinstance(body, Commit | Reveal | Share | Confirm | Complaint | Drill | ElectionKey):
            return
        self._attempts[body.attempt].take(body)
        if isinstance(body, Commit):
            if problem := commit_problem(self._trustees, body):
                self._fault(body.attempt, where, problem)
        elif isinstance(body, Reveal):
            self._check_reveal(where, body)
        elif isinstance(body, Confirm):
            self._check_confirm(where, body)
            if len(self._attempts[body.attempt].confirms) == self._trustees:
                self._agreed[body.attempt] = root()
        elif isinstance(body, Drill):
            self._check_drill(where, body)
        elif isinstance(body, Complaint):
            self._judge(where, body)
        elif isinstance(body, ElectionKey):
            self._conclude(where, body)

    def _fault(self, attempt: int, where: str, message: str) -> None:
        self._faults.append((attempt, where, message))

    def _check_reveal(self, where: str, body: Reveal) -> None:
        commit = self._attempts[body.attempt].commits[body.trustee]
        for problem in reveal_problems(self._referendum, self._threshold, commit, body):
            self._fault(body.attempt, where, f"trustee {body.trustee} {problem}")

    def _judge(self, where: str, body: Complaint) -> None:
        trustee, how = guilty(self._attempts[body.attempt], body)
        self._report.passed_over("V11", where, f"attempt {body.attempt} is void: trustee {trustee} {how}")

    def _check_confirm(self, where: str, body: Confirm) -> None:
        if body.attempt not in self._expected:
            attempt = self._attempts[body.attempt]
            self._expected[body.attempt] = expected_key(self._referendum, self._trustees, attempt)
        if problem := confirm_problem(self._expected[body.attempt], body):
            self._fault(body.attempt, where, problem)

    def _check_drill(self, where: str, body: Drill) -> None:
        again = self._roll is not None
        root = self._roll or self._agreed[body.attempt]
        problem = drill_problem(self._referendum, self._expected[body.attempt], root, body)
        if again and problem:
            self._report.passed_over("V11", where, problem)
        elif problem:
            self._fault(body.attempt, where, problem)
        elif again:
            self.drilled_again += 1

    def _conclude(self, where: str, body: ElectionKey) -> None:
        self._used = body.attempt
        if any(number == body.attempt for number, _, _ in self._faults):
            return
        attempt = self._attempts[body.attempt]
        try:
            expected = attempt.election_key(self._referendum, self._trustees)
        except CryptoError as error:
            self._report.breach("V12", where, str(error))
            return
        if body != expected:
            self._report.breach("V12", where, "the election key is not what the trustees' commitments add up to")

    def conclude(self) -> None:
        """Says what was found: a breach in the attempt that made the key, passed over in any other."""
        for number, place, message in self._faults:
            if number == self._used:
                self._report.breach("V11", place, message)
            else:
                self._report.passed_over("V11", place, f"attempt {number}, not used: {message}")
