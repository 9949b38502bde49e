"""The population register and the credentials: nobody lost, nobody twice, and no file that says too much."""

from __future__ import annotations

import contextlib
import csv
import stat
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

import stembus.ballot.eligibility.register
from stembus.audit.durable import write_durably
from stembus.audit.formats.lists import CREDENTIALS, SPARES, list_root, parse_keys
from stembus.audit.formats.manifest import Eligibility, SecondFactor
from stembus.ballot.eligibility.credential_authority import destroy_codes, make_credentials, publish_lists
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.eligibility.register import COLUMNS, Refusal, RollReading, import_roll, read_register
from stembus.ballot.eligibility.second_factor import FactorHasher
from stembus.ballot.eligibility.second_factor_form import normalise_factor
from stembus.ballot.errors import CodeMistyped, RollInvalid
from stembus.scripts.rehearsal.made_up_register import _number, write_register
from tests.conftest import Finished

REFERENCE = date(2019, 10, 14)
LANGUAGES = ["nl", "en", "fr"]
FACTOR = SecondFactor(kind="birth-date", memory_kib=8, passes=1)
PEPPER = b"p" * 32
REFERENDUM = b"r" * 32


def _keys(path: Path) -> list[bytes]:
    with path.open("rb") as lines:
        return list(parse_keys(lines))


def rule(count: int) -> Eligibility:
    return Eligibility(
        description=dict.fromkeys(LANGUAGES, "all"),
        minimum_age=16,
        age_date=REFERENCE.isoformat(),
        residence_date=REFERENCE.isoformat(),
        postcodes=["8500", "8501"],
        official_count=count,
    )


def row(born: str = "1980-12-31", serial: int = 1, **changes: str) -> list[str]:
    """A good row of the register, or one that is wrong in one column."""
    values = {
        "national_number": _number(date.fromisoformat(born), serial),
        "last_name": "Peeters",
        "first_name": "Emma",
        "birth_date": born,
        "street": "Leiestraat 1",
        "postcode": "8500",
        "city": "Kortrijk",
        "language": "nl",
    }
    return list((values | changes).values())


def write_rows(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def run(register: Path, folder: Path, count: int, factor: SecondFactor = FACTOR) -> RollReading:
    return import_roll(register, rule(count), LANGUAGES, factor, PEPPER, folder)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """Twenty people, one of each name."""
    people = [row(f"19{50 + k}-0{1 + k % 9}-1{k % 10}", k + 1, last_name=f"Name{k:02d}") for k in range(20)]
    return write_rows(tmp_path / "register.csv", people)


# The register


def test_every_bad_row_is_refused_by_its_line_and_reason(tmp_path: Path) -> None:
    good = row()
    rows = [
        good,
        row()[:-1],
        row(serial=2, national_number="80123100100"),
        row(serial=3, national_number="not a number"),
        row(serial=4, birth_date="31/12/1980"),
        row(serial=5, birth_date="1980-12-30"),
        row(),
        row(serial=6, last_name=" "),
        row(serial=7, street=""),
        row(serial=8, city=""),
        row(serial=9, postcode="9000"),
        row("2003-10-15", 10),
        row("2003-10-14", 11),
        row(serial=12, language="de"),
        row(serial=13),
    ]
    reading = read_register(write_rows(tmp_path / "r.csv", rows), rule(3), LANGUAGES)
    assert reading.refused == [
        Refusal(3, "7 columns instead of 8"),
        Refusal(4, "the national number is not valid"),
        Refusal(5, "the national number is not valid"),
        Refusal(6, "the birth date is not written like 1980-12-31"),
        Refusal(7, "national number and birth date do not agree"),
        Refusal(8, "the same person as line 2"),
        Refusal(9, "name or address is empty"),
        Refusal(10, "name or address is empty"),
        Refusal(11, "name or address is empty"),
        Refusal(12, "postcode 9000 is outside the area"),
        Refusal(13, "younger than 16 on 2019-10-14"),
        Refusal(15, "language 'de' is none of nl, en, fr"),
    ]
    assert [person.birth_date for person in reading.accepted] == ["1980-12-31", "2003-10-14", "1980-12-31"]


def test_a_number_written_with_dots_is_the_same_person(tmp_path: Path) -> None:
    plain = row()
    number = plain[0]
    dotted = f"{number[:2]}.{number[2:4]}.{number[4:6]}-{number[6:9]}.{number[9:]}"
    reading = read_register(write_rows(tmp_path / "r.csv", [row(national_number=dotted), plain]), rule(1), LANGUAGES)
    assert [person.national_number for person in reading.accepted] == [number]
    assert reading.refused == [Refusal(3, "the same person as line 2")]


@pytest.mark.parametrize("written", ["19801231", "1980-W53-3", "1980W533"])
def test_a_birth_date_in_another_iso_form_does_not_lock_its_voter_out(tmp_path: Path, written: str) -> None:
    """What is stored must be what a voter's date is compared with: refused, or brought to one form."""
    reading = read_register(write_rows(tmp_path / "r.csv", [row(birth_date=written)]), rule(1), LANGUAGES)
    if reading.accepted:
        assert reading.accepted[0].birth_date == normalise_factor("birth-date", "31/12/1980")
    else:
        assert reading.refused == [Refusal(2, "the birth date is not written like 1980-12-31")]


def test_a_row_over_several_lines_is_named_by_a_line_of_it(tmp_path: Path) -> None:
    rows = [row(street="Leiestraat 1\nbus 2"), row(serial=2, postcode="9000")]
    reading = read_register(write_rows(tmp_path / "r.csv", rows), rule(1), LANGUAGES)
    assert len(reading.accepted) == 1
    assert [refusal.line for refusal in reading.refused] == [4]


def test_a_file_that_is_no_register_is_refused_as_a_whole(tmp_path: Path) -> None:
    for name, data in (
        ("empty", b""),
        ("columns", b"number,name\n1,2\n"),
        ("binary", b"\xff\xfe\x00"),
        ("latin", ",".join(COLUMNS).encode() + b"\n\xe9t\xe9,,,,,,,\n"),
        ("quotes", ",".join(COLUMNS).encode() + b'\n"x"y,,,,,,,\n'),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(RollInvalid):
            run(tmp_path / name, tmp_path / "importer", 1)
    with pytest.raises(RollInvalid, match="no register"):
        run(tmp_path / "missing", tmp_path / "importer", 1)
    assert not (tmp_path / "importer").exists()


def test_a_register_with_a_byte_order_mark_is_read(tmp_path: Path, register: Path) -> None:
    register.write_bytes(b"\xef\xbb\xbf" + register.read_bytes())
    assert len(run(register, tmp_path / "importer", 20).accepted) == 20


def test_the_made_up_register_has_as_many_good_and_bad_rows_as_asked(tmp_path: Path) -> None:
    write_register(tmp_path / "r.csv", 200, REFERENCE, 3)
    everywhere = Eligibility(
        description={},
        minimum_age=16,
        age_date=REFERENCE.isoformat(),
        residence_date=REFERENCE.isoformat(),
        official_count=200,
        postcodes=["8500", "8501", "8510", "8511"],
    )
    reading = read_register(tmp_path / "r.csv", everywhere, LANGUAGES)
    assert (len(reading.accepted), len(reading.refused)) == (200, 12)


# The import


@pytest.mark.parametrize("count", [19, 21])
def test_another_number_of_people_than_the_official_one_imports_nothing(
    tmp_path: Path, register: Path, count: int
) -> None:
    with pytest.raises(RollInvalid, match=f"20 eligible people and the manifest's official count is {count}"):
        run(register, tmp_path / "importer", count)
    assert not (tmp_path / "importer").exists()


def test_everybody_is_in_both_files_under_one_number(tmp_path: Path, register: Path) -> None:
    folder = tmp_path / "importer"
    reading = run(register, folder, 20)
    letters = {line[0]: tuple(line[1:]) for line in read(folder / "letters.csv") if line[0] != "number"}
    factors = {line[0]: line[1] for line in read(folder / "factors.csv") if line[0] != "number"}
    assert set(letters) == set(factors)
    assert len(letters) == 20
    hasher = FactorHasher(FACTOR, PEPPER)
    people = {person.letter: person.birth_date for person in reading.accepted}
    for number, letter in letters.items():
        assert hasher.matches(factors[number], people[letter])
        assert not hasher.matches(factors[number], "1900-01-01")
        assert not FactorHasher(FACTOR, b"q" * 32).matches(factors[number], people[letter])


def test_the_national_number_can_be_the_factor(tmp_path: Path, register: Path) -> None:
    folder, kind = tmp_path / "importer", SecondFactor(kind="national-number", memory_kib=8, passes=1)
    reading = run(register, folder, 20, kind)
    letters = {tuple(line[1:]): line[0] for line in read(folder / "letters.csv")}
    factors = dict(read(folder / "factors.csv"))
    person = reading.accepted[7]
    dotted = f"{person.national_number[:6]}-{person.national_number[6:]}"
    stored = factors[letters[person.letter]]
    assert FactorHasher(kind, PEPPER).matches(stored, normalise_factor("national-number", dotted))


def test_neither_file_holds_what_the_other_is_for(tmp_path: Path, register: Path) -> None:
    folder = tmp_path / "importer"
    reading = run(register, folder, 20)
    letters, factors = ((folder / name).read_text() for name in ("letters.csv", "factors.csv"))
    for person in reading.accepted:
        born = date.fromisoformat(person.birth_date)
        for secret in (person.national_number, person.birth_date, f"{born:%d/%m/%Y}", f"{born:%Y%m%d}"):
            assert secret not in letters
            assert secret not in factors
        for name in (person.letter[0], person.letter[2]):
            assert name in letters
            assert name not in factors


def test_both_files_lie_in_the_order_of_the_random_numbers(tmp_path: Path, register: Path) -> None:
    folder = tmp_path / "importer"
    run(register, folder, 20)
    for name in ("letters.csv", "factors.csv"):
        numbers = [line[0] for line in read(folder / name)][1:]
        assert numbers == sorted(numbers)


def test_only_their_owner_can_read_the_files(tmp_path: Path, register: Path) -> None:
    importer, authority = tmp_path / "importer", tmp_path / "authority"
    run(register, importer, 20)
    authority.mkdir(mode=0o700)
    make_credentials(importer / "letters.csv", authority, REFERENDUM)
    assert stat.S_IMODE(importer.stat().st_mode) == 0o700
    secret = {"letters.csv", "factors.csv", "codes.csv", "spares.csv", "enrolment.csv"}
    files = [path for folder in (importer, authority) for path in folder.iterdir()]
    assert secret <= {path.name for path in files}
    for path in files:
        if path.name in secret:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_a_second_run_changes_nothing(tmp_path: Path, register: Path) -> None:
    folder = tmp_path / "importer"
    first = run(register, folder, 20)
    before = content(folder)
    assert run(register, folder, 20) == first
    assert content(folder) == before
    assert set(before) == {"letters.csv", "factors.csv", "imported-from"}


def test_another_register_is_refused(tmp_path: Path, register: Path) -> None:
    folder = tmp_path / "importer"
    run(register, folder, 20)
    before = content(folder)
    register.write_text(register.read_text().replace("Name03", "Other"))
    with pytest.raises(RollInvalid, match="another register"):
        run(register, folder, 20)
    assert content(folder) == before


def test_what_a_killed_run_left_of_personal_data_goes_with_the_next_one(tmp_path: Path, register: Path) -> None:
    folder, authority = tmp_path / "importer", tmp_path / "authority"
    for room, names in ((folder, ("letters.csv", "factors.csv", "numbers")), (authority, ("codes.csv", "spares.csv"))):
        room.mkdir()
        for name in names:
            (room / f".{name}.0123abcd.new").write_text("Jan Peeters")
    run(register, folder, 20)
    make_credentials(folder / "letters.csv", authority, REFERENDUM)
    assert [path.name for room in (folder, authority) for path in room.iterdir() if path.name.startswith(".")] == []


class Killed(Exception):
    pass


def kill_at_every_step(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Stops the import right before its step-th change of a file's name or existence."""
    count = 0

    def counting(original: object) -> object:
        def changed(self: Path, *arguments: object, **options: object) -> object:
            nonlocal count
            count += 1
            if count == step:
                raise Killed
            return original(self, *arguments, **options)  # type: ignore[operator]

        return changed

    for name in ("replace", "unlink", "write_text", "mkdir"):
        monkeypatch.setattr(Path, name, counting(getattr(Path, name)))


def test_an_import_that_is_killed_at_any_step_is_completed_by_the_next_run(
    tmp_path: Path, register: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, killed = 0, True
    while killed:
        step += 1
        folder = tmp_path / f"importer-{step}"
        with monkeypatch.context() as patch:
            kill_at_every_step(patch, step)
            try:
                run(register, folder, 20)
                killed = False
            except Killed:
                pass
        numbers = (folder / "numbers").read_text().split() if (folder / "numbers").exists() else None
        reading = run(register, folder, 20)
        names = set(content(folder))
        assert names == {"letters.csv", "factors.csv", "imported-from"}, f"step {step} left {names}"
        letters = {tuple(line[1:]): line[0] for line in read(folder / "letters.csv")}
        factors = dict(read(folder / "factors.csv"))
        hasher = FactorHasher(FACTOR, PEPPER)
        for person in reading.accepted:
            assert hasher.matches(factors[letters[person.letter]], person.birth_date)
        assert len(factors) == 21
        assert numbers is None or set(numbers) == set(factors) - {"number"}
    assert step > 5


def test_hashing_goes_on_after_a_torn_line_without_hashing_again(
    tmp_path: Path, register: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "importer"
    hashed: list[str] = []
    original = FactorHasher.hash

    def dying(self: FactorHasher, factor: str) -> str:
        hashed.append(factor)
        if len(hashed) > 12:
            raise Killed
        return original(self, factor)

    monkeypatch.setattr(stembus.ballot.eligibility.register, "_CHUNK", 4)
    with monkeypatch.context() as patch:
        patch.setattr(FactorHasher, "hash", dying)
        with pytest.raises(Killed):
            run(register, folder, 20)
    partial = folder / "factors.csv.partial"
    assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "numbers").stat().st_mode) == 0o600
    whole = partial.read_text()
    assert whole.count("\n") == 12
    assert not (folder / "factors.csv").exists()
    partial.write_text(whole + '123456789,"$argon2id$v=19$m=8,t')
    again: list[str] = []

    def hash_again(self: FactorHasher, factor: str) -> str:
        again.append(factor)
        return original(self, factor)

    monkeypatch.setattr(FactorHasher, "hash", hash_again)
    reading = run(register, folder, 20)
    assert len(again) == 8
    factors = (folder / "factors.csv").read_text()
    assert all(line in factors for line in (text.partition(",")[0] for text in whole.splitlines()))
    assert "123456789," not in factors or "123456789" in (folder / "letters.csv").read_text()
    letters = {tuple(line[1:]): line[0] for line in read(folder / "letters.csv")}
    stored = dict(read(folder / "factors.csv"))
    hasher = FactorHasher(FACTOR, PEPPER)
    for person in reading.accepted:
        assert hasher.matches(stored[letters[person.letter]], person.birth_date)


# Credentials


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
    assert destroy_codes(authority) == ["codes.csv", "spares.csv"]
    assert destroy_codes(authority) == []
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
