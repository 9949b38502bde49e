"""The CSV files that Stembus writes for itself: private, in UTF-8, whole or not there.

What comes from elsewhere, in whatever form, is read in `register_file`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.ballot.errors import RollInvalid

LETTER_COLUMNS = ["number", "last_name", "first_name", "street", "postcode", "city", "language"]
FACTOR_COLUMNS = ["number", "factor"]


def write_csv(path: Path, rows: list[list[str]], columns: list[str]) -> None:
    """A secret CSV file, in one step."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_durably(path, text.getvalue().encode("utf-8"), private=True)


def read_csv(path: Path, columns: list[str]) -> Iterator[list[str]]:
    """Raises RollInvalid."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            if next(rows, None) != columns:
                raise RollInvalid(f"{path} does not have the columns {','.join(columns)}")
            for row in rows:
                if len(row) != len(columns):
                    raise RollInvalid(
                        f"{path} is damaged: line {rows.line_num} has {len(row)} cells, not {len(columns)}"
                    )
                yield row
    except FileNotFoundError:
        raise RollInvalid(f"there is no file {path}; the step before this one writes it") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise RollInvalid(f"{path} is damaged: {error}") from None
