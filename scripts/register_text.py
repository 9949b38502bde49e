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
from stembus.ballot.eligibility.register_columns import FIELDS, SETTINGS, Settings

_LINES_SHOWN = 6
_LANGUAGES_SHOWN, _CODE_LENGTH = 8, 12
_INSTEAD = dict.fromkeys(FIELDS, "") | {
    "first_name": "; letters have the last name alone",
    "birth_date": "; it is taken from the national number, where that states it whole",
    "language": "; all letters are in one language",
}
_WHAT_TO_DO = {
    Reason.LOST_ZEROS: f"export the file anew with that column as text; or write restore_zeros = true in {SETTINGS}: "
    "then zeros are put back where check digits and birth date confirm them",
    Reason.ROUNDED: "what was rounded is lost: export the file anew with that column as text",
    Reason.GARBLED: "export the file anew, and open it nowhere in between",
}


def reading_text(reading: RollReading, rule: Eligibility, settings: Settings, settings_there: bool) -> Iterator[str]:
    file = reading.file
    people = len(reading.accepted) + len(reading.refused)
    yield f"read: {people} lines, in {file.encoding}, with {file.separator} between the cells"
    yield f"settings: {SETTINGS}" if settings_there else f"settings: none, there is no {SETTINGS} beside the draft"
    for name in FIELDS:
        columns = reading.columns.names().get(name)
        yield f"  {name} = {_shown(columns)}" if columns else f"  {name}: no column of the register{_INSTEAD[name]}"
    for column, count in reading.unused.items():
        yield f"  not used: {_shown([column])}, which holds something in {_lines(count)}"
    if reading.unused:
        yield f"  if one of these says who may not vote, name it in {SETTINGS} under [[exclude]]"
    for number, exclusion in enumerate(settings.exclude):
        yield f"  excluded by {_shown([exclusion.column])}: {_lines(reading.excluded[number])}"
    yield f"{len(reading.accepted)} people may vote"
    ineligible = [refusal for refusal in reading.refused if not refusal.reason.is_fault]
    if ineligible:
        yield f"{len(ineligible)} may not"
        yield from _by_reason(ineligible, rule)
    if reading.faults:
        yield f"{_lines(len(reading.faults))} with faults, whoever they are about: nobody in them gets a letter"
        yield from _by_reason(reading.faults, rule)
    yield f"{len(reading.accepted)} eligible, {len(ineligible)} not, {_lines(len(reading.faults))} with faults"
    codes = reading.languages.most_common()
    for code, count in codes[:_LANGUAGES_SHOWN]:
        told = f"language {code[:_CODE_LENGTH]!r}, which is none of the referendum's" if code else "no language"
        yield f"{count} with {told}: the letter is in {reading.fallback}"
    if more := sum(count for _, count in codes[_LANGUAGES_SHOWN:]):
        yield f"{more} with still other languages: see that the column of languages is the right one"


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number} lines"


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
        earlier = [refusal.earlier for refusal in refusals if refusal.reason is reason and refusal.earlier]
        if earlier:
            yield f"     the earlier line{'s' if len(earlier) > 1 else ''}, which count: {line_ranges(earlier)}"
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
    writer.writerow(["line", "what", "the line as it stands", _harmless(reading.file.header_line)])
    for refusal in reading.faults:
        what = refusal.reason.value + (f" ({refusal.earlier})" if refusal.earlier else "")
        writer.writerow([refusal.line, what, _harmless(refusal.text)])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
