"""A log is read once against its tiles and a second time against what was read: no byte of it passes unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

import pytest

from stembus.audit.errors import CannotRead, RecordInvalid
from stembus.audit.log.merkle import inclusion_proof, leaf_hash, root_from_proof
from stembus.audit.log.note import sign_checkpoint
from stembus.audit.log.source import MemoryPlace
from stembus.audit.verify.checked_log import CheckedLog, SignedRoots
from stembus.audit.verify.report import Report
from stembus.audit.verify.stream import LogStream, Unreadable
from stembus.crypto.signing import SigningKey
from tests.tampered.forge import log_files

SIZES = [1, 2, 255, 256, 257, 300, 512, 513]
ENTRIES = [f"entry {number}".encode() for number in range(max(SIZES) + 1)]


def tree_hash(entries: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if len(entries) == 1:
        return leaf_hash(entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return node_hash(tree_hash(entries[:split]), tree_hash(entries[split:]))


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@cache
def root_at(size: int) -> bytes:
    return tree_hash(ENTRIES[:size])


def place_of(size: int, root: bytes | None = None) -> MemoryPlace:
    files = log_files(ENTRIES[:size])
    head = sign_checkpoint("example.org/log", size, root or root_at(size), SigningKey(b"\1" * 32))
    return MemoryPlace(files | {"checkpoint": head.to_bytes()})


def read(place: MemoryPlace) -> tuple[list[bytes], list[tuple[str, str]]]:
    """All entries, as far as they can be read, and the faults."""
    report = Report()
    entries = []
    try:
        for index, raw in LogStream(place, report).entries():
            assert index == len(entries)
            entries.append(raw)
    except Unreadable:
        entries = []
    return entries, [(fault.check, fault.where) for fault in report.faults]


@pytest.mark.parametrize("size", SIZES)
def test_a_sound_log_is_read_to_its_last_entry(size: int) -> None:
    assert read(place_of(size)) == (ENTRIES[:size], [])


@pytest.mark.parametrize("size", SIZES)
def test_an_altered_entry_is_found_in_the_first_and_in_the_last_bundle(size: int) -> None:
    bundles = sorted(path for path in place_of(size).files if path.startswith("tile/entries/"))
    for path in (bundles[0], bundles[-1]):
        for position in (2, -1):
            place = place_of(size)
            data = bytearray(place.files[path])
            data[position] ^= 1
            place.files[path] = bytes(data)
            _, faults = read(place)
            # A length that was altered makes the bundle unreadable; then nothing can be hashed.
            tile = path.replace("entries", "0")
            assert faults == [("V5", path)] or {("V5", tile), ("V5", "checkpoint")} <= set(faults), path


@pytest.mark.parametrize("size", SIZES)
def test_every_altered_hash_of_every_tile_is_found(size: int) -> None:
    tiles = [path for path in place_of(size).files if path.startswith("tile/") and "entries" not in path]
    assert len(tiles) == -(-size // 256) + (size >= 256)
    for path in tiles:
        for position in (0, -1):
            place = place_of(size)
            data = bytearray(place.files[path])
            data[position] ^= 1
            place.files[path] = bytes(data)
            assert read(place)[1] == [("V5", path)]


@pytest.mark.parametrize("size", SIZES)
def test_every_missing_file_is_found(size: int) -> None:
    for path in place_of(size).files:
        place = place_of(size)
        del place.files[path]
        if path == "checkpoint" or path in ("tile/entries/000", f"tile/entries/000.p/{size}"):
            with pytest.raises(CannotRead):
                read(place)
        else:
            assert read(place)[1] == [("V1", path)]


@pytest.mark.parametrize("size", SIZES)
def test_entries_that_do_not_hash_to_the_signed_root_are_found(size: int) -> None:
    entries, faults = read(place_of(size, root_at(size + 1)))
    assert (entries, faults) == (ENTRIES[:size], [("V5", "checkpoint")])


@pytest.mark.parametrize("size", [0, 2**32 + 1])
def test_a_log_without_entries_or_with_too_many_is_not_read(size: int) -> None:
    head = sign_checkpoint("example.org/log", size, bytes(32), SigningKey(b"\1" * 32))
    report = Report()
    with pytest.raises(Unreadable):
        LogStream(MemoryPlace({"checkpoint": head.to_bytes()}), report)
    assert [(fault.check, fault.where) for fault in report.faults] == [("V5", "checkpoint")]


# What was checked, read again


def checked(place: MemoryPlace) -> CheckedLog:
    stream = LogStream(place, Report())
    for _ in stream.entries():
        pass
    return stream.checked()


@pytest.mark.parametrize("size", SIZES)
def test_what_was_checked_is_read_again(size: int) -> None:
    log = checked(place_of(size))
    assert log.size == size
    assert list(log.all()) == list(enumerate(ENTRIES[:size]))
    positions = [index for index in (0, 1, 254, 255, 256, 257, size - 1) if index < size]
    assert list(log.at(positions)) == [ENTRIES[index] for index in positions]
    for index in (-1, size):
        with pytest.raises(RecordInvalid):
            log.entry(index)


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_of_a_checked_log_are_those_of_its_tree(size: int) -> None:
    log = checked(place_of(size))
    for smaller in {1, 2, 3, 255, 256, 257, size - 1, size} & set(range(1, size + 1)):
        assert log.root_at(smaller) == root_at(smaller)
    for wrong in (0, size + 1):
        with pytest.raises(RecordInvalid):
            log.root_at(wrong)
    for index in {0, 1, 255, 256, size - 1} & set(range(size)):
        proof = log.inclusion(index)
        assert proof == inclusion_proof(index, size, log.subtree)
        assert root_from_proof(leaf_hash(ENTRIES[index]), index, size, proof) == root_at(size)


@pytest.mark.parametrize("size", SIZES)
def test_tiles_of_a_checked_log_are_those_of_its_files(size: int) -> None:
    place = place_of(size)
    log = checked(place)
    for number in range(-(-size // 256)):
        width = min(256, size - 256 * number)
        hashes = [leaf_hash(raw) for raw in ENTRIES[256 * number : 256 * number + width]]
        assert log.tile(0, number, width) == hashes
        assert log.tile(0, number, 1) == hashes[:1]
        assert log.bundle(number) == ENTRIES[256 * number : 256 * number + width]
    full = size // 256
    assert log.tile(1, 0, full) == [tree_hash(ENTRIES[256 * k : 256 * k + 256]) for k in range(full)]


def _altered(place: MemoryPlace, path: str, change: Callable[[bytes], bytes]) -> None:
    place.files[path] = change(place.files[path])


@pytest.mark.parametrize("size", SIZES)
def test_another_byte_at_the_second_reading_is_refused_in_every_bundle(size: int) -> None:
    for path in [path for path in place_of(size).files if path.startswith("tile/entries/")]:
        number = int(path.split("/")[2][:3])
        for change in (lambda data: data[:-1] + b"X", lambda data: data[:-1], lambda data: data + b"\0"):
            place = place_of(size)
            log = checked(place)
            _altered(place, path, change)
            with pytest.raises(CannotRead):
                log.entry(256 * number)
            with pytest.raises(CannotRead):
                list(checked_again(place, log))


def checked_again(place: MemoryPlace, log: CheckedLog) -> list[tuple[int, bytes]]:
    return list(CheckedLog(place, log.size, log._roots).all())


def test_a_root_inside_a_batch_is_none_that_may_have_been_signed() -> None:
    """Batch 1 has its header at 9 and ends at 14; batch 2 is empty; the header of batch 3 is the last entry."""
    roots = SignedRoots(checked(place_of(20)), starts=[10, 15, 20], ends=[14, 15])
    signed = [size for size in range(30) if roots.get(size) is not None]
    assert signed == [*range(1, 11), *range(14, 21)]
    assert all(roots.get(size) == root_at(size) for size in signed)
