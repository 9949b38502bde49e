"""After the result: what ties letters, tokens or votes to people is destroyed, and two officers say so in the log."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stembus.audit.formats.entry_bodies import Purge
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.office import destruction
from tests.log_view import read_log
from tests.scripts.cli.test_commands import CLOSED, OPENS, Run, _letters, _set_up, run

__all__ = ["run"]


@pytest.fixture
def ended(run: Run, tmp_path: Path) -> Path:
    """A folder with a result, and with everything that a referendum leaves behind."""
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    for _, code, born in _letters(folder)[:3]:
        run("vote", folder, "--code", code, "--factor", born, "--choice", "1", at=OPENS, answer="cast")
    (folder / "letters" / "print").mkdir(parents=True)
    (folder / "letters" / "print" / "letters-1.pdf").write_bytes(b"%PDF " + _letters(folder)[0][1].encode())
    run("close", folder, at=CLOSED)
    for step in ("intent", "decrypt"):
        for number in (1, 2):
            run("trustee", step, folder, "--number", number, at=CLOSED)
    run("tally", folder, at=CLOSED)
    return folder


def secrets_of(folder: Path) -> list[bytes]:
    """What must be found nowhere afterwards: codes, credentials' owners, birth dates as they were hashed."""
    found = []
    for voter, code, _ in _letters(folder):
        found += [voter.encode(), code.encode(), code.replace("-", "").encode()]
    return found


def stated(folder: Path) -> list[list[str]]:
    entries = read_log(FolderPlace(folder / "public")).entries()
    return [list(entry.body.destroyed) for _, _, entry in entries if isinstance(entry.body, Purge)]


def test_after_a_purge_nothing_in_the_folder_names_a_letter(run: Run, ended: Path) -> None:
    names = secrets_of(ended)
    identity = (ended / "referendum.id").read_text().strip()
    said = run("purge", ended, "--yes", at=CLOSED).output
    for what in ("the database of registrar 1", "letter codes", "the letters", "the database of the ballot box"):
        assert what in said
    assert "register.csv; destroy what of it names people" in said
    (ended / "register.csv").unlink()  # the office's own copy of the register lies where the office put it
    left = [path for path in ended.rglob("*") if path.is_file()]
    assert not [path for path in left for name in names if name in path.read_bytes()]
    assert {path.relative_to(ended).parts[0] for path in left} <= {
        "public", "keys", "log", "officer-1", "officer-2", "witness-1", "witness-2", "referendum.toml", "manifest.json",
        "referendum.id", "lock",
    }  # fmt: skip
    (texts,) = stated(ended)
    assert "the database of registrar 1" in texts
    report = verify(FolderPlace(ended / "public"), bytes.fromhex(identity))
    assert (report.exit_status, report.faults) == (0, [])
    assert "nothing is left" in run("purge", ended, "--yes", at=CLOSED, status=1).output
    assert len(stated(ended)) == 1
    run("status", ended, at=CLOSED)


def test_a_purge_that_was_cut_off_goes_on_and_forgets_nothing(
    run: Run, ended: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [one.what for one in destruction._everything(_office(ended)) if any(path.exists() for path in one.paths)]
    remove, calls = destruction._remove, iter(range(1000))

    def stops(path: Path) -> None:
        if next(calls) > 12:
            raise OSError(5, "the disk went away", str(path))
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(destruction, "_remove", stops)
        assert "the disk went away" in run("purge", ended, "--yes", at=CLOSED, status=1).output
    assert stated(ended) == []
    run("purge", ended, "--yes", at=CLOSED)
    (texts,) = stated(ended)
    assert set(texts) == set(whole)
    assert not (ended / "purge.json").exists()


def _office(folder: Path) -> destruction.Office:
    return destruction.Office(folder, lambda _: "rehearsal")


def test_the_other_officer_signs_what_was_destroyed(run: Run, ended: Path, tmp_path: Path) -> None:
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    shutil.move(ended / "officer-2", laptop / "officer-2")
    identity = (ended / "referendum.id").read_text().strip()
    assert "another officer must sign" in run("purge", ended, "--yes", at=CLOSED, status=1).output
    (file,) = (ended / "to-sign").glob("purge-*.json")
    place = ("--place", ended / "public", "--referendum", identity, "--yes")
    said = run("officer", "sign", laptop, file, *place, at=CLOSED).output
    assert "destroyed: the database of registrar 1" in said
    run("officer", "take", ended, laptop / "signed" / file.name, at=CLOSED)
    run("purge", ended, "--yes", at=CLOSED)
    assert len(stated(ended)) == 1


def test_nothing_is_destroyed_before_there_is_a_result(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    before = sorted(folder.rglob("*"))
    assert "nothing is destroyed before there is a result" in run("purge", folder, "--yes", status=1).output
    assert sorted(folder.rglob("*")) == before


def _kept(folder: Path) -> list[Path]:
    """All but locks and what SQLite lays beside an open database."""
    return sorted(path for path in folder.rglob("*") if not path.name.endswith((".lock", "-wal", "-shm")))


@pytest.mark.parametrize("where", ["letters/link", "trustee-1"])
def test_a_link_is_named_and_nothing_is_destroyed(run: Run, ended: Path, tmp_path: Path, where: str) -> None:
    """Else the log would say that what it leads to is gone."""
    elsewhere = tmp_path / "stick"
    if (ended / where).exists():
        shutil.move(ended / where, elsewhere)
    else:
        elsewhere.mkdir()
    (ended / where).symlink_to(elsewhere)
    before = _kept(ended)
    assert "is a link: destroy what it leads to" in run("purge", ended, "--yes", at=CLOSED, status=1).output
    assert _kept(ended) == before
    assert stated(ended) == []


def test_what_belongs_to_another_referendum_is_not_touched(run: Run, ended: Path, tmp_path: Path) -> None:
    """The settings of a copied folder name the databases of the one that it was copied from."""
    other = tmp_path / "other"
    _set_up(run, other)
    lines = [f'box_database = "sqlite:///{other / "box" / "box.db"}"']
    lines += [f'registrar_1_database = "sqlite:///{other / "registrar-1" / "registrar.db"}"']
    (ended / "settings.toml").write_text("\n".join(lines))
    (ended / "settings.toml").chmod(0o600)
    assert "belongs to another referendum" in run("purge", ended, "--yes", at=CLOSED, status=1).output
    (ended / "settings.toml").write_text(f'registrar_1_record = "{other / "registrar-1" / "issuance.record"}"')
    assert "is not the issuance record of this referendum" in run("purge", ended, "--yes", at=CLOSED, status=1).output
    assert (other / "box" / "box.db").exists()
    assert (other / "registrar-1" / "issuance.record").exists()
    assert stated(ended) == []


def test_what_is_called_like_a_trustee_and_is_none_stays(run: Run, ended: Path) -> None:
    notes = ended / "trustee-guide.pdf"
    notes.write_bytes(b"%PDF")
    said = run("purge", ended, "--yes", at=CLOSED).output
    assert notes.read_bytes() == b"%PDF"
    assert "still in" in said
    assert "trustee-guide.pdf" in said


def test_a_file_that_has_another_name_elsewhere_keeps_its_bytes_there(run: Run, ended: Path, tmp_path: Path) -> None:
    kept = tmp_path / "snapshot"
    file = ended / "letters" / "print" / "letters-1.pdf"
    kept.hardlink_to(file)
    content = kept.read_bytes()
    run("purge", ended, "--yes", at=CLOSED)
    assert not file.exists()
    assert kept.read_bytes() == content
