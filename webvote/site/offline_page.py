"""The test page as one file that works without a network: script, style and the log up to its opening inside.

Decides what goes into the file. The script in it is the served one, so a saved page checks the referendum just as
the served page does: from entry 0 to the opening's checkpoint, with the witnesses' cosignatures.
"""

from __future__ import annotations

import base64
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.log.tiles import HEAD, bundle_widths, checkpoint_path, encode_bundle, tile_path
from stembus.webvote.one_file_page import source_hash
from stembus.webvote.static_files import STATIC


def offline_parts(public: Path, opening: int, mldsa: bool, colours: str) -> dict[str, object]:
    """What the template fills in; `opening` is the log's size right after its entry `open`, `mldsa` whether a witness
    signs with ML-DSA-44, `colours` the theme's style sheet. Raises AuditError."""
    names = ("mldsa", "check") if mldsa else ("check",)
    scripts = [(STATIC / "client" / f"{name}.js").read_text(encoding="utf-8") for name in names]
    style = (STATIC / "style.css").read_text(encoding="utf-8") + colours
    assert not any("</script" in script for script in scripts)
    assert "</style" not in style
    policy = [
        "default-src 'none'",
        "script-src " + " ".join(f"'{source_hash(script)}'" for script in scripts),
        f"style-src '{source_hash(style)}'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    files = {path: base64.b64encode(data).decode("ascii") for path, data in beginning(public, opening).items()}
    return {"scripts": scripts, "style": style, "policy": "; ".join(policy), "files": files}


def beginning(public: Path, size: int) -> dict[str, bytes]:
    """The published files of the log when it had `size` entries, as far as a voter's client reads them."""
    place = FolderPlace(public)
    head = place.read(checkpoint_path(size), bounds.CHECKPOINT_BYTES)
    files = {HEAD: head, checkpoint_path(size): head}
    # The log has grown since, and its partial bundles with it.
    reader = TileReader(place, parse_checkpoint(place.read(HEAD, bounds.CHECKPOINT_BYTES)).size)
    for number, width in bundle_widths(size):
        first = number * bounds.TILE_WIDTH
        entries = [reader.entry(index) for index in range(first, first + width)]
        files[tile_path("entries", number, width)] = encode_bundle(entries)
    return files
