"""`make wheel`: is this wheel what a server is installed from?

Decides what a wheel must hold (the client's scripts, the compiled translations) and that it puts nothing beside
`stembus/` where it is installed. hatchling makes it; pyproject.toml says from what.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from stembus.webvote.static_files import CLIENT_FILES


def faults(names: Iterable[str]) -> list[str]:
    """What is wrong with a wheel of these files, one sentence each."""
    held = set(names)
    wanted = ["stembus/__init__.py", *(f"stembus/webvote/{path}" for path in CLIENT_FILES)]
    found = [f"{path} is missing" for path in wanted if path not in held]
    for name in sorted(held):
        top, _, rest = name.partition("/")
        if not rest or (top != "stembus" and not (top.startswith("stembus-") and top.endswith(".dist-info"))):
            found.append(f"{name} lies outside stembus/")
    return found


def main(arguments: list[str]) -> str | None:
    """The sentence to end with, None for a good wheel. The argument is a folder; its newest wheel is meant."""
    wheels = sorted(Path(arguments[0]).glob("stembus-*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        return f"stembus: error: there is no wheel in {arguments[0]}"
    with zipfile.ZipFile(wheels[-1]) as wheel:
        if found := faults(wheel.namelist()):
            return f"stembus: error: {wheels[-1]} must not be installed: {'; '.join(found)}"
    print(wheels[-1])
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
