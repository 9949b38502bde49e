"""The keys of all letters and spare ones as the log commits to them: what printed codes are held against."""

from __future__ import annotations

from pathlib import Path

from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.entry_bodies import Roll
from stembus.audit.formats.lists import CREDENTIALS, SPARES, list_root, parse_keys
from stembus.ballot.errors import RollInvalid
from stembus.ballot.office.office import Office


def logged_roll(office: Office) -> tuple[list[bytes], list[bytes]]:
    """Credentials and spares. Raises RollInvalid where the published lists are not those of the log, AuditError or
    LogDamaged."""
    log, folder = office.reading(), office.public
    roll = next((entry.body for entry in log.entries() if isinstance(entry.body, Roll)), None)
    if roll is None:
        raise RollInvalid("no roll stands in the log yet; run: stembus credentials make DIR")
    credentials, spares = _keys(folder / CREDENTIALS), _keys(folder / SPARES)
    stated = (roll.count, roll.credentials_root), (roll.spares, roll.spares_root)
    for (count, root), keys in zip(stated, (credentials, spares), strict=True):
        if list_root(keys) != (count, bytes.fromhex(root)):
            raise RollInvalid(f"the published lists in {folder} are not those of the log; bring them back")
    return credentials, spares


def _keys(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as lines:
            return list(parse_keys(lines))
    except (OSError, RecordInvalid) as error:
        raise RollInvalid(f"{path} cannot be read: {error}; bring it back from a backup") from None
