"""Lists of logs that witness networks exchange (transparency-dev/witness-network, `logs/v0`).

Decides the text form of one log's lines: `origin`, `vkey`, `bastion`, `qpd`, `contact`. Leaves to a witness which logs
of a list it follows.
"""

from __future__ import annotations

import re

from stembus.audit.errors import NoteInvalid
from stembus.audit.log.verifier_key import ED25519, VerifierKey, parse_verifier_key

LIST_BYTES = 4 * 1024 * 1024
_HEADER = re.compile(r"logs/v0|revision [0-9]+")
_LINE = re.compile(r"(origin|vkey|bastion|qpd|contact) (.+)")


def log_lines(key: VerifierKey, requests_a_day: int, contact: str) -> str:
    """One log, as its operator hands it to a witness network. `contact` is one line."""
    return f"origin {key.name}\nvkey {key}\nbastion none\nqpd {requests_a_day}\ncontact {contact}\n"


def parse_log_list(text: str) -> list[VerifierKey]:
    """The keys of the logs, with or without the list's own header. Raises NoteInvalid, with the number of the line."""
    keys: list[VerifierKey] = []
    origin: str | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#") or _HEADER.fullmatch(line):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise NoteInvalid(f"line {number}: a line begins with origin, vkey, bastion, qpd or contact")
        if match[1] == "origin":
            origin = match[2]
        elif match[1] == "vkey":
            keys.append(_key(number, match[2], origin))
            origin = None
    if not keys:
        raise NoteInvalid("there is no log in the list")
    return keys


def _key(number: int, text: str, origin: str | None) -> VerifierKey:
    try:
        key = parse_verifier_key(text)
    except NoteInvalid as error:
        raise NoteInvalid(f"line {number}: {error}") from None
    if key.algorithm != ED25519:
        raise NoteInvalid(f"line {number}: this is the key of a witness, not of a log")
    if origin != key.name:
        raise NoteInvalid(f"line {number}: the key's name is {key.name}, and not that of the origin line before it")
    return key
