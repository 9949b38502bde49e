"""Registrar and ballot box of two organisations: a whole referendum, the registrar asked over the network."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
import pytest
from werkzeug.serving import make_server

from stembus.audit import bounds
from stembus.audit.formats.entry_bodies import Issuance
from stembus.audit.formats.lists import Issued
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.errors import BallotError, RequestInvalid
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.issuance.remote_statements import RemoteStatements
from stembus.ballot.issuance.statements import Closing, ask, parse_asking
from stembus.ballot.office.closing import stop_registrars
from stembus.crypto.signing import SigningKey
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.webvote.registrar_app import create_registrar_app
from tests.browser.conftest import free_port


@dataclass
class Apart:
    box: Rehearsal
    registrar: Rehearsal
    letters: list[tuple[str, str]]

    def at(self, moment: int) -> None:
        for side in (self.box, self.registrar):
            side.clock.move_to(moment)

    def vote(self, letter: tuple[str, str], option: int) -> None:
        """The token from one organisation, the ballot to the other."""
        voting_pass = self.registrar.token(*letter)
        self.box.cast(voting_pass, [[option]])


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    port = free_port()
    both = Rehearsal(tmp_path / "both")
    both.keys()
    draft = demo_draft(40, 10, floor=1, batch_tokens=1)
    both.define(draft.replace("https://registrar.example.org", f"http://127.0.0.1:{port}"))
    both.ceremony()
    write_register(both.office.root / "register.csv", 40, date(2019, 10, 14), 2)
    both.import_roll(both.office.root / "register.csv")
    both.credentials()
    both.open()
    letters = both.letters(both.office.root / "register.csv")
    both.office.dispose()
    shutil.copytree(both.office.root, tmp_path / "registrar")
    shutil.copytree(both.office.root, tmp_path / "box", ignore=shutil.ignore_patterns("registrar-1", "authority"))
    sides = [Rehearsal(tmp_path / name) for name in ("box", "registrar")]
    for side in sides:
        side.clock.move_to(side.office.manifest.opens_at)
    office = sides[1].office
    app = create_registrar_app(office.registrar(), office.manifest)
    server = make_server("127.0.0.1", port, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Apart(*sides, letters)
    server.shutdown()
    server.server_close()
    for side in sides:
        side.office.dispose()


def test_a_referendum_of_two_organisations_verifies(apart: Apart) -> None:
    numbers = [
        line.partition(",")[0]
        for line in (apart.registrar.office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    ]
    for k, letter in enumerate(apart.letters[:12]):
        apart.vote(letter, int(k < 7))
        if k == 5:
            apart.at(apart.box.clock.now() + 700)
            assert apart.box.seal() == 1
    apart.registrar.office.letters().strike(numbers[20])
    manifest = apart.box.office.manifest
    apart.at(manifest.closes_at + manifest.grace_seconds)
    apart.box.close()
    apart.box.paper(1, [[1, 0]])
    apart.box.tally()
    assert not (apart.box.office.root / "registrar-1").exists()
    report = verify(FolderPlace(apart.box.office.public), apart.box.office.referendum)
    assert report.exit_status == 0, report.faults
    assert report.result is not None
    assert report.result.questions[0].total == [6, 7]


def test_only_the_box_of_this_referendum_is_answered(apart: Apart) -> None:
    office = apart.registrar.office
    url, referendum = office.manifest.registrars[0].url, office.referendum
    key = apart.box.office.signing_key("box")
    assert RemoteStatements(url, referendum, 1, key, 40).count_statement(3, 0).count == 0
    for asked in (
        RemoteStatements(url, referendum, 1, SigningKey.generate(), 40),
        RemoteStatements(url, bytes(32), 1, key, 40),
        RemoteStatements(url, referendum, 2, key, 40),
    ):
        with pytest.raises(RequestInvalid):
            asked.count_statement(3, 0)
    right = ask(referendum, 1, "count", 3, 7, key)
    assert (asking := parse_asking(right, referendum, 1, key.public)).batch == 3
    assert asking.at_least == 7
    for wrong in (
        right.replace(b'"batch":3', b'"batch":4'),
        right.replace(b":7", b":6"),
        right.replace(b"count", b"close"),
        b"",
        b"[]",
        right[:-2],
    ):
        with pytest.raises(RequestInvalid):
            parse_asking(wrong, referendum, 1, key.public)


def test_a_registrar_closes_for_nobody_before_its_time(apart: Apart) -> None:
    office = apart.registrar.office
    asked = RemoteStatements(
        office.manifest.registrars[0].url, office.referendum, 1, apart.box.office.signing_key("box"), 40
    )
    with pytest.raises(BallotError, match="voting runs until"):
        asked.close(0)
    apart.vote(apart.letters[0], 1)


def test_a_registrar_that_is_away_keeps_no_other_from_being_told_of_a_cancellation(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Registrar:
        def __init__(self, number: int) -> None:
            self.number = number

        def cancel(self) -> None:
            if self.number == 1:
                raise ServiceUnreachable("away")
            told.append(self.number)

    told: list[int] = []
    office = apart.box.office
    registrars = [*office.manifest.registrars] * 3
    monkeypatch.setitem(vars(office), "manifest", msgspec.structs.replace(office.manifest, registrars=registrars))
    monkeypatch.setattr(office, "statements", Registrar)
    with pytest.raises(ServiceUnreachable, match="away"):
        stop_registrars(office)
    assert told == [2, 3]


def test_a_registrar_that_does_not_answer_delays_a_batch_and_loses_nothing(apart: Apart) -> None:
    for letter in apart.letters[:4]:
        apart.vote(letter, 0)
    apart.at(apart.box.clock.now() + 700)
    office = apart.box.office
    working = office.statements
    office.statements = lambda number=1: RemoteStatements(  # type: ignore[method-assign]
        f"http://127.0.0.1:{free_port()}", office.referendum, number, office.signing_key("box"), 40
    )
    with pytest.raises(ServiceUnreachable):
        apart.box.seal()
    assert office.box.pending() == 4
    office.statements = working  # type: ignore[method-assign]
    assert apart.box.seal() == 1


@pytest.mark.parametrize("struck", [0, 400, 1000])
def test_the_lists_of_a_registrar_to_whom_everybody_came_fit_into_its_answer(struck: int) -> None:
    voters = 1000
    line = Issued(bytes(32), bytes(32), bytes(64), bytes(64)).line()
    statement = Issuance(
        count=voters - struck, root="00" * 32, struck=struck, struck_root="00" * 32, signature="00" * 64
    )
    answer = msgspec.json.encode(Closing(statement, [line] * (voters - struck), ["00" * 32] * struck))
    asked = RemoteStatements("https://registrar.example.org", bytes(32), 1, SigningKey.generate(), voters)
    assert len(answer) <= asked._limit
    if not struck:
        assert asked._limit < len(answer) + 70_000
    assert len(line) == bounds.ISSUED_LINE_BYTES
