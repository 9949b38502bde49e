"""A referendum of any size, counted and published: what `make growth` verifies.

    FOLDER/<number>/referendum/    its folder
    FOLDER/<number>/keys           32 bytes for each letter: its secret key, in the order of the public ones
    FOLDER/<number>/batches/<k>    the ballots of batch k, one after the other
    FOLDER/<number>/lines/<k>      the lines of the issuance list that belong to them

Every entry, list and signature is a real one. What is left out is what lies between them: codes on paper, a registrar's
and a box's database, and blinding, since nobody is to be hidden here and half the time goes there. Cut off anywhere, it
goes on there: a file has its name once it is whole, and the log says which batches it has.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from stembus.audit.durable import write_durably
from stembus.audit.formats.entries import encode_entry, issuance_digest, issued_digest, sign_entry
from stembus.audit.formats.entry_bodies import Batch, Close, Issuance, IssuedCount, Roll
from stembus.audit.formats.lists import (
    CREDENTIALS,
    SPARES,
    Issued,
    acknowledgement_digest,
    encode_keys,
    issuance_path,
    list_root,
    parse_issued,
    request_digest,
    struck_path,
)
from stembus.audit.formats.manifest import cast_ballot_bytes
from stembus.ballot.issuance.token import VotingPass
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.crypto.blind_rsa import SALT_BYTES
from stembus.crypto.signing import SchnorrKey
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.errors import StepDone

PER_BATCH = 2000
_SECRET_BYTES = 32
_BETWEEN = 600  # seconds from one batch to the next, as the draft says
Progress = Callable[[str, int, int], None]


def big_log(folder: Path, number: int, executor: Executor, progress: Progress) -> Path:
    """The folder of a counted referendum of `number` voters, made as far as it is not there."""
    place = folder / str(number)
    _begin(place, number)
    batches = range(1, -(-number // PER_BATCH) + 1)
    missing = [k for k in batches if not (place / "lines" / str(k)).exists()]
    for done, _ in enumerate(executor.map(_make_batch, [place] * len(missing), missing), 1):
        progress("ballots", done, len(missing))
    rehearsal = Rehearsal(place / "referendum", executor)
    for k in batches[rehearsal.office.log().order.batches :]:
        _append_batch(rehearsal, place, k)
        progress("batches", k, len(batches))
    _count(rehearsal, place, batches)
    rehearsal.office.dispose()
    return place / "referendum"


def _begin(place: Path, number: int) -> None:
    """Opens the voting: a folder of that name is one where it is open."""
    if (place / "referendum").exists():
        return
    beginning = place / "beginning"
    shutil.rmtree(beginning, ignore_errors=True)
    rehearsal = Rehearsal(beginning)
    office, log = rehearsal.office, rehearsal.office.log
    rehearsal.keys(trustees=1)
    rehearsal.define(demo_draft(number, 1, threshold=1, batch_tokens=1))
    rehearsal.ceremony()
    keys = sorted((SchnorrKey(secrets.token_bytes(_SECRET_BYTES)) for _ in range(number)), key=lambda key: key.public)
    credentials, none = [key.public for key in keys], list_root([])[1].hex()
    log().publish(CREDENTIALS, encode_keys(credentials).encode("ascii"))
    log().publish(SPARES, b"")
    root = list_root(credentials)[1].hex()
    log().append([office.officers_sign(Roll(count=number, credentials_root=root, spares=0, spares_root=none))])
    rehearsal.open()
    office.dispose()
    for name in ("batches", "lines"):
        (place / name).mkdir(exist_ok=True)
    write_durably(place / "keys", b"".join(key.secret for key in keys))
    beginning.rename(place / "referendum")


@lru_cache(maxsize=1)
def _opened(place: Path) -> tuple[Rehearsal, rsa.RSAPrivateKey]:
    rehearsal = Rehearsal(place / "referendum")
    key = load_der_private_key(rehearsal.office.blind_signer(1).to_der(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return rehearsal, key


def _keys(place: Path, batch: int) -> Iterator[SchnorrKey]:
    with (place / "keys").open("rb") as file:
        file.seek((batch - 1) * PER_BATCH * _SECRET_BYTES)
        block = file.read(PER_BATCH * _SECRET_BYTES)
    return (SchnorrKey(block[k : k + _SECRET_BYTES]) for k in range(0, len(block), _SECRET_BYTES))


def _make_batch(place: Path, batch: int) -> None:
    """Ballots of new tokens, in the order of their ids, and the lines of the letters that asked for these."""
    rehearsal, registrar = _opened(place)
    context, referendum = rehearsal.office.context(), rehearsal.office.referendum
    lines, ballots = [], []
    for number, credential in enumerate(_keys(place, batch)):
        request = hashlib.sha256(secrets.token_bytes(384)).digest()  # of a blinded message, which is any number
        asked = credential.sign(request_digest(referendum, 1, request))
        used = credential.sign(acknowledgement_digest(referendum, 1, request))
        lines.append(Issued(credential.public, request, asked, used).line())
        token = SchnorrKey.generate()
        pss = padding.PSS(padding.MGF1(hashes.SHA384()), SALT_BYTES)
        signature = registrar.sign(context.token_message(token.public), pss, hashes.SHA384())
        voting_pass = VotingPass(referendum, token, (), (signature,))
        prepared = prepare(context, voting_pass, [[number % 2]])
        ballots.append((prepared.ballot_id, sign_ballot(context, voting_pass, prepared, 0)))
    write_durably(place / "batches" / str(batch), b"".join(raw for _, raw in sorted(ballots)))
    write_durably(place / "lines" / str(batch), "".join(lines).encode("ascii"))


def _append_batch(rehearsal: Rehearsal, place: Path, batch: int) -> None:
    office = rehearsal.office
    raw, width = (place / "batches" / str(batch)).read_bytes(), cast_ballot_bytes(office.manifest)
    ballots = [raw[k : k + width] for k in range(0, len(raw), width)]
    given = office.log().order.ballots + len(ballots)
    signature = office.signing_key("registrar-1").sign(issued_digest(office.referendum, 1, batch, given)).hex()
    body = Batch(number=batch, size=len(ballots), issued=[IssuedCount(count=given, signature=signature)])
    rehearsal.clock.move_to(office.manifest.opens_at + batch * _BETWEEN)
    header = encode_entry(body, [sign_entry(office.referendum, body, "box", office.signing_key("box"))])
    office.log().append([header, *ballots])


def _count(rehearsal: Rehearsal, place: Path, batches: Sequence[int]) -> None:
    office, order = rehearsal.office, rehearsal.office.log().order
    rehearsal.clock.move_to(office.manifest.closes_at + office.manifest.grace_seconds)
    if order.phase.value == "open":
        _close(rehearsal, place, batches)
    if order.phase.value != "tallied":
        for step in (rehearsal.intents, rehearsal.decrypt):
            with suppress(StepDone):
                step([1])
        rehearsal.result()


def _close(rehearsal: Rehearsal, place: Path, batches: Sequence[int]) -> None:
    office, log = rehearsal.office, rehearsal.office.log()
    lines = b"".join((place / "lines" / str(k)).read_bytes() for k in batches)
    issued = list_root(line.leaf() for line in parse_issued(lines.splitlines(keepends=True)))
    struck = list_root([])
    signature = office.signing_key("registrar-1").sign(issuance_digest(office.referendum, 1, issued, struck)).hex()
    statement = Issuance(
        count=issued[0], root=issued[1].hex(), struck=0, struck_root=struck[1].hex(), signature=signature
    )
    log.publish(issuance_path(1), lines)
    log.publish(struck_path(1), b"")
    body = Close(batches=log.order.batches, ballots=log.order.ballots, issuance=[statement])
    log.append([office.officers_sign(body)])
