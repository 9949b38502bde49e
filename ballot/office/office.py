"""One organisation's referendum in one folder: the frozen definition, the clock, the log.

Decides how the parts are opened on demand, from the folder's layout (`layout`) and keys (`key_ring`). Services
with databases are opened in `services`.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from stembus.audit.clock import Clock, RealClock, SimulatedClock
from stembus.audit.durable import write_durably
from stembus.audit.errors import AuditError, ManifestInvalid, PlaceError
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import ElectionKey, Incident
from stembus.audit.formats.manifest import Manifest, Texts, parse_time, referendum_id
from stembus.audit.formats.manifest_rules import encode_manifest, parse_manifest
from stembus.audit.state_machine import Phase
from stembus.audit.verify.ballots import context_of
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.witness import Witness, WitnessService
from stembus.ballot.errors import BallotError, DefinitionInvalid
from stembus.ballot.log_operator.completion import complete_log
from stembus.ballot.log_operator.log_reading import LogReading
from stembus.ballot.log_operator.log_start import start_log, was_started
from stembus.ballot.log_operator.log_writer import LogWriter
from stembus.ballot.log_operator.remote_witness import RemoteWitness
from stembus.ballot.office.definition import make_manifest, read_draft, read_keys
from stembus.ballot.office.key_ring import KeyRing, Passphrase
from stembus.ballot.office.layout import Layout
from stembus.ballot.office.officers import sign_together
from stembus.ballot.office.witness_addresses import witness_addresses

_TRIES = 3


class NotReady(BallotError):
    """A step before this one is missing; the message says which."""


class Office(KeyRing):
    """`passphrase(party)` gives the passphrase of a secret file when one is opened."""

    def __init__(self, root: Path, passphrase: Passphrase, clock: Clock | None = None) -> None:
        super().__init__(root, passphrase)
        self._given_clock = clock
        self._log: LogWriter | None = None

    # Definition and clock

    def define(self) -> tuple[Manifest, bytes]:
        """Freezes the draft. Once frozen it stays as it is."""
        if not self.manifest_file.exists():
            manifest = check_draft(self)
            if manifest.clock == "simulated" and self._given_clock is None:
                _simulated_clock()
            raw = encode_manifest(manifest)
            write_durably(self.manifest_file, raw)
            write_durably(self.id_file, (referendum_id(raw).hex() + "\n").encode("ascii"))
        return self.manifest, self.manifest_raw

    @cached_property
    def manifest_raw(self) -> bytes:
        try:
            return self.manifest_file.read_bytes()
        except FileNotFoundError:
            raise NotReady(f"{self.root} holds no frozen referendum; run stembus define first") from None

    @cached_property
    def manifest(self) -> Manifest:
        return parse_manifest(self.manifest_raw)

    @cached_property
    def referendum(self) -> bytes:
        return referendum_id(self.manifest_raw)

    @cached_property
    def clock(self) -> Clock:
        """The real clock; a rehearsal with a simulated one takes its time from STEMBUS_CLOCK."""
        if self._given_clock is not None:
            return self._given_clock
        return clock_of(self.manifest)

    def may_have_begun(self) -> bool:
        """Whether the voting may have begun. Only the log says that it has not, if it lies here and can be read, and
        the clock with it, which can be behind."""
        if self.clock.now() >= self.manifest.opens_at or not self.public.exists():
            return True
        try:
            order = self.reading().order
        except (AuditError, BallotError, OSError):
            return True
        return order.phase not in (Phase.EMPTY, Phase.CEREMONY, Phase.KEYED, Phase.ROLLED)

    # Services

    def witnesses(self) -> list[WitnessService]:
        """The witnesses whose key files lie in this folder, and those whose address does."""
        addresses = witness_addresses(self.witness_policy, self.manifest)
        found: list[WitnessService] = []
        for number, member in enumerate(self.manifest.witnesses.members, 1):
            party = f"witness-{number}"
            if self.key_path(party).exists():
                if self.signing_key(party).public.hex() != member.key:
                    raise NotReady(f"{self.key_path(party)} is not the key that the manifest has for {member.name}")
                found.append(Witness(member.name, [self.signing_key(party)], self.followed_logs(party), self.clock))
            elif member.name in addresses:
                found.append(RemoteWitness(member.name, addresses[member.name]))
        return found

    def followed_logs(self, party: str) -> FollowedLogs:
        """What the witness `party` of this folder has seen."""
        return FollowedLogs(self.folder(party) / "logs")

    def _follow(self) -> None:
        """Once, when the log begins: each witness of this folder will follow it."""
        key = self.manifest.log.verifier_key
        for number in range(1, len(self.manifest.witnesses.members) + 1):
            if self.key_path(f"witness-{number}").exists():
                self.followed_logs(f"witness-{number}").follow(key)

    @property
    def _log_lock(self) -> Path:
        return self.folder("log") / "lock"

    def start_log(self) -> LogWriter:
        """Makes the log, once, with the manifest as its first entry. Done again, it changes nothing."""
        _ = self.manifest
        if not was_started(self._log_lock):
            self._follow()
        start_log(self.public, self.manifest_raw, self.signing_key("log"), self._log_lock)
        self.log().cosign()
        return self.log()

    def reading(self) -> LogReading:
        """The log as it stands, for what needs no key. Raises AuditError or LogDamaged."""
        return LogReading(self.public, self._log_lock, self.manifest, self.manifest_raw)

    def log(self) -> LogWriter:
        """The log of this folder, opened. Raises NotReady before it was made, LogDamaged where it is gone."""
        if self._log is None:
            _ = self.manifest  # a folder without a referendum is named as that, and not as one without a key
            if not was_started(self._log_lock):
                raise NotReady(f"the log of {self.root} was not begun yet; run: stembus define {self.root}")
            key = self.signing_key("log")
            self._log = LogWriter(self.public, key, self._log_lock, self.witnesses(), lambda: self.clock.now())
        return self._log

    def complete_log(self, log: VerifiedLog, copy: Path) -> int | None:
        """Brings the published folder up to a newer copy, as `completion` says; then the log can be opened. Raises
        LogDamaged."""
        return complete_log(self.public, self._log_lock, log, copy)

    def context(self) -> BallotContext:
        """Raises NotReady before the key ceremony is complete."""
        for _ in range(_TRIES):
            try:
                return self._read_context()
            except PlaceError:
                # Another process appended meanwhile, and the files of the older head are gone.
                self.log().refresh()
        return self._read_context()

    def _read_context(self) -> BallotContext:
        reader = self.log().reader()
        for index, entry in self.log().entries():
            if isinstance(entry.body, ElectionKey):
                return context_of(self.manifest_raw, reader.entry(index))
        raise NotReady("the key ceremony is not complete")

    def tell(self, text: Texts, officers: int = 1) -> bool:
        """Logs an incident, signed by so many officers; False when the last one says the same, and as many signed it.
        Raises what `LogWriter.append` raises, also for the last one's words under fewer names."""
        log = self.log()
        told = [
            (entry.body.text, len(entry.signatures)) for _, entry in log.entries() if isinstance(entry.body, Incident)
        ]
        if told and told[-1][0] == text and told[-1][1] >= officers:
            return False
        log.append([self.officers_sign(Incident(number=log.order.incidents + 1, text=text), officers)])
        return True

    def officers_sign(self, body: Record, count: int = 2) -> bytes:
        """An entry signed by `count` officers. Raises OfficerMissing where another one has to sign first, elsewhere."""
        return sign_together(self, self.manifest, self.referendum, body, count)


def clock_of(manifest: Manifest) -> Clock:
    """Of whoever works from a published log, without the office's folder."""
    return RealClock() if manifest.clock == "real" else _simulated_clock()


def _simulated_clock() -> SimulatedClock:
    moment = os.environ.get("STEMBUS_CLOCK")
    try:
        if moment is not None:
            return SimulatedClock(parse_time(moment))
    except ManifestInvalid as error:
        raise NotReady(f"STEMBUS_CLOCK: {error}") from None
    raise NotReady("this rehearsal's clock is simulated; set STEMBUS_CLOCK=2019-10-14T09:00:00+02:00 or so")


def check_draft(layout: Layout) -> Manifest:
    """What `define` would freeze. Raises DefinitionInvalid or ManifestInvalid."""
    draft = read_draft(layout.draft)
    if not layout.public_keys.is_dir():
        raise DefinitionInvalid(f"there are no keys in {layout.public_keys} yet; each party runs stembus key make")
    manifest = make_manifest(draft, read_keys(layout.public_keys))
    witness_addresses(layout.witness_policy, manifest)
    return manifest
