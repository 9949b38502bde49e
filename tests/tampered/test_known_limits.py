"""What parties can do together and no verifier sees, with the bound that holds: the rows of docs/threat-model.md.

Each attack here leaves no fault, and one step more is caught. They are limits, not faults of the verifier: if one is
closed some day, its test changes and the threat model with it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.verify import Report
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.ballot.issuance.token import new_pass, take_answer
from stembus.scripts.report_text import print_report, report_data
from tests.tampered.forge import Forge, Voter, judge, make_voter, new_forge
from tests.tampered.roll import forged_line

YES = 1


def own_ballot(forge: Forge) -> bytes:
    """A ballot with a token that the only registrar signed for itself: no letter, no line of the list."""
    fresh = new_pass(forge.context)
    signed = take_answer(forge.context, fresh, 1, forge.keys.signer.sign(fresh.blindings[0].blinded_message))
    forge.voters.append(Voter(signed, forge.issued[0]))
    return forge.ballot(len(forge.voters) - 1, YES)


def promise_of(forge: Forge, raw: bytes) -> bytes:
    arguments = (forge.referendum, hashlib.sha256(raw).digest(), forge.body_id(raw), 1)
    return encode_promise(make_promise(*arguments, forge.keys.parties["box"]))


def nothing_found(report: Report) -> bool:
    return report.faults == [] and report.exit_status == 0


def found(report: Report) -> set[str]:
    return {fault.check for fault in report.faults}


def with_promise(report: Report, promise: bytes) -> set[str]:
    check_voter_evidence(report, promise, None)
    return found(report)


def with_own_votes(parts: dict[str, Any], number: int, acknowledged: int = 11) -> Report:
    """14 people asked for a token and 9 of them voted, 6 no and 3 yes; the registrar votes yes `number` times. It
    publishes what the first `acknowledged` devices said."""
    forge = new_forge(parts)
    forge.issued = [*forge.issued[:acknowledged], *(voter.issued for voter in forge.voters[acknowledged:])]
    honest = [forge.ballot(k, int(k < 3)) for k in range(9)]
    forge.batches = [honest[:6], honest[6:] + [own_ballot(forge) for _ in range(number)]]
    return judge(forge, forge.build())


def test_a_lone_registrar_votes_for_those_who_asked_and_did_not_vote_and_for_no_more(parts: dict[str, Any]) -> None:
    turned = with_own_votes(parts, 5)
    assert nothing_found(turned)
    assert turned.result is not None
    assert turned.result.questions[0].outcome == "accepted"
    assert found(with_own_votes(parts, 6)) == {"V22"}


@pytest.mark.parametrize("own", [0, 1, 5])
def test_the_report_bounds_a_lone_registrars_votes_by_what_devices_acknowledged(
    parts: dict[str, Any], own: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """9 voted, 8 of their devices said so. However many votes the registrar adds, the bound is never below them."""
    report = with_own_votes(parts, own, 8)
    assert report.figures.acknowledged == 8
    assert report.figures.unacknowledged == 1 + own
    print_report(report, "")
    told = f"8 devices acknowledged theirs: at most {1 + own} votes can be the registrar's"
    assert told in capsys.readouterr().out
    assert not [key for key in report_data(report)["figures"] if "slack" in key or "survives" in key]


def test_the_report_states_issued_and_used_tokens_and_draws_no_conclusion(
    parts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    report = with_own_votes(parts, 5)
    print_report(report, "")
    lines = [line for line in capsys.readouterr().out.splitlines() if "unused" in line]
    assert lines == ["tokens       14 issued, 14 used, 0 unused"]
    assert {"issued", "counted", "acknowledged"} <= set(report_data(report)["figures"])


def test_a_request_that_was_only_checked_is_a_line_like_any_other(parts: dict[str, Any]) -> None:
    """The registrar holds it, signed, as soon as code and second factor were typed."""
    forge = new_forge(parts)
    forge.issued.append(forged_line(forge, forge.keys.credentials[30]))
    forge.batches[1] += [own_ballot(forge) for _ in range(3)]
    assert nothing_found(judge(forge, forge.build()))
    stranger = forged_line(forge, forge.keys.credentials[31], forge.keys.credentials[30])
    forge.issued.append(stranger)
    assert found(judge(forge, forge.build())) == {"V21"}


@pytest.mark.parametrize(("first", "checks"), [(14, set()), (13, {"V23"})])
def test_two_officers_with_the_registrar_state_paper_votes_for_whoever_is_not_on_the_issuance_list(
    parts: dict[str, Any], first: int, checks: set[str]
) -> None:
    """26 of the 40 people did not ask for a token, and came to no desk. The registrar has to state before the count
    that it struck them."""
    forge = new_forge(parts)
    forge.struck = [key.public for key in forge.keys.credentials[first:40]]
    forge.paper = {"ballots": 26, "counts": [[0, 26]]}
    report = judge(forge, forge.build())
    assert found(report) == checks
    assert report.result is not None
    assert report.result.questions[0].outcome == "accepted"


@pytest.mark.parametrize(("victims", "checks"), [(2, set()), (3, {"V22"})])
def test_two_officers_with_the_registrar_count_on_paper_who_voted_online(
    parts: dict[str, Any], victims: int, checks: set[str]
) -> None:
    """The registrar leaves out as many lines as tokens were not used: 14 issued, 12 used."""
    forge = new_forge(parts)
    twice = forge.voters[:victims]
    forge.issued = [voter.issued for voter in forge.voters if voter not in twice]
    forge.struck = [voter.issued.credential for voter in twice]
    forge.few = {"ballots": victims, "counts": [[0, victims]]}
    assert found(judge(forge, forge.build())) == checks


def test_two_officers_alone_state_no_paper_votes_for_people_whom_no_registrar_struck(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    forge.after_close.append(forge.entry("paper-result", {"ballots": 26, "counts": [[0, 26]]}))
    forge.with_tally = False
    assert found(judge(forge, forge.build())) == {"V9"}


def test_a_box_drops_a_ballot_unseen_and_its_promise_shows_it(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    dropped = forge.batches[0].pop()
    place = forge.build()
    report = judge(forge, place)
    assert nothing_found(report)
    assert with_promise(report, promise_of(forge, dropped)) == {"V30"}


def test_a_box_keeps_a_replaced_vote_unseen_and_the_later_promise_shows_it(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    later = forge.ballot(0, YES, seq=1)
    place = forge.build()
    report = judge(forge, place)
    assert nothing_found(report)
    assert with_promise(report, promise_of(forge, later)) == {"V30"}


def test_box_and_registrar_swap_ballots_and_no_figure_shows_it(parts: dict[str, Any]) -> None:
    """The devices of those whose ballots are gone acknowledged them: the bound holds for a lone registrar only."""
    forge = new_forge(parts)
    honest = judge(forge, forge.build())
    dropped = list(forge.batches[0][:5])
    forge.batches[0][:5] = [own_ballot(forge) for _ in dropped]
    place = forge.build()
    report = judge(forge, place)
    assert nothing_found(report)
    assert (report.figures.issued, report.figures.counted) == (honest.figures.issued, honest.figures.counted)
    assert report.figures.unacknowledged == honest.figures.unacknowledged == 1 < len(dropped)
    assert with_promise(report, promise_of(forge, dropped[0])) == {"V30"}


def test_codes_and_the_registrar_vote_for_the_whole_roll_and_for_nobody_else(parts: dict[str, Any]) -> None:
    forge = new_forge(parts)
    credentials = forge.keys.credentials
    forge.voters += [make_voter(forge.context, forge.keys, credential) for credential in credentials[14:40]]
    forge.issued = [voter.issued for voter in forge.voters]
    forge.batches.append([forge.ballot(k, YES) for k in range(12, 40)])
    report = judge(forge, forge.build())
    assert nothing_found(report)
    assert report.figures.counted == report.figures.official_count == 40
    forge.issued.append(forged_line(forge, forge.keys.spares[0]))
    assert found(judge(forge, forge.build())) == {"V21", "V22"}
