"""A trustee's own folder: which referendum it serves, where the board is, and how messages get there.

    FOLDER/trustee.toml            board and referendum, as `stembus trustee join` wrote them
    FOLDER/trustee-N/trustee.key   the key file
    FOLDER/outbox/                 messages that the board did not take

Decides where the log is read and where a message goes. Leaves the steps to `tally.trustee`.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.audit.log.places import ADDRESSES
from stembus.ballot.http_client import foreign_answer, post
from stembus.ballot.office.office import NotReady

FILE = "trustee.toml"
_LINK = re.compile(r"(https?://[^#\s]+?/)(?:[a-z]{2}/)?(?:save)?#([0-9a-f]{64})")


@dataclass(frozen=True)
class Seat:
    """`board` is an address that ends with a slash, `referendum` the id."""

    board: str
    referendum: bytes

    @property
    def place(self) -> str:
        return f"{self.board}log/"

    def send(self, entries: list[bytes]) -> bool:
        """Whether a quorum of witnesses has seen them. Raises BallotError: what the log refused with, or no answer."""
        url = f"{self.board}entries"
        try:
            return bool(json.loads(post(url, b"\n".join(entries), "application/x-ndjson"))["seen"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise foreign_answer(url) from None


def parse_link(link: str) -> Seat:
    """The link that the office sent. Raises NotReady."""
    found = _LINK.fullmatch(link.strip())
    if found is None:
        example = "https://city.example/board/nl/#3f0c... (64 digits)"
        raise NotReady(f"this is no link of a board, such as {example}: copy it whole, with all behind the #")
    return Seat(found[1], bytes.fromhex(found[2]))


def write_seat(folder: Path, seat: Seat) -> None:
    """Raises NotReady where the folder serves another referendum."""
    known = read_seat(folder)
    if known is not None and known.referendum != seat.referendum:
        raise NotReady(f"{folder} serves another referendum; take a new folder, with a new key, for each")
    text = f'board = "{seat.board}"\nreferendum = "{seat.referendum.hex()}"\n'
    write_durably(folder / FILE, text.encode("utf-8"))


def read_seat(folder: Path) -> Seat | None:
    """None where nobody joined. Raises NotReady for a file that is damaged."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        board, referendum = found["board"], bytes.fromhex(found["referendum"])
        if not board.startswith(ADDRESSES) or not board.endswith("/") or len(referendum) != 32:
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise NotReady(f"{path} is damaged; run again: stembus trustee join LINK {folder}") from None
    return Seat(board, referendum)


def seat_here(folder: Path) -> Path | None:
    """The folder of the only trustee in `folder` or right below it."""
    if (folder / FILE).exists():
        return folder
    below = [path.parent for path in sorted(folder.glob(f"*/{FILE}"))]
    return below[0] if len(below) == 1 else None
