"""The log's entries other than ballots: their types, who signs each, and the one envelope around them.

An entry is canonical JSON `{"body": ..., "signatures": [...], "type": ...}`. Decides the envelope and the signed
bytes. Leaves the bodies to `entry_bodies`, which entry may follow which to `state_machine`, and what a body must
agree with to `verify`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from stembus.audit import bounds
from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.canonical import (
    Record,
    SignatureHex,
    decode,
    encode,
)
from stembus.audit.formats.entry_bodies import (
    Abandon,
    Batch,
    Body,
    Cancel,
    Client,
    Close,
    Commit,
    Complaint,
    Confirm,
    Drill,
    ElectionKey,
    Incident,
    Minutes,
    Open,
    PaperBallots,
    PaperResult,
    PartialDecryption,
    Purge,
    Replace,
    Result,
    Reveal,
    Roll,
    Sample,
    Share,
    TallyIntent,
)
from stembus.audit.formats.manifest import Manifest
from stembus.crypto.errors import SignatureInvalid
from stembus.crypto.signing import SigningKey, verify_ed25519
from stembus.crypto.transcript import Transcript

# Type name -> (body, who signs). `trustee` and `accuser` are named by the body; a number is a count of officers.
KINDS: dict[str, tuple[type[Record], str]] = {
    "commit": (Commit, "trustee"),
    "reveal": (Reveal, "trustee"),
    "share": (Share, "trustee"),
    "confirm": (Confirm, "trustee"),
    "complaint": (Complaint, "trustee"),
    "drill": (Drill, "trustee"),
    "election-key": (ElectionKey, "nobody"),
    "roll": (Roll, "officers"),
    "client": (Client, "client"),
    "open": (Open, "officers"),
    "batch": (Batch, "box"),
    "replace": (Replace, "officers"),
    "incident": (Incident, "officer"),
    "cancel": (Cancel, "officers"),
    "close": (Close, "officers"),
    "paper-result": (PaperResult, "officers"),
    "paper-ballots": (PaperBallots, "officers"),
    "tally-intent": (TallyIntent, "trustee"),
    "partial-decryption": (PartialDecryption, "trustee"),
    "result": (Result, "officers"),
    "abandon": (Abandon, "officers"),
    "sample": (Sample, "officers"),
    "minutes": (Minutes, "officer"),
    "purge": (Purge, "officers"),
}
_NAMES = {body: name for name, (body, _) in KINDS.items()}
_OFFICERS_NEEDED = {"officer": 1, "officers": 2}


class Signature(Record, frozen=True):
    """`by` is a role and, where there are several holders, a number from 1: `officer/2`, `box`."""

    by: str
    signature: SignatureHex


class _Envelope(Record, frozen=True):
    body: msgspec.Raw
    signatures: Annotated[list[Signature], msgspec.Meta(max_length=bounds.SIGNATURES)]
    type: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A parsed entry; its signatures are not checked yet."""

    type: str
    body: Body
    signatures: tuple[Signature, ...]


def parse_entry(data: bytes) -> Entry:
    """Parses any JSON entry but the manifest. Raises RecordInvalid."""
    if len(data) > bounds.ENTRY_BYTES:
        raise RecordInvalid("an entry is longer than a log entry can be")
    envelope = decode(data, _Envelope)
    if envelope.type not in KINDS:
        raise RecordInvalid(f"an entry of unknown type {envelope.type[:40]!r}")
    body = decode(bytes(envelope.body), KINDS[envelope.type][0])
    names = [signature.by for signature in envelope.signatures]
    if names != sorted(set(names)):
        raise RecordInvalid("the signatures of an entry are sorted, one for each signer")
    return Entry(envelope.type, body, tuple(envelope.signatures))  # type: ignore[arg-type]


def entry_type(body: Record) -> str:
    """The name under which such a body stands in the log."""
    return _NAMES[type(body)]


def encode_entry(body: Record, signatures: Sequence[Signature] = ()) -> bytes:
    ordered = sorted(signatures, key=lambda signature: signature.by)
    return encode({"body": body, "signatures": ordered, "type": _NAMES[type(body)]})


def entry_digest(referendum: bytes, body: Record) -> bytes:
    """What signers of an entry sign: tag, referendum id, type and canonical body."""
    name = _NAMES[type(body)]
    transcript = Transcript("entry").add("referendum", referendum).add("type", name.encode("ascii"))
    return transcript.add("body", encode(body)).digest()


def sign_entry(referendum: bytes, body: Record, by: str, key: SigningKey) -> Signature:
    return Signature(by=by, signature=key.sign(entry_digest(referendum, body)).hex())


def check_signatures(manifest: Manifest, referendum: bytes, entry: Entry) -> None:
    """Raises SignatureInvalid unless exactly the right parties signed this entry."""
    rule = KINDS[entry.type][1]
    names = [signature.by for signature in entry.signatures]
    if rule == "nobody":
        expected_ok = not names
    elif rule == "trustee":
        expected_ok = names == [f"trustee/{entry_trustee(entry.body)}"]
    elif rule in _OFFICERS_NEEDED:
        expected_ok = len(names) >= _OFFICERS_NEEDED[rule] and all(name.startswith("officer/") for name in names)
    else:
        expected_ok = names == [rule]
    if not expected_ok:
        raise SignatureInvalid(
            f"an entry {entry.type} is to be signed by {rule}, not by {', '.join(names) or 'nobody'}"
        )
    digest = entry_digest(referendum, entry.body)
    for signature in entry.signatures:
        verify_ed25519(party_key(manifest, signature.by), digest, bytes.fromhex(signature.signature))


def entry_trustee(body: Body) -> int:
    """The trustee who must have signed this body."""
    if isinstance(body, Share):
        return body.sender
    if isinstance(body, Complaint):
        return body.accuser
    assert isinstance(body, Commit | Reveal | Confirm | Drill | TallyIntent | PartialDecryption)
    return body.trustee


def party_key(manifest: Manifest, name: str) -> bytes:
    """The Ed25519 key of `box`, `client`, `officer/1`, `trustee/2`, ... Raises SignatureInvalid."""
    role, _, number = name.partition("/")
    single = {"box": manifest.box.key, "client": manifest.client.key}
    several = {"officer": manifest.officers, "trustee": manifest.trustees.members}
    if name in single:
        return bytes.fromhex(single[name])
    if role in several and re.fullmatch(r"[1-9][0-9]{0,3}", number):
        members = several[role]
        if 1 <= int(number) <= len(members):
            return bytes.fromhex(members[int(number) - 1].key)
    raise SignatureInvalid(f"{name[:40]!r} is no party of this referendum")


def issued_digest(referendum: bytes, registrar: int, batch: int, count: int) -> bytes:
    """What registrar number `registrar` (from 1) signs with each batch."""
    transcript = Transcript("issued").add("referendum", referendum).add_int("registrar", registrar)
    return transcript.add_int("batch", batch).add_int("count", count).digest()


def issuance_digest(referendum: bytes, registrar: int, issued: tuple[int, bytes], struck: tuple[int, bytes]) -> bytes:
    """What a registrar signs at the close: lengths and roots of its two lists."""
    transcript = Transcript("issuance").add("referendum", referendum).add_int("registrar", registrar)
    transcript.add_int("count", issued[0]).add("root", issued[1])
    return transcript.add_int("struck", struck[0]).add("struck-root", struck[1]).digest()
