"""Chapter 3, continued: who votes on paper, and their ballots (V23).

Each registrar states at the close whom it struck, so nobody is struck once the online votes can be known; whom
registrar 1 struck, no other one may sign for after that. From the floor on, officers state the counts; below it, each
paper ballot stands in the log encrypted. Decides whether these may be counted; who really came to the desk, no log
shows.
"""

from __future__ import annotations

from collections.abc import Iterable

from stembus.audit import bounds
from stembus.audit.entry_rules import has_shape, paper_ballots_problem, paper_problem
from stembus.audit.errors import PlaceError, RecordInvalid
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import Close, PaperBallots, PaperResult
from stembus.audit.formats.lists import parse_keys, struck_path
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.audit.log.source import Place
from stembus.audit.verify.index import Index
from stembus.audit.verify.paper_ballots import PaperReading
from stembus.audit.verify.report import Report
from stembus.crypto.elgamal import Ciphertext

_CHECK = "V23"


class PaperCheck:
    def __init__(self, place: Place, manifest: Manifest, index: Index, report: Report) -> None:
        self._place = place
        self._manifest = manifest
        self._index = index
        self._report = report
        self._registrars = len(manifest.registrars)
        self._reading: PaperReading | None = None
        self._where = ""

    def take_close(self, where: str, close: Close) -> tuple[int, int]:
        """The lists of those struck; to be asked once the issuance lists were read. Returns how many people may vote on
        paper, and how many of them had asked for a part of a token."""
        for number, statement in enumerate(close.issuance[: self._registrars], 1):
            self._take_struck(where, number, statement.struck, statement.struck_root)
        return self._index.struck(self._registrars)

    def _take_struck(self, where: str, registrar: int, count: int, root: str) -> None:
        path, frontier = struck_path(registrar), Frontier()
        limit = bounds.KEY_LINE_BYTES * self._manifest.eligibility.official_count
        try:
            for key in parse_keys(self._place.lines(path, limit)):
                frontier.append(leaf_hash(key))
                self._index.add_struck(registrar, key)
                if self._index.credential(key) not in ("credential", "replacement"):
                    self._report.breach(_CHECK, path, "a voter struck for paper is not on the roll")
                elif self._index.is_issued(registrar, key):
                    self._report.breach(_CHECK, path, "a voter struck for paper has a token as well")
        except PlaceError as error:
            self._report.breach("V1", path, str(error))
            return
        except RecordInvalid as error:
            self._report.breach(_CHECK, path, str(error))
            return
        if (frontier.size, frontier.root().hex()) != (count, root):
            self._report.breach(_CHECK, where, f"{path} is not the list whose length and root stand in the log")

    def take_result(self, where: str, body: PaperResult) -> bool:
        """Whether there is a count for each option, so that a result can be compared with it."""
        if problem := paper_problem(self._manifest, body, self._index.struck(self._registrars)[0]):
            self._report.breach(_CHECK, where, problem)
        return has_shape(self._manifest, body.counts)

    def take_header(self, where: str, body: PaperBallots, context: BallotContext | None) -> None:
        """Where more are announced than the rules allow, none of them is looked at."""
        self._where = where
        if problem := paper_ballots_problem(self._manifest, body.ballots, self._index.struck(self._registrars)[0]):
            self._report.breach(_CHECK, where, problem)
        elif context is not None:
            self._reading = PaperReading(context, body)

    def take_ballot(self, index: int, raw: bytes) -> None:
        if self._reading is not None:
            self._name(self._reading.take(index, raw))

    def conclude(self) -> list[Ciphertext]:
        """The sums of the paper ballots that were found valid; empty if there are none."""
        if self._reading is None:
            return []
        self._name(self._reading.finish())
        return self._reading.sums

    def _name(self, problems: Iterable[tuple[int | None, str]]) -> None:
        for index, problem in problems:
            self._report.breach(_CHECK, self._where if index is None else f"entry {index}", problem)
