"""The verifier: from a published bundle and a referendum id to a report, from public files alone.

Decides the order of the chapters and fails closed: a step that cannot run is a fault. No server code,
database or secret takes part. Checks are numbered V1..V30 in `report`; docs/protocol.md says what each
demands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor

from stembus.audit import bounds
from stembus.audit.errors import ManifestInvalid, OrderInvalid, PlaceError, RecordInvalid
from stembus.audit.formats.entries import (
    Batch,
    Cancel,
    Client,
    Close,
    ElectionKey,
    Entry,
    Incident,
    Minutes,
    Open,
    PaperResult,
    PaperRoll,
    PartialDecryption,
    Replace,
    Result,
    Roll,
    TallyIntent,
    check_signatures,
    parse_entry,
)
from stembus.audit.formats.lists import CREDENTIALS, PAPER, SPARES, issuance_path
from stembus.audit.formats.manifest import parse_manifest, referendum_id
from stembus.audit.log.source import Place
from stembus.audit.log.tiles import log_paths
from stembus.audit.rules import outcome
from stembus.audit.state_machine import Order, Phase
from stembus.audit.verify.ballots import BallotChecker
from stembus.audit.verify.ceremony import CeremonyCheck
from stembus.audit.verify.checkpoints import FOLDER, CheckpointCheck
from stembus.audit.verify.index import Index
from stembus.audit.verify.report import Report
from stembus.audit.verify.roll import RollCheck
from stembus.audit.verify.stream import LogStream, Unreadable
from stembus.audit.verify.tally import TallyCheck
from stembus.crypto.errors import CryptoError, SignatureInvalid
from stembus.crypto.group import Point

DOCUMENTS = "documents/"
_CEREMONY = {"commit", "reveal", "share", "confirm", "complaint", "election-key"}
_DOCUMENT_BYTES = 64 * 1024**2
Progress = Callable[[int, int], None]


def verify(
    place: Place,
    referendum: bytes | None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Checks a whole bundle. `referendum` is the 32-byte id from the letter or the announcement; without
    it nothing says *which* referendum this is. `progress(done, total)` counts log entries."""
    report = Report()
    with Index() as index:
        try:
            _Walk(place, referendum, executor, progress, report, index).run()
        except Unreadable:
            pass
        except Exception as error:  # fail closed: whatever went wrong, the check has failed
            report.breach("V1", "verifier", f"the verification could not be finished: {type(error).__name__}: {error}")
    return report


class _Walk:
    """One pass over the log, feeding each chapter; then the conclusions."""

    def __init__(
        self,
        place: Place,
        referendum: bytes | None,
        executor: Executor | None,
        progress: Progress | None,
        report: Report,
        index: Index,
    ) -> None:
        self._place = place
        self._asked = referendum
        self._executor = executor
        self._progress = progress
        self._report = report
        self._index = index
        self._order = Order()
        self._stream = LogStream(place, report)
        self._roots: dict[int, bytes] = {}
        self._required: dict[int, str] = {}
        self._batch_ends: list[int] = []
        self._opened: int | None = None
        self._closed: int | None = None
        self._election_key: tuple[bytes, ElectionKey] | None = None
        self._ballots: BallotChecker | None = None
        self._struck = 0
        self._documents: set[str] = set()
        self._registrars = 0

    def run(self) -> None:
        for position, raw in self._stream.entries():
            if position == 0:
                self._begin(raw)
            elif raw[:1] == b"{":
                self._take_entry(position, raw)
            else:
                self._take_ballot(position, raw)
            if self._progress and position % 256 == 0:
                self._progress(position, self._stream.checkpoint.size)
        self._conclude()
        if self._progress:
            self._progress(self._stream.checkpoint.size, self._stream.checkpoint.size)

    def _begin(self, raw: bytes) -> None:
        identity = referendum_id(raw)
        self._report.referendum = identity
        self._report.anchored = self._asked is not None
        if self._asked is not None and identity != self._asked:
            self._report.breach("V2", "entry 0", f"this is referendum {identity.hex()}, not the one asked for")
        try:
            manifest = parse_manifest(raw)
        except ManifestInvalid as error:
            self._report.breach("V3", "entry 0", str(error))
            raise Unreadable from None
        self._manifest, self._manifest_raw, self._referendum = manifest, raw, identity
        self._report.rehearsal = not manifest.binding
        self._report.simulated_clock = manifest.clock == "simulated"
        self._report.figures.official_count = manifest.eligibility.official_count
        self._registrars = len(manifest.registrars)
        self._order.start(manifest)
        self._ceremony = CeremonyCheck(manifest, identity, self._report)
        self._roll = RollCheck(self._place, manifest, identity, self._index, self._report)
        self._tally = TallyCheck(manifest, identity, self._report)
        self._note_root()

    def _note_root(self) -> None:
        self._roots[self._stream.frontier.size] = self._stream.frontier.root()

    def _take_ballot(self, position: int, raw: bytes) -> None:
        self._report.figures.ballots += 1
        where = f"entry {position}"
        try:
            self._order.admit_ballot()
        except OrderInvalid as error:
            self._report.stands("V9", where, f"ballot excluded: {error}")
            self._report.figures.excluded += 1
            self._note_root()
            return
        if self._ballots is None:
            self._report.breach("V12", where, "a ballot without a valid election key")
            raise Unreadable
        self._ballots.add(position, self._order.batches, raw)
        if not self._order.awaiting:
            self._end_batch()

    def _end_batch(self) -> None:
        size = self._stream.frontier.size
        self._note_root()
        self._batch_ends.append(size)
        self._required[size] = f"batch {self._order.batches}"

    def _take_entry(self, position: int, raw: bytes) -> None:
        where = f"entry {position}"
        try:
            entry = parse_entry(raw)
        except RecordInvalid as error:
            self._report.breach("V8", where, str(error))
            self._note_root()
            return
        try:
            check_signatures(self._manifest, self._referendum, entry)
        except SignatureInvalid as error:
            self._report.breach("V10", where, str(error))
        try:
            self._order.admit(entry.type, entry.body)
        except OrderInvalid as error:
            self._report.breach("V9", where, str(error))
            self._note_root()
            return
        self._note_root()
        self._dispatch(position, where, raw, entry)

    def _dispatch(self, position: int, where: str, raw: bytes, entry: Entry) -> None:
        body = entry.body
        size = position + 1
        if entry.type in _CEREMONY:
            self._ceremony.take(position, entry)
            if isinstance(body, ElectionKey):
                self._set_election_key(where, raw, body)
        elif isinstance(body, Roll):
            self._roll.take_roll(where, body)
        elif isinstance(body, Open):
            self._opened = size
            self._required[size] = "open"
            if not self._election_key or hashlib.sha256(self._election_key[0]).hexdigest() != body.election_key:
                self._report.breach("V12", where, "voting was opened for another election key")
        elif isinstance(body, Batch):
            self._roll.take_counts(where, body.number, body.issued)
            if not body.size:
                self._report.breach("V15", where, "an empty batch")
                self._end_batch()
        elif isinstance(body, Replace):
            self._roll.take_replace(where, body)
        elif isinstance(body, Close):
            self._closed = self._tally.earliest = size
            self._required[size] = "the close"
            self._report.figures.issued = self._roll.take_close(where, body, self._executor)
        elif isinstance(body, PaperRoll):
            self._tally.earliest = size
            self._struck = body.count
            self._roll.take_paper_roll(where, body)
        elif isinstance(body, PaperResult):
            self._tally.earliest = size
            self._tally.paper = body
            self._roll.take_paper_result(where, body, self._struck)
        elif isinstance(body, TallyIntent):
            self._tally.take_intent(position, body)
        elif isinstance(body, PartialDecryption):
            self._tally.partials.append((position, body))
        elif isinstance(body, Result):
            self._tally.result = (position, body)
            self._report.result = body
        elif isinstance(body, Client):
            paths = [file.path for file in body.files]
            if not paths or paths != sorted(set(paths)):
                self._report.breach("V29", where, "the client's files are listed once each, sorted")
        elif isinstance(body, Minutes):
            self._take_document(where, body)
        elif isinstance(body, Incident | Cancel):
            languages = self._manifest.languages
            if languages[0] not in body.text or not set(body.text) <= set(languages):
                self._report.breach("V8", where, f"its text is in {languages[0]}, and in languages of the manifest")

    def _set_election_key(self, where: str, raw: bytes, body: ElectionKey) -> None:
        try:
            for key in body.verification_keys:
                Point.from_bytes(bytes.fromhex(key))
            self._ballots = BallotChecker(self._manifest_raw, raw, self._index, self._report, self._executor)
        except CryptoError as error:
            self._report.breach("V12", where, str(error))
            return
        self._election_key = (raw, body)

    def _take_document(self, where: str, body: Minutes) -> None:
        path = DOCUMENTS + body.name
        self._documents.add(path)
        if not body.name or "/" in body.name or body.name.startswith("."):
            self._report.breach("V29", where, "a document's name is a plain file name")
            return
        try:
            data = self._place.read(path, _DOCUMENT_BYTES)
        except PlaceError as error:
            self._report.breach("V1", path, str(error))
            return
        if hashlib.sha256(data).hexdigest() != body.sha256:
            self._report.breach("V29", path, "not the document whose hash stands in the log")

    def _conclude(self) -> None:
        report, order = self._report, self._order
        if order.awaiting:
            report.breach("V9", "checkpoint", f"the log ends in the middle of batch {order.batches}")
        size = self._stream.checkpoint.size
        self._note_root()
        self._required.setdefault(size, "the head")
        tokens: dict[int, int] = {}
        outside: list[int] = []
        if self._ballots is not None:
            self._ballots.finish()
            outside = self._ballots.settle()
            tokens = self._index.tokens_in_batches()
        times = self._conclude_checkpoints(tokens)
        if self._ballots is not None:
            self._conclude_ballots(self._ballots, outside, times)
        self._ceremony.conclude()
        report.figures.entries = size
        report.figures.root = self._stream.frontier.root()
        report.figures.phase = order.phase.value
        report.figures.attempts = order.attempt
        report.figures.batches = order.batches
        report.finished = order.phase in (Phase.TALLIED, Phase.CANCELLED)
        self._check_files(size)

    def _conclude_ballots(self, ballots: BallotChecker, outside: list[int], times: Mapping[int, int]) -> None:
        sums = ballots.sums(self._reread(outside))
        figures = self._report.figures
        figures.counted = self._index.counted()
        for number, issued in enumerate(figures.issued, 1):
            if figures.counted > issued:
                message = f"{figures.counted} tokens were used and registrar {number} issued {issued}"
                self._report.breach("V22", "the close", message)
        self._check_running_counts()
        if self._closed is None:
            return
        self._report.sums = sums
        assert self._election_key is not None
        keys = [Point.from_bytes(bytes.fromhex(key)) for key in self._election_key[1].verification_keys]
        self._tally.conclude(sums, figures.counted, keys, self._roots, times.keys())
        self._judge_slack()

    def _check_running_counts(self) -> None:
        used = dict(self._index.tokens_by_batch())
        so_far = 0
        for batch, counts in self._roll.counts_at:
            so_far = used.get(batch, so_far)
            for number, count in enumerate(counts, 1):
                if so_far > count:
                    message = f"{so_far} tokens were used by batch {batch} and registrar {number} had issued {count}"
                    self._report.breach("V22", f"batch {batch}", message)

    def _judge_slack(self) -> None:
        """Whether each outcome survives if every token issued and not used had been turned one way."""
        result, figures = self._report.result, self._report.figures
        if result is None or result.status != "counted" or not figures.issued:
            return
        slack = max(0, min(figures.issued) - figures.counted)
        survives = True
        for question, counted in zip(self._manifest.questions, result.questions, strict=False):
            if question.accepts is None or len(counted.total) != 2:
                continue
            for side in (0, 1):
                shifted = [count + slack * (side == k) for k, count in enumerate(counted.total)]
                survives &= outcome(self._manifest, question, shifted, result.participants + slack) == counted.outcome
        figures.survives_slack = survives

    def _reread(self, positions: list[int]) -> Iterator[bytes]:
        number, bundle = -1, list[bytes]()
        size = self._stream.checkpoint.size
        for position in positions:
            if position // bounds.TILE_WIDTH != number:
                number = position // bounds.TILE_WIDTH
                bundle = self._stream.bundle(number, min(bounds.TILE_WIDTH, size - number * bounds.TILE_WIDTH))
            yield bundle[position % bounds.TILE_WIDTH]

    def _conclude_checkpoints(self, tokens: dict[int, int]) -> Mapping[int, int]:
        """Returns the times of all checkpoints that a quorum cosigned, by size."""
        check = CheckpointCheck(self._place, self._manifest, self._report, self._roots)
        check.check_vkey()
        check.check_head(self._stream.checkpoint)
        named = {body.size for _, body in self._tally.intents if body.size in self._roots}
        times = check.check_series(self._required, self._place.paths(), named)
        check.check_window(times, self._opened, self._closed)
        check.check_batches(times, self._batch_ends, tokens)
        return times

    def _check_files(self, size: int) -> None:
        listed = self._place.paths()
        if listed is None:
            return
        expected = {"checkpoint", "log.vkey", *log_paths(size), *self._documents}
        if self._order.phase not in (Phase.EMPTY, Phase.CEREMONY, Phase.KEYED):
            expected |= {CREDENTIALS, SPARES}
        if self._closed is not None:
            expected |= {issuance_path(number) for number in range(1, self._registrars + 1)}
        if self._order.paper_roll:
            expected.add(PAPER)
        for path in listed:
            known = path in expected or (path.startswith(FOLDER) and int_or_none(path[len(FOLDER) :]) in self._roots)
            if not known:
                self._report.breach("V1", path[:200], "a file that does not belong to the bundle")


def int_or_none(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and not text.startswith("0") else None
