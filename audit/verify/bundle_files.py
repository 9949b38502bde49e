"""Which files a bundle may hold (V1), and that tiles of other sizes agree with the log (V5).

A log grows while it is read, so beside the files of its head there may be partial tiles that it has outgrown and
files of an append that is not published yet. They are no part of what is verified, but what they state of it must
be the same. Any other file is named; no result depends on it.
"""

from __future__ import annotations

from stembus.audit import bounds
from stembus.audit.durable import is_staged
from stembus.audit.entry_rules import DOCUMENTS
from stembus.audit.errors import FileMissing, PlaceError, RecordInvalid
from stembus.audit.formats.lists import CREDENTIALS, SPARES, issuance_path, struck_path
from stembus.audit.log.source import is_litter
from stembus.audit.log.tiles import (
    HEAD,
    log_paths,
    parse_bundle,
    parse_checkpoint_path,
    parse_tile,
    parse_tile_path,
    tile_width,
)
from stembus.audit.state_machine import Phase
from stembus.audit.verify.checked_log import CheckedLog
from stembus.audit.verify.walk import Walk

_SHOWN = 200
_BEFORE_THE_ROLL = (Phase.EMPTY, Phase.CEREMONY, Phase.KEYED)


def check_files(walk: Walk, tree: CheckedLog) -> None:
    listed = walk.source.paths()
    if listed is None:
        return
    expected = _expected(walk, tree.size)
    for path in listed:
        # What was to be said of a checkpoint, also of one beyond the head, was said with the series.
        if path in expected or parse_checkpoint_path(path) is not None:
            continue
        tile = parse_tile_path(path)
        if tile is not None:
            _compare(walk, tree, path, *tile)
        elif is_staged(path.rpartition("/")[2]):
            continue  # being written, or its writing was cut off
        elif is_litter(path):
            walk.report.passed_over("V1", path[:_SHOWN], "left behind by a file manager; delete it")
        else:
            walk.report.stands("V1", path[:_SHOWN], "a file that does not belong to the bundle")


def _expected(walk: Walk, size: int) -> set[str]:
    expected = {HEAD, "log.vkey", *log_paths(size), *(DOCUMENTS + name for name in walk.documents)}
    if walk.order.phase not in _BEFORE_THE_ROLL:
        expected |= {CREDENTIALS, SPARES}
    if walk.closed is not None:
        registrars = range(1, len(walk.manifest.registrars) + 1)
        expected |= {path(number) for number in registrars for path in (issuance_path, struck_path)}
    return expected


def _compare(walk: Walk, tree: CheckedLog, path: str, level: int | str, number: int, width: int) -> None:
    common = min(width, tile_width(level, number, tree.size))
    if not common:
        return
    limit = bounds.ENTRY_BUNDLE_BYTES if level == "entries" else bounds.TILE_BYTES
    try:
        data = walk.source.read(path, limit)
        found = parse_bundle(data, width) if level == "entries" else parse_tile(data, width)
    except FileMissing:
        return  # outgrown, and removed by the writer since it was listed
    except (PlaceError, RecordInvalid) as error:
        walk.report.stands("V1", path, f"a tile of another size that cannot be read: {error}")
        return
    ours = tree.bundle(number) if level == "entries" else tree.tile(int(level), number, common)
    if found[:common] != ours[:common]:
        walk.report.breach("V5", path, "a tile of another size contradicts this log")
