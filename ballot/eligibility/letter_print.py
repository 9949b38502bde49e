"""Letters for the print house: from codes and addresses to PDF files, a sheet for each voter.

Decides what a letter states, that there is exactly one for each line of the codes, that each code is the one whose
public key the log's list has, and that nothing of it lies on the disk but the PDF files themselves. The look is in a
Typst template (`letter.typ`), which a city may change; tagged for screen readers (PDF/UA-1), or not made at all.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stembus.audit.durable import write_durably
from stembus.ballot.eligibility.credential_authority import (
    CODED_COLUMNS,
    ENROLMENT_COLUMNS,
    SPARE_COLUMNS,
    spare_keys,
)
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.eligibility.own_csv import read_csv, write_csv
from stembus.ballot.errors import RollInvalid

TEMPLATE = Path(__file__).with_name("letter.typ")
PRINT_LIST = "print-list.csv"
PRINT_COLUMNS = ["file", "kind", "language", "letters", "pages", "first", "last", "sha256"]
FOR_PRINT = "print"  # the folder of what is handed over, and of nothing else
_MAKING = ".making"
PER_FILE = 500
PROOFS = 10
_NO_GLYPH = "could not be displayed"
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
    Typst source, and `files` what it reads, by name. `site` is where the voting page is, without a language; `moment`
    the date that the files state, Unix seconds."""

    values: dict[str, Any]
    template: bytes
    files: dict[str, bytes]
    site: str
    languages: tuple[str, ...]
    referendum: bytes
    moment: int


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
    LettersInvalid where a code is not the one of its letter, or these are not those of the lists; RollInvalid without
    codes."""
    rows = list(read_csv(authority / "codes.csv", CODED_COLUMNS))
    spare_rows = list(read_csv(authority / "spares.csv", SPARE_COLUMNS))
    enrolled = dict(read_csv(authority / "enrolment.csv", ENROLMENT_COLUMNS))
    _demand_own_codes([(row[0], row[7]) for row in rows], enrolled, set(credentials), look.referendum, "letters")
    sealed = {label: key.hex() for label, key in spare_keys(authority).items()}
    _demand_own_codes([(row[0], row[1]) for row in spare_rows], sealed, set(spares), look.referendum, "spare letters")
    people = [
        Letter(row[0], f"{row[2]} {row[1]}".strip(), _address(row), _language(row[6], look), row[7]) for row in rows
    ]
    spoken = _of_spares([letter.language for letter in people], len(spare_rows), look)
    pairs = zip(spare_rows, spoken, strict=True)
    return people + [Letter(row[0], "", (), language, row[1], spare=True) for row, language in pairs]


def _demand_own_codes(
    codes: Sequence[tuple[str, str]], own: Mapping[str, str], listed: set[bytes], referendum: bytes, what: str
) -> None:
    """`own` has the key of each number, `listed` the keys of the log. Raises LettersInvalid."""
    keys = {number: credential_key(parse_code(code), referendum).public for number, code in codes}
    if len(keys) != len(codes) or set(keys.values()) != listed or len(set(keys.values())) != len(codes):
        raise LettersInvalid(
            f"the {len(codes)} codes of {what} are not those of the {len(listed)} keys in the published list; no "
            "letter was made"
        )
    if strange := [number for number, key in keys.items() if own.get(number) != key.hex()]:
        raise LettersInvalid(
            f"{len(strange)} codes of {what} stand with another number than their keys were enrolled for, {strange[0]} "
            "among them: the file of codes was changed or sorted; bring it back; no letter was made"
        )


def _address(row: Sequence[str]) -> tuple[str, ...]:
    return (f"{row[2]} {row[1]}".strip(), row[3], f"{row[4]} {row[5]}")


def _language(text: str, look: Look) -> str:
    return text if text in look.languages else look.languages[0]


def _of_spares(people: Sequence[str], number: int, look: Look) -> list[str]:
    """The languages of so many spare letters: as people speak them, and one in each that anybody speaks, if there are
    so many."""
    counts = Counter(people)
    spoken = [language for language in look.languages if counts[language]] or [look.languages[0]]
    shares = {language: max(1, counts[language] * number // max(1, len(people))) for language in spoken[1:]}
    languages = [language for language, share in shares.items() for _ in range(share)][: max(0, number - 1)]
    return [spoken[0]] * (number - len(languages)) + languages


def print_letters(
    letters: Sequence[Letter], look: Look, folder: Path, executor: Executor | None, progress: Progress | None = None
) -> Printed:
    """Writes the PDF files and the list for the print house into `folder`, in place of what an earlier run left there;
    until all are made, that stays. Spare ones get files of their own, by language. Raises LettersInvalid."""
    parts = list(_parts(letters))
    making = folder.with_name(_MAKING)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700, parents=True)
    try:
        _print(parts, look, making, executor, progress)
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)  # of a run that failed, no code stays
    spares = sum(letter.spare for letter in letters)
    return Printed(len(letters) - spares, spares, len(parts))


def _print(
    parts: Sequence[tuple[str, Sequence[Letter]]],
    look: Look,
    folder: Path,
    executor: Executor | None,
    progress: Progress | None,
) -> None:
    listed, done = [], 0
    for (name, part), data in zip(parts, _rendered([part for _, part in parts], look, executor), strict=True):
        write_durably(folder / name, data, private=True)
        kind = "spare, sealed, no address" if part[0].spare else "letter"
        languages = "+".join(sorted({letter.language for letter in part}))
        digest = hashlib.sha256(data).hexdigest()
        pages = str(2 * len(part))
        listed.append([name, kind, languages, str(len(part)), pages, part[0].number, part[-1].number, digest])
        done += len(part)
        if progress:
            progress(done, sum(len(one) for _, one in parts))
    write_csv(folder / PRINT_LIST, listed, PRINT_COLUMNS)


def _parts(letters: Sequence[Letter]) -> Iterator[tuple[str, Sequence[Letter]]]:
    """Files of people's letters, then of spare ones in each language."""
    people = [letter for letter in letters if not letter.spare]
    yield from ((f"letters-{k:04d}.pdf", part) for k, part in enumerate(_cut(people), 1))
    for language in sorted({letter.language for letter in letters if letter.spare}):
        spares = [letter for letter in letters if letter.spare and letter.language == language]
        yield from ((f"spares-{language}-{k:04d}.pdf", part) for k, part in enumerate(_cut(spares), 1))


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
    """One PDF file, two pages for each letter; of the same letters always the same. Raises LettersInvalid with what
    Typst says, and which letter it is where it is about one."""
    values = look.values | {"letters": [_values(letter, look) for letter in letters], "measure": False}
    try:
        return _compiled(look, values)
    except LettersInvalid as error:
        if _PAGES in str(error):
            return _compiled(look, values | {"measure": True})  # to measure all takes twice as long
        if _NO_GLYPH in str(error) and len(letters) > 1:
            for letter in letters:
                render(look, [letter])
        if _NO_GLYPH in str(error):
            raise LettersInvalid(
                f"letter {letters[0].number} has a character in its name or address that no font here can show; "
                "install a font that can, or write it in other letters in the register; nothing was made"
            ) from None
        raise


def _compiled(look: Look, values: dict[str, Any]) -> bytes:
    """From what is given here alone: the template reads no other file. Raises LettersInvalid."""
    import typst

    files = {"main.typ": look.template, "data.json": json.dumps(values).encode("ascii"), **look.files}
    try:
        with TemporaryDirectory() as nowhere:
            made: bytes = typst.compile(  # type: ignore[call-overload]
                files, root=nowhere, format="pdf", pdf_standards=["ua-1"], timestamp=look.moment
            )
    except (typst.TypstError, RuntimeError) as error:
        at = re.search(r"main\.typ:(\d+)", str(getattr(error, "diagnostic", "")))
        where = f" (line {at[1]} of the template)" if at else ""
        raise LettersInvalid(f"the letters could not be made: {error}{where}; nothing was kept") from None
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
