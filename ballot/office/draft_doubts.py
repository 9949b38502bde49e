"""What a sound draft may still have wrong, said before it is frozen for good.

Decides what is worth a second look by people; nothing here is an error by itself. What a draft must be is decided where
it is read (`definition`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from stembus.audit.formats.manifest import Manifest
from stembus.ballot.office.layout import Layout

_EXAMPLE = "example."


def draft_doubts(manifest: Manifest, layout: Layout, zone: str) -> Iterator[str]:
    """Sentences. `zone` is where the voters live; in `layout` lie the keys of parties who should be apart."""
    addresses = {
        "client_url": manifest.client.url,
        "box_url": manifest.box.url,
        "log_origin": manifest.log.origin,
        **{f"registrar_urls {k}": registrar.url for k, registrar in enumerate(manifest.registrars, 1)},
    }
    for name, address in addresses.items():
        if _EXAMPLE in address:
            yield f"{name} is still an example, {address}: letters and pages would lead there for good"
    for name, text in (("opens", manifest.opens), ("closes", manifest.closes)):
        written = datetime.fromisoformat(text)
        there = written.astimezone(ZoneInfo(zone))
        if written.utcoffset() != there.utcoffset():
            yield (
                f"{name} is written as {text}, and clocks in {zone} show {there:%H:%M} then, on {there:%d/%m/%Y}: look "
                "at summer and winter time"
            )
    held = [number for number in range(1, len(manifest.trustees.members) + 1) if _is_here(layout, f"trustee-{number}")]
    if manifest.binding and len(held) >= manifest.trustees.threshold:
        yield (
            f"the keys of {len(held)} trustees lie in this one folder, and {manifest.trustees.threshold} can decrypt "
            "every vote: each trustee makes the own key on the own machine (stembus trustee identity)"
        )
    if manifest.trustees.threshold == len(manifest.trustees.members):
        yield "all trustees must decrypt: if one loses the key, nothing can be counted; are some still missing?"
    officers = [number for number in range(1, len(manifest.officers) + 1) if _is_here(layout, f"officer-{number}")]
    if manifest.binding and len(officers) > 1:
        yield f"the keys of {len(officers)} officers lie in this one folder: two signatures are then one person's"


def _is_here(layout: Layout, party: str) -> bool:
    return layout.key_path(party).exists()
