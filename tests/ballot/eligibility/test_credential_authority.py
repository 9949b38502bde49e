"""The credential authority: a code for each letter, published lists that match, and codes that can be destroyed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from stembus.audit.durable import write_durably
from stembus.audit.formats.lists import CREDENTIALS, SPARES, list_root, parse_keys
from stembus.ballot.eligibility.credential_authority import destroy_codes, make_credentials, publish_lists
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.errors import CodeMistyped, RollInvalid
from tests.ballot.eligibility.registers import content, read, run
from tests.conftest import Finished

REFERENDUM = b"r" * 32


def _keys(path: Path) -> list[bytes]:
    with path.open("rb") as lines:
        return list(parse_keys(lines))


@pytest.fixture
def authority(tmp_path: Path, register: Path) -> Path:
    """The authority's folder, its credentials made."""
    run(register, tmp_path / "importer", 20)
    folder = tmp_path / "authority"
    folder.mkdir(mode=0o700)
    made = make_credentials(tmp_path / "importer" / "letters.csv", folder, REFERENDUM)
    assert (made.credentials, made.spares) == (20, 1)
    return folder


def test_credentials_made_twice_are_the_same(tmp_path: Path, authority: Path) -> None:
    before = content(authority)
    made = make_credentials(tmp_path / "importer" / "letters.csv", authority, REFERENDUM)
    assert (made.credentials, made.spares) == (20, 1)
    assert content(authority) == before


def test_credentials_interrupted_before_the_last_file_are_made_again(tmp_path: Path, authority: Path) -> None:
    (authority / "enrolment.csv").unlink()
    make_credentials(tmp_path / "importer" / "letters.csv", authority, REFERENDUM)
    codes = read(authority / "codes.csv")[1:]
    enrolment = dict(read(authority / "enrolment.csv"))
    for line in codes:
        assert credential_key(parse_code(line[7]), REFERENDUM).public.hex() == enrolment[line[0]]


def test_each_code_opens_the_credential_of_its_letter(authority: Path) -> None:
    codes = read(authority / "codes.csv")[1:]
    enrolment = dict(read(authority / "enrolment.csv"))
    assert len({line[7] for line in codes}) == 20
    for line in codes:
        assert (
            credential_key(parse_code(line[7].lower().replace("-", " ")), REFERENDUM).public.hex() == enrolment[line[0]]
        )
        assert credential_key(parse_code(line[7]), bytes(32)).public.hex() != enrolment[line[0]]
        with pytest.raises(CodeMistyped):
            parse_code(line[7][:-1] + ("0" if line[7][-1] != "0" else "1"))
    assert "Name00" not in (authority / "enrolment.csv").read_text()


def writing_to(folder: Path) -> Callable[[str, bytes], None]:
    return lambda name, data: write_durably(folder / name, data)


def test_the_published_roots_are_those_of_the_published_lists(tmp_path: Path, authority: Path) -> None:
    public = tmp_path / "public"
    public.mkdir()
    roll = publish_lists(authority, writing_to(public))
    for name, count, root in (
        (CREDENTIALS, roll.count, roll.credentials_root),
        (SPARES, roll.spares, roll.spares_root),
    ):
        keys = _keys(public / name)
        assert keys == sorted(keys)
        assert list_root(keys) == (count, bytes.fromhex(root))
    enrolled = dict(read(authority / "enrolment.csv"))
    assert {key.hex() for key in _keys(public / CREDENTIALS)} == set(enrolled.values()) - {"credential"}
    assert publish_lists(authority, writing_to(public)) == roll


def test_two_letters_with_one_code_are_refused(tmp_path: Path, authority: Path) -> None:
    lines = (authority / "enrolment.csv").read_text().splitlines()
    lines[2] = lines[2].partition(",")[0] + "," + lines[1].partition(",")[2]
    (authority / "enrolment.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "public").mkdir()
    with pytest.raises(RollInvalid, match="same code"):
        publish_lists(authority, writing_to(tmp_path / "public"))
    assert list((tmp_path / "public").iterdir()) == []


def test_destroyed_codes_are_gone_and_are_not_made_anew(tmp_path: Path, authority: Path) -> None:
    assert destroy_codes(authority, tmp_path / "letters") == ["codes.csv", "spares.csv"]
    assert destroy_codes(authority, tmp_path / "letters") == []
    public = {name: (authority / name).read_bytes() for name in ("enrolment.csv", "spare-keys.csv")}
    with contextlib.suppress(RollInvalid):
        make_credentials(tmp_path / "importer" / "letters.csv", authority, REFERENDUM)
    assert content(authority) == public


def test_the_whole_import_done_again_in_a_rehearsal_changes_nothing(opened: Finished, tmp_path: Path) -> None:
    rehearsal = opened.rehearsal(tmp_path / "copy")
    folders = [rehearsal.office.folder(name) for name in ("importer", "authority")]
    before = [content(folder) for folder in folders]
    size = rehearsal.office.log().size
    rehearsal.import_roll(rehearsal.office.root / "register.csv")
    rehearsal.credentials()
    assert [content(folder) for folder in folders] == before
    assert rehearsal.office.log().size == size
    assert rehearsal.office.registrar().enrolled() == len(opened.letters)
    rehearsal.office.dispose()
