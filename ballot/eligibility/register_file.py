"""A register's file as it comes: some encoding, some separator, one person a line.

Decides how bytes become cells: nothing is guessed where two readings are possible, and a line is never joined with the
next one, so that a stray quote damages one line and swallows nobody. What the cells mean is for `register`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stembus.ballot.errors import RollInvalid

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_LINE_END = re.compile(r"\r\n|\n|\r")
_NO_TEXT = {
    b"PK\x03\x04": "an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
}
_SAVE_AS = "save it as CSV in UTF-8"


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1, the header included; `cells` is None where quotes do not match."""

    number: int
    text: str
    cells: list[str] | None


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """`encoding` and `separator` in words."""

    header: list[str]
    header_line: str
    encoding: str
    delimiter: str
    lines: Sequence[str]
    first: int

    @property
    def separator(self) -> str:
        return SEPARATORS.get(self.delimiter, repr(self.delimiter))

    def rows(self) -> Iterator[Line]:
        """Of all lines but empty ones."""
        for number, text in enumerate(self.lines, self.first):
            if text.strip(f' \t{self.delimiter}"'):
                yield Line(number, text, self._row(text))

    def _row(self, text: str) -> list[str] | None:
        """Without empty cells beyond the columns, which spreadsheets leave behind."""
        cells = _cells(text, self.delimiter)
        while cells and len(cells) > len(self.header) and not cells[-1].strip():
            cells.pop()
        return cells


def read_file(path: Path) -> RegisterFile:
    """Raises RollInvalid for what is no table in text."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RollInvalid(f"there is no register {path}") from None
    except OSError as error:
        raise RollInvalid(f"{path} cannot be read: {error.strerror}") from None
    for beginning, what in _NO_TEXT.items():
        if data.startswith(beginning):
            raise RollInvalid(f"{path} is {what}: open it there and {_SAVE_AS}")
    encoding, text = _decode(path, data)
    lines = _LINE_END.split(text)
    stated = re.fullmatch(r"sep=(.)", lines[0])  # Excel's own way of saying so
    skipped = 1 if stated else 0
    while skipped < len(lines) - 1 and not lines[skipped].strip(" \t,;|"):
        skipped += 1
    header_line = lines[skipped] if len(lines) > skipped else ""
    delimiter = stated[1] if stated else max(SEPARATORS, key=header_line.count)
    header = _cells(header_line, delimiter)
    if not header_line.strip() or header is None:
        raise RollInvalid(f"{path}: the first line must name the columns")
    names = [cell.strip() for cell in header]
    while names and not names[-1]:
        names.pop()
    return RegisterFile(names, header_line, encoding, delimiter, lines[skipped + 1 :], skipped + 2)


def _decode(path: Path, data: bytes) -> tuple[str, str]:
    for mark, encoding, words in (
        (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
        (b"\xff\xfe", "utf-16", "UTF-16"),
        (b"\xfe\xff", "utf-16", "UTF-16"),
    ):
        if data.startswith(mark):
            return words, _strictly(path, data, encoding)
    # No letter of a register is a null character, so these are halves of UTF-16.
    if b"\x00" in data[:4]:
        return "UTF-16", _strictly(path, data, "utf-16-be" if data[:1] == b"\x00" else "utf-16-le")
    try:
        return "UTF-8", data.decode("utf-8")
    except UnicodeDecodeError:
        return "Windows-1252", _strictly(path, data, "cp1252")


def _strictly(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise RollInvalid(f"{path} is in no encoding that is read here; {_SAVE_AS}") from None


def _cells(line: str, delimiter: str) -> list[str] | None:
    try:
        (row,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        return None
    return row
