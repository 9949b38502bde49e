"""The settings of services and commands.

Two kinds, each with one home, so that no two processes can differ about them:

- what belongs to the referendum, such as the addresses of its databases, stands in DIR/settings.toml and nowhere else;
- what belongs to one process, such as the folder it works on, comes from the environment, or from the TOML file that
  STEMBUS_SETTINGS names; the environment wins. `public = "..."` in the file is STEMBUS_PUBLIC in the environment.

Decides the names of the second kind and where they come from; a name that nobody knows is refused. Passphrases of
single parties come from the environment only. Leaves the first kind to `folder_settings`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stembus.ballot.errors import BallotError

FOLDER_FILE = "settings.toml"
_PREFIX = "STEMBUS_"
_PROCESS = ("DIR", "PUBLIC", "REGISTRAR", "PASSPHRASE", "THEME")
FOLDER_NAMES = re.compile(r"(REGISTRAR_[1-9][0-9]*|BOX|DESK)_DATABASE|REGISTRAR_[1-9][0-9]*_RECORD")
# What other parts of the program, and its tests, read for themselves.
_ELSEWHERE = re.compile(r"SETTINGS|CLOCK|DESK_PASSWORD|PASSPHRASE_[A-Z]+(_[1-9][0-9]*)?|CHROMIUM|POSTGRES_BIN")


class SettingsInvalid(BallotError):
    """A setting is missing, unknown or cannot be read."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Values by name, without the prefix. They may hold a passphrase, so they are not shown. `source` says where they
    stand, for people."""

    values: Mapping[str, str]
    source: str = "the environment"

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
    """Of this process. Raises SettingsInvalid for what cannot be read or is unknown."""
    environment = {
        name.removeprefix(_PREFIX): value for name, value in os.environ.items() if value and name.startswith(_PREFIX)
    }
    _refuse_databases((_PREFIX + name for name in environment if FOLDER_NAMES.fullmatch(name)), "the environment")
    unknown = sorted(_PREFIX + name for name in environment if name not in _PROCESS and not _ELSEWHERE.fullmatch(name))
    if unknown:
        raise SettingsInvalid(f"the environment sets {', '.join(unknown)}; known are {_known(_PREFIX, _PROCESS)}")
    own = {name: value for name, value in environment.items() if name in _PROCESS}
    path = environment.get("SETTINGS")
    if not path:
        return Settings(own)
    found = read_settings(Path(path))
    _refuse_databases((name for name in found if FOLDER_NAMES.fullmatch(name.upper())), path)
    refuse_unknown(path, found, {name.lower() for name in _PROCESS}, _known("", _PROCESS).lower())
    return Settings({name.upper(): value for name, value in found.items()} | own, path)


def read_settings(path: Path) -> dict[str, str]:
    """Names and values of a TOML file. Raises SettingsInvalid."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsInvalid(f"the settings file {path} cannot be read: {error}") from None
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise SettingsInvalid(f"{path}: {name} is neither a text nor a number; write it between quotation marks")
    return {name: str(value) for name, value in found.items()}


def refuse_unknown(path: str, found: Iterable[str], known: set[str], told: str) -> None:
    """Raises SettingsInvalid, with what is `told` of the names that are known."""
    if unknown := sorted(name for name in found if name not in known or name != name.lower()):
        raise SettingsInvalid(f"{path} sets {', '.join(unknown)}; known are {told}")


def _refuse_databases(names: Iterable[str], where: str) -> None:
    """A shell that lacks one address would quietly work on another database than the service."""
    for name in names:
        raise SettingsInvalid(
            f"{where} sets {name}; where a database or record lies stands in DIR/{FOLDER_FILE}, so that services and "
            "commands cannot use different ones"
        )


def _known(prefix: str, names: Iterable[str]) -> str:
    return ", ".join(prefix + name for name in names)
