"""Small random damage to a bundle of one referendum: to its files, or to what stands in them, signed anew.

Most of it no forger would think of. What a verifier must say of it is not written down anywhere: two verifiers must say
the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import MemoryPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import HEAD
from tests.tampered.forge import Forge

Path = tuple[Any, ...]
Entries = list[bytes]


def entries_of(place: MemoryPlace) -> Entries:
    reader = TileReader(place, parse_checkpoint(place.files[HEAD]).size)
    return [reader.entry(index) for index in range(reader.size)]


def mutant(forge: Forge, place: MemoryPlace, entries: Entries, random: Random) -> MemoryPlace:
    """Of a sound bundle and its entries."""
    while True:
        changed = list(entries)
        try:
            if random.random() < 0.3:
                return _damaged(place, random)
            for _ in range(random.choice((1, 1, 1, 2))):
                random.choice(_KINDS)(forge, changed, random)
            made = forge.bundle(changed)
            return _damaged(made, random) if random.random() < 0.1 else made
        except (LookupError, ValueError, TypeError):
            continue  # the forger's workshop needs more of its entries than a verifier does


# Files


def _damaged(place: MemoryPlace, random: Random) -> MemoryPlace:
    files = dict(place.files)
    name = random.choice(sorted(files))
    data, kind = files[name], random.randrange(7)
    at = random.randrange(len(data)) if data else 0
    if kind == 0 and data:
        files[name] = data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
    elif kind == 1:
        files[name] = data[:at]
    elif kind == 2:
        files[name] = data + random.choice((b"\n", b"0", b"\xff", data[-64:]))
    elif kind == 3:
        del files[name]
    elif kind == 4:
        other = random.choice(sorted(files))
        files[name], files[other] = files[other], files[name]
    elif kind == 5:
        files[random.choice(_STRANGE)] = data
    else:
        lines = data.split(b"\n")
        random.shuffle(lines)
        files[name] = b"\n".join(lines)
    return MemoryPlace(files)


_STRANGE = (
    "notes.txt", "checkpoints/7", "checkpoints/999", "tile/0/000.p/3", "tile/entries/000.p/2", "tile/2/000.p/1",
    "tile/0/0", ".checkpoint.0123abcd.new", "__MACOSX/x", "documents/x.pdf", "issuance/2", "struck/9", "Thumbs.db",
)  # fmt: skip


# Entries


def _drop(_: Forge, entries: Entries, random: Random) -> None:
    del entries[random.randrange(1, len(entries))]


def _repeat(_: Forge, entries: Entries, random: Random) -> None:
    entries.insert(random.randrange(1, len(entries)), random.choice(entries[1:]))


def _swap(_: Forge, entries: Entries, random: Random) -> None:
    at = random.randrange(1, len(entries) - 1)
    entries[at], entries[at + 1] = entries[at + 1], entries[at]


def _cut(_: Forge, entries: Entries, random: Random) -> None:
    del entries[random.randrange(2, len(entries)) :]


def _flip(_: Forge, entries: Entries, random: Random) -> None:
    """One bit of a ballot or of a record."""
    at = random.randrange(1, len(entries))
    raw = entries[at]
    place = random.randrange(len(raw))
    entries[at] = raw[:place] + bytes([raw[place] ^ 1 << random.randrange(8)]) + raw[place + 1 :]


def _rewrite(forge: Forge, entries: Entries, random: Random) -> None:
    """A value of a record is another one, and those who must have signed it."""
    at = random.choice([k for k, raw in enumerate(entries) if k and raw[:1] == b"{"])
    entry = json.loads(entries[at])
    body, by = entry["body"], [signature["by"] for signature in entry["signatures"]]
    path = random.choice(list(_paths(body)))
    holder = body
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = _other(holder[path[-1]], random)
    keys = ["box"] * len(by) if random.random() < 0.1 else ()
    entries[at] = forge.entry(entry["type"], body, by, keys)


def _retype(forge: Forge, entries: Entries, random: Random) -> None:
    at = random.choice([k for k, raw in enumerate(entries) if k and raw[:1] == b"{"])
    entry = json.loads(entries[at])
    kind = random.choice([json.loads(raw)["type"] for raw in entries[1:] if raw[:1] == b"{"])
    entries[at] = forge.entry(kind, entry["body"], [signature["by"] for signature in entry["signatures"]])


def _paths(value: Any, path: Path = ()) -> list[Path]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        found += _paths(item, (*path, name))
    return found


def _other(value: Any, random: Random) -> Any:
    if isinstance(value, bool) or value is None:
        return random.choice((True, False, None, 0, ""))
    if isinstance(value, int):
        return random.choice((value + 1, value - 1, 0, 1, -1, 2**31, 2**53 - 1, 2**53, value * 2))
    if isinstance(value, str):
        at = random.randrange(len(value) + 1)
        return random.choice(
            (value[:at] + random.choice("0af9 é\x7f") + value[at + 1 :], value[:at], value + "0", "", value.upper())
        )
    if isinstance(value, list):
        return random.choice((value[:-1], value * 2, [], value[::-1], [*value, None]))
    return random.choice(({}, {**value, "extra": 1}, list(value.values()), None))


_KINDS: tuple[Callable[[Forge, Entries, Random], None], ...] = (
    _drop, _repeat, _swap, _cut, _flip, _flip, _rewrite, _rewrite, _rewrite, _rewrite, _rewrite, _retype,
)  # fmt: skip
