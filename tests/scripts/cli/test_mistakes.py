"""Mistakes of people who use the command line: nothing is lost, nothing is dropped without a word."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Client
from stembus.audit.log.bundle import copy_bundle
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.office.services import ServedOffice
from stembus.scripts.cli import exchange
from stembus.scripts.rehearsal.referendum import demo_draft
from tests.scripts.cli.test_commands import CLOSED, OPENS, Run, _letters, _set_up, run

__all__ = ["run"]


def _keys(run: Run, folder: Path, *trustees: int) -> None:
    (folder / "referendum.toml").write_text(demo_draft(12, 3, floor=1, batch_tokens=2, quorum=1))
    for number in trustees:
        run("trustee", "identity", folder, "--number", number)
    for party in ("officer-1", "officer-2", "registrar-1", "witness-1", "box", "log", "client"):
        run("key", "make", folder, party)


def test_a_gap_in_the_parties_numbers_is_no_reason_to_drop_a_key(run: Run, tmp_path: Path) -> None:
    _keys(run, tmp_path, 1, 2, 4)
    for command in ("check", "define"):
        said = run(command, tmp_path, status=1).output
        assert "there is a key of trustee-4 and none of trustee-3" in said
    assert not (tmp_path / "manifest.json").exists()
    run("trustee", "identity", tmp_path, "--number", 3)
    assert "trustees: 4, of whom 2 decrypt; officers: 2" in run("check", tmp_path).output
    run("define", tmp_path)


def test_a_copy_of_a_partys_key_under_another_name_is_not_passed_over(run: Run, tmp_path: Path) -> None:
    _keys(run, tmp_path, 1, 2)
    for name in ("trustee-4", "trustee-2 (1)", "officer"):
        copy = tmp_path / "keys" / f"{name}.json"
        copy.write_text((tmp_path / "keys" / "trustee-2.json").read_text())
        assert f"there is a key of {name} and none of" in run("check", tmp_path, status=1).output
        copy.unlink()
    run("check", tmp_path)


def test_a_draft_that_is_changed_too_late_is_told_so(run: Run, tmp_path: Path) -> None:
    _keys(run, tmp_path, 1, 2)
    assert "frozen" not in run("check", tmp_path).output
    run("define", tmp_path)
    assert "changes of the draft have no effect" in run("check", tmp_path).output


def test_steps_before_the_definition_name_the_definition(run: Run, tmp_path: Path) -> None:
    _keys(run, tmp_path, 1, 2)
    for command in ("open", "status", "tally", "seal", "close"):
        assert "holds no frozen referendum; run stembus define first" in run(command, tmp_path, status=1).output


def test_two_people_who_vote_on_one_device_do_not_replace_each_others_vote(run: Run, tmp_path: Path) -> None:
    folder, keep = tmp_path / "kortrijk", tmp_path / "votes"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    for _, code, born in _letters(folder)[:2]:
        words = ("vote", folder, "--code", code, "--factor", born, "--choice", "1", "--keep", keep)
        said = run(*words, at=OPENS, answer="cast").output
        assert "this replaces" not in said
    assert "2 ballots for the next batch" in run("status", folder, at=OPENS).output
    assert len(list(keep.iterdir())) == 2


def test_a_ballot_that_was_damaged_on_disk_is_named_and_the_next_vote_goes_through(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    _, code, born = _letters(folder)[0]
    words = ("vote", folder, "--code", code, "--factor", born, "--choice", "1")
    run(*words, at=OPENS, answer="cast")
    own = next((folder / "voters").iterdir())
    (own / "ballot").write_bytes(b"half")
    assert "kept beside the voting pass as evidence" in run(*words, at=OPENS, status=1, answer="cast").output
    assert "cast: ballot" in run(*words, at=OPENS, answer="cast").output
    (own / "voting-pass.json").write_text("{")
    assert "voting-pass.json: this file is not a voting pass" in run(*words, at=OPENS, status=1, answer="cast").output


def test_a_correction_of_the_paper_count_is_refused_and_shows_what_stands(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    run("roll", "strike", folder, _letters(folder)[0][0], at=OPENS)
    run("close", folder, at=CLOSED)
    run("paper", folder, "--ballots", "1", "--counts", "1,0", at=CLOSED)
    assert "already done" in run("paper", folder, "--ballots", "1", "--counts", "1,0", at=CLOSED).output
    said = run("paper", folder, "--ballots", "1", "--counts", "0,1", at=CLOSED, status=1).output
    assert "stands in the log for good: --ballots 1 --counts 1,0" in said


def test_codes_that_are_destroyed_are_not_said_to_be_there(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    assert "the codes are in" in run("credentials", "make", folder).output
    run("credentials", "destroy", folder, "--printed", "13", "--made-elsewhere")
    said = run("credentials", "make", folder).output
    assert "the codes are in" not in said
    assert "already done: codes were made, and none was changed" in said


def test_an_entry_that_no_verifier_would_accept_is_refused_in_one_sentence(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    run("open", folder, at=OPENS)
    office = ServedOffice(folder, lambda _: "rehearsal")
    body = Client(release="1", files=[])
    entry = encode_entry(body, [sign_entry(office.referendum, body, "client", office.signing_key("client"))])
    (tmp_path / "client.json").write_bytes(entry)
    said = run("submit", folder, tmp_path / "client.json", at=OPENS, status=1).output
    assert "error: the log does not take this entry client: the client's files are listed once each, sorted" in said
    assert "nothing was added" in said
    assert "Traceback" not in said


def test_an_incident_is_refused_when_nobody_could_read_it(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    for text in ("nl=\udcff\udcfe", "nl=", "nl=  ", "nl=a\x1b[31mb"):
        said = run("incident", folder, "--text", text, at=OPENS, status=2).output
        assert "--text nl=...: a text" in said
    said = run("incident", folder, "--text", "nl=a", "--text", "nl=b", at=OPENS, status=2).output
    assert "once for each language" in said
    assert "incident 1 stands" in run("incident", folder, "--text", "nl=a", at=OPENS).output
    assert "already done: incident 1 has this text" in run("incident", folder, "--text", "nl=a", at=OPENS).output


def test_what_is_no_entry_is_not_submitted(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    before = (folder / "public" / "checkpoint").read_bytes()
    for junk in (b"junk", b"", b"\x01" * 900, b"[1]"):
        (tmp_path / "junk.json").write_bytes(junk)
        assert "is no signed entry" in run("submit", folder, tmp_path / "junk.json", at=OPENS, status=1).output
    (tmp_path / "junk.json").write_bytes(b"{}")
    run("submit", folder, tmp_path / "junk.json", at=OPENS, status=1)
    assert (folder / "public" / "checkpoint").read_bytes() == before


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_bundle_that_does_not_verify_is_not_handed_out(run: Run, tmp_path: Path, name: str) -> None:
    folder, target = tmp_path / "kortrijk", tmp_path / "out" / name
    _set_up(run, folder)
    (folder / "public" / "spares").write_bytes(b"")
    assert "V13" in run("publish", folder, "--to", target, at=OPENS, status=1).output
    assert not target.exists()
    assert list(target.parent.iterdir()) == []


def test_what_is_handed_out_is_what_was_verified_though_the_log_grew(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published folder is no longer sound once the copy is made."""
    folder, target = tmp_path / "kortrijk", tmp_path / "bundle"
    _set_up(run, folder)

    def copy_and_spoil(public: Path, made: Path) -> None:
        copy_bundle(public, made)
        (public / "spares").write_bytes(b"")

    monkeypatch.setattr(exchange, "copy_bundle", copy_and_spoil)
    run("publish", folder, "--to", target, at=OPENS)
    referendum = bytes.fromhex((folder / "referendum.id").read_text())
    assert verify(FolderPlace(target), referendum).exit_status == 4
    assert verify(FolderPlace(folder / "public"), referendum).exit_status == 1


@pytest.mark.parametrize("name", ["kortrijk/out", "kortrijk/public/out.zip", "kortrijk/public", "kortrijk", ""])
def test_a_bundle_is_not_handed_out_into_its_own_folder(run: Run, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    before = sorted(folder.rglob("*"))
    run("publish", folder, "--to", tmp_path / name, at=OPENS, status=1)
    assert sorted(folder.rglob("*")) == before
    run("publish", folder, "--to", tmp_path / "out" / "bundle.zip", at=OPENS)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bundle.zip"]


def test_a_database_that_fails_under_a_command_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: ServedOffice) -> None:
        raise OperationalError("UPDATE box_state", {}, sqlite3.OperationalError("attempt to write a readonly database"))

    _keys(run, tmp_path, 1, 2)
    run("define", tmp_path)
    monkeypatch.setattr(ServedOffice, "box", property(fails))
    said = run("seal", tmp_path, status=1).output
    assert "stembus: error: the database failed: attempt to write a readonly database\nstembus: hint: see that" in said
    assert "UPDATE" not in said


def test_nobody_is_trustee_1_by_default(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kortrijk"
    _set_up(run, folder)
    assert "say which trustee you are, with --number" in run("trustee", "rehearse", folder, status=1).output
    assert "trustee 7 has no key in" in run("trustee", "rehearse", folder, "--number", "7", status=1).output
    alone = tmp_path / "alone"
    assert "which trustee are you?" in run("trustee", "identity", alone, status=1).output
    assert not alone.exists()
    shutil.copytree(folder / "trustee-2", alone / "trustee-2")
    referendum = (folder / "referendum.id").read_text().strip()
    told = run("trustee", "rehearse", alone, "--place", folder / "public", "--referendum", referendum).output
    assert "trustee 2: the share fits" in told


def test_a_party_that_is_none_makes_no_folder(run: Run, tmp_path: Path) -> None:
    assert "is no party" in run("key", "make", tmp_path / "officer-1", "kortrijk", status=1).output
    assert not (tmp_path / "officer-1").exists()
    assert "is a new folder" in run("key", "make", tmp_path / "korrijk", "officer-1").output
