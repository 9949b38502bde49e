"""Two officers are two people: what one signs here waits in a file until the other has signed it elsewhere.

    DIR/to-sign/TYPE-DIGEST.json    an entry of the log with the signatures so far; the other officer's comes back in a
                                    file like it

Decides whose signatures count: officers of the definition, on exactly this body. An officer whose key lies in the
folder signs at once. Leaves what the other one reads before signing to the command.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.canonical import Record
from stembus.audit.formats.entries import (
    KINDS,
    Entry,
    Signature,
    encode_entry,
    entry_digest,
    entry_type,
    parse_entry,
    party_key,
    sign_entry,
)
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import BallotError
from stembus.ballot.office.key_ring import KeyRing
from stembus.crypto.errors import CryptoError
from stembus.crypto.signing import verify_ed25519

FOLDER = "to-sign"


class OfficerMissing(BallotError):
    """Another officer must sign; what is to be signed lies at `path`. Nothing was logged."""

    def __init__(self, path: Path, missing: int) -> None:
        another = "another officer" if missing == 1 else f"{missing} other officers"
        super().__init__(f"{another} must sign this on a laptop of their own: send them {path}; nothing was logged yet")
        self.path = path


class EntryForeign(BallotError):
    """A file is no entry for officers to sign, or a signature in it is not one of this referendum's officers."""


def sign_together(keys: KeyRing, manifest: Manifest, referendum: bytes, body: Record, count: int) -> bytes:
    """An entry with `count` officers' signatures. Raises OfficerMissing where they are not all here yet."""
    path = _path(keys.root, referendum, body)
    signatures = _signed_elsewhere(path, manifest, referendum, body)
    here = [n for n in range(1, len(manifest.officers) + 1) if keys.key_path(f"officer-{n}").exists()]
    for number in here:
        name = f"officer/{number}"
        if len(signatures) < count and name not in signatures:
            signatures[name] = sign_entry(referendum, body, name, keys.signing_key(f"officer-{number}"))
    entry = encode_entry(body, list(signatures.values()))
    if len(signatures) < count:
        write_durably(path, entry)
        raise OfficerMissing(path, count - len(signatures))
    return entry


def add_signature(keys: KeyRing, manifest: Manifest, referendum: bytes, entry: Entry, number: int) -> bytes:
    """The same entry with officer `number`'s signature, beside those that it has. Raises EntryForeign."""
    known = _checked(manifest, referendum, entry)
    name = f"officer/{number}"
    known[name] = sign_entry(referendum, entry.body, name, keys.signing_key(f"officer-{number}"))
    return encode_entry(entry.body, list(known.values()))


def take_signed(root: Path, manifest: Manifest, referendum: bytes, data: bytes) -> Path:
    """Keeps what another officer signed, for the command that asked for it; returns where. Raises EntryForeign."""
    entry = parse_to_sign(data)
    given = _checked(manifest, referendum, entry)
    path = _path(root, referendum, entry.body)
    if not path.exists():
        raise EntryForeign(f"nothing here waits for this signature: there is no {path}")
    known = _signed_elsewhere(path, manifest, referendum, entry.body)
    if given.keys() <= known.keys():
        raise EntryForeign("no other officer has signed this file yet; take the one from their folder signed")
    merged = known | given
    write_durably(path, encode_entry(entry.body, list(merged.values())))
    return path


def waiting(root: Path) -> list[tuple[Path, Entry]]:
    """What lies there for officers to sign, by file name; also what was logged since, or is outdated."""
    found = []
    for path in sorted((root / FOLDER).glob("*.json")):
        with suppress(EntryForeign, OSError):
            found.append((path, parse_to_sign(path.read_bytes())))
    return found


def parse_to_sign(data: bytes) -> Entry:
    """Raises EntryForeign."""
    try:
        entry = parse_entry(data.strip())
    except RecordInvalid:
        raise EntryForeign("this file is no entry for an officer to sign; it was damaged, or is another file") from None
    if KINDS[entry.type][1] not in ("officer", "officers"):
        raise EntryForeign(f"an entry {entry.type} is not for officers to sign: do not sign it")
    return entry


def _checked(manifest: Manifest, referendum: bytes, entry: Entry) -> dict[str, Signature]:
    digest = entry_digest(referendum, entry.body)
    for signature in entry.signatures:
        try:
            if not signature.by.startswith("officer/"):
                raise EntryForeign(f"{signature.by} is no officer")
            verify_ed25519(party_key(manifest, signature.by), digest, bytes.fromhex(signature.signature))
        except CryptoError:
            raise EntryForeign(
                f"the signature of {signature.by} is of another referendum, or the file was altered; nothing was signed"
            ) from None
    return {signature.by: signature for signature in entry.signatures}


def _signed_elsewhere(path: Path, manifest: Manifest, referendum: bytes, body: Record) -> dict[str, Signature]:
    """What lies there for this body; a file that was damaged counts for nothing."""
    try:
        entry = parse_to_sign(path.read_bytes())
        return _checked(manifest, referendum, entry) if entry.body == body else {}
    except (FileNotFoundError, EntryForeign):
        return {}


def _path(root: Path, referendum: bytes, body: Record) -> Path:
    return root / FOLDER / name_to_sign(referendum, body)


def name_to_sign(referendum: bytes, body: Record) -> str:
    """Of the file with such an entry, the same on every laptop."""
    return f"{entry_type(body)}-{entry_digest(referendum, body).hex()[:12]}.json"
