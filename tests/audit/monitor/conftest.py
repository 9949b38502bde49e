"""One log that went two ways: whoever holds its key, and a quorum of witnesses, showed people different entries."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stembus.audit.formats.entry_bodies import Incident
from stembus.audit.log.note import Checkpoint, parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.conftest import Finished


class Folder:
    """A folder of files over HTTP."""

    def __init__(self, root: Path) -> None:
        self.root, self.up = root, True

    def __call__(self, environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        path = self.root / str(environ["PATH_INFO"]).lstrip("/")
        if not self.up or not path.is_file():
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        data = path.read_bytes()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(data)))])
        return [data]


def grow(rehearsal: Rehearsal, *numbers: int, word: str = "incident") -> Rehearsal:
    office = rehearsal.office
    for number in numbers:
        texts = dict.fromkeys(office.manifest.languages, f"{word} {number}")
        office.log().append([office.officers_sign(Incident(number=number, text=texts), 1)])
    return rehearsal


@dataclass
class Forked:
    """`shown` is what is verified; `hidden` the other history, as long, longer or shorter."""

    shown: Rehearsal
    hidden: Rehearsal

    def log(self) -> VerifiedLog:
        return verify(FolderPlace(self.shown.office.public), self.shown.office.referendum).demand_log()

    def other_head(self) -> Checkpoint:
        return parse_checkpoint((self.hidden.office.public / "checkpoint").read_bytes())


@pytest.fixture
def begun(opened: Finished, tmp_path: Path) -> tuple[Rehearsal, Rehearsal]:
    """Two copies of one office, witnesses and all."""
    both = opened.rehearsal(tmp_path / "shown"), opened.rehearsal(tmp_path / "hidden")
    for rehearsal in both:
        rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    return both


@pytest.fixture(params=["shorter", "as long", "longer"])
def forked(begun: tuple[Rehearsal, Rehearsal], request: pytest.FixtureRequest) -> Forked:
    shown, hidden = begun
    lengths = {"shorter": (1, 3), "as long": (2, 2), "longer": (3, 1)}[request.param]
    grow(hidden, *range(1, lengths[0] + 1), word="another incident")
    return Forked(grow(shown, *range(1, lengths[1] + 1)), hidden)
