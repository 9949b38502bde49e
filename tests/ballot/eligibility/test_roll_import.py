"""What is made of a register: letters and factors apart, nobody lost, nobody twice, and no file that says too much."""

from __future__ import annotations

import stat
from datetime import date
from pathlib import Path

import pytest

from stembus.audit.formats.manifest import SecondFactor
from stembus.ballot.eligibility import roll_import
from stembus.ballot.eligibility.credential_authority import make_credentials
from stembus.ballot.eligibility.second_factor import FactorHasher
from stembus.ballot.eligibility.second_factor_form import normalise_factor
from stembus.ballot.errors import RollInvalid
from tests.ballot.eligibility.registers import FACTOR, PEPPER, content, read, run

REFERENDUM = b"r" * 32


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

    monkeypatch.setattr(roll_import, "_CHUNK", 4)
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
