"""Commands about the log: its witnesses elsewhere, and its folder.

Decides words only. What a copy must be to be taken over is decided by the verifier and `completion`; what a policy file
may say, by `witness_addresses`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from stembus.audit.durable import write_durably
from stembus.audit.errors import AuditError, NoteInvalid
from stembus.audit.formats.manifest_rules import is_party_name
from stembus.audit.log.log_list import log_lines
from stembus.audit.log.merkle import EMPTY_ROOT
from stembus.audit.log.note import Checkpoint, cosignatures, sign_checkpoint
from stembus.audit.log.policy import Listed
from stembus.audit.log.verifier_key import COSIGNATURE_MLDSA44, ED25519, VerifierKey, parse_verifier_key
from stembus.audit.witness.refusals import SizeDiffers
from stembus.ballot.errors import BallotError
from stembus.ballot.log_operator.remote_witness import RemoteWitness
from stembus.ballot.office.definition import read_draft, read_keys
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.witness_addresses import demand_witnesses, parse_witnesses, policy_of, witness_addresses
from stembus.scripts.cli.keys import fingerprint
from stembus.scripts.published import verified_copy
from stembus.scripts.shell import DIRECTORY, next_step, open_office, say

_DAY_SECONDS = 86_400
_REQUESTS_A_STEP = 5  # where are you, sign the head, where are you, sign the new one; and one that is asked again
_OTHER_STEPS = 50  # openings, incidents, partial decryptions: of a busy day


@click.group()
def log() -> None:
    """The log, and the witnesses that see it elsewhere."""


@log.command("enrol")
@DIRECTORY
@click.option("--contact", required=True, help="How a witness's people reach yours: an address of mail or of a page.")
def log_enrol(directory: Path, contact: str) -> None:
    """Print what witnesses need to know before they follow this log: origin, key, rate and contact.

    \b
    In the form of transparency-dev/witness-network. The draft and the key `log` must be there; `define` comes later.
    Example:  stembus log enrol kortrijk --contact stembus@kortrijk.example
    """
    if not contact.strip() or "\n" in contact or "\r" in contact:
        raise NotReady("a contact is one line")
    office = open_office(directory)
    keys, draft = read_keys(office.public_keys), read_draft(office.draft)
    if "log" not in keys:
        raise NotReady(f"there is no key of the log yet; run: stembus key make {directory} log")
    try:
        origin, seconds = str(draft["parties"]["log_origin"]), int(draft["batching"]["minimum_seconds"])
        key = VerifierKey(origin, ED25519, bytes.fromhex(keys["log"]["key"]))
        parse_verifier_key(str(key))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotReady(f"{office.draft} lacks parties.log_origin or batching.minimum_seconds, or the key") from None
    except NoteInvalid:
        raise NotReady(
            f"parties.log_origin of {office.draft}, or the key of the log, has a form that no log has"
        ) from None
    click.echo(log_lines(key, _REQUESTS_A_STEP * (_DAY_SECONDS // max(seconds, 1) + _OTHER_STEPS), contact), nl=False)
    say("once the draft is frozen, origin and key stay as they are: ask the witnesses to follow this log before")
    next_step(f"stembus log witnesses {directory} POLICY, with the keys and addresses that the witnesses answer with")


@log.command("witnesses")
@DIRECTORY
@click.argument("policy", metavar="POLICY", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def log_witnesses(directory: Path, policy: Path) -> None:
    """Take the witnesses of a POLICY file, which run elsewhere, into the definition, and keep where they answer.

    \b
    A policy file (C2SP tlog-policy) has a line for each witness, and says how many must cosign:
        witness uni  university.example/witness+1234abcd+BAbc...  https://witness.university.example
        witness news newspaper.example/witness+5678cdef+BDef...   https://witness.newspaper.example
        group both all uni news
        quorum both
    After `define`, only the addresses may change.
    Example:  stembus log witnesses kortrijk witnesses.policy
    """
    office = open_office(directory)
    data = policy.read_bytes()
    taken = parse_witnesses(str(policy), data)
    if unreachable := [witness.key.name for witness in taken.witnesses if witness.url is None]:
        raise NotReady(f"{policy} does not say where {unreachable[0]} answers; add its address to its line")
    if not taken.quorum:
        raise NotReady(f"{policy} asks for no cosignature; write how many of the witnesses must cosign")
    if office.manifest_file.exists():
        addresses = demand_witnesses(str(policy), taken, office.manifest)
        for member in office.manifest.witnesses.members:
            if member.name not in addresses:
                say(f"note: {policy} does not say where witness {member.name} answers")
    else:
        _enlist(office, [witness.key for witness in taken.witnesses])
    write_durably(office.witness_policy, data)
    for witness in taken.witnesses:
        say(f"witness {witness.key.name} {fingerprint(witness.key.public.hex())}: {_tried(office, witness)}")
    if not office.manifest_file.exists():
        next_step(f"write witness_quorum = {taken.quorum} into {office.draft}; then: stembus check {directory}")


def _tried(office: Office, witness: Listed) -> str:
    """Whether it answers, with this key, for this log: it is asked to sign the empty tree, if the log's key is here."""
    assert witness.url is not None
    if not office.key_path("log").exists():
        return f"not tried, at {witness.url}, since the log's key is not here"
    try:
        origin = _origin(office)
    except BallotError as error:
        return f"not tried, at {witness.url}: {error}"
    key = office.signing_key("log")
    empty = sign_checkpoint(origin, 0, EMPTY_ROOT, key)
    try:
        lines = RemoteWitness(witness.key.name, witness.url).add_checkpoint(empty, 0, [])
    except SizeDiffers:
        return f"it answers at {witness.url}, and has seen this log already"
    except (AuditError, BallotError) as error:
        return f"NOT YET, at {witness.url}: {error}"
    signed = Checkpoint(origin, 0, EMPTY_ROOT, tuple(lines))
    if cosignatures(signed, [(witness.key.name, witness.key.public)])[0]:
        return f"it answers at {witness.url}, with this key, and follows this log"
    return f"NOT YET, at {witness.url}: what answers there has another key"


def _origin(office: Office) -> str:
    """The frozen one, or before `define` that of the draft. Raises DefinitionInvalid or NotReady."""
    if office.manifest_file.exists():
        return office.manifest.log.origin
    parties = read_draft(office.draft).get("parties")
    origin = parties.get("log_origin") if isinstance(parties, dict) else None
    if not isinstance(origin, str):
        raise NotReady(f"{office.draft} lacks parties.log_origin")
    return origin


def _enlist(office: Office, witnesses: Sequence[VerifierKey]) -> None:
    """Writes their public keys as those of witness-1, witness-2 and so on. Raises NotReady where others are there."""
    files = {}
    for number, key in enumerate(witnesses, 1):
        if not is_party_name(key.name):
            raise NotReady(
                f"{key.name!r} cannot stand in a definition: a witness's name is up to 100 of letters, digits, "
                "dot, dash, underscore and slash; its people can make one with another name"
            )
        prefix = "ml-dsa-44:" if key.algorithm == COSIGNATURE_MLDSA44 else ""
        public = {"role": "witness", "name": key.name, "key": prefix + key.public.hex()}
        files[office.public_keys / f"witness-{number}.json"] = f"{json.dumps(public, indent=1)}\n".encode("ascii")
    there = sorted(office.public_keys.glob("witness-*.json"))
    if sorted(path.read_bytes() for path in there) == sorted(files.values()):
        return  # in another order, which says nothing
    for path in there:
        if path.read_bytes() != files.get(path):
            raise NotReady(
                f"{path} is the key of another witness; remove the keys of all witnesses there, if those of the policy "
                "are meant to take their place"
            )
    for path, data in files.items():
        write_durably(path, data)


@log.command("policy")
@DIRECTORY
def log_policy(directory: Path) -> None:
    """Print the policy by which any transparency tool can check this log: its key, its witnesses, their quorum.

    \b
    Example:  stembus log policy kortrijk > stembus.policy
    """
    office = open_office(directory)
    addresses = witness_addresses(office.witness_policy, office.manifest)
    click.echo(policy_of(office.manifest, addresses).to_bytes(), nl=False)


@log.command("complete")
@DIRECTORY
@click.argument("place", metavar="PLACE")
def log_complete(directory: Path, place: str) -> None:
    """Complete a log folder that was lost or came back from an older copy, from a newer copy of it.

    \b
    PLACE is a folder, a zip file or an address with the published log: of a mirror, an auditor, anybody who has
    one. It is verified first. Stop the services and the timer of seal before.
    Example:  stembus log complete kortrijk kortrijk-2019.zip
    """
    office = open_office(directory)
    with verified_copy(place, office.referendum) as (verified, copy):
        before = office.complete_log(verified, copy)
    if before is None:
        say(f"already done: {place} has nothing that is not in {office.public}; nothing was changed")
        return
    size = office.log().size
    taken = f"{size - before} entries" if size > before else "files that were missing"
    click.echo(f"{taken} were taken over; the log of {directory} has {size} entries now")
    next_step(f"stembus doctor {directory}; then start the services again")
