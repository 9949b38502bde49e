"""The command that says what a file of evidence proves, and what follows from it.

Decides exit status, and what is asked for. What a file proves is decided in `judging`, and what a whole log proves in
its verification.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from stembus.audit.errors import NoteInvalid
from stembus.audit.log.verifier_key import VerifierKey, parse_verifier_key
from stembus.audit.verify.outcome import EXIT_USAGE, Outcome
from stembus.audit.verify.report import Report, Verdict
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.scripts.escape import shown
from stembus.scripts.judging import UNREAD, Judgment, decryptions_in, judge_file, nothing
from stembus.scripts.published import referendum_id, verified
from stembus.scripts.shell import fail, say

_FALSE = "no result may rest on it. What is wrong stands above; anybody finds the same with: stembus verify"
_TRUE = "every ballot, every proof and every sum was checked: the count is the one that the ballots give"


@click.command()
@click.argument("files", metavar="FILE", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--key", metavar="VKEY", help="The log's verifier key, as the file log.vkey of the published log has it.")
@click.option("--log", "place", metavar="PLACE", help="The published log, which a FILE is held against.")
@click.option("--referendum", metavar="ID", help="The id on the letter; goes with --log, and with a whole log.")
def judge(files: tuple[Path, ...], key: str | None, place: str | None, referendum: str | None) -> None:
    """Say what each FILE proves, and what follows from it.

    \b
    FILE is a monitor's split log, a voter's promise, receipt or refused ballot, a trustee's decryption,
    a page or script that a site served, or a whole published log (folder or zip) whose count is doubted.
    A split log proves itself, but anybody can make a key of any name: compare it, with --key or --log.
    Exit status: 0 each was judged, 1 a log does not verify, 2 one proves nothing, 8 one could not be read.
    Example:  stembus judge watch/evidence/*.json --key $(cat log.vkey)
              stembus judge promise.json --log kortrijk.zip --referendum ID
    """
    try:
        expected = None if key is None else parse_verifier_key(key.strip())
    except NoteInvalid as error:
        fail(str(error), "it is one line, as in the file log.vkey of the published log", EXIT_USAGE)
    identity = None if referendum is None else referendum_id(referendum)
    if place is not None and identity is None:
        fail("--log goes with --referendum: the id on the letter", status=EXIT_USAGE)
    statuses = set()
    with _held_against(place, identity, expected) as (own, log):
        together = decryptions_in(path for path in files if not path.is_dir())
        for path in files:
            whole = path.is_dir() or path.suffix == ".zip"
            judgment = _of_whole_log(path, identity) if whole else judge_file(path, own, log, together)
            click.echo(shown(f"{path}: {judgment.finding}"))
            for line in judgment.follows:
                say(shown(line))
            statuses.add(judgment.status)
    sys.exit(next((status for status in (Outcome.BREACH.status, UNREAD, EXIT_USAGE) if status in statuses), 0))


@contextmanager
def _held_against(
    place: str | None, identity: bytes | None, expected: VerifierKey | None
) -> Iterator[tuple[VerifierKey | None, VerifiedLog | None]]:
    """The log's key, as far as it is known, and the log. Raises LogNotVerified or CannotRead."""
    if place is None:
        yield expected, None
        return
    with verified(place, identity) as report:
        log = report.demand_log()
        if expected is not None and expected != log.manifest.log.verifier_key:
            fail("--key is not the key of this log", status=EXIT_USAGE)
        yield log.manifest.log.verifier_key, log


def _of_whole_log(path: Path, identity: bytes | None) -> Judgment:
    """Whose count is doubted."""
    if identity is None:
        return Judgment("not judged: a whole log is judged with --referendum, the id on the letter", (), EXIT_USAGE)
    with verified(str(path), identity) as report:
        if any(fault.check == "V2" for fault in report.faults):
            return nothing("it is of another referendum than the id says; compare the id with one on a letter")
        if report.has(Verdict.BREACH):
            return Judgment(f"does not verify: {'; '.join(_told(report, Verdict.BREACH))}", (_FALSE,), 1)
        if report.has(Verdict.UNCHECKED):
            return Judgment(f"could not be read: {'; '.join(_told(report, Verdict.UNCHECKED))}", (), UNREAD)
        counted = report.outcome is Outcome.ESTABLISHED
        follows = (_TRUE,) if counted else (report.outcome.sentence,)
        return Judgment(f"verifies: {report.outcome.word}", follows)


def _told(report: Report, verdict: Verdict) -> list[str]:
    return [f"{fault.check} {fault.where}: {fault.message}" for fault in report.faults if fault.verdict is verdict]
