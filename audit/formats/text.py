"""Which characters a text for people may have, and how it is written.

Decides what two verifiers can judge alike without tables of their own: a list of characters, all of them visible
and known to Unicode 14.0 (so that every later version normalises them alike), NFC, and plain spaces. What is not
listed is refused: controls, invisible and bidirectional marks, private characters. Leaves to callers how long a text
may be, and to `ballot.office` which texts look alike.
"""

from __future__ import annotations

import re
import unicodedata

# docs/protocol.md, section 3.7, and webvote/client/core/text.ts have the same list.
CHARACTERS = (
    "0020-007E 00A0-00AC 00AE-034E 0350-0377 037A-037F 0384-038A 038C 038E-03A1 03A3-052F "  # Latin, Greek, Cyrillic
    "0531-0556 0559-058A 058D-058F 0591-05C7 05D0-05EA 05EF-05F4 "  # Armenian, Hebrew
    "0606-061B 061D-06DC 06DE-06FF 0750-077F 0900-097F 0E01-0E3A 0E3F-0E5B "  # Arabic, Devanagari, Thai
    "10A0-10C5 10C7 10CD 10D0-10FF "  # Georgian
    "1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FC4 1FC6-1FD3 "
    "1FD6-1FDB 1FDD-1FEF 1FF2-1FF4 1FF6-1FFE "  # more Latin, Greek with accents
    "2010-2027 202F-205E 2070-2071 2074-208E 20A0-20C0 2100-218B 2190-2311 2460-27BF "  # punctuation, signs
    "3001-303F 3041-3096 3099-30FF 3105-312F 3131-3163 3400-9FFC AC00-D7A3 FF01-FF9F"  # Chinese, Japanese, Korean
)
SPACES = "\u0020\u00a0\u202f"  # plain, no-break, narrow no-break


def _pattern(ranges: str) -> str:
    ends = (part.partition("-") for part in ranges.split())
    return "".join(f"\\u{first}-\\u{last or first}" for first, _, last in ends)


_REFUSED = re.compile(f"[^{_pattern(CHARACTERS)}]")
_LOOSE_SPACE = re.compile(f"\\A[{SPACES}]|[{SPACES}]{{2}}|[{SPACES}]\\Z")


def text_problem(text: str, longest: int) -> str | None:
    """What is wrong with a text of at most `longest` characters, as the end of a sentence; None if nothing is."""
    if not text.strip():
        return "is empty"
    if len(text) > longest:
        return f"is longer than {longest} characters"
    if found := _REFUSED.search(text):
        return f"has the character {name_of(found[0])}, which no text may have"
    if unicodedata.normalize("NFC", text) != text:
        return "is not in Unicode's composed form (NFC); write é as one character, not as e and an accent"
    if _LOOSE_SPACE.search(text):
        return "begins or ends with a space, or has two spaces in a row"
    return None


def name_of(character: str) -> str:
    """`U+200B ZERO WIDTH SPACE`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()


def same_spaces(text: str) -> str:
    """The text with every space a plain one: two texts that differ in the kind of a space alone are one."""
    return re.sub(f"[{SPACES}]", " ", text)
