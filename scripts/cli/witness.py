"""Commands of a witness: whoever runs one needs no referendum's folder, only one of its own.

    W/witness.key   secret, under a passphrase       W/witness.name   as it stands in every cosignature
    W/logs/         what it has seen, a file a log

Decides words and this folder. What is signed is decided in `audit.witness`.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from stembus.audit.clock import RealClock
from stembus.audit.durable import write_durably
from stembus.audit.errors import NoteInvalid
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
from stembus.scripts.shell import new_passphrase, next_step, passphrase, say

FOLDER = click.argument("folder", metavar="W", type=click.Path(file_okay=False, path_type=Path))
_PARTY = "witness"
_THREADS = 8
_CONNECTIONS = 200
_SLOW_SECONDS = 30  # after which a connection without a word is closed


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
        if not is_party_name(name):
            raise NotReady(f"{name!r} is no name of a witness: up to 100 of letters, digits, dot, dash, slash")
        mldsa = MLDSA44Key.generate().seed.hex() if post_quantum else None
        key = PartyKey(version=1, role="witness", seed=SigningKey.generate().seed.hex(), mldsa_seed=mldsa)
        write_durably(folder / "witness.name", f"{name}\n".encode("ascii"))
        (folder / "logs").mkdir(exist_ok=True)
        create_secret_file(key_file, msgspec.json.encode(key), new_passphrase(_PARTY))
    made = open_witness(folder)
    for line in made.verifier_keys:
        click.echo(line)
    say("hand this to whoever runs a log, with the address where this witness will answer")
    next_step(f"stembus witness follow {folder} LOG; then: stembus witness serve {folder}")


def open_witness(folder: Path) -> Witness:
    """Raises NotReady or SecretFileError."""
    key_file, logs = folder / "witness.key", folder / "logs"
    if not key_file.exists():
        raise NotReady(f"there is no witness in {folder}; make one with: stembus witness create {folder} --name NAME")
    if not logs.is_dir():
        raise NotReady(f"{logs}, what this witness has seen, is gone; bring back its newest copy, or end this witness")
    content = read_secret_file(key_file, passphrase(_PARTY))
    demand_role(content, "witness")
    key = parse_party_key(content)
    keys: list[SigningKey | MLDSA44Key] = [SigningKey(bytes.fromhex(key.seed))]
    if key.mldsa_seed is not None:
        keys.append(MLDSA44Key(bytes.fromhex(key.mldsa_seed)))
    return Witness(_name(folder), keys, FollowedLogs(logs), RealClock())


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
def follow(folder: Path, logs: tuple[str, ...]) -> None:
    """Follow a LOG from its first checkpoint on: a verifier key, or a file with a list of logs.

    \b
    A witness that serves already needs no restart.
    Example:  stembus witness follow university stembus.example.org/referendum+1234abcd+AVaO...
    """
    if not (folder / "logs").is_dir():
        raise NotReady(f"there is no witness in {folder}; make one with: stembus witness create {folder} --name NAME")
    followed = FollowedLogs(folder / "logs")
    for key in [key for log in logs for key in _keys(log)]:
        say(f"{key.name}: {'followed from now on' if followed.follow(key) else 'already done'}")


def _keys(log: str) -> list[VerifierKey]:
    path = Path(log)
    if not path.is_file():
        return [parse_verifier_key(log)]
    with path.open("rb") as file:
        data = file.read(LIST_BYTES + 1)
    try:
        if len(data) > LIST_BYTES:
            raise NoteInvalid(f"it is longer than {LIST_BYTES} bytes")
        return parse_log_list(data.decode("utf-8"))
    except (NoteInvalid, UnicodeDecodeError) as error:
        raise NoteInvalid(f"{path} is no list of logs: {error}") from None


@witness.command("show")
@FOLDER
def show(folder: Path) -> None:
    """Print the logs that the witness in W follows, and how much of each it has seen. Needs no passphrase.

    \b
    Example:  stembus witness show university
    """
    if not (folder / "logs").is_dir():
        raise NotReady(f"there is no witness in {folder}; make one with: stembus witness create {folder} --name NAME")
    count = 0
    for log in FollowedLogs(folder / "logs").all():
        click.echo(f"{log.size:10}  {log.key.name}")
        count += 1
    say(f"{count} logs are followed; the number before each is the size that was cosigned last")


@witness.command("serve")
@FOLDER
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8760, show_default=True)
def serve(folder: Path, host: str, port: int) -> None:
    """Answer logs over HTTP (C2SP tlog-witness), until stopped. TLS is the matter of a proxy before it.

    \b
    The passphrase comes from STEMBUS_PASSPHRASE_WITNESS, or is typed. No request is recorded.
    Example:  stembus witness serve university --port 8760
    """
    try:
        import waitress
    except ModuleNotFoundError:
        raise NotReady("serving needs the witness's parts; install them with: pip install 'stembus[witness]'") from None
    made = open_witness(folder)
    count = sum(1 for _ in made.logs.all())
    say(f"witness {made.name} answers at http://{host}:{port}/ for {count} logs; stop it with Ctrl-C")
    waitress.serve(
        WitnessApp(made),
        host=host,
        port=port,
        threads=_THREADS,
        connection_limit=_CONNECTIONS,
        channel_timeout=_SLOW_SECONDS,
        max_request_header_size=8192,
        max_request_body_size=REQUEST_BYTES,
        inbuf_overflow=2 * REQUEST_BYTES,  # a request stays in memory
        ident="",
        _quiet=True,
    )
