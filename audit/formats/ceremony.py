"""What the key ceremony's entries add up to: hashes, contexts, transcript, joint key.

One attempt's public record, shared by the trustees' tool and the verifier. Decides what each message
binds; leaves the judging of a record to `verify.ceremony`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stembus.audit.formats.canonical import encode
from stembus.audit.formats.entry_bodies import Body, Commit, Complaint, Confirm, Drill, ElectionKey, Reveal, Share
from stembus.crypto.group import Point
from stembus.crypto.threshold import joint_key, verification_key
from stembus.crypto.transcript import Transcript


def commitment_hash(referendum: bytes, attempt: int, trustee: int, coefficients: Sequence[bytes]) -> bytes:
    """What a trustee publishes before it knows the others' commitments."""
    transcript = Transcript("ceremony-commitment").add("referendum", referendum).add_int("attempt", attempt)
    return transcript.add_int("trustee", trustee).add("coefficients", b"".join(coefficients)).digest()


def receiving_key(commit: Commit, dealer: int) -> str | None:
    """For what `dealer` sends to this trustee: each dealer has a key of its own, so that a complaint about one of them
    opens what that one sent, and nothing else."""
    return commit.receiving_keys[dealer - 1] if dealer <= len(commit.receiving_keys) else None


def possession_context(referendum: bytes, attempt: int, trustee: int, coefficients: Sequence[bytes]) -> Transcript:
    """The context of the proof that the dealer knows its constant term."""
    transcript = Transcript("possession").add("referendum", referendum).add_int("attempt", attempt)
    return transcript.add_int("trustee", trustee).add("coefficients", b"".join(coefficients))


def drill_randomness(referendum: bytes, attempt: int, root: bytes) -> int:
    """The randomness of the ciphertext that trustees decrypt in a drill: whoever reads the log knows it."""
    transcript = Transcript("drill-randomness").add("referendum", referendum).add_int("attempt", attempt)
    return transcript.add("root", root).scalar()


def drill_context(referendum: bytes, attempt: int, root: bytes, trustee: int) -> Transcript:
    """The context of the proof that the trustee has the share; no proof of a count is one of these."""
    transcript = Transcript("drill").add("referendum", referendum).add_int("attempt", attempt)
    return transcript.add("root", root).add_int("trustee", trustee)


@dataclass
class Attempt:
    """The record of one attempt, filled in log order."""

    number: int
    commits: dict[int, Commit] = field(default_factory=dict)
    reveals: dict[int, Reveal] = field(default_factory=dict)
    shares: dict[tuple[int, int], Share] = field(default_factory=dict)
    confirms: dict[int, Confirm] = field(default_factory=dict)
    drills: dict[int, Drill] = field(default_factory=dict)
    void: bool = False
    complete: bool = False

    def take(self, body: Body) -> None:
        """Files one entry's body; other kinds are ignored."""
        if isinstance(body, Commit):
            self.commits[body.trustee] = body
        elif isinstance(body, Reveal):
            self.reveals[body.trustee] = body
        elif isinstance(body, Share):
            self.shares[body.sender, body.receiver] = body
        elif isinstance(body, Confirm):
            self.confirms[body.trustee] = body
        elif isinstance(body, Drill):
            self.drills.setdefault(body.trustee, body)
        elif isinstance(body, Complaint):
            self.void = True
        elif isinstance(body, ElectionKey):
            self.complete = True

    def commitments(self) -> list[list[Point]]:
        """All dealers' Feldman commitments in trustee order."""
        return [
            [Point.from_bytes(bytes.fromhex(point)) for point in self.reveals[trustee].coefficients]
            for trustee in sorted(self.reveals)
        ]

    def transcript(self, referendum: bytes) -> bytes:
        """32 bytes over every commit, reveal and share, in trustee order."""
        transcript = Transcript("ceremony").add("referendum", referendum).add_int("attempt", self.number)
        records: list[tuple[str, dict[Any, Any]]] = [
            ("commit", self.commits), ("reveal", self.reveals), ("share", self.shares),
        ]  # fmt: skip
        for label, bodies in records:
            for key in sorted(bodies):
                transcript.add(label, encode(bodies[key]))
        return transcript.digest()

    def election_key(self, referendum: bytes, trustees: int) -> ElectionKey:
        """What the confirmed attempt makes: the only valid body of the entry `election-key`."""
        commitments = self.commitments()
        keys = [verification_key(commitments, index) for index in range(1, trustees + 1)]
        return ElectionKey(
            attempt=self.number,
            joint_key=joint_key(commitments).to_bytes().hex(),
            verification_keys=[key.to_bytes().hex() for key in keys],
            transcript=self.transcript(referendum).hex(),
        )


def latest_attempt(bodies: Iterable[Body]) -> Attempt:
    """The attempt that a log's entries are at; number 0 before the first commit."""
    attempt = Attempt(0)
    for body in bodies:
        if isinstance(body, Commit) and body.attempt != attempt.number:
            attempt = Attempt(body.attempt)
        attempt.take(body)
    return attempt
