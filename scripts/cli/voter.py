"""The Python voter: also the way round a browser that one does not trust.

Votes on the folder of one organisation, or over the network. Decides nothing that the browser's client does
not decide in the same way.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.verify.setup import Setup, load_setup
from stembus.ballot.eligibility.letter_code import credential_key, parse_code, record_name
from stembus.ballot.eligibility.second_factor_form import normalise_factor
from stembus.ballot.voter.encrypt import Choice, ChoiceInvalid, PreparedBallot, check_choice, choice_problem, rebuild_id
from stembus.ballot.voter.session import VotingSession
from stembus.scripts.cli.reach import reach
from stembus.scripts.cli.track import grouped
from stembus.scripts.published import opened
from stembus.scripts.question_text import allowed, question_lines
from stembus.scripts.shell import next_step, say
from stembus.scripts.typed_choice import typed_answer


@click.command()
@click.argument("place", metavar="DIR|URL")
@click.option("--referendum", metavar="ID", help="The id on the letter; needed to vote at an address.")
@click.option("--code", prompt="Code on the letter", help="Forgives O for 0, I and L for 1.")
@click.option("--factor", prompt="Birth date or national number", hide_input=True, help="The second factor.")
@click.option("--choice", multiple=True, metavar="N[,N]", help="Options of each question, from 1; 'blank' for none.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Where pass and promise are kept.")
@click.option("--language", help="Language of the questions; the first of the referendum is the one that counts.")
def vote(
    place: str,
    referendum: str | None,
    code: str,
    factor: str,
    choice: tuple[str, ...],
    keep: Path | None,
    language: str | None,
) -> None:
    """Vote, or replace your vote, in the referendum of a folder or at an address.

    The ballot gets a number, and only then you say whether to cast it or to test it: so nothing that runs here knows
    beforehand who tests. Note the number: it is your tracking code too. A script answers "cast" on standard input.

    \b
    Example:  stembus vote https://vote.example.org --referendum ID --code 7K3M-... --choice 1
    """
    symbols = parse_code(code)
    where = reach(place, referendum)
    setup = where.setup
    chosen = _choice(setup, choice, language)
    check_choice(setup.context, chosen)
    credential = credential_key(symbols, setup.referendum)
    normal = normalise_factor(setup.manifest.second_factor.kind, factor)
    # A folder for each letter: two people who vote on one device do not replace each other's vote.
    folder = (keep or where.keep) / record_name(symbols, setup.referendum)[:16]
    waiting = partial(say, f"another vote is being made with the pass in {folder}; waiting until it is done ...")
    with VotingSession(setup, where.registrars, where.box, folder, waiting) as session:
        if session.casts:
            say(f"this replaces your earlier vote, with the voting pass in {folder}")
        prepared = session.prepare(chosen)
        while _wants_test(prepared):
            _explain_test(where.published, setup, prepared, chosen)
            prepared = session.prepare(chosen)
        # The token is asked for only now: who stops before has used nothing up.
        session.take_token(credential, normal)
        if session.send_unanswered():
            say("an earlier ballot that had not been answered is cast now")
        promise = session.cast(prepared)
        click.echo(f"cast: ballot {grouped(promise.ballot_id)}, promised for batch {promise.batch}")
        session.acknowledge()
    say("this is the number that your ballot had before you cast it, and your tracking code")
    say(f"pass, promise and locked ballot are in {folder}; show the pass to nobody: it can replace this vote")
    say("after the next publication the step below finds the ballot in the log, or hands it in again if it is missing")
    kept = f" --keep {keep}" if keep else ""
    next_step(f"stembus track {place} --referendum {setup.referendum.hex()}{kept}")


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
        for line in question_lines(question, language):
            say(line)
        prompt = f"{allowed(question, language).capitalize()}, with commas, or blank"
        answers.append(click.prompt(prompt, err=True, value_proc=partial(_asked, question.shape)))
    return [typed_answer(answer) for answer in answers]


def _asked(shape: QuestionShape, answer: str) -> str:
    """An answer that was typed wrong is asked for again."""
    try:
        problem = choice_problem(shape, typed_answer(answer))
    except ChoiceInvalid as error:
        raise click.UsageError(str(error)) from None
    if problem:
        raise click.UsageError(f"this question {problem}")
    return answer


def _wants_test(prepared: PreparedBallot) -> bool:
    """The ballot is fixed and shown before the voter says whether it is a test: the device cannot know."""
    click.echo(f"ballot {grouped(prepared.ballot_id.hex())}")
    say("this is its number; note it if you want to test the ballot, or look it up later")
    answer = click.prompt("cast it, or test it first", type=click.Choice(["cast", "test"]), err=True)
    return str(answer) == "test"


def _explain_test(public: str, setup: Setup, prepared: PreparedBallot, chosen: Choice) -> None:
    choices = " ".join(f"--choice {','.join(str(k + 1) for k in part) or 'blank'}" for part in chosen)
    say("on another device, with its own copy of the published folder:")
    click.echo(
        f"stembus rebuild {public} --referendum {setup.referendum.hex()} "
        f"--commitment {prepared.token_commitment.hex()} --seed {prepared.seed.hex()} {choices}"
    )
    say("it must show the number that you noted, and your choice. This ballot is never cast; here is a new one:")


@click.command()
@click.argument("place")
@click.option("--referendum", required=True, metavar="ID", help="The id on the letter.")
@click.option("--commitment", required=True, metavar="HEX", help="The token commitment that the device shows.")
@click.option("--seed", required=True, metavar="HEX", help="The seed that the device shows.")
@click.option("--choice", multiple=True, required=True, metavar="N[,N]", help="What you chose, for each question.")
def rebuild(place: str, referendum: str, commitment: str, seed: str, choice: tuple[str, ...]) -> None:
    """Compute the number of a tested ballot from its seed and what was chosen; on a second device.

    \b
    Example:  stembus rebuild public --referendum ID --commitment HEX --seed HEX --choice 1
    """
    try:
        identity, committed, secret = (bytes.fromhex(text) for text in (referendum, commitment, seed))
    except ValueError:
        raise ChoiceInvalid("id, commitment and seed are hexadecimal, as the device shows them") from None
    if {len(identity), len(committed), len(secret)} != {32}:
        raise ChoiceInvalid("id, commitment and seed are 64 hexadecimal digits each")
    with opened(place) as source:
        setup = load_setup(source, identity)
    chosen = _choice(setup, choice, None)
    click.echo(f"ballot {grouped(rebuild_id(setup.context, committed, chosen, secret).hex())}")
    say("if this is the number that you noted, the ballot says:")
    counts = setup.manifest.languages[0]
    for question, part in zip(setup.manifest.questions, chosen, strict=True):
        names = ", ".join(question.options[k].text[counts] for k in part)
        click.echo(f"{question.text[counts]}  {names or 'blank'}")
    say("compare the whole number with the one that you noted; if it differs, do not trust that device")
