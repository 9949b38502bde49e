"""A drill shows in the log that a trustee's share is there and opens, while a new attempt is still possible."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path

import msgspec
import pytest

from stembus.audit.formats.ceremony import drill_randomness
from stembus.audit.formats.entries import encode_entry, parse_entry, sign_entry
from stembus.audit.formats.entry_bodies import Drill, ElectionKey
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.errors import EntryRefused
from stembus.crypto.elgamal import encrypt
from stembus.crypto.group import GENERATOR, Point
from stembus.crypto.threshold import combine_partials
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.errors import StepDone, StepOutOfTurn
from stembus.tally.trustee import Trustee


@pytest.fixture(scope="module")
def confirmed_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("confirmed")
    rehearsal = Rehearsal(root)
    rehearsal.keys()
    rehearsal.define(demo_draft(10, 1, floor=1, batch_tokens=1))
    for step in (Trustee.commit, Trustee.reveal, Trustee.share, Trustee.confirm):
        rehearsal._each_trustee(step)
    rehearsal.office.dispose()
    return root


@pytest.fixture
def confirmed(confirmed_root: Path, tmp_path: Path) -> Rehearsal:
    """Three trustees, of whom two decrypt, have confirmed, and none has drilled."""
    shutil.copytree(confirmed_root, tmp_path / "copy")
    return Rehearsal(tmp_path / "copy")


def drilled(rehearsal: Rehearsal, trustee: int) -> Drill:
    body = parse_entry(rehearsal.trustee(trustee).drill()).body
    assert isinstance(body, Drill)
    return body


def append(rehearsal: Rehearsal, trustee: int, body: Drill) -> None:
    signature = sign_entry(
        rehearsal.office.referendum, body, f"trustee/{trustee}", rehearsal.office.signing_key(f"trustee-{trustee}")
    )
    rehearsal.office.log().append([encode_entry(body, [signature])])


def test_any_two_of_the_drills_decrypt_what_everybody_knows(confirmed: Rehearsal) -> None:
    parts = {number: drilled(confirmed, number) for number in (1, 2, 3)}
    confirmed._each_trustee(Trustee.drill)
    confirmed.elect()
    key = next(e.body for _, e in confirmed.office.log().entries() if isinstance(e.body, ElectionKey))
    randomness = drill_randomness(confirmed.office.referendum, 1, bytes.fromhex(parts[1].root))
    ciphertext = encrypt(Point.from_bytes(bytes.fromhex(key.joint_key)), 1, randomness)
    for pair in combinations(parts, 2):
        points = {number: Point.from_bytes(bytes.fromhex(parts[number].point)) for number in pair}
        assert combine_partials(ciphertext, points) == GENERATOR
    report = verify(FolderPlace(confirmed.office.public), confirmed.office.referendum)
    assert (report.faults, report.figures.drilled_again) == ([], 0)


def test_any_copy_of_a_key_file_is_as_good_as_the_newest(tmp_path: Path) -> None:
    """The stick with the newest file is lost: the one from before the ceremony drills, rehearses and counts."""
    rehearsal = Rehearsal(tmp_path / "office")
    rehearsal.keys()
    path = rehearsal.office.key_path("trustee-3")
    first = path.read_bytes()
    rehearsal.define(demo_draft(10, 1, floor=1, batch_tokens=1))
    for step in (Trustee.commit, Trustee.reveal, Trustee.share, Trustee.confirm):
        rehearsal._each_trustee(step)
    assert path.read_bytes() == first, "no step of the ceremony has written it"
    path.unlink()
    path.write_bytes(first)
    rehearsal._each_trustee(Trustee.drill)
    rehearsal.elect()
    rehearsal.trustee(3).rehearse()


def test_a_trustee_whose_program_makes_other_secrets_cannot_drill_and_a_new_attempt_begins(
    confirmed: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        confirmed.office.log().append([confirmed.trustee(number).drill()])
    with monkeypatch.context() as patch:
        patch.setattr("stembus.tally.key_file._COEFFICIENTS", b"another version")
        with pytest.raises(StepOutOfTurn, match="was not made from this key file"):
            confirmed.trustee(3).drill()
        with pytest.raises(StepOutOfTurn):
            confirmed.elect()
    confirmed.office.log().append([confirmed.trustee(3).commit(new_attempt=True)])
    for number in (1, 2):
        confirmed.office.log().append([confirmed.trustee(number).commit()])
    for step in (Trustee.reveal, Trustee.share, Trustee.confirm, Trustee.drill):
        confirmed._each_trustee(step)
    confirmed.elect()
    report = verify(FolderPlace(confirmed.office.public), confirmed.office.referendum)
    assert (report.faults, report.figures.attempts) == ([], 2)
    for number in (1, 2, 3):
        confirmed.trustee(number).rehearse()


def test_the_log_takes_no_drill_that_does_not_hold(confirmed: Rehearsal) -> None:
    good, other = drilled(confirmed, 1), drilled(confirmed, 2)
    forged = {
        "another root": msgspec.structs.replace(good, root="00" * 32),
        "another share": msgspec.structs.replace(good, point=other.point),
        "without proof": msgspec.structs.replace(good, challenge=other.challenge),
        "without proof: ": msgspec.structs.replace(good, point="02" + (5).to_bytes(32, "big").hex()),
    }
    for problem, body in forged.items():
        with pytest.raises(EntryRefused, match=problem):
            append(confirmed, 1, body)
    append(confirmed, 1, good)


def test_a_lost_drill_is_made_again_and_one_that_is_logged_is_done(confirmed: Rehearsal) -> None:
    first, second = drilled(confirmed, 1), drilled(confirmed, 1)
    assert (first.root, first.point) == (second.root, second.point)
    append(confirmed, 1, second)
    with pytest.raises(StepDone):
        confirmed.trustee(1).drill()


def test_before_the_opening_each_trustee_may_drill_again_and_the_report_counts_it(opened_rolled: Rehearsal) -> None:
    rehearsal = opened_rolled
    for number in (1, 3):
        rehearsal.office.log().append([rehearsal.trustee(number).drill()])
    with pytest.raises(StepDone):
        rehearsal.trustee(3).drill()
    report = verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum)
    assert (report.faults, report.figures.drilled_again) == ([], 2)
    rehearsal.open()
    with pytest.raises(StepDone):
        rehearsal.trustee(2).drill()


@pytest.fixture
def opened_rolled(tmp_path: Path) -> Rehearsal:
    """The roll stands in the log, and voting is not open yet."""
    from datetime import date

    from stembus.scripts.rehearsal.made_up_register import write_register

    rehearsal = Rehearsal(tmp_path / "office")
    rehearsal.keys()
    rehearsal.define(demo_draft(10, 1, floor=1, batch_tokens=1))
    rehearsal.ceremony()
    write_register(tmp_path / "register.csv", 10, date(2019, 10, 14), 1)
    rehearsal.import_roll(tmp_path / "register.csv")
    rehearsal.credentials()
    return rehearsal
