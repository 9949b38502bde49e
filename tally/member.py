"""What every step of a trustee needs: a log that was verified on its own machine, its key, its share.

Decides that nothing is done with a key of another referendum, or by somebody who is no trustee of this one. Takes no
place: whatever a step reads was verified. Leaves the steps to `ceremony` and `count`.
"""

from __future__ import annotations

from collections.abc import Callable, Container

import msgspec

from stembus.audit.clock import Clock, RealClock
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.ceremony import Attempt, commitment_hash, latest_attempt
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Commit, ElectionKey
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import ORDER, generator_times, scalar_from_bytes
from stembus.crypto.sealed import open_sealed
from stembus.crypto.signing import SigningKey
from stembus.crypto.threshold import check_share, commit_polynomial, evaluate
from stembus.tally.errors import DealerFaulty, LogNotTrusted, StepOutOfTurn
from stembus.tally.key_file import AttemptSecrets, TrusteeKey

Save = Callable[[TrusteeKey], None]


class Member:
    """`secrets` is the content of the secret file, `save` writes it back durably. Raises LogNotTrusted."""

    def __init__(self, secrets: TrusteeKey, save: Save, log: VerifiedLog, clock: Clock | None = None) -> None:
        self._clock = clock or RealClock()
        self._secrets = secrets
        self._save = save
        self._key = SigningKey(bytes.fromhex(secrets.seed))
        self.log = log
        self._referendum = log.referendum
        if secrets.referendum not in (None, log.referendum.hex()):
            raise LogNotTrusted("this key serves another referendum; make a new one for each")
        members = [member.key for member in self.log.manifest.trustees.members]
        if self._key.public.hex() not in members:
            raise LogNotTrusted("this key belongs to no trustee of the manifest")
        self.number = members.index(self._key.public.hex()) + 1
        self._threshold = self.log.manifest.trustees.threshold
        self._count = len(members)

    def rehearse(self) -> None:
        """Opens this trustee's share and checks it against the log; decrypts nothing."""
        self._count_share()

    def _count_share(self) -> int:
        """The share of the election key that stands in the log. Raises StepOutOfTurn."""
        bodies = [entry.body for _, _, entry in self.log.entries()]
        key = next((body for body in bodies if isinstance(body, ElectionKey)), None)
        if key is None:
            raise StepOutOfTurn("the key ceremony is not complete")
        return self._share(latest_attempt(bodies), key)

    def _share(self, attempt: Attempt, key: ElectionKey) -> int:
        """What the other trustees' shares in the log and this one's own add up to. Raises StepOutOfTurn."""
        share = self._received(attempt)
        if generator_times(share).to_bytes().hex() != key.verification_keys[self.number - 1]:
            raise StepOutOfTurn("this trustee's share does not belong to the election key: begin a new attempt")
        return share

    def _received(self, attempt: Attempt) -> int:
        """The sum of all shares for this trustee. Raises DealerFaulty, or StepOutOfTurn."""
        own = self._own(attempt)
        total = evaluate(own.polynomial, self.number)
        missing = [k for k in range(1, self._count + 1) if k != self.number and (k, self.number) not in attempt.shares]
        demand(not missing, f"the shares of the trustees {missing} are still to come")
        commitments = attempt.commitments()
        for dealer in range(1, self._count + 1):
            if dealer == self.number:
                continue
            try:
                sealed = bytes.fromhex(attempt.shares[dealer, self.number].sealed)
                share = scalar_from_bytes(open_sealed(own.receiving_secrets[dealer - 1], sealed))
                check_share(commitments[dealer - 1], self.number, share)
            except CryptoError:
                raise DealerFaulty(dealer) from None
            total += share
        return total % ORDER

    def _own(self, attempt: Attempt) -> AttemptSecrets:
        """This trustee's secrets of an attempt that it has committed to. Raises StepOutOfTurn."""
        logged = attempt.commits.get(self.number)
        demand(logged is not None, "this trustee has no part in the current attempt; commit first")
        made = self._commitment(attempt.number)
        demand(
            logged == made,
            "what this trustee committed to in this attempt was not made from this key file by this version of "
            "Stembus: begin a new attempt: stembus trustee again",
        )
        return self._attempt_secrets(attempt.number)

    def _attempt_secrets(self, number: int) -> AttemptSecrets:
        return self._secrets.attempt(self._referendum, number, self._threshold, self._count)

    def _commitment(self, number: int) -> Commit:
        """The only commitment that this key file makes in this attempt."""
        own = self._attempt_secrets(number)
        points = [point.to_bytes() for point in commit_polynomial(own.polynomial)]
        return Commit(
            attempt=number,
            trustee=self.number,
            commitment=commitment_hash(self._referendum, number, self.number, points).hex(),
            receiving_keys=[key.hex() for key in own.receiving_keys],
        )

    def _entry(self, body: Record) -> bytes:
        return encode_entry(body, [sign_entry(self._referendum, body, f"trustee/{self.number}", self._key)])

    def _store(self, **changes: object) -> None:
        """Saves before anything leaves that depends on it; the file then serves this referendum only."""
        self._secrets = msgspec.structs.replace(self._secrets, referendum=self._referendum.hex(), **changes)
        self._save(self._secrets)


def still_to_come(count: int, done: Container[int]) -> str:
    """The names of those of `count` trustees who are not in `done`, empty if all are."""
    return ", ".join(f"trustee-{number}" for number in range(1, count + 1) if number not in done)


def demand(holds: bool, missing: str) -> None:
    """Raises StepOutOfTurn."""
    if not holds:
        raise StepOutOfTurn(missing)
