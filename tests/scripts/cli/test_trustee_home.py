"""Trustees on laptops of their own: a link, one step after the other at a board, a second copy, and what goes wrong."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.scripts.cli.board import Board
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import PASSPHRASE, Rehearsal, demo_draft, make_party
from stembus.webvote.board_app import create_board_app


class Hall:
    """An office with its board, and the folders of trustees 1 and 2; `rehearsal` is the office alone."""

    def __init__(self, root: Path) -> None:
        self.root, self.rehearsal = root, Rehearsal(root / "office")
        self.homes = {number: root / f"laptop-{number}" for number in (1, 2)}
        self._server = None
        self.url = ""

    def run(self, *words: object, status: int = 0, typed: str | None = None, word: str | None = PASSPHRASE) -> str:
        clock = datetime.fromtimestamp(self.rehearsal.clock.now(), UTC).isoformat()
        environment = {"STEMBUS_CLOCK": clock} | ({} if word is None else {"STEMBUS_PASSPHRASE": word})
        result = CliRunner().invoke(main, [str(one) for one in words], env=environment, input=typed)
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == status, result.output
        return result.output

    def define(self) -> None:
        office = self.rehearsal.office
        office.public_keys.mkdir(parents=True)
        for number, home in self.homes.items():
            self.run("trustee", "identity", home, "--number", number)
            shutil.copy(home / "keys" / f"trustee-{number}.json", office.public_keys)
        for party in ("witness-1", "witness-2", "officer-1", "officer-2", "registrar-1", "box", "log", "client"):
            make_party(office, party)
        self.rehearsal.define(demo_draft(20, 1, floor=1, batch_tokens=1))
        server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        self.url = f"http://127.0.0.1:{server.server_port}/"
        server.app = create_board_app(office.public, office.manifest, office.referendum, self.url, Board(office).take)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._server = server

    @property
    def link(self) -> str:
        return f"{self.url}nl/#{self.rehearsal.office.referendum.hex()}"

    def silence(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def end(self) -> None:
        self.silence()
        self.rehearsal.office.dispose()


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path)
    yield made
    made.end()


def test_two_trustees_go_from_a_link_to_a_result_by_one_command(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hall.define()
    for number, home in hall.homes.items():
        said = hall.run("trustee", "join", hall.link, home)
        assert f"you are     trustee {number} of 2; 2 of you decrypt" in said
        assert hall.rehearsal.office.referendum.hex() in said
        (home / "stick").mkdir()
        hall.run("trustee", "copy", home, home / "stick")

    prints = set()
    for stage in ("commit", "reveal", "share", "confirm", "drill"):
        for number, home in hall.homes.items():
            assert "it is your turn" in hall.run("trustee", "now", home, word=None)
            if stage == "drill":
                assert "stembus trustee copy" in hall.run("trustee", "next", home, status=1)
                copy = ("--copy", home / "stick" / f"trustee-{number}.key")
            else:
                copy = ()
            said = hall.run("trustee", "next", home, *copy)
            assert f"logged: trustee-{number}-{stage}" in said
        told = hall.run("trustee", "now", hall.homes[1], word=None)
        prints |= set(re.findall(r"compare     (\S+)  the key", told))
    assert len(prints) == 1
    assert "the key is made; nothing to do until the count" in hall.run("trustee", "now", hall.homes[2], word=None)
    monkeypatch.chdir(tmp_path / "laptop-2")
    assert "the key is made" in hall.run("trustee", word=None)

    rehearsal = hall.rehearsal
    write_register(tmp_path / "register.csv", 20, date(2019, 10, 14), 1)
    rehearsal.import_roll(tmp_path / "register.csv")
    rehearsal.credentials()
    assert "nothing waits for it" in hall.run("trustee", "now", hall.homes[1], word=None)
    rehearsal.open()
    for code, factor in rehearsal.letters(tmp_path / "register.csv")[:3]:
        rehearsal.cast(rehearsal.token(code, factor), [[1]])
        rehearsal.seal()
    rehearsal.close()
    for stage in ("intent", "decrypt"):
        for number, home in hall.homes.items():
            assert f"logged: trustee-{number}-{stage}" in hall.run("trustee", "next", home)
    said = hall.run("trustee", "next", hall.homes[1])
    assert "the office states the result" in said
    assert len(re.findall(r"compare     (\S+)  the (log|sums) that", said)) == 2
    rehearsal.result()
    assert verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum).exit_status == 0
    assert "thank you" in hall.run("trustee", "now", hall.homes[2], word=None)


def test_a_board_that_is_away_costs_nothing(hall: Hall, tmp_path: Path) -> None:
    hall.define()
    home = hall.homes[1]
    hall.run("trustee", "join", hall.link, home)
    log = shutil.copytree(hall.rehearsal.office.public, tmp_path / "copy")
    hall.silence()
    said = hall.run("trustee", "now", home, status=8, word=None)
    assert "error" in said
    said = hall.run("trustee", "commit", home, "--place", log)
    assert "the board did not take it" in said
    kept = home / "outbox" / "trustee-1-commit.json"
    assert str(kept) in said
    assert "logged" in hall.run("submit", hall.rehearsal.office.root, kept)
    assert "already done" in hall.run("submit", hall.rehearsal.office.root, kept)


@pytest.mark.parametrize(
    "link",
    ["", "https://city.example/board/nl/", "city.example#" + "ab" * 32, "https://city.example/#" + "ab" * 31, "join"],
)
def test_what_is_no_link_is_named(hall: Hall, link: str, tmp_path: Path) -> None:
    assert "this is no link of a board" in hall.run("trustee", "join", link, tmp_path, status=1)


def test_mistakes_of_trustees_get_a_sentence_with_the_next_step(hall: Hall, tmp_path: Path) -> None:
    hall.define()
    home, other = hall.homes[1], hall.homes[2]
    nowhere = hall.run("trustee", "join", hall.link, tmp_path / "nowhere", status=1)
    assert "stembus trustee identity" in nowhere
    (tmp_path / "empty").mkdir()
    assert "there is no trustee's key in" in hall.run("trustee", "join", hall.link, tmp_path / "empty", status=1)
    wrong = hall.link[:-4] + "0000"
    assert "the number in this link is not that of" in hall.run("trustee", "join", wrong, home, status=1)
    assert not (home / "trustee.toml").exists()
    assert "passphrase does not open" in hall.run("trustee", "join", hall.link, home, status=1, word="another one")
    hall.run("trustee", "join", hall.link, home)
    swapped = home / "trustee-1" / "trustee.key"
    kept = swapped.read_bytes()
    swapped.write_bytes((other / "trustee-2" / "trustee.key").read_bytes())
    assert "is the key of trustee 2, not of trustee 1" in hall.run("trustee", "next", home, status=1)
    swapped.write_bytes(kept[:-30])
    assert "damaged" in hall.run("trustee", "next", home, status=1)
    swapped.write_bytes(kept)
    stick = tmp_path / "stick"
    stick.write_bytes((other / "trustee-2" / "trustee.key").read_bytes())
    assert "is not overwritten" in hall.run("trustee", "copy", home, stick, status=1)
    (home / "trustee.toml").write_text("board = 3")
    assert "is damaged; run again: stembus trustee join" in hall.run("trustee", "now", home, status=1)


def test_alone_in_a_strange_folder_the_command_says_how_to_begin(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    said = hall.run("trustee")
    assert "stembus trustee join LINK FOLDER" in said


def test_the_page_for_browsers_is_written_before_there_is_a_referendum(hall: Hall, tmp_path: Path) -> None:
    file = tmp_path / "trustees.html"
    said = hall.run("trustee", "page", file)
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said
    assert said.splitlines()[-1] == hall.run("trustee", "page", tmp_path / "made-elsewhere.html").splitlines()[-1]
    text = file.read_text(encoding="utf-8")
    assert "Maak mijn sleutelbestand" in text
    assert 'data-referendum=""' in text
    assert "exists already" in hall.run("trustee", "page", file, status=1)


def test_a_new_passphrase_is_typed_twice_and_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    from stembus.scripts import shell

    monkeypatch.delenv("STEMBUS_PASSPHRASE", raising=False)
    typed = iter(["kort", "aaaaaaaaaaaaaaaaaaaa", "kat trein regen vork maan"])
    told: list[str] = []
    monkeypatch.setattr(shell.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shell.click, "prompt", lambda *_, **options: (told.append(str(options)), next(typed))[1])
    monkeypatch.setattr(shell, "say", told.append)
    assert shell.new_passphrase("trustee-1") == "kat trein regen vork maan"
    assert sum("too easy to guess" in line for line in told) == 2
    assert all("'confirmation_prompt': True" in line for line in told if line.startswith("{"))
