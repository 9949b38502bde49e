"""The lists beside a log that was verified, read again.

Decides that a list whose length and root are not those that the log states is not read at all: between the two readings
a folder may have changed. Leaves what the lists say to their readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from stembus.audit import bounds
from stembus.audit.errors import CannotRead, PlaceError, RecordInvalid
from stembus.audit.formats.entry_bodies import Close
from stembus.audit.formats.lists import Issued, issuance_path, list_root, parse_issued, parse_keys, struck_path
from stembus.audit.log.source import Place
from stembus.audit.verify.verified_log import VerifiedLog

Line = TypeVar("Line")


def issued_by(log: VerifiedLog, place: Place, close: Close, registrar: int) -> list[Issued]:
    """Who asked registrar number `registrar` for a token. Raises CannotRead."""
    stated, most = close.issuance[registrar - 1], log.manifest.eligibility.official_count
    limit = bounds.ISSUED_LINE_BYTES * most
    found = _read(place, issuance_path(registrar), limit, parse_issued)
    _demand(issuance_path(registrar), (line.leaf() for line in found), stated.count, stated.root)
    return found


def struck_by(log: VerifiedLog, place: Place, close: Close, registrar: int) -> list[bytes]:
    """Whom registrar number `registrar` struck for paper. Raises CannotRead."""
    stated, most = close.issuance[registrar - 1], log.manifest.eligibility.official_count
    found = _read(place, struck_path(registrar), bounds.KEY_LINE_BYTES * most, parse_keys)
    _demand(struck_path(registrar), found, stated.struck, stated.struck_root)
    return found


def keys_of(place: Place, path: str, count: int, root: str) -> list[bytes]:
    """The list `credentials` or `spares`, as the roll states it. Raises CannotRead."""
    found = _read(place, path, bounds.KEY_LINE_BYTES * count, parse_keys)
    _demand(path, found, count, root)
    return found


def _read(place: Place, path: str, limit: int, parse: Callable[[Iterable[bytes]], Iterator[Line]]) -> list[Line]:
    if not limit:
        return []
    try:
        return list(parse(place.lines(path, limit)))
    except (PlaceError, RecordInvalid) as error:
        raise CannotRead(f"{path}: {error}") from None


def _demand(path: str, leaves: Iterable[bytes], count: int, root: str) -> None:
    if list_root(leaves) != (count, bytes.fromhex(root)):
        raise CannotRead(f"{path} is another list than the one that was verified; nothing was taken from it")
