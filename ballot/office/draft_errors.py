"""What does not fit in a draft, in an official's words: which field, what it needs, what it has.

Decides words only. msgspec finds the mistakes; what it says is about types and paths, which are ours to translate.
"""

from __future__ import annotations

import re

_KINDS = {
    "int": "a whole number",
    "float": "a number with a fraction",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a part with fields of its own",
    "datetime": "a time without quotes",
    "date": "a date without quotes",
}
_MISSING = re.compile(r"Object missing required field `(.+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_KIND = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_BOUND = re.compile(r"Expected `[^`]+` (>=|<=) (\d+)")
_WORD = re.compile(r"Invalid enum value (.+)")
# What can stand in a field, by its end.
_WORDS = {
    "second_factor.kind": "birth-date or national-number",
    "kind": "yes-no, choose or budget",
    "funding": "most-votes-then-cheapest or most-votes-then-listed",
    "clock": "real or simulated",
}
# Fields of the manifest by other names than in the draft.
_IN_DRAFT = {
    "box, url": "parties.box_url",
    "client, url": "parties.client_url",
    "trustees.threshold": "parties.trustee_threshold",
    "witnesses.quorum": "parties.witness_quorum",
    "log.origin": "parties.log_origin",
}
_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_NUMBERED = re.compile(r"(question|option)s\[(\d+)\]\.?")


def draft_problem(message: str) -> str:
    """`message` is that of a msgspec.ValidationError."""
    told, _, path = message.partition(" - at `")
    field = _field(path.rstrip("`"))
    where = f"{field}: " if field else ""
    if found := _MISSING.fullmatch(told):
        return f"{where}{found[1]} is missing"
    if found := _UNKNOWN.fullmatch(told):
        return f"{where}there is no field {found[1]} here; is it mistyped, or in the wrong part?"
    if found := _KIND.fullmatch(told):
        needed = " or ".join(_kind(kind) for kind in found[1].split(" | ") if kind != "null")
        return f"{where}needs {needed}, and has {_kind(found[2])}"
    if found := _BOUND.fullmatch(told):
        return f"{where}must be at {'least' if found[1] == '>=' else 'most'} {found[2]}"
    if found := _WORD.fullmatch(told):
        words = next((words for name, words in _WORDS.items() if field.endswith(name)), "one of a few words")
        return f"{where}{found[1]} cannot stand here, but {words}"
    return f"{where}{told}"


def manifest_problem(message: str) -> str:
    """`message` is that of a ManifestInvalid, which names a field of the manifest."""
    field, _, rest = message.partition(": ")
    return f"{_IN_DRAFT.get(field, field)}: {rest}" if rest else message


def toml_problem(message: str, text: str) -> str:
    """`message` is that of a tomllib.TOMLDecodeError, `text` the draft."""
    found, lines = _LINE.search(message), text.splitlines()
    line = lines[int(found[1]) - 1].strip() if found and int(found[1]) <= len(lines) else ""
    shown = f": {line[:60]!r}" if line else ""
    return (
        f"{message}{shown}. Each question begins with [[questions]] and each option with [[questions.options]]; a text "
        "stands in straight quotes, a number has no dots or spaces, and true and false are small"
    )


def _kind(name: str) -> str:
    return _KINDS.get(name, name)


def _field(path: str) -> str:
    """`$.questions[0].options[1].cost` becomes: question 1, option 2, cost."""
    path = path.removeprefix("$").removeprefix(".").removesuffix("[...]")
    return _NUMBERED.sub(lambda part: f"{part[1]} {int(part[2]) + 1}, ", path).removesuffix(", ")
