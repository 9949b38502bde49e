"""Policy files of C2SP tlog-policy: which logs and witnesses there are, where they answer, and how many must cosign.

Decides the text form. A quorum is a number of the listed witnesses here, as in a manifest; groups of groups, which the
format allows, are refused. Leaves to its callers whose witnesses they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stembus.audit.errors import NoteInvalid
from stembus.audit.log.verifier_key import ED25519, VerifierKey, parse_verifier_key

POLICY_BYTES = 1024 * 1024
_EVERYBODY = "witnesses"  # the group that a written file has
_NO_QUORUM = "none"
_NUMBER = re.compile(r"\A[1-9][0-9]{0,5}\Z")


@dataclass(frozen=True, slots=True)
class Listed:
    """A log or witness; `url` is None where nobody says where it answers."""

    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """`quorum` is how many of the witnesses must have cosigned; 0 for none."""

    logs: tuple[Listed, ...]
    witnesses: tuple[Listed, ...]
    quorum: int

    def to_bytes(self) -> bytes:
        names = [f"w{number}" for number in range(1, len(self.witnesses) + 1)]
        lines = [_line("log", log) for log in self.logs]
        lines += [_line(f"witness {name}", witness) for name, witness in zip(names, self.witnesses, strict=True)]
        if self.quorum:
            lines.append(f"group {_EVERYBODY} {self.quorum} {' '.join(names)}")
        lines.append(f"quorum {_EVERYBODY if self.quorum else _NO_QUORUM}")
        return "".join(f"{line}\n" for line in lines).encode()


def _line(head: str, listed: Listed) -> str:
    return f"{head} {listed.key}" if listed.url is None else f"{head} {listed.key} {listed.url}"


class _Reading:
    """What the lines so far have defined. Its methods raise NoteInvalid without the line's number."""

    def __init__(self) -> None:
        self.logs: list[Listed] = []
        self.witnesses: dict[str, Listed] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        self.quorum: str | None = None

    def take(self, words: Sequence[str]) -> None:
        kind, *rest = words
        readers = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum}
        if kind not in readers:
            raise NoteInvalid(f"a line begins with log, witness, group or quorum, not with {kind[:30]!r}")
        readers[kind](rest)

    def _log(self, words: Sequence[str]) -> None:
        listed = _listed(words, "log")
        if listed.key.algorithm != ED25519:
            raise NoteInvalid(f"the key of the log {listed.key.name} is one of a witness")
        self._demand_new(listed, self.logs)
        self.logs.append(listed)

    def _witness(self, words: Sequence[str]) -> None:
        if not words:
            raise NoteInvalid("a witness has a name, a key, and perhaps an address")
        name, listed = words[0], _listed(words[1:], "witness")
        self._demand_free(name)
        if listed.key.algorithm == ED25519:
            raise NoteInvalid(f"the key of the witness {name} is one of a log")
        self._demand_new(listed, list(self.witnesses.values()))
        self.witnesses[name] = listed

    def _group(self, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise NoteInvalid("a group has a name, a number (or any, or all), and its members")
        name, count, *members = words
        self._demand_free(name)
        if unknown := [member for member in members if member not in self.witnesses]:
            raise NoteInvalid(f"{unknown[0]!r} is no witness of the lines before; groups of groups are not taken here")
        if len(set(members)) != len(members):
            raise NoteInvalid(f"the group {name} names a witness twice")
        number = {"any": "1", "all": str(len(members))}.get(count, count)
        if count in self.witnesses:
            raise NoteInvalid(f"after the group's name {name} comes how many must cosign: a number, any, or all")
        if not (_NUMBER.match(number) and int(number) <= len(members)):
            raise NoteInvalid(f"of the {len(members)} members of {name}, {count[:20]!r} cannot be demanded")
        self.groups[name] = int(number), members

    def _quorum(self, words: Sequence[str]) -> None:
        if len(words) != 1 or self.quorum is not None:
            raise NoteInvalid("there is one quorum line, with one name")
        if words[0] != _NO_QUORUM and words[0] not in self.witnesses and words[0] not in self.groups:
            raise NoteInvalid(f"{words[0]!r} is no witness or group of the lines before")
        self.quorum = words[0]

    def _demand_free(self, name: str) -> None:
        if name == _NO_QUORUM or name in self.witnesses or name in self.groups:
            raise NoteInvalid(f"the name {name!r} is taken")

    @staticmethod
    def _demand_new(listed: Listed, others: Sequence[Listed]) -> None:
        if any(listed.key.public == other.key.public for other in others):
            raise NoteInvalid(f"the key of {listed.key.name} stands here twice")

    def policy(self) -> Policy:
        if self.quorum is None:
            raise NoteInvalid("there is no quorum line")
        witnesses = tuple(self.witnesses.values())
        if self.quorum == _NO_QUORUM:
            return Policy(tuple(self.logs), witnesses, 0)
        count, members = self.groups.get(self.quorum, (1, [self.quorum]))
        if set(members) != set(self.witnesses):
            raise NoteInvalid("the quorum must be a number of all listed witnesses, so that none stands here in vain")
        return Policy(tuple(self.logs), witnesses, count)


def _listed(words: Sequence[str], what: str) -> Listed:
    if not 1 <= len(words) <= 2:
        raise NoteInvalid(f"a {what} has a key, and perhaps an address")
    return Listed(parse_verifier_key(words[0]), words[1] if len(words) == 2 else None)


def parse_policy(data: bytes) -> Policy:
    """A file that Windows wrote (a mark at its beginning, two characters at the end of a line) is read as well. Raises
    NoteInvalid, with the number of the line."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise NoteInvalid("a policy is a text file in UTF-8") from None
    reading = _Reading()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if not words or words[0].startswith("#"):
            continue
        if any(ord(character) < 32 or ord(character) == 127 for word in words for character in word):
            raise NoteInvalid(f"line {number}: a policy has no control characters but tabs and newlines")
        try:
            reading.take(words)
        except NoteInvalid as error:
            raise NoteInvalid(f"line {number}: {error}") from None
    return reading.policy()
