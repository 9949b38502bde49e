"""What every step of a trustee needs: a log that was verified on its own machine, its key, its share.

Decides that nothing is done with a key of another referendum, or by somebody who is no trustee of this one. Takes no
place: whatever a step reads was verified. Leaves the steps to `ceremony` and `count`.
"""

from __future__ import annotations

from collections.abc import Callable, Container

import msgspec

from stembus.audit.clock import Clock, RealClock
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import ElectionKey
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.group import generator_times, scalar_from_bytes
from stembus.crypto.signing import SigningKey
from stembus.tally.errors import LogNotTrusted, StepOutOfTurn
from stembus.tally.key_file import TrusteeKey

Save = Callable[[TrusteeKey], None]


class Member:
    """`secrets` is the content of the secret file, `save` writes it back durably. Raises LogNotTrusted."""

    def __init__(self, secrets: TrusteeKey, save: Save, log: VerifiedLog, clock: Clock | None = None) -> None:
        self._clock = clock or RealClock()
        self._secrets = secrets
        self._save = save
        self._key = SigningKey(bytes.fromhex(secrets.seed))
        self._log = log
        self._referendum = log.referendum
        if secrets.referendum not in (None, log.referendum.hex()):
            raise LogNotTrusted("this key serves another referendum; make a new one for each")
        members = [member.key for member in self._log.manifest.trustees.members]
        if self._key.public.hex() not in members:
            raise LogNotTrusted("this key belongs to no trustee of the manifest")
        self.number = members.index(self._key.public.hex()) + 1
        self._threshold = self._log.manifest.trustees.threshold
        self._count = len(members)

    def rehearse(self) -> None:
        """Opens the key file and checks this trustee's share against the log; decrypts nothing."""
        self._demand_share(self._election_key())

    def _demand_share(self, key: ElectionKey) -> None:
        if generator_times(self._share()).to_bytes().hex() != key.verification_keys[self.number - 1]:
            raise StepOutOfTurn("the share in this file does not belong to the election key of the log")

    def _share(self) -> int:
        if self._secrets.share is None:
            raise StepOutOfTurn("this secret file holds no share; was the ceremony confirmed with another copy?")
        return scalar_from_bytes(bytes.fromhex(self._secrets.share))

    def _election_key(self) -> ElectionKey:
        for _, _, entry in self._log.entries():
            if isinstance(entry.body, ElectionKey):
                return entry.body
        raise StepOutOfTurn("the key ceremony is not complete")

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
