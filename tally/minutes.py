"""The minutes of a count: what a verification found, on paper and on a page, with room for what no log knows.

Decides which figures stand in them, all of them the verifier's own, and that there are none of a log whose result is
not established. Leaves words and form to who writes them down (`scripts/minutes_document`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stembus.audit.formats.entry_bodies import Incident, QuestionResult, Roll
from stembus.audit.formats.manifest import Question
from stembus.audit.verify.report import Report, Verdict
from stembus.audit.verify.sample import Drawn, most_who_did_not_vote
from stembus.tally.errors import TallyError

LANGUAGES = ("nl", "fr", "en")


class NoMinutes(TallyError):
    """There is nothing yet that minutes could rest on, or not in this language."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What those of the sample said who were asked: how many deny that they voted, and how many said nothing."""

    denied: int
    silent: int


def minutes_values(
    report: Report,
    language: str,
    version: str,
    moment: str,
    times: tuple[str, str],
    drawn: Drawn | None,
    answers: Answers | None,
) -> dict[str, Any]:
    """For the template. `moment` is when the log was seen, `times` when voting opened and closed, as people read them.
    Raises NoMinutes."""
    log, result, manifest = report.log, report.result, report.manifest
    if log is None or result is None or manifest is None or not report.established:
        raise NoMinutes("minutes rest on a result that a verification establishes, and this log has none")
    if language not in LANGUAGES or language not in manifest.languages:
        raise NoMinutes(f"minutes can be written in {', '.join(one for one in manifest.languages if one in LANGUAGES)}")
    roll = next(entry.body for _, _, entry in log.entries() if isinstance(entry.body, Roll))
    incidents = [entry.body.text[language] for _, _, entry in log.entries() if isinstance(entry.body, Incident)]
    figures = report.figures
    assert report.referendum is not None  # of a log that was verified
    return {
        "language": language,
        "title": manifest.title[language],
        "rehearsal": report.rehearsal,
        "version": version,
        "referendum": report.referendum.hex(),
        "entries": figures.entries,
        "root": figures.root.hex(),
        "time": moment,
        "remarks": _remarks(report),
        "opens": times[0],
        "closes": times[1],
        "official": figures.official_count,
        "letters": roll.count,
        "spares": roll.spares,
        "replaced": sum(entry.type == "replace" for _, _, entry in log.entries()),
        "officers": _names(manifest.officers),
        "parties": {
            "officers": _names(manifest.officers),
            "trustees": _names(manifest.trustees.members),
            "registrars": _names(manifest.registrars),
            "witnesses": _names(manifest.witnesses.members),
        },
        "needed": {"trustees": manifest.trustees.threshold, "witnesses": manifest.witnesses.quorum},
        "decrypted": [manifest.trustees.members[number - 1].name for number in result.trustees],
        "participants": result.participants,
        "share": _decimal(100 * result.participants / max(1, figures.official_count), language),
        "paper": result.paper_ballots,
        "issued": " / ".join(map(str, figures.issued)),
        "used": figures.counted,
        "excluded": figures.excluded,
        "acknowledged": figures.acknowledged,
        "unacknowledged": figures.unacknowledged,
        "sample": None if drawn is None else _sample(drawn, answers),
        "status": result.status,
        "questions": [
            _question(asked, counted, result.participants, language)
            for asked, counted in zip(manifest.questions, result.questions, strict=False)
        ],
        "incidents": incidents,
        "signers": [*_names(manifest.officers), *_names(manifest.trustees.members)],
    }


def _decimal(value: float, language: str) -> str:
    return f"{value:.1f}" if language == "en" else f"{value:.1f}".replace(".", ",")


def _names(members: Sequence[Any]) -> list[str]:
    return [member.name for member in members]


def _remarks(report: Report) -> list[str]:
    """Faults on which no result depends."""
    return [
        f"{fault.check} {fault.where}: {fault.message}" for fault in report.faults if fault.verdict is Verdict.STANDS
    ]


def _sample(drawn: Drawn, answers: Answers | None) -> dict[str, Any]:
    """Raises NoMinutes for more answers than people were asked."""
    asked = len(drawn.credentials)
    values: dict[str, Any] = {"dice": drawn.dice, "drawn": asked, "people": drawn.people, "most": None}
    if answers is not None:
        if answers.denied + answers.silent > asked:
            raise NoMinutes(
                f"{asked} people were drawn; {answers.denied} who deny and {answers.silent} silent are more"
            )
        most = most_who_did_not_vote(drawn.people, asked, answers.denied + answers.silent)
        values |= {"denied": answers.denied, "silent": answers.silent, "most": most}
    return values


def _question(asked: Question, counted: QuestionResult, participants: int, language: str) -> dict[str, Any]:
    rows = [
        {
            "text": option.text[language],
            "online": None if counted.online is None else counted.online[place],
            "paper": None if counted.paper is None else counted.paper[place],
            "total": counted.total[place],
            "funded": counted.funded is not None and place in counted.funded,
        }
        for place, option in enumerate(asked.options)
    ]
    blank = participants - sum(counted.total) if asked.max_choices == 1 else None
    return {"text": asked.text[language], "rows": rows, "blank": blank, "outcome": counted.outcome}
