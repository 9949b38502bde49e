"""The city of `make rehearsal`: its folders, laptops and services, and a clock that all of them share.

    office      draft, log, registrar, ballot box, officer 1       laptop      officer 2's own
    trustee-1 to trustee-3   laptops with the command              trustees 4 and 5 work in browsers

Decides who has what, and that a step which two officers sign is signed on two laptops. Known hole: all parties are one
user of this machine (`make apart` has users of their own), and registrar and ballot box share the office's folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.scripts.develop.apart.party import NotApart, Party
from stembus.scripts.develop.faults.poll import free_port
from stembus.scripts.develop.faults.processes import Ended, Service, gunicorn, stembus

_APP = "stembus.webvote.run.wsgi:{}"
IN_PYTHON, IN_BROWSERS, THRESHOLD = (1, 2, 3), (4, 5), 3
COMPLAINT_SECONDS = 2 * 3600


class City:
    """`root` is an empty folder; `say` prints what was done."""

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self.root, self.say = root, say
        self.set_clock(0)
        names = ["office", "laptop", *(f"trustee-{number}" for number in IN_PYTHON)]
        self.parties = {name: Party(name, root, number, apart=False) for number, name in enumerate(names, 1)}
        self.office, self.laptop = self.parties["office"], self.parties["laptop"]
        self.ports = {name: free_port() for name in ("registrar", "box", "site", "board")}
        self.services: dict[str, Service] = {}

    # Clock

    def set_clock(self, seconds: float) -> None:
        """By which every program is ahead of this machine."""
        write_durably(self.root / "clock", str(seconds).encode())
        self.ahead = int(seconds)

    def now(self) -> float:
        return time.time() + self.ahead

    def move_to(self, moment: float) -> None:
        self.set_clock(max(self.ahead, moment - time.time()))

    # Places

    @property
    def folder(self) -> Path:
        return self.office.folder

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def identity(self) -> str:
        return (self.folder / "referendum.id").read_text(encoding="ascii").strip()

    @property
    def manifest(self) -> Manifest:
        return parse_manifest((self.folder / "manifest.json").read_bytes())

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def board(self) -> str:
        return f"{self.url('board')}/nl/#{self.identity}"

    # Commands

    def run(self, *words: object, expect: int = 0) -> Ended:
        """A command of the office, in its folder, which stands behind the command's name."""
        return self.office.run(*map(str, words), expect=expect)

    def together(self, *words: object, own: tuple[object, ...] = ()) -> str:
        """A step that two officers sign: begun at the office, read and signed on the other laptop, with what that
        officer found on their own, and done then. Returns what was read there."""
        told = self.run(*words, expect=1)
        if "another officer must sign this" not in told.stderr:
            raise NotApart(f"two officers sign stembus {words[0]}, and one did: {told.stderr}")
        file = max((self.folder / "to-sign").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        place = ("--place", str(self.public), "--referendum", self.identity, "--yes")
        read = self.laptop.run("officer", "sign", str(self.laptop.folder), str(file), *place, *map(str, own))
        self.run("officer", "take", self.folder, self.laptop.folder / "signed" / file.name)
        self.run(*words)
        return read.stdout + read.stderr

    def trustee(self, number: int) -> Party:
        return self.parties[f"trustee-{number}"]

    # Services

    def start_board(self) -> None:
        port = str(self.ports["board"])
        self._start("board", stembus("board", str(self.folder), "--port", port))

    def start_services(self) -> None:
        for name in ("registrar", "box"):
            self._start(name, gunicorn(_APP.format(name), self.ports[name]), DIR=str(self.folder))
        self._start("site", gunicorn(_APP.format("site"), self.ports["site"]), PUBLIC=str(self.public))

    def _start(self, name: str, command: list[str], **settings: str) -> None:
        service = self.office.service(self.ports[name], command, **settings)
        self.services[name] = service
        service.start()

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.services):
            self.services.pop(name).stop()
