"""Chapter 3, who may vote: credentials, spares, replacements, issuance (V13, V21, V22, V24).

Works on the published lists beside the log. Decides membership and bounds. Of a person, list and log know only the
public key of a letter's credential. Leaves who votes on paper to `paper`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import islice

from stembus.audit import bounds
from stembus.audit.entry_rules import counts_problem, excess_problem, issuance_problem, roll_problem
from stembus.audit.errors import PlaceError, RecordInvalid
from stembus.audit.formats.entry_bodies import Batch, Close, Replace, Roll
from stembus.audit.formats.lists import CREDENTIALS, SPARES, issuance_path, parse_issued, parse_keys
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.audit.log.source import Place
from stembus.audit.verify.ballots import check_issued_chunk
from stembus.audit.verify.index import Index
from stembus.audit.verify.report import Report
from stembus.crypto.errors import CryptoError
from stembus.crypto.signing import check_schnorr_key

_CHUNK = 4096


class RollCheck:
    def __init__(self, place: Place, manifest: Manifest, referendum: bytes, index: Index, report: Report) -> None:
        self._place = place
        self._manifest = manifest
        self._referendum = referendum
        self._index = index
        self._report = report
        self._last_counts = [0] * len(manifest.registrars)
        self.counts_at: list[tuple[int, list[int]]] = []

    def _lines(self, path: str, line_bytes: int) -> Iterator[bytes]:
        """A list's lines. No list has more of them than there are voters. Raises PlaceError."""
        return self._place.lines(path, line_bytes * self._manifest.eligibility.official_count)

    def take_roll(self, where: str, roll: Roll) -> None:
        if problem := roll_problem(self._manifest, roll):
            self._report.breach("V13", where, problem)
        self._take_keys(CREDENTIALS, "credential", roll.count, roll.credentials_root)
        self._take_keys(SPARES, "spare", roll.spares, roll.spares_root)

    def _take_keys(self, path: str, kind: str, count: int, root: str) -> None:
        frontier = Frontier()
        try:
            for key in parse_keys(self._lines(path, bounds.KEY_LINE_BYTES)):
                frontier.append(leaf_hash(key))
                check_schnorr_key(key)
                if not self._index.add_credential(key, kind):
                    self._report.breach("V13", path, "a key stands in both lists")
        except PlaceError as error:
            self._report.breach("V1", path, str(error))
            return
        except (RecordInvalid, CryptoError) as error:
            self._report.breach("V13", path, str(error))
            return
        if (frontier.size, frontier.root().hex()) != (count, root):
            self._report.breach("V13", path, "the list is not the one whose length and root stand in the log")

    def take_replace(self, where: str, body: Replace) -> None:
        struck, replacement = bytes.fromhex(body.struck), bytes.fromhex(body.replacement)
        if self._index.credential(struck) != "credential":
            self._report.breach("V24", where, "the struck letter is no credential of the roll")
        elif self._index.credential(replacement) != "spare":
            self._report.breach("V24", where, "the replacement is no spare letter")
        else:
            self._index.mark(struck, "struck")
            self._index.mark(replacement, "replacement")

    def take_counts(self, where: str, body: Batch) -> None:
        """The registrars' statements in a batch header (V22). They bound what is used while voting goes on; the result
        rests on the final ones, so a header without them is named and passed by."""
        problem = counts_problem(self._manifest, self._referendum, body, self._last_counts)
        if problem:
            self._report.stands("V22", where, problem)
            return
        self._last_counts = [statement.count for statement in body.issued]
        self.counts_at.append((body.number, self._last_counts))

    def take_close(self, where: str, close: Close, executor: Executor | None) -> list[int]:
        """Checks the registrars' final statements and lists; returns the issued counts."""
        if problem := issuance_problem(self._manifest, self._referendum, close):
            self._report.breach("V21", where, problem)
        if problem := excess_problem(self._manifest, close):
            self._report.breach("V22", where, problem)
        for number, statement in enumerate(close.issuance[: len(self._manifest.registrars)], 1):
            if statement.count < (stated := self._last_counts[number - 1]):
                lacking = (
                    f"registrar {number} had stated {stated} tokens while people voted, and lists {statement.count}"
                )
                self._report.stands("V22", where, lacking)
            self._take_issuance(number, statement.count, statement.root, executor)
        return [statement.count for statement in close.issuance]

    def _take_issuance(self, number: int, count: int, root: str, executor: Executor | None) -> None:
        path = issuance_path(number)
        frontier = Frontier()
        pending = []
        try:
            lines = parse_issued(self._lines(path, bounds.ISSUED_LINE_BYTES))
            while chunk := list(islice(lines, _CHUNK)):
                for line in chunk:
                    frontier.append(leaf_hash(line.leaf()))
                    self._index.add_issued(number, line.credential, bool(line.acknowledgement))
                    kind = self._index.credential(line.credential)
                    if kind not in ("credential", "replacement"):
                        what = {"spare": "an unused spare", "struck": "a struck letter"}.get(kind or "", "a stranger")
                        self._report.breach("V21", path, f"a token was issued to {what}")
                arguments = (self._referendum, number, chunk)
                if executor is None:
                    self._name_bad(path, check_issued_chunk(*arguments))
                else:
                    pending.append(executor.submit(check_issued_chunk, *arguments))
        except PlaceError as error:
            self._report.breach("V1", path, str(error))
            return
        except RecordInvalid as error:
            self._report.breach("V21", path, str(error))
            return
        for future in pending:
            self._name_bad(path, future.result())
        if (frontier.size, frontier.root().hex()) != (count, root):
            self._report.breach("V21", path, "the list is not the one whose length and root stand in the log")

    def _name_bad(self, path: str, credentials: list[bytes]) -> None:
        for credential in credentials:
            self._report.breach("V21", path, f"credential {credential.hex()[:16]}... did not sign its line")
