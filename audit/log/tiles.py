"""C2SP tlog-tiles: the paths of a log's files, tiles and entry bundles.

Decides which files a log of a given size consists of, what they are called and how entries are framed. Leaves
reading and writing to `source` and `ballot.log_operator`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stembus.audit.bounds import ENTRY_BYTES, HASH_BYTES, TILE_WIDTH
from stembus.audit.errors import RecordInvalid

HEAD = "checkpoint"
CHECKPOINTS = "checkpoints/"
TILES = "tile/"
_CHECKPOINT = re.compile(r"checkpoints/([1-9][0-9]{0,14})", re.ASCII)
_NUMBER_CHARACTERS = 23
_PATH = re.compile(r"tile/(0|[1-9]|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


def checkpoint_path(size: int) -> str:
    """Of the checkpoint of a log of `size` entries, kept beside the head."""
    return f"{CHECKPOINTS}{size}"


def parse_checkpoint_path(path: str) -> int | None:
    """The size that `path` names; None when it names none."""
    match = _CHECKPOINT.fullmatch(path)
    return int(match[1]) if match else None


def number_path(number: int) -> str:
    """1234067 becomes x001/x234/067."""
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.append(f"x{number % 1000:03d}")
    return "/".join(reversed(parts))


def tile_path(level: int | str, number: int, width: int = TILE_WIDTH) -> str:
    """`level` is a number or `entries`; a width below 256 names a partial tile."""
    path = f"tile/{level}/{number_path(number)}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def parse_tile_path(path: str) -> tuple[int | str, int, int] | None:
    """(level, number, width) of the tile or bundle that `path` names; None when it names none."""
    match = _PATH.fullmatch(path)
    if not match or len(match[2]) > _NUMBER_CHARACTERS:
        return None
    level = match[1] if match[1] == "entries" else int(match[1])
    number, width = int(match[2].replace("x", "").replace("/", "")), int(match[3] or TILE_WIDTH)
    return (level, number, width) if tile_path(level, number, width) == path else None


def tile_width(level: int | str, number: int, size: int) -> int:
    """How wide that tile or bundle is in a log of `size` entries; 0 when it has none."""
    items = size if level == "entries" else size >> 8 * int(level)
    return max(0, min(TILE_WIDTH, items - number * TILE_WIDTH))


def level_tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, number, width) of every hash tile of a tree of `size` leaves."""
    level = 0
    while size:
        full, rest = divmod(size, TILE_WIDTH)
        for number in range(full):
            yield level, number, TILE_WIDTH
        if rest:
            yield level, full, rest
        size = full
        level += 1


def bundle_widths(size: int) -> Iterator[tuple[int, int]]:
    """(number, width) of every entry bundle."""
    full, rest = divmod(size, TILE_WIDTH)
    for number in range(full):
        yield number, TILE_WIDTH
    if rest:
        yield full, rest


def log_paths(size: int) -> Iterator[str]:
    """Every tile file of a log of `size` entries."""
    for level, number, width in level_tiles(size):
        yield tile_path(level, number, width)
    for number, width in bundle_widths(size):
        yield tile_path("entries", number, width)


def outgrown(path: str, size: int) -> bool:
    """Whether this is a partial tile or bundle of a smaller log, which has grown to `size` entries since. It holds the
    beginning of the tile or bundle that has taken its place."""
    tile = parse_tile_path(path)
    return tile is not None and tile[2] < tile_width(tile[0], tile[1], size)


def beyond(path: str, size: int) -> bool:
    """Whether this file lies among the tiles, and is of no log of up to `size` entries."""
    tile = parse_tile_path(path)
    return path.startswith(TILES) and (tile is None or tile[2] > tile_width(tile[0], tile[1], size))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Exactly `width` entries, u16 length each. Raises RecordInvalid."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            raise RecordInvalid("an entry bundle ends in the middle of an entry")
        entries.append(data[start:end])
        position = end
    if len(entries) != width:
        raise RecordInvalid(f"an entry bundle holds {len(entries)} entries, not {width}")
    return entries


def parse_tile(data: bytes, width: int) -> list[bytes]:
    if len(data) != width * HASH_BYTES:
        raise RecordInvalid(f"a tile of {width} hashes is {width * HASH_BYTES} bytes, not {len(data)}")
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def check_entry_size(entry: bytes) -> None:
    if not 0 < len(entry) <= ENTRY_BYTES:
        raise RecordInvalid(f"a log entry is 1 to {ENTRY_BYTES} bytes, not {len(entry)}")
