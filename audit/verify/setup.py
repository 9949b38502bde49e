"""What a voter's client checks before it encrypts: the part of the log up to `open`.

Reads only the first entries, checks them as the whole verifier would (V2-V12), and holds them against the
quorum-cosigned checkpoint of the opening, so that nobody is shown a private referendum.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from stembus.audit import bounds
from stembus.audit.errors import AuditError, CannotRead, FileMissing
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.entry_bodies import ElectionKey, Open, Roll
from stembus.audit.formats.manifest import Manifest, referendum_id
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.audit.log.note import check_log_signature, cosignatures, parse_checkpoint, quorum_time
from stembus.audit.log.source import Place
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import HEAD, checkpoint_path
from stembus.audit.state_machine import Order
from stembus.audit.verify.ballots import context_of
from stembus.audit.verify.ceremony import CeremonyCheck
from stembus.audit.verify.report import Report
from stembus.crypto.errors import CryptoError


class SetupInvalid(AuditError):
    """The published referendum is not the one on the letter, or not fit to vote in."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A checked referendum: what a client needs to make tokens and ballots."""

    manifest: Manifest
    referendum: bytes
    context: BallotContext
    opened: bool


def load_setup(place: Place, referendum: bytes, need_open: bool = True) -> Setup:
    """Raises SetupInvalid."""
    try:
        return _load(place, referendum, need_open)
    except (SetupInvalid, CannotRead):
        raise
    except (AuditError, CryptoError) as error:
        raise SetupInvalid(str(error)) from None


def _load(place: Place, referendum: bytes, need_open: bool) -> Setup:
    try:
        head = parse_checkpoint(place.read(HEAD, bounds.CHECKPOINT_BYTES))
    except FileMissing as error:
        raise CannotRead(f"no log is published there: {error}") from None
    reader = TileReader(place, head.size)
    raw_manifest = reader.entry(0)
    if referendum_id(raw_manifest) != referendum:
        raise SetupInvalid("the published log is not the referendum of this id; compare it with the letter")
    manifest = parse_manifest(raw_manifest)
    check_log_signature(head, manifest.log.origin, bytes.fromhex(manifest.log.key))
    report, order, frontier = Report(), Order(), Frontier()
    order.start(manifest)
    ceremony = CeremonyCheck(manifest, referendum, report)
    frontier.append(leaf_hash(raw_manifest))
    election_key: bytes | None = None
    for index in range(1, head.size):
        raw = reader.entry(index)
        frontier.append(leaf_hash(raw))
        entry = parse_entry(raw)
        check_signatures(manifest, referendum, entry)
        order.admit(entry.type, entry.body)
        if entry.type in ("commit", "reveal", "share", "confirm", "complaint", "drill", "election-key"):
            ceremony.take(index, entry, frontier.root)
        if isinstance(entry.body, Roll):
            ceremony.take_roll(frontier.root())
        if isinstance(entry.body, ElectionKey):
            election_key = raw
            if not need_open:
                break
        if isinstance(entry.body, Open):
            if not election_key or entry.body.election_key != hashlib.sha256(election_key).hexdigest():
                raise SetupInvalid("voting was opened for another election key")
            _check_opening(place, manifest, frontier)
            break
    else:
        raise SetupInvalid("voting is not open yet")
    ceremony.conclude()
    if not report.established or election_key is None:
        raise SetupInvalid("the key ceremony in the log is faulty: " + "; ".join(f.message for f in report.faults))
    return Setup(manifest, referendum, context_of(raw_manifest, election_key), need_open)


def _check_opening(place: Place, manifest: Manifest, frontier: Frontier) -> None:
    checkpoint = parse_checkpoint(place.read(checkpoint_path(frontier.size), bounds.CHECKPOINT_BYTES))
    check_log_signature(checkpoint, manifest.log.origin, bytes.fromhex(manifest.log.key))
    if (checkpoint.size, checkpoint.root) != (frontier.size, frontier.root()):
        raise SetupInvalid("the checkpoint of the opening contradicts the log")
    witnesses = [(w.name, w.public) for w in manifest.witnesses.members]
    valid, _ = cosignatures(checkpoint, witnesses)
    if quorum_time(valid, manifest.witnesses.quorum) is None:
        raise SetupInvalid("too few witnesses have seen the opening; try again later")
