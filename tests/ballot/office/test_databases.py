"""A database is made once, by the step that makes it; everything else only opens it, and names what is missing."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from stembus.audit.errors import PlaceError
from stembus.ballot.database import database_kind
from stembus.ballot.errors import (
    DatabaseForeign,
    DatabaseMissing,
    DatabaseUnreachable,
    LogDamaged,
    SecretFileError,
)
from stembus.ballot.office.databases import DatabaseLost, Databases
from stembus.ballot.office.layout import Layout
from stembus.ballot.office.office import NotReady
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.storage import ballots
from stembus.scripts.rehearsal.referendum import PASSPHRASE
from tests.ballot.conftest import DATABASES, Poll

REFERENDUM = bytes(range(32))
PARTIES = ("registrar-1", "box", "desk")


def files(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its mode and content, but for what SQLite itself keeps beside an open database."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mode, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.fixture(params=DATABASES)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    """Of a folder without any database yet."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        (tmp_path / "settings.toml").write_text(f'box_database = "{url}"\nregistrar_1_database = "{url}"\n')
        (tmp_path / "settings.toml").chmod(0o640)
    return Databases(Layout(tmp_path), REFERENDUM)


@pytest.mark.parametrize("party", PARTIES)
def test_opening_creates_nothing(tmp_path: Path, party: str) -> None:
    with pytest.raises(DatabaseMissing, match=f"database of {party} was not made yet; run: stembus services create"):
        Databases(Layout(tmp_path), REFERENDUM).open(party)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("party", PARTIES)
def test_a_database_is_made_once_and_then_opened(databases: Databases, party: str) -> None:
    assert databases.create(party) is True
    before = files(databases.layout.root)
    assert databases.create(party) is False
    databases.open(party).dispose()
    assert files(databases.layout.root) == before


@pytest.mark.parametrize("party", PARTIES)
def test_the_file_of_a_database_is_its_owners_alone(tmp_path: Path, party: str) -> None:
    old = os.umask(0)
    try:
        Databases(Layout(tmp_path), REFERENDUM).create(party)
    finally:
        os.umask(old)
    for path in (tmp_path / party).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / party).stat().st_mode) == 0o700


def test_a_lost_database_is_named_and_not_made_anew(tmp_path: Path) -> None:
    databases = Databases(Layout(tmp_path), REFERENDUM)
    databases.create("box")
    for path in (tmp_path / "box").glob("box.db*"):
        path.unlink()
    before = files(tmp_path)
    for look in (databases.open, databases.create):
        with pytest.raises(DatabaseLost, match=r"there is no database .*box\.db, and one was made for this folder"):
            look("box")
    assert files(tmp_path) == before


def test_a_lost_database_on_a_server_is_named_and_not_made_anew(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(f'box_database = "{postgres_url}"\n')
    (tmp_path / "settings.toml").chmod(0o600)
    databases = Databases(Layout(tmp_path), REFERENDUM)
    databases.create("box")
    engine = databases.open("box")
    with engine.begin() as db:
        db.execute(text("DROP TABLE box_state, ballot"))
    engine.dispose()
    for look in (databases.open, databases.create):
        with pytest.raises(DatabaseLost, match="holds no box of a referendum, and one was made"):
            look("box")


def test_settings_that_are_lost_put_no_other_database_in_the_place_of_a_servers(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(f'box_database = "{postgres_url}"\n')
    settings.chmod(0o600)
    Databases(Layout(tmp_path), REFERENDUM).create("box")
    settings.rename(tmp_path / "away")
    before = files(tmp_path)
    lost = Databases(Layout(tmp_path), REFERENDUM)
    for use in (lost.open, lost.is_lost, lost.remake, lost.create):
        with pytest.raises(
            DatabaseForeign, match=r"made in postgresql, and the settings .* name one in sqlite; bring back"
        ):
            use("box")
    assert files(tmp_path) == before
    (tmp_path / "away").rename(settings)
    Databases(Layout(tmp_path), REFERENDUM).open("box").dispose()


def test_settings_that_name_another_kind_of_database_are_to_be_corrected(tmp_path: Path) -> None:
    Databases(Layout(tmp_path), REFERENDUM).create("registrar-1")
    settings = tmp_path / "settings.toml"
    settings.write_text('registrar_1_database = "postgresql+psycopg://x@127.0.0.1:1/y"\n')
    settings.chmod(0o600)
    with pytest.raises(DatabaseForeign, match=f"made in sqlite, .*; correct registrar_1_database in {settings}"):
        Databases(Layout(tmp_path), REFERENDUM).open("registrar-1")


def test_settings_may_change_until_the_database_is_made(postgres_url: str, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('box_database = "postgresql+psycopg://x:secret@127.0.0.1:1/y"\n')
    settings.chmod(0o600)
    with pytest.raises(DatabaseUnreachable):
        Databases(Layout(tmp_path), REFERENDUM).create("box")
    settings.unlink()
    assert Databases(Layout(tmp_path), REFERENDUM).create("box")
    Databases(Layout(tmp_path), REFERENDUM).open("box").dispose()


def test_a_damaged_page_anywhere_in_a_file_is_named_when_it_is_opened(tmp_path: Path) -> None:
    databases = Databases(Layout(tmp_path), REFERENDUM)
    databases.create("box")
    engine = databases.open("box")
    rows = [{"ballot_id": bytes([k]) * 32, "cast_ballot": bytes([k]) * 3000} for k in range(60)]
    other = {"token": bytes(32), "cast_hash": bytes(32), "batch": 1}
    with engine.begin() as db:
        db.execute(insert(ballots), [{**row, **other, "seq": k} for k, row in enumerate(rows)])
    with engine.connect() as db:
        db.exec_driver_sql("ROLLBACK")
        db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    databases.open("box").dispose()
    path = tmp_path / "box" / "box.db"
    data = bytearray(path.read_bytes())
    page = len(data) // 4096 // 2 * 4096
    data[page : page + 4096] = bytes(range(256)) * 16
    path.write_bytes(data)
    with pytest.raises(DatabaseUnreachable, match=r"is damaged: .*; bring back its newest copy, and keep this file"):
        databases.open("box")


def test_the_database_of_another_folder_is_refused(databases: Databases, tmp_path: Path) -> None:
    """Two ballot boxes of one referendum, each with a database of its own, would promise past each other."""
    databases.create("box")
    other = tmp_path / "other"
    (other / "box").mkdir(parents=True)
    shutil.copy(tmp_path / "box" / "database", other / "box" / "database")
    (other / "box" / "database").write_text(f"{bytes(16).hex()} {database_kind(databases.url('box'))}")
    (other / "settings.toml").write_text(f'box_database = "{databases.url("box")}"\n')
    (other / "settings.toml").chmod(0o600)
    with pytest.raises(DatabaseForeign, match="belongs to another folder"):
        Databases(Layout(other), REFERENDUM).open("box")


def test_the_database_of_another_referendum_is_refused(databases: Databases) -> None:
    databases.create("box")
    with pytest.raises(DatabaseForeign, match="belongs to another referendum"):
        Databases(databases.layout, bytes(32)).open("box")


def test_a_second_folder_cannot_make_its_database_where_another_one_has_it(postgres_url: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "settings.toml").write_text(f'box_database = "{postgres_url}"\n')
        (folder / "settings.toml").chmod(0o600)
    Databases(Layout(folders[0]), REFERENDUM).create("box")
    with pytest.raises(DatabaseForeign, match="was made for another folder already"):
        Databases(Layout(folders[1]), REFERENDUM).create("box")
    Databases(Layout(folders[0]), REFERENDUM).open("box").dispose()


def test_a_server_that_is_away_is_told_apart_from_a_lost_database(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('box_database = "postgresql+psycopg://x:secret@127.0.0.1:1/y"\n')
    (tmp_path / "settings.toml").chmod(0o600)
    databases = Databases(Layout(tmp_path), REFERENDUM)
    with pytest.raises(DatabaseUnreachable, match="cannot be made") as refusal:
        databases.create("box")
    assert "secret" not in str(refusal.value)
    (tmp_path / "box" / "database.begun").rename(tmp_path / "box" / "database")
    with pytest.raises(DatabaseUnreachable, match="does not answer") as refusal:
        databases.open("box")
    assert "secret" not in str(refusal.value)


def test_a_creation_that_was_cut_off_is_done_again(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            databases.create("box")
    with pytest.raises(DatabaseMissing, match="was not made yet"):
        databases.open("box")
    assert databases.create("box") is True
    databases.open("box").dispose()


def test_workers_that_start_together_make_one_database(databases: Databases) -> None:
    """Whoever comes second finds it made, or says that the same is being made."""
    barrier = threading.Barrier(4)

    def create() -> None:
        barrier.wait()
        Databases(databases.layout, REFERENDUM).create("box")

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(create) for _ in range(4)]
    assert any(future.exception() is None for future in done)
    databases.open("box").dispose()


# The other things that are made once


def reopened(lite: Poll) -> ServedOffice:
    return ServedOffice(lite.office.root, lambda _: PASSPHRASE, lite.rehearsal.clock)


def test_a_lost_pepper_is_named_and_not_made_anew(lite: Poll) -> None:
    lite.office.pepper_file.unlink()
    office = reopened(lite)
    with pytest.raises(SecretFileError, match=r"pepper is missing; restore it"):
        office.registrar()
    office.make_key("registrar-1", b"", {"role": "registrar"})
    assert not lite.office.pepper_file.exists()


@pytest.mark.parametrize("lost", ["checkpoint", "tile", ""])
def test_a_lost_log_is_named_and_not_begun_anew(lite: Poll, lost: str) -> None:
    public = lite.office.public
    if lost == "checkpoint":
        (public / lost).unlink()
    else:
        shutil.rmtree(public / lost)
    before = files(lite.office.root)
    for step in (lambda: reopened(lite).log(), lambda: reopened(lite).start_log()):
        with pytest.raises((LogDamaged, PlaceError), match="missing"):
            step()
    assert files(lite.office.root) == before


def test_an_older_checkpoint_removes_no_tile(lite: Poll) -> None:
    """Put back by itself, from a backup: what was signed since lies there and must stay."""
    public = lite.office.public
    old = (public / "checkpoint").read_bytes()
    lite.rehearsal.cast(lite.token(0), [[1]])
    lite.until_close()
    lite.rehearsal.close()
    (public / "checkpoint").write_bytes(old)
    before = files(lite.office.root)
    with pytest.raises(LogDamaged, match="belongs to a longer log than"):
        reopened(lite).log()
    assert files(lite.office.root) == before


def test_a_folder_without_a_log_says_which_step_begins_it(tmp_path: Path, lite: Poll) -> None:
    for name in ("manifest.json", "keys"):
        source = lite.office.root / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    with pytest.raises(NotReady, match="was not begun yet; run: stembus define"):
        ServedOffice(tmp_path, lambda _: PASSPHRASE, lite.rehearsal.clock).log()
    assert not (tmp_path / "log").exists()
