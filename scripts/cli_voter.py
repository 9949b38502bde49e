"""The Python voter: also the way round a browser that one does not trust."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import click

from audit.place import FolderPlace
from audit.receipt import encode_promise
from audit.verify.setup import Setup, load_setup
from ballot.codes import credential_key, parse_code
from ballot.errors import RequestInvalid
from ballot.log import write_durably
from ballot.token import VotingPass, make_request, new_pass, take_answer
from ballot.voter import Choice, ChoiceInvalid, check_choice, prepare, rebuild_id, sign_ballot
from scripts.shell import DIRECTORY, next_step, say, serve_office


@click.command()
@DIRECTORY
@click.option("--code", prompt="Code on the letter", help="Forgives O for 0, I and L for 1.")
@click.option("--factor", prompt="Birth date or national number", hide_input=True, help="The second factor.")
@click.option("--choice", multiple=True, metavar="N[,N]", help="Options of each question, from 1; 'blank' for none.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Where pass and promise are kept.")
@click.option("--test", "testing", is_flag=True, help="Make a ballot, rebuild it, show its id; cast nothing.")
@click.option("--language", help="Language of the questions; the first of the referendum is the one that counts.")
def vote(
    directory: Path,
    code: str,
    factor: str,
    choice: tuple[str, ...],
    keep: Path | None,
    testing: bool,
    language: str | None,
) -> None:
    """Vote, or replace your vote, in the referendum at DIR.

    \b
    Example:  stembus vote kortrijk --code 7K3M-... --factor 31/12/1980 --choice 1
    """
    symbols = parse_code(code)
    office = serve_office(directory)
    setup = load_setup(FolderPlace(office.public), office.referendum)
    chosen = _choice(setup, choice, language)
    check_choice(setup.context, chosen)
    credential = credential_key(symbols, office.referendum)
    keep = keep or directory / "voters" / credential.public.hex()[:16]
    voting_pass = _read_pass(keep, setup)
    if testing:
        _test(setup, voting_pass, chosen)
        return
    from ballot.factor import normalise_factor

    normal = normalise_factor(setup.manifest.second_factor.kind, factor)
    for number, signature in enumerate(voting_pass.signatures, 1):
        if signature is None:
            answer = office.registrar(number).issue(make_request(voting_pass, number, credential, normal))
            voting_pass = take_answer(setup.context, voting_pass, number, answer)
            _keep(keep, voting_pass)
    waiting = keep / "ballot"
    if waiting.exists():
        # A ballot that was signed and never answered goes first, as it is: two for one turn must not exist.
        office.box.cast(waiting.read_bytes())
        waiting.unlink()
        voting_pass = replace(voting_pass, casts=voting_pass.casts + 1)
        _keep(keep, voting_pass)
        say("an earlier ballot that had not been answered is cast now")
    raw = sign_ballot(setup.context, voting_pass, prepare(setup.context, voting_pass, chosen), voting_pass.casts)
    write_durably(waiting, raw)
    promise = office.box.cast(raw)
    write_durably(keep / "promise.json", encode_promise(promise))
    _keep(keep, replace(voting_pass, casts=voting_pass.casts + 1))
    waiting.unlink()
    click.echo(f"cast: ballot {promise.ballot_id}, promised for batch {promise.batch}")
    kept = keep / "promise.json"
    next_step(f"stembus verify {office.public} --referendum {office.referendum.hex()} --promise {kept}")


def _read_pass(keep: Path, setup: Setup) -> VotingPass:
    """The pass of an earlier run, or a new one, which is on disk before anything is asked."""
    path = keep / "voting-pass.json"
    if path.exists():
        voting_pass = VotingPass.from_json(path.read_text(encoding="ascii"))
        if voting_pass.referendum != setup.referendum:
            raise RequestInvalid(f"{path} is the voting pass of another referendum")
        return voting_pass
    voting_pass = new_pass(setup.context)
    _keep(keep, voting_pass)
    return voting_pass


def _keep(keep: Path, voting_pass: VotingPass) -> None:
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = os.umask(0o077)
    try:
        write_durably(keep / "voting-pass.json", voting_pass.to_json().encode("ascii"))
    finally:
        os.umask(before)


def _choice(setup: Setup, given: tuple[str, ...], language: str | None) -> Choice:
    manifest = setup.manifest
    counts = manifest.languages[0]
    language = language or counts
    if language not in manifest.languages:
        raise ChoiceInvalid(f"this referendum is asked in {', '.join(manifest.languages)}")
    answers = list(given)
    if language != counts:
        say(f"translation: only the text in {counts} is valid")
    for question in manifest.questions[len(answers) :]:
        say(question.text[language])
        for number, option in enumerate(question.options, 1):
            say(f"  {number}  {option.text[language]}")
        answers.append(click.prompt(f"Up to {question.max_choices}, with commas, or blank", err=True))
    try:
        return [[int(part) - 1 for part in _parts(answer)] for answer in answers]
    except ValueError:
        raise ChoiceInvalid("write numbers with commas, like 1 or 2,5; or blank") from None


def _parts(answer: str) -> list[str]:
    text = answer.strip().lower()
    return [] if text in ("", "blank") else text.split(",")


def _test(setup: Setup, voting_pass: VotingPass, chosen: Choice) -> None:
    prepared = prepare(setup.context, voting_pass, chosen)
    rebuilt = rebuild_id(setup.context, prepared.token_commitment, chosen, prepared.seed)
    click.echo(f"ballot     {prepared.ballot_id.hex()}")
    click.echo(f"seed       {prepared.seed.hex()}")
    click.echo(f"commitment {prepared.token_commitment.hex()}")
    same = "the same" if rebuilt == prepared.ballot_id else "ANOTHER BALLOT: do not trust this machine"
    click.echo(f"rebuilt    {rebuilt.hex()}: {same}")
    say("this was a test: the ballot was not cast and never will be; vote without --test")
