"""Commands about the browser client: is it what its sources say, which files does the log name, and are they served.

Decides what is compared with what: sources, installed files, the last `client` entry of a published log, and what
comes from the address that voters use.
Building is `webvote/client/build.py`; it is loaded from the source tree, so that anybody can rebuild a release.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import click

from stembus import webvote
from stembus.audit.errors import CannotRead
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Client, ClientFile
from stembus.audit.formats.file_name import is_release
from stembus.audit.formats.manifest import Manifest
from stembus.audit.verify.outcome import EXIT_USAGE
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.settings import load_settings
from stembus.scripts.cli.log_steps import settle
from stembus.scripts.escape import shown
from stembus.scripts.published import referendum_id, verified_log
from stembus.scripts.served_pages import look_at_site, newest_release
from stembus.scripts.shell import DIRECTORY, SERVER_PARTS, fail, next_step, open_office, say
from stembus.webvote.static_files import STATIC, demand_client, static_hashes
from stembus.webvote.theme import Theme, load_theme, theme_of

INSTALLED = STATIC
BUILD = Path("webvote", "client", "build.py")
Hashes = dict[str, str]
THEME_HELP = "The folder with the city's name, logo, colours and contacts, as it is served."
REFERENDUM = click.option("--referendum", metavar="ID", help="The id on the letter, by which the log is verified.")


@click.group()
def client() -> None:
    """The pages' scripts that browsers run."""


@client.command()
@click.argument("place", required=False)
@click.option(
    "--source",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(webvote.__file__).parents[1],
    help="The source tree, if not the one that is installed.",
)
@REFERENDUM
@click.option("--fresh", is_flag=True, help="Fetch the libraries again, and have their hashes checked again.")
def compare(place: str | None, source: Path, referendum: str | None, fresh: bool) -> None:
    """Rebuild the client from its sources, and compare it with the installed files and with a published log.

    \b
    PLACE is a published log, which is verified first: a folder, a zip file or an address; without it the log is left
    out. Pages hold the texts of one referendum and come from no source file: stembus client served compares them.
    Exit status: 0 all the same, 1 a file differs, or the log does not verify, 8 could not be checked.
    Example:  stembus client compare public --referendum $(cat referendum.id)
    """
    logged = None
    if place is not None:
        named = _logged_at(place, referendum)[1].files
        logged = {file.path: file.sha256 for file in named if file.path.startswith("static/")}
    built, installed = _rebuild(source, fresh), static_hashes(INSTALLED)
    against = {"installed": installed} | ({"log": logged} if logged is not None else {})
    differs = False
    for path in sorted(set(built).union(*against.values())):
        wrong = [name for name, hashes in against.items() if hashes.get(path) != built.get(path)]
        differs = differs or bool(wrong)
        click.echo(shown(f"{built.get(path, '(not in the sources)'):64}  {path}  {'DIFFERS' if wrong else 'same'}"))
        for name in wrong:
            click.echo(shown(f"{against[name].get(path, '(no such file)'):64}  {path}  {name}"))
    if differs or not built:
        fail("this is not the client of these sources", "compare release and log: stembus show PLACE N")


@client.command("log")
@DIRECTORY
@click.option("--release", required=True, metavar="NAME", help="How people call this release, such as 1.2.0.")
@click.option("--theme", "folder", type=click.Path(path_type=Path, file_okay=False), help=THEME_HELP)
def log_command(directory: Path, release: str, folder: Path | None) -> None:
    """Log the hashes of scripts, style and voting pages, signed with the client release key.

    \b
    Example:  stembus client log kortrijk --release 1.2.0 --theme kortrijk-theme
    """
    demand_client()
    office = open_office(directory)
    body, added = log_client(office, release, chosen_theme(folder))
    settle(office.log())
    if not added:
        say(f"already done: the log names these files, as release {body.release}")
        return
    say(f"the log names {len(body.files)} files of release {release}")
    next_step(f"anyone can run: stembus client served {office.public} --referendum {office.referendum.hex()}")


def chosen_theme(folder: Path | None) -> Theme:
    """Of this folder, or of the one that STEMBUS_THEME names. Raises ThemeInvalid."""
    return theme_of(load_settings()) if folder is None else load_theme(folder)


def log_client(office: Office, release: str, theme: Theme) -> tuple[Client, bool]:
    """Appends a `client` entry, unless the last one names the same files. Returns the one that counts, and whether it
    is new."""
    try:
        from stembus.webvote.run.client_hashes import served_hashes
    except ModuleNotFoundError as error:
        raise NotReady(f"this step needs the server parts ({error.name}); {SERVER_PARTS}") from None
    if not is_release(release):
        raise NotReady(f"{release!r} is no name of a release; use letters, digits, dots and dashes, like 1.2.0")
    log = office.log()
    hashes = served_hashes(office.public, theme)
    body = Client(release=release, files=[ClientFile(path=path, sha256=hashes[path]) for path in sorted(hashes)])
    logged = [entry.body for _, entry in log.entries() if isinstance(entry.body, Client)]
    if logged and logged[-1].files == body.files:
        return logged[-1], False
    # After the opening a release has one page more; none that it had may have changed.
    named = {file.path: file.sha256 for earlier in logged if earlier.release == release for file in earlier.files}
    if others := sorted(path for path, digest in named.items() if hashes.get(path) != digest):
        told = ", ".join(others[:3]) + (" and more" if len(others) > 3 else "")
        raise NotReady(f"the log names release {release} with another {told}; give these files a release of their own")
    signature = sign_entry(office.referendum, body, "client", office.signing_key("client"))
    log.append([encode_entry(body, [signature])])
    return body, True


@client.command()
@click.argument("place")
@REFERENDUM
def served(place: str, referendum: str | None) -> None:
    """Fetch what a verified log names from the address that voters use, and compare it.

    \b
    PLACE is the published log: a folder, a zip file or an address, best not the site's own. It is verified first.
    Run it from several places, now and then: a server can show one visitor something else than another.
    Exit status: 0 all the same, 1 a file differs, or the log does not verify, 8 could not be checked.
    Example:  stembus client served kortrijk.zip --referendum $(cat referendum.id)
    """
    manifest, release = _logged_at(place, referendum)
    differs = unread = False
    for file in look_at_site(manifest, release):
        if not file.found:
            unread = True
            click.echo(shown(f"{file.expected}  {file.path}  could not be fetched: {file.problem}"))
            continue
        differs = differs or file.differs
        click.echo(shown(f"{file.expected}  {file.path}  {'DIFFERS' if file.differs else 'same'}"))
        if file.differs:
            click.echo(shown(f"{file.found:64}  {file.path}  served"))
    if differs:
        fail("voters are served something else than the log names", "keep what you fetched, and tell the officers")
    if unread:
        raise CannotRead("not every file could be fetched from the address that voters use")


def _logged_at(place: str, referendum: str | None) -> tuple[Manifest, Client]:
    """The manifest, and the last `client` entry, of a log that verifies. Raises LogNotVerified or CannotRead."""
    if referendum is None:
        fail("say which referendum it should be: --referendum and the id on the letter", status=EXIT_USAGE)
    with verified_log(place, referendum_id(referendum)) as log:
        release = newest_release(log)
    if release is None:
        raise NotReady("this log names no client; the office that releases it runs: stembus client log DIR")
    say(shown(f"the log names release {release.release}"))
    return log.manifest, release


def _rebuild(source: Path, fresh: bool) -> Hashes:
    if not (source / BUILD).is_file():
        fail(f"there are no sources of the client in {source}", "in a copy of the repository, add: --source .")
    with tempfile.TemporaryDirectory() as scratch:
        root, static = source.resolve(), Path(scratch) / "static"
        shutil.copytree(source / "webvote" / "static", static, ignore=shutil.ignore_patterns("client"))
        if fresh:
            root = Path(scratch) / "tree"
            folder = BUILD.parent
            shutil.copytree(source / folder, root / folder, ignore=shutil.ignore_patterns("node_modules"))
        build = load_build(source / BUILD)
        try:
            build.build_client(root, static / "client")
        except ModuleNotFoundError as error:
            hint = "install them, in a copy of the repository: pip install --require-hashes -r requirements/client.lock"
            fail(f"rebuilding needs the build packages ({error.name})", hint)
        except build.BuildFailed as error:
            fail(str(error), "the libraries come over the network the first time")
        return static_hashes(static)


def load_build(path: Path) -> ModuleType:
    """The build script of a source tree; it asks for the build packages when it builds."""
    spec = importlib.util.spec_from_file_location("stembus_client_build", path)
    assert spec
    assert spec.loader
    build = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = build
    spec.loader.exec_module(build)
    return build
