"""Commands about the keys of the parties: making them, and taking the public part of one that was made elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import click

from stembus.ballot.office.key_ring import ROLES
from stembus.ballot.office.office import NotReady, Office
from stembus.scripts.parties import new_secret, public_part
from stembus.scripts.shell import DIRECTORY, new_passphrase, next_step, open_office, say


@click.group()
def key() -> None:
    """Make the keys of the parties."""


@key.command("make")
@DIRECTORY
@click.argument("party")
def key_make(directory: Path, party: str) -> None:
    """Make the key of PARTY: trustee-1, officer-2, registrar-1, witness-1, box, log or client.

    \b
    Example:  stembus key make kortrijk officer-1
    """
    make_key(directory, party)
    if open_office(directory).draft.exists():
        next_step(f"when all parties have a key: stembus check {directory}")
    else:
        next_step(f"give {directory / 'keys' / f'{party}.json'} to the office, for its folder keys; keep all else")


@key.command("take")
@DIRECTORY
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def key_take(directory: Path, file: Path) -> None:
    """Take the public key of a party who made it elsewhere, into DIR/keys; says its fingerprint, to be compared.

    \b
    Example:  stembus key take kortrijk trustee-2.json
    """
    office = open_office(directory)
    if office.manifest_file.exists():
        raise NotReady("this referendum is frozen; no key can be added to it any more")
    party, public = _public_part(file)
    for path in sorted(office.public_keys.glob("*.json")):
        known = str(_public_part(path)[1]["key"])
        if path.stem == party and known != public["key"]:
            raise NotReady(f"{path} holds another key of {party}; ask who made which, and remove the wrong one")
        if path.stem != party and known == public["key"]:
            raise NotReady(
                f"{file} holds the key of {path.stem}: a copy of that file, or a party that made only one key"
            )
    office.publish_key(party, public)
    click.echo(f"{party} {fingerprint(str(public['key']))}")
    next_step(f"let {party} read this fingerprint to you; when all parties have a key: stembus check {directory}")


def _public_part(file: Path) -> tuple[str, dict[str, object]]:
    """The party of a public key file, and what is in it. Raises NotReady."""
    try:
        public = json.loads(file.read_text(encoding="ascii"))
        party, key_hex = public["name"], public["key"]
        if not re.fullmatch(r"(trustee|officer|registrar|witness)-[1-9][0-9]?|box|log|client", party):
            raise ValueError
        if not re.fullmatch("[0-9a-f]{64}", key_hex) or public["role"] != party.partition("-")[0]:
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise NotReady(f"{file} is no public key file, such as a party's keys/trustee-2.json") from None
    return party, public


def make_key(directory: Path, party: str) -> None:
    """Makes a key pair and prints its fingerprint for people to compare."""
    role, dash, number = party.partition("-")
    numbered = role not in ("box", "log", "client")
    if role not in ROLES or numbered != bool(dash) or (numbered and not re.fullmatch("[1-9][0-9]?", number)):
        raise NotReady(f"{party!r} is no party; write trustee-1, officer-1, registrar-1, witness-1, box, log or client")
    if not directory.exists():
        directory.mkdir(parents=True)
        say(f"{directory} is a new folder, made for this key")
    office = open_office(directory)
    if role == "witness" and office.witness_policy.exists():
        raise NotReady(f"the witnesses of {directory} run elsewhere, as {office.witness_policy} says; remove it first")
    if office.key_path(party).exists():
        content = office.secret(party)
        say(f"already done: {office.key_path(party)} exists")
    else:
        office, content = Office(directory, new_passphrase), new_secret(role)
    public = public_part(role, party, content)
    path = office.make_key(party, content, public)
    click.echo(f"{party} {fingerprint(public['key'])}")
    say(f"secret: {path}   public: {directory / 'keys' / (party + '.json')}")


def fingerprint(key_hex: str) -> str:
    """Twenty hex digits in groups, to read over the telephone."""
    digest = hashlib.sha256(bytes.fromhex(key_hex)).hexdigest()[:20]
    return "-".join(digest[i : i + 4] for i in range(0, 20, 4))
