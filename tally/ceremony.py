"""A trustee's steps of the key ceremony: commit, reveal, share, confirm or complain, drill.

Pedersen's key generation without a dealer. Every secret follows from the key file, so a step keeps nothing and can be
taken again. Decides when a step may be taken and what it states; leaves the transport of signed entries to its caller.
"""

from __future__ import annotations

from collections.abc import Container

from stembus.audit.bounds import ATTEMPTS
from stembus.audit.formats.ceremony import (
    Attempt,
    drill_context,
    drill_randomness,
    latest_attempt,
    possession_context,
    receiving_key,
)
from stembus.audit.formats.entries import encode_entry
from stembus.audit.formats.entry_bodies import Complaint, Confirm, Drill, Reveal, Roll, Share
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ceremony import drill_problem, reveal_problems
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.elgamal import encrypt
from stembus.crypto.group import Point, scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs, prove_key
from stembus.crypto.sealed import seal_to
from stembus.crypto.threshold import commit_polynomial, evaluate, partial_decrypt
from stembus.tally.errors import DealerFaulty, StepDone, StepOutOfTurn
from stembus.tally.member import Member, demand, still_to_come


class CeremonySteps(Member):
    """Each step returns the signed entry, or entries, to be logged."""

    def _attempt(self) -> Attempt:
        """The latest attempt in the log. Raises StepDone once there is an election key."""
        attempt = latest_attempt(entry.body for _, _, entry in self.log.entries())
        if attempt.complete:
            raise StepDone("the ceremony is complete; the election key stands in the log")
        return attempt

    def _live_attempt(self) -> Attempt:
        attempt = self._attempt()
        demand(not attempt.void, "the attempt is void; commit to a new one")
        return attempt

    def _demand_all(self, done: Container[int], step: str) -> None:
        waiting = still_to_come(self._count, done)
        demand(not waiting, f"before this step, {waiting} must {step}")

    def commit(self, new_attempt: bool = False) -> bytes:
        """Step 1. `new_attempt` gives up the current attempt, visibly."""
        attempt = self._attempt()
        number = attempt.number + 1 if attempt.void or new_attempt or attempt.number == 0 else attempt.number
        if number == attempt.number and self.number in attempt.commits:
            raise StepDone("this trustee has committed; next: reveal, once all have committed")
        if number > ATTEMPTS:
            raise StepOutOfTurn(
                f"the ceremony had {ATTEMPTS} attempts, and a log takes no more: define the referendum anew"
            )
        return self._entry(self._commitment(number))

    def reveal(self) -> bytes:
        """Step 2, once all have committed."""
        attempt = self._live_attempt()
        self._demand_all(attempt.commits, "commit")
        if self.number in attempt.reveals:
            raise StepDone("this trustee has revealed; next: share, once all have revealed")
        own = self._own(attempt)
        points = [point.to_bytes() for point in commit_polynomial(own.polynomial)]
        context = possession_context(self._referendum, attempt.number, self.number, points)
        proof = prove_key(own.polynomial[0], context)
        return self._entry(
            Reveal(
                attempt=attempt.number,
                trustee=self.number,
                coefficients=[point.hex() for point in points],
                proof_challenge=scalar_to_bytes(proof.challenge).hex(),
                proof_response=scalar_to_bytes(proof.response).hex(),
            )
        )

    def share(self) -> list[bytes]:
        """Step 3: one sealed share for each other trustee, those not sent yet."""
        attempt = self._live_attempt()
        self._demand_all(attempt.reveals, "reveal")
        coefficients = self._own(attempt).polynomial
        entries = []
        for receiver in range(1, self._count + 1):
            if receiver == self.number or (self.number, receiver) in attempt.shares:
                continue
            share = scalar_to_bytes(evaluate(coefficients, receiver))
            key = receiving_key(attempt.commits[receiver], self.number)
            if key is None:
                raise StepOutOfTurn(f"trustee {receiver} has no receiving key for this one: begin a new attempt")
            sealed = seal_to(bytes.fromhex(key), share)
            body = Share(attempt=attempt.number, sender=self.number, receiver=receiver, sealed=sealed.hex())
            entries.append(self._entry(body))
        if not entries:
            raise StepDone("this trustee has sent its shares; next: confirm, once all have sent theirs")
        return entries

    def confirm(self) -> bytes:
        """Step 4: checks all shares, and signs the joint key and the whole transcript.
        Raises DealerFaulty when a complaint is due."""
        attempt = self._live_attempt()
        missing = self._count * (self._count - 1) - len(attempt.shares)
        demand(len(attempt.reveals) == self._count and not missing, f"{missing} shares are still to be sent")
        if self.number in attempt.confirms:
            raise StepDone("this trustee has confirmed; next: drill, once all have")
        for number, reveal in attempt.reveals.items():
            problems = reveal_problems(self._referendum, self._threshold, attempt.commits[number], reveal)
            demand(not problems, f"trustee {number} {'; '.join(problems)}: begin a new attempt: stembus trustee again")
        self._received(attempt)
        expected = attempt.election_key(self._referendum, self._count)
        return self._entry(
            Confirm(
                attempt=attempt.number,
                trustee=self.number,
                joint_key=expected.joint_key,
                transcript=expected.transcript,
            )
        )

    def drill(self) -> bytes:
        """Step 5, once all have confirmed, and again between the roll and the opening: decrypts what everybody can
        compute, with the share that the key file opens, so that the log shows that it does."""
        attempt = latest_attempt(entry.body for _, _, entry in self.log.entries())
        again = self.log.phase is Phase.ROLLED
        if not again:
            attempt = self._live_attempt()
            self._demand_all(attempt.confirms, "confirm")
        logged = self._drilled(again)
        if self.number in logged:
            raise StepDone(_drilled(still_to_come(self._count, logged), again))
        key = attempt.election_key(self._referendum, self._count)
        share = self._share(attempt, key)
        root = self.log.tree.root_at(self._fixed_at(Roll if again else Confirm))
        randomness = drill_randomness(self._referendum, attempt.number, root)
        ciphertext = encrypt(Point.from_bytes(bytes.fromhex(key.joint_key)), 1, randomness)
        context = drill_context(self._referendum, attempt.number, root, self.number)
        proof = prove_equal_logs(share, ciphertext.nonce_point, context)
        return self._entry(
            Drill(
                attempt=attempt.number,
                trustee=self.number,
                root=root.hex(),
                point=partial_decrypt(share, ciphertext).to_bytes().hex(),
                challenge=scalar_to_bytes(proof.challenge).hex(),
                response=scalar_to_bytes(proof.response).hex(),
            )
        )

    def _fixed_at(self, kind: type[Roll] | type[Confirm]) -> int:
        """The log's size after the last entry of this type."""
        return max(index for index, _, entry in self.log.entries() if isinstance(entry.body, kind)) + 1

    def _drilled(self, again: bool) -> set[int]:
        """Who has drilled since the last confirmation, or since the roll."""
        start = self._fixed_at(Roll if again else Confirm)
        drills = [entry.body for index, _, entry in self.log.entries() if index >= start]
        return {body.trustee for body in drills if isinstance(body, Drill)}

    def complain(self) -> bytes:
        """Instead of step 4: shows the receiving key for the faulty dealer, for all to judge. Voids the attempt."""
        attempt = self._attempt()
        try:
            self._received(attempt)
        except DealerFaulty as fault:
            body = Complaint(
                attempt=attempt.number,
                accuser=self.number,
                accused=fault.dealer,
                receiving_secret=self._own(attempt).receiving_secrets[fault.dealer - 1].hex(),
            )
            return self._entry(body)
        raise StepOutOfTurn("all shares are in order; there is nothing to complain about")


def _drilled(waiting: str, again: bool) -> str:
    if again:
        return "this trustee has drilled once more, and before the election key too"
    return f"this trustee has drilled; still to drill: {waiting}" if waiting else "all have drilled"


def make_election_key(log: VerifiedLog) -> bytes:
    """The entry that all n confirmations allow anyone to make. Raises StepOutOfTurn or StepDone."""
    attempt = latest_attempt(entry.body for _, _, entry in log.entries())
    if attempt.complete:
        raise StepDone("the election key stands in the log already")
    count = len(log.manifest.trustees.members)
    if waiting := still_to_come(count, attempt.confirms):
        raise StepOutOfTurn(f"still to confirm the ceremony: {waiting}")
    if len({(confirm.joint_key, confirm.transcript) for confirm in attempt.confirms.values()}) != 1:
        raise StepOutOfTurn("the trustees confirmed different keys: begin a new attempt: stembus trustee again")
    if waiting := still_to_come(count, attempt.drills):
        raise StepOutOfTurn(f"still to drill: {waiting} (stembus trustee drill)")
    key = attempt.election_key(log.referendum, count)
    root = log.tree.root_at(max(index for index, _, entry in log.entries() if isinstance(entry.body, Confirm)) + 1)
    for drill in attempt.drills.values():
        if problem := drill_problem(log.referendum, key, root, drill):
            raise StepOutOfTurn(f"{problem}: begin a new attempt: stembus trustee again")
    return encode_entry(key)
