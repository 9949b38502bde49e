"""From any t proven partial decryptions to the result entry.

A pure function of the verified log: a bad contribution is passed over, the first t good ones by trustee
number are combined, and the counts found by a bounded search. Whoever runs it gets the same bytes.
"""

from __future__ import annotations

from concurrent.futures import Executor

from stembus.audit.formats.entry_bodies import ElectionKey, PaperResult, PartialDecryption, Result
from stembus.audit.log.source import Place
from stembus.audit.log_view import read_log
from stembus.audit.rules import count_status, make_result
from stembus.audit.verify import verify
from stembus.audit.verify.tally import check_partial
from stembus.crypto.discrete_log import small_log
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import Point
from stembus.crypto.threshold import combine_partials
from stembus.tally.errors import LogNotTrusted, StepDone, StepOutOfTurn


def make_result_body(place: Place, referendum: bytes, executor: Executor | None = None) -> Result:
    """Verifies the log and computes the `result` entry's body, for two officers to sign. Raises LogNotTrusted,
    StepOutOfTurn or StepDone."""
    report = verify(place, referendum, executor)
    if not report.established:
        raise LogNotTrusted("the published log does not verify; run stembus verify to see why")
    log = read_log(place)
    bodies = [(index, entry.body) for index, _, entry in log.entries()]
    if any(isinstance(body, Result) for _, body in bodies):
        raise StepDone("the result stands in the log already")
    if report.figures.phase != "closed":
        raise StepOutOfTurn("voting is not closed")
    manifest = log.manifest
    paper = next((body for _, body in bodies if isinstance(body, PaperResult)), None)
    counted = report.figures.counted
    if count_status(manifest, counted, paper.ballots if paper else 0) != "counted":
        return make_result(manifest, counted, paper, [], [])
    passed_over = {fault.where for fault in report.faults if fault.check in ("V25", "V26")}
    key = next(body for _, body in bodies if isinstance(body, ElectionKey))
    shape = [len(question.options) for question in manifest.questions]
    valid: dict[int, list[Point]] = {}
    for index, body in bodies:
        if not isinstance(body, PartialDecryption) or f"entry {index}" in passed_over:
            continue
        public = Point.from_bytes(bytes.fromhex(key.verification_keys[body.trustee - 1]))
        try:
            valid[body.trustee] = check_partial(referendum, shape, report.sums, public, bytes.fromhex(body.root), body)
        except CryptoError:
            continue
    threshold = manifest.trustees.threshold
    if len(valid) < threshold:
        raise StepOutOfTurn(f"{threshold - len(valid)} more valid partial decryptions are needed")
    chosen = sorted(valid)[:threshold]
    found = []
    for number, ciphertext in enumerate(report.sums):
        message = combine_partials(ciphertext, {trustee: valid[trustee][number] for trustee in chosen})
        found.append(small_log(message, counted))
    counts = iter(found)
    online = [[next(counts) for _ in range(options)] for options in shape]
    return make_result(manifest, counted, paper, online, chosen)
