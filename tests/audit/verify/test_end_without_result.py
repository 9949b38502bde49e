"""A referendum that ends without a result: what the log must show, and what decryptions from elsewhere prove."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stembus.audit.verify import Report, Verdict
from stembus.audit.verify.handed_decryptions import check_decryptions
from stembus.audit.verify.outcome import Outcome
from stembus.tally.combine import demand_uncountable
from stembus.tally.errors import StepOutOfTurn
from tests.tampered.end import end
from tests.tampered.forge import DAY, Forge, judge


def handed(forge: Forge, trustee: int, **changes: Any) -> bytes:
    """The decryption of a trustee, as it would stand in the log."""
    made = forge.tally(forge.closed)
    root, sums = bytes.fromhex(made[0][1]["root"]), forge.sum_of([raw for batch in forge.batches for raw in batch])[0]
    return forge.entry("partial-decryption", {**forge.partial(trustee, root, sums), **changes})


@pytest.fixture
def ended(forge: Forge) -> Report:
    """One of the two trustees who are needed has decrypted; nobody decrypted for fourteen days."""
    end(forge)
    return judge(forge, forge.build())


def test_a_referendum_ends_without_a_result_after_fourteen_days(ended: Report) -> None:
    assert (ended.exit_status, ended.outcome, ended.finished) == (9, Outcome.ABANDONED, True)
    assert ended.established
    assert ended.result is None


@pytest.mark.parametrize(("days", "status"), [(13, 1), (14, 9), (200, 9)])
def test_the_time_counts_from_the_tree_that_is_counted(forge: Forge, days: int, status: int) -> None:
    end(forge, 0)
    forge.patience = days * DAY
    assert judge(forge, forge.build()).exit_status == status


@pytest.mark.parametrize(("trustees", "status"), [((), 9), ((1,), 9), ((2,), 1), ((3,), 1), ((1, 1), 9), ((3, 2), 1)])
def test_enough_decryptions_prove_the_end_false_wherever_they_turn_up(
    forge: Forge, ended: Report, trustees: tuple[int, ...], status: int
) -> None:
    """Trustee 1's stands in the log."""
    told = check_decryptions(ended, [handed(forge, trustee) for trustee in trustees])
    assert ended.exit_status == status
    assert told.startswith(f"{len({1, *trustees})} trustees have decrypted")
    assert told.endswith("where 2 are needed")


def test_what_is_no_decryption_of_this_tree_by_its_trustee_proves_nothing(forge: Forge, ended: Report) -> None:
    good = handed(forge, 2)
    body = json.loads(good)["body"]
    point = body["decryptions"][0][0] | {"point": body["decryptions"][0][0]["point"][:-2] + "00"}
    for number, wrong in enumerate(
        (
            b"",
            b"{}",
            good[:-1],
            forge.entry("incident", {"number": 1, "text": {"nl": "x"}}),
            forge.entry("partial-decryption", body, keys=["trustee-1"]),
            forge.entry("partial-decryption", body | {"root": "00" * 32}),
            forge.entry("partial-decryption", body | {"trustee": 3}),
            forge.entry("partial-decryption", body | {"trustee": 4}, by=["trustee/4"]),
            forge.entry("partial-decryption", body | {"decryptions": [[point]]}),
            forge.entry("partial-decryption", body | {"decryptions": []}),
        ),
        1,
    ):
        assert check_decryptions(ended, [wrong]).startswith("1 trustees")
        assert ended.kinds["V30", Verdict.NO_EVIDENCE] == number, wrong
    assert not ended.has(Verdict.BREACH)
    assert ended.exit_status == 2


def test_before_the_end_decryptions_are_only_counted(forge: Forge) -> None:
    forge.tally_hook = lambda made: made.__delitem__(slice(2, None))
    report = judge(forge, forge.build())
    assert check_decryptions(report, [handed(forge, k) for k in (1, 2, 3)]).startswith("3 trustees")
    assert report.exit_status == 4


def test_of_a_log_that_does_not_verify_nothing_is_said(forge: Forge) -> None:
    end(forge, 2)
    report = judge(forge, forge.build())
    assert "did not verify" in check_decryptions(report, [])


@pytest.mark.parametrize(("shares", "words"), [(0, None), (1, None), (2, "enough trustees have decrypted")])
def test_officers_end_only_what_cannot_be_counted(forge: Forge, shares: int, words: str | None) -> None:
    forge.tally_hook = lambda made: made.__delitem__(slice(2 + shares, None))
    log = judge(forge, forge.build()).demand_log()
    if words is None:
        demand_uncountable(log)
    else:
        with pytest.raises(StepOutOfTurn, match=words):
            demand_uncountable(log)
