"""The settings of services and commands: from the environment, or from one TOML file; the environment wins.

Decides their names and where they come from. STEMBUS_SETTINGS names the file, in which `box_database = "..."` is what
the environment calls STEMBUS_BOX_DATABASE. Passphrases of single parties come from the environment only.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stembus.ballot.errors import BallotError

_PREFIX = "STEMBUS_"
NAMES = (
    "DIR", "PUBLIC", "REGISTRAR", "REGISTRAR_1_DATABASE", "BOX_DATABASE", "DESK_DATABASE", "PASSPHRASE", "HELP_LINE",
)  # fmt: skip
_ANY_REGISTRAR = re.compile(r"REGISTRAR_[1-9][0-9]*_DATABASE")


class SettingsInvalid(BallotError):
    """A setting is missing, unknown or cannot be read."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Values by name, without the prefix. They may hold a passphrase, so they are not shown."""

    values: Mapping[str, str]

    def get(self, name: str, otherwise: str) -> str:
        return self.values.get(name, otherwise)

    def need(self, name: str) -> str:
        """Raises SettingsInvalid."""
        if name not in self.values:
            raise SettingsInvalid(f"set {_PREFIX}{name}, in the environment or in the file that STEMBUS_SETTINGS names")
        return self.values[name]

    def number(self, name: str, otherwise: int) -> int:
        """A whole number from 1. Raises SettingsInvalid."""
        text = self.values.get(name, str(otherwise))
        if not re.fullmatch("[1-9][0-9]{0,3}", text):
            raise SettingsInvalid(f"{_PREFIX}{name} is {text!r}; write a number from 1")
        return int(text)


def load_settings() -> Settings:
    """Raises SettingsInvalid for a file that cannot be read or has an unknown name."""
    environment = {
        name.removeprefix(_PREFIX): value
        for name, value in os.environ.items()
        if value and name.startswith(_PREFIX) and _known(name.removeprefix(_PREFIX))
    }
    path = os.environ.get(f"{_PREFIX}SETTINGS")
    return Settings((_read(Path(path)) if path else {}) | environment)


def _read(path: Path) -> dict[str, str]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(f"the settings file {path} cannot be read: {error}") from None
    if unknown := sorted(name for name in found if name != name.lower() or not _known(name.upper())):
        known = ", ".join(name.lower() for name in NAMES)
        raise SettingsInvalid(f"{path} sets {', '.join(unknown)}; known are {known}")
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise SettingsInvalid(f"{path}: {name} is neither a text nor a number; write it between quotation marks")
    return {name.upper(): str(value) for name, value in found.items()}


def _known(name: str) -> bool:
    return name.isascii() and (name in NAMES or _ANY_REGISTRAR.fullmatch(name) is not None)
