"""How the parties come together: keys where they belong, a definition, a ceremony, letters, and an open referendum.

    host                      draft, manifest, log, ballot box, officers, trustees
    registrar-1, registrar-2  the register's registrar with the help desk; one that takes credentials from the log
    site                      nothing: it reads what is published
    witness-1 to witness-3, monitor-1, monitor-2   their own folders

Decides who has what. Known hole: trustees and officers share the host's folder, which a binding referendum never does.
"""

from __future__ import annotations

import shutil
import time
from datetime import date
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.verifier_key import ED25519, VerifierKey
from stembus.audit.verify.setup import load_setup
from stembus.ballot.office.services import ServedOffice
from stembus.scripts.develop.apart.party import Party
from stembus.scripts.develop.faults.poll import free_port
from stembus.scripts.develop.faults.processes import Service, gunicorn, stembus
from stembus.scripts.develop.private_postgres import new_database
from stembus.scripts.rehearsal.local import draft_from_now
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import PASSPHRASE, Rehearsal

ORIGIN = "stembus.example.org/apart"
WITNESSES, QUORUM = 3, 2
_OPEN_MINUTES = 24 * 60
_NAMES = ["host", "registrar-1", "registrar-2", "site", "monitor-1", "monitor-2"]
_APP = "stembus.webvote.run.wsgi:{}"
_BOX = "stembus.scripts.develop.apart.refusing_box:box"


class Referendum:
    """Open, with every service running, once it was made. `root` is an empty folder that everybody may enter; databases
    are at the PostgreSQL server whose socket is in `postgres`."""

    def __init__(self, root: Path, voters: int, postgres: Path, apart: bool) -> None:
        self.root = root
        self.set_clock(0)
        names = [*_NAMES, *(f"witness-{k}" for k in range(1, WITNESSES + 1))]
        self.parties = {name: Party(name, root, number, apart) for number, name in enumerate(names, 1)}
        self.host, self.site = self.parties["host"], self.parties["site"]
        self.ports = {name: free_port() for name in (*names, "box", "another-site")}
        self.services: dict[str, Service] = {}
        self.box_database = new_database(postgres)
        self._postgres = postgres
        self.refused = self.host.folder / "refused"
        try:
            self._make(voters)
        except BaseException:
            self.stop()
            raise

    def set_clock(self, seconds: float) -> None:
        """By which every party's programs are ahead of this machine."""
        write_durably(self.root / "clock", str(seconds).encode())
        self.ahead = int(seconds)

    def move_to_the_close(self) -> None:
        manifest = self.setup.manifest
        self.set_clock(manifest.closes_at + manifest.grace_seconds - time.time() + 1)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def public(self) -> Path:
        return self.host.folder / "public"

    @property
    def log_url(self) -> str:
        return f"{self.url('site')}/log"

    def start(self, name: str, party: Party, command: list[str], **settings: str) -> None:
        service = party.service(self.ports[name], command, **settings)
        self.services[name] = service
        service.start()

    def stop(self) -> None:
        for service in self.services.values():
            service.freeze(False)
            service.stop()

    def _make(self, voters: int) -> None:
        now = int(time.time())
        registrars = [self.url("registrar-1"), self.url("registrar-2")]
        draft = draft_from_now(
            now, _OPEN_MINUTES, voters, self.url("site"), registrars, self.url("box"), origin=ORIGIN, quorum=QUORUM
        )
        rehearsal = Rehearsal(self.host.folder, start=now)
        rehearsal.keys(witnesses=0, registrars=2)
        write_durably(self.host.folder / "referendum.toml", draft.encode())
        self._witnesses(rehearsal.office.signing_key("log").public)
        self._settings(self.host, box=self.box_database, registrar_1=self._database(), desk=self._database())
        second = self._apart(rehearsal, draft)
        rehearsal.ceremony()
        register = self.root / "register.csv"
        write_register(register, voters, date(2019, 10, 14), 2)
        rehearsal.import_roll(register)
        rehearsal.credentials()
        self.host.own(0o711)
        second.own()
        self.host.run("client", "log", str(self.host.folder), "--release", "apart")
        second.run("registrar", "enrol", str(second.folder), "--log", str(self.public))
        rehearsal.open()
        self.letters = rehearsal.letters(register)
        self.referendum = rehearsal.office.referendum
        rehearsal.office.dispose()
        self._take_registrar_1()
        self.host.own(0o711)
        self.setup = load_setup(FolderPlace(self.public), self.referendum)
        self._serve()

    def _database(self) -> str:
        return new_database(self._postgres)

    @staticmethod
    def _settings(party: Party, **databases: str) -> None:
        text = "".join(f'{name}_database = "{url}"\n' for name, url in databases.items())
        path = party.folder / "settings.toml"
        party.give(path, text.encode())
        path.chmod(0o640)

    def _witnesses(self, log_key: bytes) -> None:
        """Each makes its own key and follows the log, whose people then learn where it answers."""
        log = VerifierKey(ORIGIN, ED25519, log_key)
        lines, names = [], []
        for number in range(1, WITNESSES + 1):
            party = self.parties[f"witness-{number}"]
            made = party.run("witness", "create", str(party.folder), "--name", f"{party.name}.example")
            party.run("witness", "follow", str(party.folder), str(log))
            self.serve_witness(party)
            lines.append(f"witness w{number} {made.stdout.strip()} {self.url(party.name)}\n")
            names.append(f"w{number}")
        policy = self.root / "policy"
        policy.write_text("".join(lines) + f"group enough {QUORUM} {' '.join(names)}\nquorum enough\n")
        self.host.own(0o711)
        self.host.run("log", "witnesses", str(self.host.folder), str(policy))

    def serve_witness(self, party: Party) -> None:
        port = str(self.ports[party.name])
        self.start(party.name, party, stembus("witness", "serve", str(party.folder), "--port", port))

    def _apart(self, rehearsal: Rehearsal, draft: str) -> Party:
        """The second registrar takes its key away before anything is frozen, and has its own database."""
        second = self.parties["registrar-2"]
        shutil.move(self.host.folder / "registrar-2", second.folder)
        rehearsal.define(draft)
        shutil.copy(rehearsal.office.manifest_file, second.folder)
        self._settings(second, registrar_2=self._database())
        office = ServedOffice(second.folder, lambda _: PASSPHRASE, rehearsal.clock)
        office.create("registrar-2")
        office.dispose()
        return second

    def _take_registrar_1(self) -> None:
        first = self.parties["registrar-1"]
        for name in ("registrar-1", "desk"):
            shutil.move(self.host.folder / name, first.folder)
        for name in ("manifest.json", "settings.toml"):
            shutil.copy(self.host.folder / name, first.folder)
        first.own()

    def _serve(self) -> None:
        for name in ("registrar-1", "registrar-2"):
            party = self.parties[name]
            self.start(name, party, gunicorn(_APP.format("registrar"), self.ports[name]), DIR=str(party.folder))
        self.refused.write_bytes(b"")
        self.host.own(0o711)
        self.start("box", self.host, gunicorn(_BOX, self.ports["box"]), DIR=str(self.host.folder))
        self.start("site", self.site, gunicorn(_APP.format("site"), self.ports["site"]), PUBLIC=str(self.public))
