"""Commands of a witness: whoever runs one needs no referendum's folder, only one of its own.

    W/witness.key   secret, under a passphrase       W/witness.name   as it stands in every cosignature
    W/logs/         what it has seen, a file a log

Decides words and this folder. What is signed is decided in `audit.witness`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from stembus.audit.clock import RealClock
from stembus.audit.durable import write_durably
from stembus.audit.errors import NoteInvalid, RecordInvalid
from stembus.audit.formats.manifest_rules import is_party_name
from stembus.audit.log.log_list import LIST_BYTES, parse_log_list
from stembus.audit.log.verifier_key import VerifierKey, parse_verifier_key
from stembus.audit.witness.app import WitnessApp
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.requests import REQUEST_BYTES
from stembus.audit.witness.witness import Witness
from stembus.ballot.office.office import NotReady
from stembus.ballot.office.party_key import PartyKey, demand_role, parse_party_key
from stembus.ballot.office.secret_file import create_secret_file, read_secret_file
from stembus.crypto.signing import MLDSA44Key, SigningKey
from stembus.scripts.cli.keys import fingerprint
from stembus.scripts.escape import shown
from stembus.scripts.shell import new_passphrase, next_step, passphrase, say
from stembus.scripts.small_server import Limits, demand_server, listen

FOLDER = click.argument("folder", metavar="W", type=click.Path(file_okay=False, path_type=Path))
_PARTY = "witness"
_LIMITS = Limits(REQUEST_BYTES, threads=8, connections=200, slow_seconds=30)


@click.group()
def witness() -> None:
    """Run a witness: cosign what logs show, and never two histories."""


@witness.command("create")
@FOLDER
@click.option("--name", required=True, help="Such as university.example/witness; it stands in every cosignature.")
@click.option("--ml-dsa-44", "post_quantum", is_flag=True, help="Sign with an ML-DSA-44 key as well.")
def create(folder: Path, name: str, post_quantum: bool) -> None:
    """Make the keys of a new witness in the folder W, once.

    \b
    A witness whose folder was lost is never made again under its old name: it has forgotten what it signed.
    Example:  stembus witness create university --name university.example/witness
    """
    key_file = folder / "witness.key"
    if key_file.exists():
        say(f"already done: {key_file} exists")
    else:
        _demand_new(folder, name)
        mldsa = MLDSA44Key.generate().seed.hex() if post_quantum else None
        key = PartyKey(version=1, role="witness", seed=SigningKey.generate().seed.hex(), mldsa_seed=mldsa)
        secret = new_passphrase(_PARTY)
        write_durably(folder / "witness.name", f"{name}\n".encode("ascii"))
        (folder / "logs").mkdir(exist_ok=True)
        create_secret_file(key_file, msgspec.json.encode(key), secret)
    made = open_witness(folder)
    for line in made.verifier_keys:
        click.echo(line)
        say(f"its fingerprint, to compare by telephone: {fingerprint(line.public.hex())}")
    say("hand this to whoever runs a log, with the address where this witness will answer")
    next_step(f"stembus witness follow {folder} LOG; then: stembus witness serve {folder}")


def _demand_new(folder: Path, name: str) -> None:
    """Raises NotReady for a name that nobody can have, and where a witness was before, whose key is gone."""
    if not is_party_name(name):
        raise NotReady(f"{name!r} is no name of a witness: up to 100 of letters, digits, dot, dash, slash")
    if (folder / "logs").is_dir() and any((folder / "logs").iterdir()):
        raise NotReady(f"{folder} has a witness whose key is gone; bring the key back, or make another in a new folder")


def open_witness(folder: Path) -> Witness:
    """Raises NotReady or SecretFileError."""
    logs = _logs_of(folder)
    content = read_secret_file(folder / "witness.key", passphrase(_PARTY))
    demand_role(content, "witness")
    key = parse_party_key(content)
    keys: list[SigningKey | MLDSA44Key] = [SigningKey(bytes.fromhex(key.seed))]
    if key.mldsa_seed is not None:
        keys.append(MLDSA44Key(bytes.fromhex(key.mldsa_seed)))
    return Witness(_name(folder), keys, logs, RealClock())


def _name(folder: Path) -> str:
    try:
        name = (folder / "witness.name").read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        name = ""
    if not is_party_name(name):
        raise NotReady(f"{folder / 'witness.name'} is missing or damaged; write the witness's name into it")
    return name


@witness.command("follow")
@FOLDER
@click.argument("logs", metavar="LOG", nargs=-1, required=True)
@click.option(
    "--anew", is_flag=True, help="Also where what was seen of the log is lost: this can sign a second history."
)
def follow(folder: Path, logs: tuple[str, ...], anew: bool) -> None:
    """Follow a LOG from its first checkpoint on: a verifier key, or a file with a list of logs.

    \b
    A witness that serves already needs no restart. Run this as the user that serves.
    Example:  stembus witness follow university stembus.example.org/referendum+1234abcd+AVaO...
    """
    followed = _logs_of(folder)
    if hasattr(os, "geteuid") and os.geteuid() != followed.folder.stat().st_uid:
        raise NotReady(f"{followed.folder} belongs to another user, who serves it; run this as that user: sudo -u USER")
    for key in [key for log in logs for key in _keys(log)]:
        say(f"{key.name}: {'followed from now on' if followed.follow(key, anew) else 'already done'}")


def _logs_of(folder: Path) -> FollowedLogs:
    if not (folder / "witness.key").exists():
        raise NotReady(f"there is no witness in {folder}; make one with: stembus witness create {folder} --name NAME")
    logs = folder / "logs"
    if not logs.is_dir():
        raise NotReady(f"{logs}, what this witness has seen, is gone; bring back its newest copy, or end this witness")
    return FollowedLogs(logs)


def _keys(log: str) -> Sequence[VerifierKey]:
    path = Path(log)
    if not path.is_file():
        if "+" not in log:
            raise NotReady(f"there is no file {log}, and it is no verifier key either, which has two signs +")
        return [parse_verifier_key(log)]
    with path.open("rb") as file:
        data = file.read(LIST_BYTES + 1)
    try:
        if len(data) > LIST_BYTES:
            raise NoteInvalid(f"it is longer than {LIST_BYTES} bytes")
        found = parse_log_list(data.decode("utf-8"))
    except (NoteInvalid, UnicodeDecodeError) as error:
        raise NoteInvalid(f"{path} is no list of logs: {error}") from None
    for reason in found.left_out:
        say(f"left out: {path}: {reason}")
    return found.keys


@witness.command("show")
@FOLDER
def show(folder: Path) -> None:
    """Print the logs that the witness in W follows, and how much of each it has seen. Needs no passphrase.

    \b
    Example:  stembus witness show university
    """
    count = 0
    for log in _logs_of(folder).all():
        count += 1
        click.echo(shown(str(log) if isinstance(log, RecordInvalid) else f"{log.size:10}  {log.key.name}"))
    say(f"logs that are followed: {count}; the number before each is the size that was cosigned last")


@witness.command("serve")
@FOLDER
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="To listen on; others come through a proxy.",
)
@click.option("--port", type=click.IntRange(1, 65_535), default=8760, show_default=True)
def serve(folder: Path, host: str, port: int) -> None:
    """Answer logs over HTTP (C2SP tlog-witness), until stopped. TLS is the matter of a proxy before it.

    \b
    The passphrase comes from STEMBUS_PASSPHRASE_WITNESS, or is typed. No request is recorded.
    Example:  stembus witness serve university --port 8760
    """
    demand_server()
    made = open_witness(folder)
    found = list(made.logs.all())
    for log in found:
        if isinstance(log, RecordInvalid):
            say(f"note: {log}")
    server = listen(WitnessApp(made), host, port, "--port", _LIMITS)
    say(
        f"witness {made.name} answers at http://{host}:{port}/; logs that it follows: {len(found)}; stop it with Ctrl-C"
    )
    server.run()
