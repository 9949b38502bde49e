"""What an official reads about a register before anything is written: how the file was read, who may vote, what is to
be mended.

Decides words, and that none of them is about one person: counts, reasons and line numbers, never a name or number.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from stembus.audit.formats.manifest import Eligibility
from stembus.ballot.eligibility.register import Reason, Refusal, RollReading
from stembus.ballot.eligibility.register_columns import SETTINGS

_LINES_SHOWN = 6
_WHAT_TO_DO = {
    Reason.LOST_ZEROS: f"export the file anew with that column as text; or write restore_zeros = true in {SETTINGS}: "
    "then zeros are put back where check digits and birth date confirm them",
    Reason.ROUNDED: "what was rounded is lost: export the file anew with that column as text",
    Reason.GARBLED: "export the file anew, and open it nowhere in between",
}


def reading_text(reading: RollReading, rule: Eligibility) -> Iterator[str]:
    file = reading.file
    people = len(reading.accepted) + len(reading.refused)
    yield f"read: {people} lines, in {file.encoding}, with {file.separator} between the cells"
    for name, columns in reading.columns.names().items():
        yield f"  {name} = {_shown(columns)}"
    yield f"{len(reading.accepted)} people may vote"
    ineligible = [refusal for refusal in reading.refused if not refusal.reason.is_fault]
    if ineligible:
        yield f"{len(ineligible)} may not"
        yield from _by_reason(ineligible, rule)
    if reading.faults:
        yield f"{len(reading.faults)} lines are faulty, whoever they are about"
        yield from _by_reason(reading.faults, rule)
    for code, count in reading.languages.most_common():
        told = f"have language {code!r}, which is none here or unknown," if code else "have no language"
        yield f"{count} people {told} and get their letter in another one"


def compared(reading: RollReading, rule: Eligibility) -> str:
    """With the count that the population service gave."""
    difference = len(reading.accepted) - rule.official_count
    if not difference:
        return f"that is the official count of the draft, {rule.official_count}"
    more = "more" if difference > 0 else "fewer"
    return (
        f"that is {abs(difference)} {more} than the official count of the draft, {rule.official_count}: ask the "
        "population service how many people may vote, and mend the register or the draft; a number copied from here "
        "would check nothing"
    )


def _shown(columns: list[str]) -> str:
    """As it would stand in the settings file."""
    return json.dumps(columns[0] if len(columns) == 1 else columns, ensure_ascii=False)


def _by_reason(refusals: list[Refusal], rule: Eligibility) -> Iterator[str]:
    for reason in Reason:
        lines = [refusal.line for refusal in refusals if refusal.reason is reason]
        if not lines:
            continue
        yield f"  {len(lines)}: {_words(reason, rule)}"
        yield f"     line{'s' if len(lines) > 1 else ''} {line_ranges(lines)}"
        if reason in _WHAT_TO_DO:
            yield f"     {_WHAT_TO_DO[reason]}"


def _words(reason: Reason, rule: Eligibility) -> str:
    if reason is Reason.YOUNG:
        return f"younger than {rule.minimum_age} on {rule.age_date}"
    if reason is Reason.OUTSIDE:
        return f"postcode is none of {', '.join(rule.postcodes)}"
    return str(reason.value)


def line_ranges(lines: Iterable[int]) -> str:
    """2-4, 7, 9-10; of many only the first."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[:_LINES_SHOWN]]
    left = sum(last - first + 1 for first, last in ranges[_LINES_SHOWN:])
    return ", ".join(shown) + (f" and {left} more" if left else "")


def faults_csv(reading: RollReading) -> bytes:
    """The faulty lines as they stand, each behind its number and what is wrong with it, to be mended in the register.
    In UTF-8 with the mark by which spreadsheets know it. Of cells, none begins as a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=reading.file.delimiter, lineterminator="\r\n")
    writer.writerow(["line", "what", "the line as it stands", reading.file.header_line])
    for refusal in reading.faults:
        what = refusal.reason.value + (f" ({refusal.earlier})" if refusal.earlier else "")
        writer.writerow([refusal.line, what, _harmless(refusal.text)])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
