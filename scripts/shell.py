"""How the command line speaks: calm errors with a hint, passphrases, progress, next steps.

Data goes to stdout, status to stderr. Decides words and exit status; every decision about a referendum is
taken in the packages below.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from stembus.audit.errors import AuditError, CannotRead, ManifestInvalid, OrderInvalid, PlaceError
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.verified_log import LogNotVerified
from stembus.ballot.errors import (
    BallotError,
    BallotRejected,
    CastOutOfTurn,
    LogBehindWitness,
    SecretFileError,
    WitnessesMissing,
)
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.officers import OfficerMissing
from stembus.ballot.office.settings import load_settings
from stembus.crypto.errors import CryptoError
from stembus.scripts.escape import shown
from stembus.tally.errors import KeyFileInvalid, MustNotCount, StepDone, StepOutOfTurn, TallyError

if TYPE_CHECKING:
    from stembus.ballot.office.services import ServedOffice

HINTS: list[tuple[type[Exception], str]] = [
    (ManifestInvalid, "correct this field in referendum.toml and run: stembus check DIR"),
    (OrderInvalid, "stembus status DIR shows where the referendum stands"),
    (LogBehindWitness, "nothing was changed"),
    (WitnessesMissing, "see that the witnesses run, and run the same command again"),
    (SecretFileError, "check the path and the passphrase (STEMBUS_PASSPHRASE, or type it when asked)"),
    (KeyFileInvalid, "bring back the trustee's own key file, from a backup"),
    (BallotRejected, "the refused ballot is kept beside the voting pass as evidence; the same command makes a new one"),
    (CastOutOfTurn, "the refused ballot is kept beside the voting pass as evidence; the same command makes a new one"),
    (PlaceError, "give a folder, a zip file or an address that holds a published bundle"),
    (CannotRead, "this says nothing about the log: try again, or give another folder, zip file or address"),
    (LogNotVerified, "run: stembus verify PLACE --referendum ID"),
    (MustNotCount, "an official can now run: stembus tally DIR (the result will say: not counted)"),
    (StepOutOfTurn, "stembus trustee now DIR says whom it waits for; at the office: stembus status DIR"),
]
SERVER_PARTS = "in a copy of the sources: pip install '.[server]'"
_SHORTEST, _FEWEST = 16, 6  # characters of a new passphrase, and different ones
ZONE = "Europe/Brussels"  # of the pages, and of a new draft
DIRECTORY = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


def passphrase(party: str, new: bool = False) -> str:
    """From STEMBUS_PASSPHRASE_TRUSTEE_1, or the setting STEMBUS_PASSPHRASE, or typed. Raises SettingsInvalid."""
    own = os.environ.get(_variable(party))
    if value := own or load_settings().get("PASSPHRASE", ""):
        return value
    if not sys.stdin.isatty():
        raise NotReady(
            f"nobody is here to type the passphrase of {party}; set {_variable(party)} or STEMBUS_PASSPHRASE"
        )
    while True:
        typed = str(click.prompt(f"Passphrase of {party}", hide_input=True, confirmation_prompt=new, err=True))
        if not new or (len(typed) >= _SHORTEST and len(set(typed)) >= _FEWEST):
            return typed
        say(f"too easy to guess: take at least {_SHORTEST} characters, such as five words that do not belong together")


def _variable(party: str) -> str:
    return f"STEMBUS_PASSPHRASE_{party.upper().replace('-', '_')}"


def new_passphrase(party: str) -> str:
    """Typed twice: a key whose passphrase nobody knows is lost."""
    return passphrase(party, new=True)


def open_office(directory: Path) -> Office:
    if not directory.is_dir():
        raise NotReady(f"there is no folder {directory}; start with: stembus new {directory}")
    return Office(directory, passphrase)


def server_parts() -> type[ServedOffice]:
    """Offices with registrar and box need the `server` extra. Raises NotReady."""
    try:
        from stembus.ballot.office.services import ServedOffice
    except ModuleNotFoundError as error:
        raise NotReady(f"this step needs the server parts ({error.name}); {SERVER_PARTS}") from None
    return ServedOffice


def serve_office(directory: Path) -> ServedOffice:
    """An office with registrar and box, of a frozen referendum: a service would make its database in any folder."""
    made = server_parts()
    open_office(directory)
    office = made(directory, passphrase)
    _ = office.manifest
    return office


def say(text: str) -> None:
    click.echo(text, err=True)


def program() -> str:
    """How this command was called, so that what is printed can be pasted: by its path, or by its name."""
    return sys.argv[0] if os.sep in sys.argv[0] and Path(sys.argv[0]).name == "stembus" else "stembus"


def next_step(text: str) -> None:
    say(re.sub(r"\bstembus (?=[a-z])", lambda _: f"{program()} ", f"next: {text}"))


def fail(message: str, hint: str | None = None, status: int = 1) -> NoReturn:
    say(f"stembus: error: {shown(message)}")
    if hint:
        say(f"stembus: hint: {hint}")
    sys.exit(status)


def _database_failures() -> tuple[type[Exception], ...]:
    """What a database raises that fails while a command runs; only who has the server parts can meet it."""
    parts = sys.modules.get("sqlalchemy.exc")
    return () if parts is None else (parts.DBAPIError,)


@contextmanager
def calm() -> Iterator[None]:
    """Turns named failures into an error and a hint; a step done twice is no failure."""
    try:
        yield
    except StepDone as done:
        say(f"already done: {done}")
    except OfficerMissing as waits:
        say(f"waits: {waits}")
        sign = f"stembus officer sign THEIR-FOLDER {waits.path.name} --place LOG --referendum ID"
        take = f"stembus officer take {waits.path.parent.parent} {waits.path.name}"
        next_step(f"they run: {sign}; with the file that comes back from their folder signed: {take}; then this again")
        sys.exit(1)
    except (CryptoError, AuditError, BallotError, TallyError) as error:
        hint = next((hint for kind, hint in HINTS if isinstance(error, kind)), None)
        fail(str(error), hint, Outcome.UNCHECKED.status if isinstance(error, CannotRead) else 1)
    except BrokenPipeError:  # whoever reads the output has enough
        sys.stdout = None  # else Python says so once more at its end
        sys.exit(1)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "make room and run the same command again" if full else "check the path and its permissions"
        said = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
        fail(said, hint, Outcome.UNCHECKED.status if full else 1)
    except _database_failures() as error:
        reason = str(getattr(error, "orig", "")).partition("\n")[0]
        fail(
            f"the database failed: {reason}", "see that it answers, has room and can be written; run the command again"
        )
    except KeyboardInterrupt:
        fail("stopped; run the same command again to go on", status=130)


class CalmGroup(click.Group):
    """A command group whose commands never end in a traceback for bad input."""

    def invoke(self, ctx: click.Context) -> Any:
        with calm():
            return super().invoke(ctx)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr for anything that may take over two seconds."""
    bar: Any = None

    def update(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = click.progressbar(length=total, label=label, file=sys.stderr)
            bar.__enter__()
        bar.update(done - bar.pos)

    try:
        yield update
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)
