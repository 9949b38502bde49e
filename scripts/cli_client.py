"""Commands about the browser client: is it what its sources say, and which files does the log name.

Decides what is compared with what: sources, installed files, and the last `client` entry of a published log.
Building is the build hook's work; it is loaded from the source tree, so that anybody can rebuild a release.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import click

import webvote
from audit.entries import Client, ClientFile, check_signatures, encode_entry, sign_entry
from audit.logview import LogView, read_log
from audit.place import open_place
from ballot.office import NotReady
from scripts.cli_office import settle
from scripts.shell import DIRECTORY, fail, next_step, open_office, say

INSTALLED = Path(webvote.__file__).parent / "static" / "client"
SERVED = "static/client"
HOOK = Path("webvote", "client", "build_hook.py")
Hashes = dict[str, str]


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
@click.option("--fresh", is_flag=True, help="Fetch the libraries again, and have their hashes checked again.")
def compare(place: str | None, source: Path, fresh: bool) -> None:
    """Rebuild the client from its sources, and compare it with the installed files and with a published log.

    \b
    PLACE is a folder, a zip file or an address; without it the log is left out.
    Exit status: 0 all the same, 1 a file differs.
    Example:  stembus client compare public
    """
    logged = _logged_at(place) if place is not None else None
    built, installed = _rebuild(source, fresh), _hashes(INSTALLED)
    against = {"installed": installed} | ({"log": logged} if logged is not None else {})
    differs = False
    for path in sorted(set(built).union(*against.values())):
        wrong = [name for name, hashes in against.items() if hashes.get(path) != built.get(path)]
        differs = differs or bool(wrong)
        click.echo(f"{built.get(path, '(not in the sources)'):64}  {path}  {'DIFFERS' if wrong else 'same'}")
        for name in wrong:
            click.echo(f"{against[name].get(path, '(no such file)'):64}  {path}  {name}")
    if place is not None:
        say(f"whether this log is sound: stembus verify {place} --referendum ID")
    if differs or not built:
        fail("this is not the client of these sources", "compare release and log: stembus show PLACE N")


@client.command("log")
@DIRECTORY
@click.option("--release", required=True, metavar="NAME", help="How people call this release, such as 1.2.0.")
def log_command(directory: Path, release: str) -> None:
    """Log the hashes of the installed files, signed with the client release key, for browsers to be held to.

    \b
    Example:  stembus client log kortrijk --release 1.2.0
    """
    hashes = _hashes(INSTALLED)
    if not hashes:
        raise NotReady(f"there is no client in {INSTALLED}; make it with: make client")
    office = open_office(directory)
    log = office.log()
    body = Client(release=release, files=[ClientFile(path=path, sha256=hashes[path]) for path in sorted(hashes)])
    logged = [entry.body for _, entry in log.entries() if isinstance(entry.body, Client)]
    if logged and logged[-1].files == body.files:
        say(f"already done: the log names these files, as release {logged[-1].release}")
        settle(log)
        return
    signature = sign_entry(office.referendum, body, "client", office.signing_key("client"))
    log.append([encode_entry(body, [signature])])
    settle(log)
    say(f"the log names {len(body.files)} files of release {release}")
    next_step(f"anyone can run: stembus client compare {office.public}")


def _hashes(folder: Path) -> Hashes:
    """SHA-256 of the scripts in `folder`, by the paths under which they are served."""
    return {f"{SERVED}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.js")}


def _logged_at(place: str) -> Hashes:
    """The files of the last `client` entry."""
    log: LogView = read_log(open_place(place))
    entries = [entry for _, _, entry in log.entries() if isinstance(entry.body, Client)]
    if not entries:
        raise NotReady("this log names no client; the office that releases it runs: stembus client log DIR")
    last = entries[-1]
    check_signatures(log.manifest, log.referendum, last)
    assert isinstance(last.body, Client)
    say(f"the log names release {last.body.release}")
    return {file.path: file.sha256 for file in last.body.files}


def _rebuild(source: Path, fresh: bool) -> Hashes:
    if not (source / HOOK).is_file():
        fail(f"there are no sources of the client in {source}", "in a copy of the repository, add: --source .")
    with tempfile.TemporaryDirectory() as scratch:
        root, out = source.resolve(), Path(scratch) / "out"
        if fresh:
            root = Path(scratch) / "tree"
            folder = HOOK.parent
            shutil.copytree(source / folder, root / folder, ignore=shutil.ignore_patterns("node_modules"))
        try:
            hook = load_hook(source / HOOK)
        except ModuleNotFoundError as error:
            hint = "install the locked build packages: pip install --require-hashes -r requirements/base.lock"
            fail(f"rebuilding needs the build packages ({error.name})", hint)
        try:
            hook.build_client(root, out)
        except hook.BuildFailed as error:
            fail(str(error), "the libraries come over the network the first time; run the same command again")
        return _hashes(out)


def load_hook(path: Path) -> ModuleType:
    """The build hook of a source tree. Raises ModuleNotFoundError when the build packages are missing."""
    spec = importlib.util.spec_from_file_location("stembus_build_hook", path)
    assert spec
    assert spec.loader
    hook = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = hook
    spec.loader.exec_module(hook)
    return hook
