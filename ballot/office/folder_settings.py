"""The settings of a referendum, in DIR/settings.toml: where its databases and issuance records lie.

Decides which names it has and which addresses can be meant. There is no other place for them: every service and every
command that works on the folder uses the same databases.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from stembus.ballot.office.settings import (
    FOLDER_FILE,
    FOLDER_NAMES,
    Settings,
    SettingsInvalid,
    read_settings,
    refuse_unknown,
)

_OTHERS_READ = 0o004


def folder_settings(root: Path) -> Settings:
    """Without the file, every database is SQLite in this folder. Raises SettingsInvalid for a file that cannot be
    read, has an unknown name or what is no database's address, or that everybody may read."""
    path = root / FOLDER_FILE
    if not path.exists():
        return Settings({}, f"no {path}: every database is SQLite in this folder")
    if path.stat().st_mode & _OTHERS_READ:
        raise SettingsInvalid(
            f"everybody on this machine may read {path}, and it can hold a password; run: chmod 640 {path}"
        )
    found = read_settings(path)
    known = {name for name in found if FOLDER_NAMES.fullmatch(name.upper())}
    told = "box_database, desk_database, registrar_1_database, registrar_1_record and so on"
    refuse_unknown(str(path), found, known, told)
    for name, value in found.items():
        if name.endswith("_database"):
            _demand_address(f"{path}: {name}", value)
        elif not Path(value).is_absolute():
            raise SettingsInvalid(f"{path}: {name}: write the whole path of a file, such as /mnt/b/registrar.record")
    return Settings({name.upper(): value for name, value in found.items()}, str(path))


def _demand_address(what: str, value: str) -> None:
    try:
        url = make_url(value)
        kind = url.get_backend_name()
    except (ArgumentError, ValueError):
        kind = ""
    if kind not in ("sqlite", "postgresql"):
        raise SettingsInvalid(f"{what} is no address of SQLite or PostgreSQL, such as postgresql+psycopg:///stembus")
    if kind == "sqlite" and not Path(url.database or "").is_absolute():
        raise SettingsInvalid(f"{what}: write the whole path of an SQLite file, such as sqlite:////srv/office/box.db")
