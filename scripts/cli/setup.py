"""Commands before the log begins: draft, keys, definition."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from stembus.audit.durable import write_durably
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import WitnessesMissing
from stembus.ballot.office.definition import DRAFT
from stembus.ballot.office.draft_doubts import draft_doubts
from stembus.ballot.office.office import NotReady, Office, check_draft, clock_of
from stembus.ballot.office.witness_addresses import witness_addresses
from stembus.scripts.cli.keys import fingerprint
from stembus.scripts.escape import shown
from stembus.scripts.question_text import allowed, decided, question_lines
from stembus.scripts.shell import DIRECTORY, ZONE, next_step, open_office, say


@click.command()
@DIRECTORY
@click.option("--rehearsal/--binding", default=True, help="A rehearsal may lower each safeguard.")
def new(directory: Path, rehearsal: bool) -> None:
    """Write a commented draft of a referendum into DIR.

    \b
    Example:  stembus new kortrijk
    """
    draft = directory / "referendum.toml"
    if draft.exists():
        say(f"already done: {draft} exists and was left as it is")
    else:
        start = (datetime.now(ZoneInfo(ZONE)) + timedelta(days=30)).replace(hour=9, minute=0, second=0, microsecond=0)
        write_durably(draft, new_draft(start, rehearsal).encode("utf-8"))
        say(f"wrote {draft}")
    next_step(
        f"edit it; then each party makes its key: stembus key make {directory} officer-1, and so on; a trustee: "
        f"stembus trustee identity {directory} --number 1"
    )


def new_draft(start: datetime, rehearsal: bool) -> str:
    return DRAFT.format(
        binding=str(not rehearsal).lower(),
        clock="real",
        opens=start.isoformat(),
        closes=(start + timedelta(days=6, hours=9)).isoformat(),
        reference_date=start.date().isoformat(),
        official_count=62000,
        sample_size=300,
        minimum_participants=2000,
        floor=30,
        batch_seconds=600,
        batch_tokens=50,
        quiet_seconds=3600,
        healing_seconds=900,
        memory_kib=19456,
        passes=2,
        threshold=2,
        quorum=2,
        origin="stembus.example.org/referendum",
    )


@click.command()
@DIRECTORY
def check(directory: Path) -> None:
    """Say whether the draft in DIR could be frozen, and what is wrong if not.

    \b
    Example:  stembus check kortrijk
    """
    office = open_office(directory)
    manifest = check_draft(office)
    say(f"the draft is sound: {len(manifest.questions)} questions, {manifest.opens} to {manifest.closes}")
    language = manifest.languages[0]
    for number, question in enumerate(manifest.questions, 1):
        text, *options = question_lines(question, language)
        say(f"question {number}: {text}")
        for option in options:
            say(option)
        say(f"  a voter chooses {allowed(question, language)}, or leaves it blank; {decided(question, language)}")
    trustees, witnesses = manifest.trustees, manifest.witnesses
    say(f"trustees: {len(trustees.members)}, of whom {trustees.threshold} decrypt; officers: {len(manifest.officers)}")
    say(f"registrars: {len(manifest.registrars)}; witnesses: {len(witnesses.members)}, quorum {witnesses.quorum}")
    if len(manifest.registrars) == 1:
        say("note: one registrar alone could vote for people who asked for a ballot paper and did not use it; a second")
        say("one, of another organisation, makes that impossible. The report of the verifier bounds how many these are")
    for name, public in _parties(manifest):
        say(shown(f"  {name}: {fingerprint(public)}"))
    say("let each of them read its fingerprint to you, and count them: are these all?")
    say(f"the log is {manifest.log.origin}, seen by {', '.join(member.name for member in witnesses.members)}")
    addresses = witness_addresses(office.witness_policy, manifest)
    for number, member in enumerate(witnesses.members, 1):
        if member.name not in addresses and not office.key_path(f"witness-{number}").exists():
            say(f"note: nobody here knows where witness {member.name} answers; run: stembus log witnesses DIR POLICY")
    _look_at_time(manifest)
    _say_doubts(office, manifest)
    if office.manifest_file.exists():
        say("note: this referendum is frozen; changes of the draft have no effect any more")
        return
    next_step(f"stembus define {directory}")


def _look_at_time(manifest: Manifest) -> None:
    """Raises NotReady when nobody could vote any more."""
    now = clock_of(manifest).now()
    if now >= manifest.closes_at:
        raise NotReady(
            f"the voting would be over: it closes at {manifest.closes}, by the draft; change opens and closes"
        )
    if now >= manifest.opens_at:
        say(f"note: the voting opens at {manifest.opens}, which is past: the roll and all letters must be ready before")


def _say_doubts(office: Office, manifest: Manifest) -> None:
    for doubt in draft_doubts(manifest, office, ZONE):
        say(shown(f"look again: {doubt}"))


def _parties(manifest: Manifest) -> list[tuple[str, str]]:
    """Name and key of those who are to read their fingerprint aloud."""
    named = [(party.name, party.key) for party in (*manifest.trustees.members, *manifest.officers)]
    return named + [(party.name, party.key) for party in manifest.registrars]


def _read_back(manifest: Manifest) -> None:
    """What is about to be frozen, as people would ask about it."""
    language = manifest.languages[0]
    say(shown(f"binding: {manifest.title[language]}, from {manifest.opens} to {manifest.closes}"))
    for number, question in enumerate(manifest.questions, 1):
        for line in (f"question {number}: {question.text[language]}", f"  {decided(question, language)}"):
            say(shown(line))
    who = manifest.eligibility
    say(f"{who.official_count} people may vote, in postcodes {', '.join(who.postcodes)}")
    trustees, witnesses = manifest.trustees, manifest.witnesses
    for name, public in _parties(manifest):
        say(shown(f"  {name}: {fingerprint(public)}"))
    say(f"{trustees.threshold} of {len(trustees.members)} trustees decrypt, {witnesses.quorum} witnesses must agree")


@click.command()
@DIRECTORY
@click.option("--yes", is_flag=True, help="Freeze a binding referendum without being asked.")
def define(directory: Path, yes: bool) -> None:
    """Freeze the draft: the manifest, its id, and the first entry of the log.

    \b
    Nothing of it can be changed afterwards. A binding one is read back, and you are asked.
    Example:  stembus define kortrijk
    """
    office = open_office(directory)
    done = office.manifest_file.exists()
    if not done:
        draft = check_draft(office)
        _look_at_time(draft)
        _say_doubts(office, draft)
        if draft.binding and not yes:
            _read_back(draft)
            click.confirm("Nothing of this can be changed afterwards. Freeze it?", abort=True, err=True)
    manifest, _ = office.define()
    log = office.start_log()
    click.echo(office.referendum.hex())
    say("already done: this referendum is frozen" if done else "frozen; this id goes on every letter")
    if not manifest.binding:
        say("this is a rehearsal; every report will say so")
    if not log.is_published():
        raise WitnessesMissing(
            "too few witnesses have seen the definition, so it is not published yet; when they are back, run this "
            f"command again{log.why()}"
        )
    next_step(f"stembus services create {directory}; then each trustee: stembus trustee commit {directory} --number 1")
