"""The totals of a budget in the format of Pabulib, the library of participatory budgets, for whoever studies them.

Decides how totals are written down there. Single votes are not known and none is invented: the part VOTES is empty.
Format: Pabulib's `.pb` (Faliszewski and others, Participatory Budgeting: Data, Tools, and Analysis, IJCAI 2023).
"""

from __future__ import annotations

import csv
import io
import os

import click

from stembus.audit.formats.entry_bodies import QuestionResult, Result
from stembus.audit.formats.manifest import Manifest, Question
from stembus.scripts.published import referendum_id, verified
from stembus.scripts.shell import fail


@click.command()
@click.argument("place")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--question", type=click.IntRange(1), default=1, show_default=True, help="Which question is the budget.")
def pabulib(place: str, referendum: str, question: int) -> None:
    """Print the totals of a budget, once the log verifies, as a .pb file.

    \b
    Example:  stembus pabulib public --referendum ID > budget.pb
    """
    with verified(place, referendum_id(referendum), os.cpu_count() or 1, None) as report:
        manifest, result = report.manifest, report.result
        if not report.established or manifest is None or result is None:
            fail("there is no verified result; run stembus verify, which says why")
        if question > len(result.questions):
            fail(f"the result has no question {question}")
        asked, counted = manifest.questions[question - 1], result.questions[question - 1]
        if asked.budget is None:
            fail(f"question {question} is no budget")
        click.echo(as_pb(manifest, result, asked, counted), nl=False)


def as_pb(manifest: Manifest, result: Result, asked: Question, counted: QuestionResult) -> str:
    """The text of the file. `asked` is a budget."""
    language, out = manifest.languages[0], io.StringIO()
    write = csv.writer(out, delimiter=";", lineterminator="\n").writerow
    meta = {
        "description": f"{manifest.title[language]}: {asked.text[language]}",
        "num_projects": len(asked.options),
        "num_votes": result.participants,
        "budget": asked.budget,
        "vote_type": "approval",
        "rule": "greedy",
        "date_begin": manifest.opens[:10],
        "date_end": manifest.closes[:10],
        "language": language,
        "max_length": asked.max_choices,
        "max_sum_cost": asked.budget,
        "comment": f"totals of a secret ballot, without single votes, {asked.funding}",
    }
    write(["META"])
    write(["key", "value"])
    for row in meta.items():
        write(row)
    write(["PROJECTS"])
    write(["project_id", "cost", "votes", "name", "selected"])
    for number, (option, votes) in enumerate(zip(asked.options, counted.total, strict=True)):
        write([number + 1, option.cost, votes, option.text[language], int(number in (counted.funded or ()))])
    write(["VOTES"])
    write(["voter_id", "vote"])
    return out.getvalue()
