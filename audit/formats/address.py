"""The addresses of services in a manifest: one spelling for each.

Decides which addresses may stand there, so that two of them are one place exactly if scheme, host and port are equal
as texts. Leaves to `manifest_rules` which scheme a referendum needs and which places must differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stembus.audit import bounds
from stembus.audit.errors import RecordInvalid

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(
    rf"\A(https?)://({_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?((?:/[A-Za-z0-9._~-]+)*)/?\Z", re.ASCII
)
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"\A{_BYTE}(?:\.{_BYTE}){{3}}\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service answers. Equal addresses are one origin, as browsers see it."""

    scheme: str
    host: str
    port: int


def parse_address(text: str) -> Address:
    """Raises RecordInvalid, saying what to write."""
    match = _ADDRESS.match(text) if len(text) <= bounds.ADDRESS_CHARACTERS else None
    if not match:
        raise RecordInvalid(
            f"{text[:100]!r} is no address; write https://, a host in lower-case letters, a port only if it is not "
            "the usual one, and a plain path"
        )
    scheme, host, port, path = match.groups()
    if host.rpartition(".")[2][0].isdigit() and not _IPV4.match(host):
        raise RecordInvalid(f"the host of {text!r} is neither a name nor four numbers from 0 to 255")
    if len(host) > bounds.HOST_CHARACTERS:
        raise RecordInvalid(f"the host of {text[:100]!r} is longer than {bounds.HOST_CHARACTERS} characters")
    if {".", ".."} & set(path.split("/")):
        raise RecordInvalid(f"the path of {text!r} has a part that is . or ..")
    usual = _DEFAULT_PORTS[scheme]
    if port is not None and (int(port) == usual or int(port) > 65_535):
        raise RecordInvalid(f"leave the port out of {text!r}: it is the usual one, or above 65535")
    return Address(scheme, host, int(port or usual))
