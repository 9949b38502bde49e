"""A referendum with a second registrar in a folder of its own, asked over the network; it can go away."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import load_setup
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.voter.remote import RemoteRegistrar
from stembus.ballot.voter.session import VotingSession
from stembus.crypto.signing import SchnorrKey
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import OPENS, PASSPHRASE, Rehearsal, demo_draft
from stembus.webvote.registrar_app import create_registrar_app
from tests.browser.conftest import free_port

ONE = '["https://registrar.example.org"]'


@dataclass
class TwoRegistrars:
    """`office` has all but registrar 2, which has `second` for itself."""

    rehearsal: Rehearsal
    second: ServedOffice
    letters: list[tuple[str, str]]
    port: int
    _server: BaseWSGIServer | None = None

    @property
    def office(self) -> ServedOffice:
        return self.rehearsal.office

    @property
    def numbers(self) -> list[str]:
        rows = (self.office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
        return [row.partition(",")[0] for row in rows]

    def key(self, voter: int) -> SchnorrKey:
        return credential_key(parse_code(self.letters[voter][0]), self.office.referendum)

    def session(self, voter: int) -> VotingSession:
        """On the voter's one device."""
        setup = load_setup(FolderPlace(self.office.public), self.office.referendum)
        remote = RemoteRegistrar(setup.manifest.registrars[1].url)
        folder = self.office.root / "voters" / str(voter)
        return VotingSession(setup, [self.office.registrar(), remote], self.office.box, folder)

    def vote(self, voter: int, option: int) -> None:
        with self.session(voter) as session:
            session.take_token(self.key(voter), self.letters[voter][1])
            session.cast(session.prepare([[option]]))
            session.acknowledge()

    def start(self) -> None:
        app = create_registrar_app(self.second.registrar(2), self.second.manifest)
        self._server = make_server("127.0.0.1", self.port, app, threaded=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        yield
        self.start()


def two_registrars(
    root: Path, run: Callable[..., object], voters: int = 24, change: Callable[[str], str] = lambda draft: draft
) -> Iterator[TwoRegistrars]:
    """Opened. Registrar 2 took its letters from the published log, by the command that `run` runs."""
    port = free_port()
    rehearsal = Rehearsal(root / "office")
    rehearsal.keys(registrars=2)
    apart = root / "second"
    shutil.copytree(rehearsal.office.root / "registrar-2", apart / "registrar-2")
    shutil.rmtree(rehearsal.office.root / "registrar-2")
    draft = demo_draft(voters, 4, floor=1, batch_tokens=1)
    two = f'["https://registrar.example.org", "http://127.0.0.1:{port}"]'
    rehearsal.define(change(draft.replace(ONE, two)))
    shutil.copy(rehearsal.office.manifest_file, apart)
    second = ServedOffice(apart, lambda _: PASSPHRASE, rehearsal.clock)
    second.create("registrar-2")
    rehearsal.ceremony()
    write_register(rehearsal.office.root / "register.csv", voters, date(2019, 10, 14), 2)
    rehearsal.import_roll(rehearsal.office.root / "register.csv")
    rehearsal.credentials()
    run("registrar", "enrol", apart, "--log", rehearsal.office.public)
    # Its service does not run yet.
    with pytest.MonkeyPatch.context() as later:
        later.setenv("STEMBUS_CLOCK", OPENS)
        assert "registrar 2 cannot give tokens yet" in run("open", rehearsal.office.root, status=1)
    rehearsal.open()
    both = TwoRegistrars(rehearsal, second, rehearsal.letters(rehearsal.office.root / "register.csv"), port)
    both.start()
    yield both
    both.stop()
    rehearsal.office.dispose()
    second.dispose()
