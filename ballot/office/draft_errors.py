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
        return f"{where}{found[1]} is none of the words that can stand here"
    return f"{where}{told}"


def _kind(name: str) -> str:
    return _KINDS.get(name, name)


def _field(path: str) -> str:
    """`$.questions[0].options[1].cost` becomes: question 1, option 2, cost."""
    path = path.removeprefix("$").removeprefix(".").removesuffix("[...]")
    return _NUMBERED.sub(lambda part: f"{part[1]} {int(part[2]) + 1}, ", path).removesuffix(", ")
