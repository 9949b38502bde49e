"""People can complain for a while after the close, before any trustee announces the count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stembus.audit.clock import RealClock
from stembus.audit.formats.entry_bodies import Cancel
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.checkpoints import CheckpointCheck
from stembus.audit.verify.report import Report
from stembus.ballot.errors import EntryRefused, TooEarly
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.errors import StepOutOfTurn

DAY = 86_400


@pytest.fixture
def closed(tmp_path: Path) -> Rehearsal:
    """Closed, with two days for complaints."""
    rehearsal = Rehearsal(tmp_path / "office")
    rehearsal.keys()
    draft = demo_draft(20, 3, floor=3, batch_tokens=1)
    rehearsal.define(draft.replace("complaint_seconds = 0", f"complaint_seconds = {2 * DAY}"))
    rehearsal.ceremony()
    write_register(tmp_path / "register.csv", 20, date(2019, 10, 14), 1)
    rehearsal.import_roll(tmp_path / "register.csv")
    rehearsal.credentials()
    rehearsal.open()
    for code, factor in rehearsal.letters(tmp_path / "register.csv")[:5]:
        rehearsal.cast(rehearsal.token(code, factor), [[1]])
    rehearsal.close()
    return rehearsal


def test_no_intent_is_taken_before_the_time_for_complaints_is_over(closed: Rehearsal) -> None:
    log = closed.office.log()
    decided = log.time_at(log.decided)
    assert decided is not None
    hasty = closed.trustee(1)
    hasty._clock = RealClock()
    intent = hasty.intent()
    for moment in (closed.clock.now(), decided + 2 * DAY - 1):
        closed.clock.move_to(moment)
        with pytest.raises(TooEarly, match="48 hours to complain"):
            log.append([intent])
    closed.clock.move_to(decided + 2 * DAY)
    closed.tally()
    report = verify(FolderPlace(closed.office.public), closed.office.referendum)
    assert (report.faults, report.exit_status) == ([], 0)


def test_a_complaint_in_time_can_end_in_a_cancellation(closed: Rehearsal) -> None:
    closed.office.log().append([closed.office.officers_sign(Cancel(text={"nl": "De stemlijst was fout."}))])
    report = verify(FolderPlace(closed.office.public), closed.office.referendum)
    assert (report.faults, report.exit_status) == ([], 6)


def test_the_trustees_have_their_two_weeks_after_the_time_for_complaints(closed: Rehearsal) -> None:
    from stembus.audit.formats.entry_bodies import Abandon

    log = closed.office.log()
    decided = log.time_at(log.decided)
    assert decided is not None
    ending = closed.office.officers_sign(Abandon(text={"nl": "De sleutels zijn verloren."}))
    closed.clock.move_to(decided + 16 * DAY - 1)
    with pytest.raises(TooEarly):
        log.append([ending])
    closed.clock.move_to(decided + 16 * DAY)
    log.append([ending])
    report = verify(FolderPlace(closed.office.public), closed.office.referendum)
    assert (report.faults, report.exit_status) == ([], 9)


@pytest.mark.parametrize(
    ("times", "announced", "early"),
    [
        ({10: 1000, 11: 1100}, 11, False),
        ({10: 1000, 11: 1099}, 11, True),
        ({10: 1000, 11: 1050, 13: 1100}, 13, False),
        ({10: 1000, 11: 1050, 13: 1099}, 13, True),
        ({10: 1000, 11: 1050}, None, False),
        # Without one of the two checkpoints the other rule fails: both are required.
        ({11: 1050}, 11, False),
        ({10: 1000}, 11, False),
    ],
)
def test_the_checkpoint_right_after_the_first_intent_tells_when_it_was_made(
    times: Mapping[int, int], announced: int | None, early: bool
) -> None:
    report = Report()
    manifest: Any = SimpleNamespace(
        complaint_seconds=100, log=SimpleNamespace(origin="", key=""), witnesses=SimpleNamespace(members=[])
    )
    place: Any = SimpleNamespace()
    CheckpointCheck(place, manifest, report, {}).check_complaints(times, 10, announced)  # type: ignore[arg-type]
    assert [(fault.check, fault.verdict.value) for fault in report.faults] == (
        [("V14", "result stands")] if early else []
    )


def test_a_trustee_announces_nothing_before_that_whoever_runs_the_log(closed: Rehearsal) -> None:
    log = closed.office.log()
    decided = log.time_at(log.decided)
    assert decided is not None
    closed.clock.move_to(decided + 2 * DAY - 1)
    trustee = closed.trustee(1)
    for step in (trustee.intent, trustee.decrypt):
        with pytest.raises(StepOutOfTurn, match="48 hours to complain"):
            step()
    closed.clock.move_to(decided + 2 * DAY)
    assert trustee.intent()


def test_the_first_intent_has_a_checkpoint_of_its_own(closed: Rehearsal) -> None:
    """Else a log could hide when it was made behind a later checkpoint."""
    log = closed.office.log()
    decided = log.time_at(log.decided)
    assert decided is not None
    closed.clock.move_to(decided + 2 * DAY)
    size = log.size
    intents = [closed.trustee(number).intent() for number in (1, 2)]
    with pytest.raises(EntryRefused, match="ends a step of its own"):
        log.append(intents)
    assert log.size == size
    closed.tally()
    place = closed.office.public / "checkpoints" / str(size + 1)
    assert place.exists()
    place.unlink()
    report = verify(FolderPlace(closed.office.public), closed.office.referendum)
    assert [(fault.check, fault.verdict.value) for fault in report.faults] == [("V6", "breach")]
