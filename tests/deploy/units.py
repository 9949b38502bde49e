"""Reads systemd's units, and environment files, as far as `deploy/` uses them.

Decides nothing about what is in them. A name that may come several times (`Environment=`) is a list, as in systemd.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = {path.name: path for path in sorted(DEPLOY.glob("*/stembus-*.service"))}
SERVICES = ("registrar", "desk", "box", "site")


@dataclass(frozen=True)
class Unit:
    """What one section after the other says: (section, name, value)."""

    lines: tuple[tuple[str, str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for _, known, value in self.lines if known == name]

    def get(self, name: str, otherwise: str = "") -> str:
        return next(reversed(self.all(name)), otherwise)

    def environment(self) -> dict[str, str]:
        """What the unit says itself, then what its files say; "-" before a name is not used here."""
        words = [word for value in self.all("Environment") for word in shlex.split(value)]
        found = dict(word.split("=", 1) for word in words)
        for path in self.all("EnvironmentFile"):
            found |= read_environment(Path(path).read_text(encoding="utf-8"))
        return found

    def command(self) -> list[str]:
        return shlex.split(self.get("ExecStart"))


def parse_unit(text: str) -> Unit:
    found, section = [], ""
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        name, value = line.split("=", 1)
        found.append((section, name, value.strip()))
    return Unit(tuple(found))


def read_environment(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name: "".join(shlex.split(value)) for name, value in (line.split("=", 1) for line in lines)}
