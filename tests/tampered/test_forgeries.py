"""Every forgery is caught by the check aimed at, and by no other than those it says."""

from __future__ import annotations

from typing import Any

import pytest

from stembus.audit.verify.report import CHECKS, Verdict
from stembus.scripts.report_text import print_report
from tests.tampered import all_forgeries
from tests.tampered.catalogue import BUDGET, FORGERIES, PROJECTS, YES_NO, Forgery
from tests.tampered.forge import judge, new_forge
from tests.tampered.second_verifier import SecondVerifier, assert_both_say_the_same
from tests.tampered.witnesses import cosign, judge_mldsa

assert all_forgeries


@pytest.mark.parametrize("base", [YES_NO, PROJECTS, BUDGET])
def test_the_workshop_itself_makes_a_referendum_that_holds(base: str, request: pytest.FixtureRequest) -> None:
    forge = new_forge(request.getfixturevalue(base))
    report = judge(forge, forge.build())
    assert report.faults == []
    assert report.exit_status == 0


def test_a_log_that_an_mldsa_witness_cosigned_is_sound(parts: dict[str, Any]) -> None:
    report = judge_mldsa(new_forge(parts), cosign)
    assert report.faults == []
    assert report.exit_status == 4


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_forgery_is_caught_by_the_check_aimed_at(
    forgery: Forgery, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], second: SecondVerifier
) -> None:
    """Its report can be read, and the second verifier says the same."""
    forge = new_forge(request.getfixturevalue(forgery.base))
    report, place = forgery.make(forge)
    found = {fault.check for fault in report.faults}
    said = [(fault.check, fault.verdict.value, fault.where, fault.message) for fault in report.faults]
    assert found == {forgery.expect, *forgery.also}, said
    verdicts = [fault.verdict for fault in report.faults if fault.check == forgery.expect]
    assert min(verdicts, key=list(Verdict).index) == forgery.verdict, said
    if forgery.where:
        assert any(fault.where == forgery.where for fault in report.faults if fault.check == forgery.expect), said
    assert report.exit_status == forgery.exit_status, said
    print_report(report, "")
    assert f"{report.outcome.word}: " in capsys.readouterr().out
    if place is not None:
        assert_both_say_the_same(second.judge(place, forge.referendum), report)


def test_there_are_at_least_450_forgeries_of_all_fifteen_classes() -> None:
    assert len(FORGERIES) >= 450
    assert {forgery.attack for forgery in FORGERIES} == set(range(1, 16))


def test_no_check_exists_that_no_forgery_triggers() -> None:
    assert {forgery.expect for forgery in FORGERIES} == set(CHECKS)
