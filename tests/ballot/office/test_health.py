"""Each check on both sides of its boundary, and what its sentence tells people to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.audit.log.note import Checkpoint
from stembus.audit.log.verifier_key import ED25519, VerifierKey
from stembus.audit.witness.followed_logs import FollowedLog
from stembus.ballot.issuance.record_comparison import Kind
from stembus.ballot.office import health
from stembus.ballot.office.health import MIB, Finding, Mode, Verdict, is_go, ok, skipped, warn

DAY = 86_400
ROOT = bytes(32)


def seen(size: int) -> FollowedLog:
    head = Checkpoint("log/1", size, ROOT, ()) if size else None
    return FollowedLog(VerifierKey("log/1", ED25519, bytes(32)), head)


@pytest.mark.parametrize(
    ("bits", "most", "right"),
    [
        (0o100600, 0o600, True),
        (0o100400, 0o600, True),
        (0o100640, 0o600, False),
        (0o100601, 0o600, False),
        (0o40700, 0o700, True),
        (0o40710, 0o700, False),
        (0o100640, 0o640, True),
        (0o100644, 0o640, False),
    ],
)
def test_what_others_may_use_is_named_with_its_remedy(bits: int, most: int, right: bool) -> None:
    found = health.permissions([Mode(Path("box/box.db"), bits, most)])
    assert [finding.verdict for finding in found] == [Verdict.OK if right else Verdict.FAIL]
    assert ("run: chmod" in found[0].text) is not right


def test_the_remedy_takes_rights_away_and_gives_none() -> None:
    assert "chmod 400 a" in health.permissions([Mode(Path("a"), 0o444, 0o600)])[0].text


def test_ten_wide_files_are_named_and_the_others_counted() -> None:
    found = health.permissions([Mode(Path(str(k)), 0o644, 0o600) for k in range(12)])
    assert len(found) == 11
    assert found[-1].text == "so have 2 more files and folders"
    assert len(health.permissions([Mode(Path(str(k)), 0o644, 0o600) for k in range(10)])) == 10


@pytest.mark.parametrize(
    ("free", "verdict"),
    [
        (200 * MIB - 1, Verdict.FAIL),
        (200 * MIB, Verdict.WARN),
        (2048 * MIB - 1, Verdict.WARN),
        (2048 * MIB, Verdict.OK),
    ],
)
def test_too_little_room_is_named(free: int, verdict: Verdict) -> None:
    assert health.room("disk", Path("/"), free).verdict is verdict


def test_a_clock_behind_the_witnesses_is_wrong_and_one_without_a_time_service_doubtful() -> None:
    assert health.clock(99, 100, True).verdict is Verdict.FAIL
    assert health.clock(100, 100, True).verdict is Verdict.OK
    assert health.clock(100, 100, None).verdict is Verdict.OK
    assert health.clock(100, 100, False).verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("ends", "needed", "verdict"),
    [
        (100 * DAY, 100 * DAY, Verdict.FAIL),
        (100 * DAY + 1, 100 * DAY, Verdict.OK),
        (50 * DAY, 10 * DAY, Verdict.FAIL),
        (50 * DAY + 1, 10 * DAY, Verdict.WARN),
        (64 * DAY - 1, 10 * DAY, Verdict.WARN),
        (64 * DAY, 10 * DAY, Verdict.OK),
    ],
)
def test_a_certificate_must_outlive_the_voting(ends: int, needed: int, verdict: Verdict) -> None:
    assert health.certificate("a:443", ends, needed, 50 * DAY).verdict is verdict


def test_a_step_that_waits_is_wrong_only_without_its_witnesses() -> None:
    assert health.published(9, True, 1, 2).verdict is Verdict.FAIL
    assert health.published(9, True, 2, 2).verdict is Verdict.WARN
    assert health.published(9, False, 2, 2).verdict is Verdict.OK
    assert health.published(9, False, 1, 2).verdict is Verdict.FAIL


def test_a_witness_that_saw_more_or_something_else_is_believed() -> None:
    assert health.witness("a", seen(10), 9, None).verdict is Verdict.FAIL
    assert health.witness("a", seen(9), 9, ROOT).verdict is Verdict.OK
    assert health.witness("a", seen(9), 9, bytes([1]) * 32).verdict is Verdict.FAIL
    assert health.witness("a", seen(0), 1, None).verdict is Verdict.OK
    assert health.witness("a", seen(0), 9, None).verdict is Verdict.FAIL, "it signs nothing"


@pytest.mark.parametrize(
    ("differing", "halted", "enrolled", "phase", "verdict"),
    [
        ({}, "", True, "open", Verdict.OK),
        ({}, "closed", True, "closed", Verdict.OK),
        ({}, "behind", True, "open", Verdict.FAIL),
        ({Kind.BEHIND: 1}, "", True, "open", Verdict.FAIL),
        ({Kind.AHEAD: 1}, "", True, "open", Verdict.FAIL),
        ({Kind.CONFLICT: 1}, "", True, "open", Verdict.FAIL),
        ({Kind.UNKNOWN: 1}, "", True, "open", Verdict.WARN),
        ({}, "", False, "open", Verdict.FAIL),
        ({}, "", False, "rolled", Verdict.WARN),
    ],
)
def test_letters_that_could_get_a_second_token_are_no_go(
    differing: dict[Kind, int], halted: str, enrolled: bool, phase: str, verdict: Verdict
) -> None:
    assert health.letters("registrar-1", differing, halted, enrolled, phase).verdict is verdict


def test_a_record_beside_its_database_is_no_go_for_a_binding_referendum() -> None:
    assert health.record_device("r", True, 1, 1).verdict is Verdict.FAIL
    assert health.record_device("r", False, 1, 1).verdict is Verdict.WARN
    assert health.record_device("r", True, 1, 2).verdict is Verdict.OK
    assert health.record_device("r", True, None, 2).verdict is Verdict.SKIPPED


def test_codes_that_are_still_here_when_voting_is_open_are_no_go_for_a_binding_referendum() -> None:
    assert health.codes([], "open", True).verdict is Verdict.OK
    assert health.codes(["codes.csv"], "rolled", True).verdict is Verdict.WARN
    assert health.codes(["spares.csv"], "open", True).verdict is Verdict.FAIL
    assert health.codes(["spares.csv"], None, True).verdict is Verdict.FAIL
    assert health.codes(["spares.csv"], "open", False).verdict is Verdict.WARN


def test_pages_that_the_log_does_not_name_are_no_go_for_a_binding_referendum() -> None:
    assert health.pages(True, True, "rolled").verdict is Verdict.OK
    assert health.pages(False, True, "rolled").verdict is Verdict.FAIL
    assert health.pages(False, True, "open").verdict is Verdict.FAIL
    assert health.pages(False, False, "open").verdict is Verdict.WARN
    assert health.pages(False, True, "keyed").verdict is Verdict.SKIPPED


def test_a_desk_without_accounts_and_services_in_one_folder_are_doubtful() -> None:
    assert health.accounts(0).verdict is Verdict.WARN
    assert health.accounts(1).verdict is Verdict.OK
    assert health.apart(True, True, True).verdict is Verdict.WARN
    assert health.apart(True, True, False).verdict is Verdict.OK
    assert health.apart(False, True, True).verdict is Verdict.OK


def test_one_failure_is_no_go_and_warnings_are_go() -> None:
    calm: list[Finding] = [ok("a", ""), warn("b", ""), skipped("c", "")]
    assert is_go(calm)
    assert not is_go([*calm, health.fail("d", "")])
