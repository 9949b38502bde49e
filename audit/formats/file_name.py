"""Names of published files that a person chooses: documents, and the files of the web client.

Decides which names mean one file on every system and in every address. Leaves to the verifier what such a file holds.
"""

from __future__ import annotations

import re

_DOCUMENT = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_DEVICE = re.compile(r"\A(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)", re.IGNORECASE)
_PATH = re.compile(r"\A[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*\Z")
_PATH_CHARACTERS = 200
_RELEASE = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\Z")


def is_document_name(name: str) -> bool:
    """Letters, digits, dots, dashes; no dot at an end, and no name that Windows keeps for a device."""
    return bool(_DOCUMENT.match(name)) and not name.endswith(".") and not _DEVICE.match(name)


def is_client_path(path: str) -> bool:
    """A path below the client's address."""
    plain = len(path) <= _PATH_CHARACTERS and _PATH.match(path) is not None
    return plain and not {".", ".."} & set(path.split("/"))


def is_release(name: str) -> bool:
    return bool(_RELEASE.match(name))
