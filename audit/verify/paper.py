"""Chapter 3, continued: who votes on paper, and their ballots (V23).

Each registrar states at the close whom it struck, so nobody is struck once the online votes can be known. From the
floor on, officers state the counts; below it, each paper ballot stands in the log encrypted, and is checked here as the
box checks an online one. Decides whether these may be counted; who really came to the desk, no log shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from stembus.audit import bounds
from stembus.audit.entry_rules import paper_ballots_problem, paper_problem
from stembus.audit.errors import AuditError, PlaceError, RecordInvalid
from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.entry_bodies import Close, PaperBallots, PaperResult
from stembus.audit.formats.lists import parse_keys, struck_path
from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.paper_ballot import PaperBallot, paper_root, parse_paper_ballot
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.audit.log.source import Place
from stembus.audit.verify.index import Index
from stembus.audit.verify.report import Report
from stembus.crypto.batch import find_invalid
from stembus.crypto.elgamal import Ciphertext, add_ciphertexts
from stembus.crypto.errors import CryptoError

_CHECK = "V23"


class PaperCheck:
    def __init__(self, place: Place, manifest: Manifest, index: Index, report: Report) -> None:
        self._place = place
        self._manifest = manifest
        self._index = index
        self._report = report
        self._header: tuple[str, PaperBallots] | None = None
        self._ballots: list[tuple[int, bytes]] = []

    def take_close(self, where: str, close: Close) -> None:
        """The lists of those struck; to be asked once the issuance lists were read."""
        for number, statement in enumerate(close.issuance[: len(self._manifest.registrars)], 1):
            self._take_struck(where, number, statement.struck, statement.struck_root)

    def _take_struck(self, where: str, registrar: int, count: int, root: str) -> None:
        path, frontier = struck_path(registrar), Frontier()
        limit = bounds.KEY_LINE_BYTES * self._manifest.eligibility.official_count
        try:
            for key in parse_keys(self._place.lines(path, limit)):
                frontier.append(leaf_hash(key))
                self._index.add_struck(key)
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

    def take_result(self, where: str, body: PaperResult) -> None:
        if problem := paper_problem(self._manifest, body, self._index.struck()):
            self._report.breach(_CHECK, where, problem)

    def take_header(self, where: str, body: PaperBallots) -> None:
        """Where more are announced than the rules allow, none of them is kept."""
        if problem := paper_ballots_problem(self._manifest, body.ballots, self._index.struck()):
            self._report.breach(_CHECK, where, problem)
        else:
            self._header = (where, body)

    def take_ballot(self, position: int, raw: bytes) -> None:
        if self._header is not None:
            self._ballots.append((position, raw))

    def conclude(self, context: BallotContext) -> list[Ciphertext]:
        """The sums of the paper ballots that were found valid; empty if there are none."""
        if self._header is None:
            return []
        where, body = self._header
        raws = [raw for _, raw in self._ballots]
        if len(raws) == body.ballots and paper_root(raws).hex() != body.root:
            self._report.breach(_CHECK, where, "the paper ballots are not those whose root two officers signed")
        parsed = self._parse(context)
        for index in find_invalid(context.joint_key, [ballot.proven for _, ballot in parsed]):
            self._report.breach(_CHECK, f"entry {parsed[index][0]}", "a paper ballot's proofs do not hold")
        ids = [ballot.ballot_id for _, ballot in parsed]
        if ids != sorted(set(ids)):
            self._report.breach(_CHECK, where, "the paper ballots are not sorted by id, each once")
        return _sums([ballot.ciphertexts for _, ballot in parsed])

    def _parse(self, context: BallotContext) -> list[tuple[int, PaperBallot]]:
        parsed = []
        for position, raw in self._ballots:
            try:
                parsed.append((position, parse_paper_ballot(context, raw)))
            except (AuditError, CryptoError) as error:
                self._report.breach(_CHECK, f"entry {position}", f"no paper ballot: {error}")
        return parsed


def _sums(ballots: Sequence[Sequence[Ciphertext]]) -> list[Ciphertext]:
    return [add_ciphertexts(column) for column in zip(*ballots, strict=True)]
