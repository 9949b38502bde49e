"""Lists of logs that witness networks exchange (transparency-dev/witness-network, `log-list-format.md`, `logs/v0`).

Decides the text form of one log's lines: `vkey`, `origin` where it is not the key's name, `qpd` (requests a day) and
`contact`. Leaves to a witness which logs of a list it follows.
"""

from __future__ import annotations

from dataclasses import dataclass

from stembus.audit.errors import NoteInvalid
from stembus.audit.log.verifier_key import ED25519, VerifierKey, parse_verifier_key

LIST_BYTES = 4 * 1024 * 1024
_VERSION = "logs/v0"
_OTHERS = ("qpd", "contact", "bastion", "revision")


def log_lines(key: VerifierKey, requests_a_day: int, contact: str) -> str:
    """One log, as its operator hands it to a witness network. `contact` is one line."""
    return f"vkey {key}\nqpd {requests_a_day}\ncontact {contact}\n"


@dataclass(frozen=True, slots=True)
class LogList:
    """`left_out` says in words which logs cannot be followed here, and why."""

    keys: tuple[VerifierKey, ...]
    left_out: tuple[str, ...]


def parse_log_list(text: str) -> LogList:
    """With or without the line of the version. Raises NoteInvalid, with the number of the line, for what is no list."""
    keys: list[VerifierKey] = []
    left_out: list[str] = []
    for number, line in enumerate(map(str.strip, text.removeprefix("\ufeff").split("\n")), 1):
        word, _, value = line.partition(" ")
        if not line or line.startswith("#") or line == _VERSION or word in _OTHERS:
            continue
        if word == "vkey":
            try:
                keys.append(_log_key(value))
            except NoteInvalid as error:
                left_out.append(f"line {number}: {error}")
        elif word == "origin":
            if keys and value not in (keys[-1].name, "none"):
                left_out.append(f"line {number}: the log {value} has a key of another name, {keys.pop().name}")
        else:
            raise NoteInvalid(f"line {number}: a line begins with vkey, origin, qpd or contact")
    if not keys and not left_out:
        raise NoteInvalid("there is no log in the list")
    return LogList(tuple(keys), tuple(left_out))


def _log_key(text: str) -> VerifierKey:
    key = parse_verifier_key(text)
    if key.algorithm != ED25519:
        raise NoteInvalid(f"the key of {key.name} is no Ed25519 key of a log")
    return key
