"""Whether two texts look alike to people, by the Unicode Consortium's table of confusable characters (UTS 39).

Decides only for whoever writes a definition: tables differ from version to version, so no verifier asks this. The table
comes with a library that officials have, and is read when it is first needed.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from stembus.audit.formats.text import same_spaces

_MARK = "\u200e"  # stands around right-to-left characters in the table, for readers of the table


def look_alike(one: str, other: str) -> bool:
    """True also for texts that differ in capitals alone. Raises ModuleNotFoundError without the officials' library."""
    return _skeleton(one) == _skeleton(other) or _skeleton(one.casefold()) == _skeleton(other.casefold())


def _skeleton(text: str) -> str:
    """The same for all texts that look alike."""
    plain = unicodedata.normalize("NFD", same_spaces(text))
    return unicodedata.normalize("NFD", "".join(_looks().get(character, character) for character in plain))


@cache
def _looks() -> dict[str, str]:
    """One text for each group of characters that look alike. A group with a pair of letters, such as m and rn, is
    written as that pair, so that the pair itself is found too."""
    from confusable_homoglyphs.confusables import confusables_data

    group_of: dict[str, set[str]] = {}
    for sign, others in confusables_data.items():
        merged = {sign.strip(_MARK)}.union(other["c"].strip(_MARK) for other in others)
        merged = merged.union(*(group_of.get(member, set()) for member in merged))
        group_of |= dict.fromkeys(merged, merged)
    chosen = {sign: max(group, key=lambda member: (len(member), member)) for sign, group in group_of.items()}
    return {sign: _settled(look, chosen) for sign, look in chosen.items() if len(sign) == 1}


def _settled(look: str, chosen: dict[str, str]) -> str:
    """A pair's letters have looks of their own."""
    if len(look) == 1:
        return look
    return "".join(member if len(found := chosen.get(member, member)) > 1 else found for member in look)
