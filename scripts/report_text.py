"""A verification's report, in words for people and as data for programs.

Decides the lines; what they say is the verifier's. Whatever comes from outside is escaped before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click
import msgspec

from stembus.audit.formats.entry_bodies import QuestionResult
from stembus.audit.formats.manifest import Manifest, Option, Question
from stembus.audit.verify import Report, Verdict
from stembus.audit.verify.report import CHECKS
from stembus.scripts.escape import shown
from stembus.scripts.question_text import amount, order_of_payment

_WIDTH = 13


def version_here() -> str:
    try:
        return version("stembus")
    except PackageNotFoundError:  # a checkout that was not installed
        return "unknown"


def utc(seconds: int | None) -> str:
    return "unknown" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def at_home(seconds: int, manifest: Manifest) -> str:
    """In the referendum's own time, as the definition writes its closing."""
    zone = datetime.fromisoformat(manifest.closes).tzinfo
    return datetime.fromtimestamp(seconds, zone).isoformat(sep=" ")


def report_data(report: Report) -> dict[str, Any]:
    """The report as plain data, for --json and for comparing verifiers."""
    figures = {key: getattr(report.figures, key) for key in report.figures.__dataclass_fields__}
    figures["root"] = report.figures.root.hex()
    outcome = report.outcome
    return {
        "stembus": version_here(),
        "outcome": outcome.word,
        "meaning": outcome.sentence,
        "exit_status": outcome.status,
        "referendum": report.referendum.hex() if report.referendum else None,
        "anchored": report.anchored,
        "rehearsal": report.rehearsal,
        "simulated_clock": report.simulated_clock,
        "finished": report.finished,
        "cancelled": report.cancelled,
        "abandoned": report.abandoned,
        "established": report.established,
        "checks_done": sorted(report.done, key=lambda check: int(check[1:])),
        "faults": [
            {"check": f.check, "verdict": f.verdict.value, "where": f.where, "message": f.message}
            for f in report.faults
        ],
        "faults_of_each_kind": [
            {"check": check, "verdict": verdict.value, "number": number}
            for (check, verdict), number in report.kinds.items()
        ],
        "figures": figures,
        "manifest": msgspec.to_builtins(report.manifest) if report.manifest else None,
        "result": msgspec.to_builtins(report.result) if report.result else None,
    }


def print_result(report: Report) -> None:
    for label, text in _result(report):
        click.echo(f"{label:{_WIDTH}}{shown(text)}".rstrip())


def report_lines(report: Report) -> Iterator[tuple[str, str]]:
    """Label and text of each line; what comes from outside is not escaped yet."""
    yield from _subject(report)
    yield from _faults(report)
    yield from _log(report)
    yield from _result(report)


def print_report(report: Report, evidence: str) -> None:
    for label, text in report_lines(report):
        click.echo(f"{label:{_WIDTH}}{shown(text)}".rstrip())
    if evidence:
        click.echo(f"{'evidence':{_WIDTH}}{shown(evidence)}")
    click.echo(f"{report.outcome.word}: {report.outcome.sentence}")


def _subject(report: Report) -> Iterator[tuple[str, str]]:
    if report.referendum:
        yield "referendum", report.referendum.hex()
    manifest = report.manifest
    if manifest is None:
        return
    language = manifest.languages[0]
    yield "", manifest.title[language]
    if report.rehearsal:
        yield "", "a rehearsal" + (", on a simulated clock" if report.simulated_clock else "")
    yield "voting", f"{utc(manifest.opens_at)} to {utc(manifest.closes_at)}"
    for number, rule in enumerate(_rules(manifest)):
        yield "" if number else "rules", rule
    trustees, witnesses = manifest.trustees, manifest.witnesses
    yield "parties", f"{trustees.threshold} of {len(trustees.members)} trustees can decrypt: {_names(trustees.members)}"
    yield "", f"{witnesses.quorum} of {len(witnesses.members)} witnesses must cosign: {_names(witnesses.members)}"
    yield "", f"registrars: {_names(manifest.registrars)}; officers: {_names(manifest.officers)}"


def _names(members: Any) -> str:
    return ", ".join(member.name for member in members)


def _rules(manifest: Manifest) -> Iterator[str]:
    yield f"at least {manifest.rules.minimum_participants} participants"
    if manifest.margin_permille:
        yield f"a margin of at least {manifest.margin_permille / 10:g} % of yes and no"
    yield f"nothing is decrypted below {manifest.privacy_floor.online} ballots online"
    if manifest.complaint_seconds:
        yield f"people have {manifest.complaint_seconds / 3600:g} hours to complain before anything is decrypted"
    if manifest.sample_size:
        yield f"people drawn by dice, {manifest.sample_size} at most, are asked whether they voted"


def _faults(report: Report) -> Iterator[tuple[str, str]]:
    told: set[tuple[str, Verdict]] = set()
    for fault in report.faults:
        kind = (fault.check, fault.verdict)
        yield fault.check, f"{fault.verdict.value}: {fault.where}: {fault.message}"
        if kind not in told and fault.verdict is not Verdict.UNCHECKED:
            yield "", f"must hold: {CHECKS[fault.check]}"
        told.add(kind)
    for (check, verdict), number in report.kinds.items():
        more = number - sum((fault.check, fault.verdict) == (check, verdict) for fault in report.faults)
        if more:
            yield check, f"{verdict.value}: {more} more of this kind"


def _log(report: Report) -> Iterator[tuple[str, str]]:
    figures = report.figures
    if not figures.entries:
        return
    if any(fault.check == "V5" and fault.verdict is Verdict.BREACH for fault in report.faults):
        yield "log", f"{figures.entries} entries; these files have another root than the one that was signed:"
        yield "", f"{figures.root.hex()}; phase: {figures.phase}"
    else:
        yield "log", f"{figures.entries} entries, root {figures.root.hex()}"
        yield "", f"as a quorum of witnesses saw it at {utc(figures.time)}; phase: {figures.phase}"
    again = f"; trustees who drilled again before the opening: {figures.drilled_again}" if figures.drilled_again else ""
    yield "ceremony", f"attempts: {figures.attempts}{again}"
    yield "ballots", f"{figures.ballots} in {figures.batches} batches, {figures.excluded} excluded"
    if figures.issued:
        issued = " / ".join(str(number) for number in figures.issued)
        unused = " / ".join(str(max(0, number - figures.counted)) for number in figures.issued)
        yield "tokens", f"{issued} issued, {figures.counted} used, {unused} unused"
        yield from zip(("", ""), _bound(report), strict=False)
    if figures.struck:
        yield "paper", f"{figures.struck} struck for paper before the close{_paper_told(report)}"
    if figures.struck_with_part:
        yield "", f"{figures.struck_with_part} of them had a part of a token: that it was no more is registrar 1's word"
    if figures.dice:
        yield "sample", f"drawn with the dice {figures.dice}: stembus drawn says who is asked whether they voted"
    elif report.manifest is not None and report.manifest.sample_size and figures.phase in ("closed", "tallied"):
        yield "sample", "not drawn: nobody can say yet who is asked whether they voted"


def _bound(report: Report) -> Iterator[str]:
    figures = report.figures
    if figures.acknowledged > figures.counted:
        lacking = figures.acknowledged - figures.counted
        yield f"{figures.acknowledged} devices say that they used theirs: {lacking} more than the log holds, so so many"
        yield "promised ballots are not in the log, or as many devices said what is not so"
        return
    alone = len(figures.issued) == 1
    whose = "the registrar's, without others' help" if alone else "those of all registrars, without others' help"
    yield f"{figures.acknowledged} devices acknowledged theirs: at most {figures.unacknowledged} votes can be {whose},"
    yield "and one more for each ballot that was promised to a voter and is not in the log"


def _paper_told(report: Report) -> str:
    if report.result is not None:
        return f", {report.result.paper_ballots} ballots"
    return "" if report.finished else "; how they voted is said before the count"


def _price(asked: Question, option: Option, place: int, counted: QuestionResult, language: str) -> str:
    """Of a project, and whether it is paid for."""
    if option.cost is None:
        return ""
    fate = ""
    if counted.outcome == "funded" and place in (counted.funded or ()):
        fate = ": funded"
    elif counted.outcome == "funded":
        fate = ": does not fit in what was left" if counted.total[place] else ": no vote"
    return f", {amount(asked, option.cost, language)}{fate}"


def _result(report: Report) -> Iterator[tuple[str, str]]:
    result, manifest = report.result, report.manifest
    if result is None or manifest is None:
        return
    if not report.established:
        yield "stated", "what follows is what the log says, and is not established"
    official = report.figures.official_count
    share = 100 * result.participants / max(1, official)
    yield "turnout", f"{result.participants} of {official} ({share:.1f} %), {result.paper_ballots} of them on paper"
    if any(question.paper is None for question in result.questions):
        yield "", "the paper votes are too few to be shown apart: only totals were decrypted"
    if result.status != "counted":
        yield "result", f"{result.status}: nothing was decrypted"
    language = manifest.languages[0]
    for number, (counted, asked) in enumerate(zip(result.questions, manifest.questions, strict=False), 1):
        yield f"question {number}", asked.text[language]
        for place, (option, total) in enumerate(zip(asked.options, counted.total, strict=False)):
            yield "", f"{total:>9}  {option.text[language]}{_price(asked, option, place, counted, language)}"
        if asked.budget is not None and counted.funded:
            spent = sum(option.cost or 0 for place, option in enumerate(asked.options) if place in counted.funded)
            yield "", f"funded: {len(counted.funded)} projects, for {amount(asked, spent, language)}"
            yield "", f"        of {amount(asked, asked.budget, language)}; {order_of_payment(asked)}"
        if asked.max_choices == 1:
            yield "", f"{result.participants - sum(counted.total):>9}  blank"
        else:
            yield "", "blank votes are among the participants, and are not counted apart"
        doubt = "" if report.established else " (stated by the log, and not established)"
        yield "", f"outcome: {counted.outcome}{doubt}"
