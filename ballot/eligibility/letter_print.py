"""Letters for the print house: from codes and addresses to PDF files, a sheet for each voter.

Decides what a letter states, that there is exactly one for each line of the codes, that each code is the one whose
public key the log's list has, and that nothing of it lies on the disk but the PDF files themselves. The look is in a
Typst template (`letter.typ`), which a city may change; tagged for screen readers (PDF/UA-1), or not made at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stembus.audit.durable import remove_leftovers, write_durably
from stembus.ballot.eligibility.credential_authority import CODED_COLUMNS, SPARE_COLUMNS
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.eligibility.own_csv import read_csv, write_csv
from stembus.ballot.errors import RollInvalid

TEMPLATE = Path(__file__).with_name("letter.typ")
PRINT_LIST = "print-list.csv"
PRINT_COLUMNS = ["file", "letters", "first", "last", "sha256"]
PER_FILE = 500
PROOFS = 10
_PAGES = "two pages for each letter"  # what the template says when that is not so
# Of a line of an address that is as short, the window has the width, whatever its letters; and of so many the height.
_SHORT_LINE, _FEW_LINES = 20, 4
_VOID_CODE = "0000-0000-0000-0000-0000-0000"
Progress = Callable[[int, int], None]


class LettersInvalid(RollInvalid):
    """No letters were made: they would not be what the log says, or not fit on their paper."""


@dataclass(frozen=True, slots=True)
class Look:
    """What all letters have in common: for the template, the values of `data.json` without `letters`; `template` is
    Typst source, and `files` what it reads, by name. `site` is where the voting page is, without a language."""

    values: dict[str, Any]
    template: bytes
    files: dict[str, bytes]
    site: str
    languages: tuple[str, ...]
    referendum: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """`address` is empty of a spare one. `code` as it is printed."""

    number: str
    name: str
    address: tuple[str, ...]
    language: str
    code: str
    spare: bool = False
    proof: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    letters: int
    spares: int
    files: int


def read_letters(authority: Path, look: Look, credentials: Iterable[bytes], spares: Iterable[bytes]) -> list[Letter]:
    """All of them, the spare ones last. `credentials` and `spares` are the lists that the log commits to. Raises
    LettersInvalid where a code's key is not there, or a key has no code; RollInvalid without codes."""
    rows = list(read_csv(authority / "codes.csv", CODED_COLUMNS))
    spare_rows = list(read_csv(authority / "spares.csv", SPARE_COLUMNS))
    for codes, keys, what in (
        ([row[7] for row in rows], set(credentials), "letters"),
        ([row[1] for row in spare_rows], set(spares), "spare letters"),
    ):
        made = {credential_key(parse_code(code), look.referendum).public for code in codes}
        if made != keys or len(made) != len(codes):
            raise LettersInvalid(
                f"the {len(codes)} codes of {what} are not those of the {len(keys)} keys in the published list; no "
                "letter was made"
            )
    people = [
        Letter(row[0], f"{row[2]} {row[1]}".strip(), _address(row), _language(row[6], look), row[7]) for row in rows
    ]
    return people + [Letter(row[0], "", (), look.languages[0], row[1], spare=True) for row in spare_rows]


def _address(row: Sequence[str]) -> tuple[str, ...]:
    return (f"{row[2]} {row[1]}".strip(), row[3], f"{row[4]} {row[5]}")


def _language(text: str, look: Look) -> str:
    return text if text in look.languages else look.languages[0]


def print_letters(
    letters: Sequence[Letter], look: Look, folder: Path, executor: Executor | None, progress: Progress | None = None
) -> Printed:
    """Writes the PDF files and the list for the print house into `folder`. Spare ones get files of their own. Done
    again, it writes the same again. Raises LettersInvalid."""
    for left in (*folder.glob("letters-*.pdf"), *folder.glob("spares-*.pdf")):
        left.unlink()  # of an earlier run that made more files
    remove_leftovers(folder / PRINT_LIST)
    people = [letter for letter in letters if not letter.spare]
    spares = [letter for letter in letters if letter.spare]
    parts = [(f"letters-{k:04d}.pdf", part) for k, part in enumerate(_cut(people), 1)]
    parts += [(f"spares-{k:04d}.pdf", part) for k, part in enumerate(_cut(spares), 1)]
    listed, done = [], 0
    for (name, part), data in zip(parts, _rendered([part for _, part in parts], look, executor), strict=True):
        write_durably(folder / name, data, private=True)
        digest = hashlib.sha256(data).hexdigest()
        listed.append([name, str(len(part)), part[0].number, part[-1].number, digest])
        done += len(part)
        if progress:
            progress(done, len(letters))
    write_csv(folder / PRINT_LIST, listed, PRINT_COLUMNS)
    return Printed(len(people), len(spares), len(parts))


def _cut(letters: Sequence[Letter]) -> list[Sequence[Letter]]:
    return [letters[k : k + PER_FILE] for k in range(0, len(letters), PER_FILE)]


def _rendered(parts: Sequence[Sequence[Letter]], look: Look, executor: Executor | None) -> Iterator[bytes]:
    if executor is None:
        return (render(look, part) for part in parts)
    return executor.map(render, [look] * len(parts), parts)


def proofs(letters: Sequence[Letter]) -> list[Letter]:
    """Letters to look at before any is printed: of each language, and with the longest names and addresses. Their code
    works nowhere, and they say so."""
    people = [letter for letter in letters if not letter.spare]
    wanted: dict[str, Letter] = {}
    for letter in people:
        wanted.setdefault(letter.language, letter)
    by_length = sorted(people, key=lambda letter: max(map(len, letter.address)), reverse=True)
    chosen = list(dict.fromkeys([*wanted.values(), *by_length]))[:PROOFS]
    chosen += [letter for letter in letters if letter.spare][:1]
    return [
        Letter(letter.number, letter.name, letter.address, letter.language, _VOID_CODE, letter.spare, proof=True)
        for letter in chosen
    ]


def render(look: Look, letters: Sequence[Letter]) -> bytes:
    """One PDF file, two pages for each letter. Raises LettersInvalid with what Typst says."""
    import typst

    values = look.values | {"letters": [_values(letter, look) for letter in letters], "measure": False}
    try:
        try:
            return _compiled(look, values)
        except typst.TypstError as error:
            if _PAGES not in str(error):
                raise
        return _compiled(look, values | {"measure": True})  # which letter it is; to measure all takes twice as long
    except typst.TypstError as error:
        at = re.search(r"main\.typ:(\d+)", str(getattr(error, "diagnostic", "")))
        where = f" (line {at[1]} of the template)" if at else ""
        raise LettersInvalid(f"the letters could not be made: {error}{where}; nothing was kept of this file") from None


def _compiled(look: Look, values: dict[str, Any]) -> bytes:
    import typst

    files = {"main.typ": look.template, "data.json": json.dumps(values).encode("ascii"), **look.files}
    made: bytes = typst.compile(files, format="pdf", pdf_standards=["ua-1"])  # type: ignore[call-overload]
    return made


def _values(letter: Letter, look: Look) -> dict[str, Any]:
    return {
        "number": letter.number,
        "name": letter.name,
        "address": list(letter.address),
        "language": letter.language,
        "code": letter.code.split("-"),
        "spare": letter.spare,
        "proof": letter.proof,
        "crowded": len(letter.address) > _FEW_LINES or any(len(line) > _SHORT_LINE for line in letter.address),
        "qr": _qr(letter_link(look, letter)),
    }


def letter_link(look: Look, letter: Letter) -> str:
    """What the QR code holds: the voting page, with the code where no server sees it."""
    return f"{look.site}{letter.language}/vote#code={letter.code}&id={look.referendum.hex()}"


def _qr(text: str) -> dict[str, Any]:
    """ISO/IEC 18004, level M, as lines of an SVG path."""
    import zxingcpp

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    image = code.to_image(scale=1, add_quiet_zones=False)
    side, dots = image.shape[0], bytes(image)  # type: ignore[call-overload]
    path = []
    for y in range(side):
        line, at = dots[y * side : (y + 1) * side], 0
        while (start := line.find(0, at)) >= 0:
            end = line.find(255, start)
            at = side if end < 0 else end
            path.append(f"M{start} {y}.5h{at - start}")
    return {"side": side, "path": "".join(path)}
