"""The folder of a referendum that one organisation runs by itself: parties side by side, one folder each.

    DIR/referendum.toml  draft            DIR/keys/*.json      public keys of all parties
    DIR/manifest.json    frozen           DIR/public/          the published bundle
    DIR/trustee-1/ officer-1/ registrar-1/ witness-1/ box/ log/ client/ importer/ authority/   secrets

Decides where things are and opens parties on demand. In a binding referendum these folders live on
different machines; every piece here works on one folder alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from stembus.audit.clock import Clock, RealClock, SimulatedClock
from stembus.audit.errors import ManifestInvalid, PlaceError
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entries import ElectionKey, encode_entry, sign_entry
from stembus.audit.formats.manifest import Manifest, encode_manifest, parse_manifest, parse_time, referendum_id
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.witness import Witness
from stembus.audit.verify.ballots import context_of
from stembus.ballot.errors import BallotError, DefinitionInvalid
from stembus.ballot.log_operator.log_writer import LogWriter, write_durably
from stembus.ballot.office.definition import make_manifest, read_draft, read_keys
from stembus.crypto.sealed import create_secret_file, read_secret_file, replace_secret_file
from stembus.crypto.signing import SigningKey

ROLES = ("trustee", "officer", "registrar", "witness", "box", "log", "client")
Passphrase = Callable[[str], str]
Secret = dict[str, object]
_TRIES = 3


class NotReady(BallotError):
    """A step before this one is missing; the message says which."""


class Office:
    """`passphrase(party)` gives the passphrase of a secret file when one is opened."""

    def __init__(self, root: Path, passphrase: Passphrase, clock: Clock | None = None) -> None:
        self.root = root
        self._passphrase = passphrase
        self._given_clock = clock
        self._secrets: dict[str, Secret] = {}
        self._log: LogWriter | None = None

    @property
    def public(self) -> Path:
        return self.root / "public"

    @property
    def draft(self) -> Path:
        return self.root / "referendum.toml"

    def folder(self, party: str) -> Path:
        path = self.root / party
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    # Keys

    def key_path(self, party: str) -> Path:
        return self.root / party / f"{party.partition('-')[0]}.key"

    def make_key(self, party: str, content: Secret, public: dict[str, str]) -> Path:
        """Writes the secret file, then the public one. Raises SecretFileError when there is one."""
        path = self.key_path(party)
        if not path.exists():
            create_secret_file(path, content, self._passphrase(party))
            self._secrets[party] = content
        write_durably(self.root / "keys" / f"{party}.json", (json.dumps(public, indent=1) + "\n").encode("ascii"))
        return path

    def secret(self, party: str) -> Secret:
        if party not in self._secrets:
            self._secrets[party] = read_secret_file(self.key_path(party), self._passphrase(party))
        return self._secrets[party]

    def save_secret(self, party: str, content: Secret) -> None:
        replace_secret_file(self.key_path(party), content, self._passphrase(party))
        self._secrets[party] = content

    def signing_key(self, party: str) -> SigningKey:
        return SigningKey(bytes.fromhex(str(self.secret(party)["seed"])))

    # Definition and clock

    def define(self) -> tuple[Manifest, bytes]:
        """Freezes the draft. Once frozen it stays as it is."""
        path = self.root / "manifest.json"
        if not path.exists():
            manifest = make_manifest(read_draft(self.draft), read_keys(self.root / "keys"))
            if manifest.clock == "simulated" and self._given_clock is None:
                _simulated_clock()
            raw = encode_manifest(manifest)
            write_durably(path, raw)
            write_durably(self.root / "referendum.id", (referendum_id(raw).hex() + "\n").encode("ascii"))
        return self.manifest, self.manifest_raw

    @cached_property
    def manifest_raw(self) -> bytes:
        try:
            return (self.root / "manifest.json").read_bytes()
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
        if self.manifest.clock == "real":
            return RealClock()
        return _simulated_clock()

    # Services

    def witnesses(self) -> list[Witness]:
        """The witnesses whose key files lie in this folder."""
        logs = {self.manifest.log.origin: bytes.fromhex(self.manifest.log.key)}
        found = []
        for number, member in enumerate(self.manifest.witnesses.members, 1):
            party = f"witness-{number}"
            if self.key_path(party).exists():
                state = self.folder(party) / "state.json"
                found.append(Witness(member.name, self.signing_key(party), logs, state, self.clock))
        return found

    def log(self) -> LogWriter:
        if self._log is None:
            arguments = (self.signing_key("log"), self.folder("log") / "lock", self.witnesses())
            if not (self.public / "checkpoint").exists():
                self._log = LogWriter.create(self.public, self.manifest_raw, *arguments)
                self._log.cosign()
            else:
                self._log = LogWriter(self.public, *arguments)
        return self._log

    def place(self) -> FolderPlace:
        self.log()
        return FolderPlace(self.public)

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

    def officers_sign(self, body: Record, count: int = 2) -> bytes:
        """An entry signed by the first `count` officers."""
        parties = [f"officer-{number}" for number in range(1, count + 1)]
        signatures = [
            sign_entry(self.referendum, body, party.replace("-", "/"), self.signing_key(party)) for party in parties
        ]
        return encode_entry(body, signatures)


def _simulated_clock() -> SimulatedClock:
    moment = os.environ.get("STEMBUS_CLOCK")
    try:
        if moment is not None:
            return SimulatedClock(parse_time(moment))
    except ManifestInvalid as error:
        raise NotReady(f"STEMBUS_CLOCK: {error}") from None
    raise NotReady("this rehearsal's clock is simulated; set STEMBUS_CLOCK=2019-10-14T09:00:00+02:00 or so")


def check_draft(root: Path) -> Manifest:
    """What `define` would freeze. Raises DefinitionInvalid or ManifestInvalid."""
    if not (root / "keys").is_dir():
        raise DefinitionInvalid(f"there are no keys in {root}/keys yet; each party runs stembus key make")
    return make_manifest(read_draft(root / "referendum.toml"), read_keys(root / "keys"))
