"""From any t proven partial decryptions to the result entry.

A pure function of the verified log: of the decryptions that the verification found proven, the first t by trustee
number are combined, and the counts found by a bounded search. Whoever runs it gets the same bytes.
"""

from __future__ import annotations

from stembus.audit.formats.entry_bodies import PaperResult, Result
from stembus.audit.rules import count_status, make_result
from stembus.audit.state_machine import Phase
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.discrete_log import small_log
from stembus.crypto.threshold import combine_partials
from stembus.tally.errors import StepDone, StepOutOfTurn


def make_result_body(log: VerifiedLog) -> Result:
    """The `result` entry's body, for two officers to sign. Raises StepOutOfTurn or StepDone."""
    if log.phase is Phase.TALLIED:
        raise StepDone("the result stands in the log already")
    if log.phase is not Phase.CLOSED:
        raise StepOutOfTurn(f"voting is not closed, or was cancelled (phase: {log.phase.value})")
    manifest, counted = log.manifest, log.counted
    paper = next((entry.body for _, _, entry in log.entries() if isinstance(entry.body, PaperResult)), None)
    if count_status(manifest, counted, paper.ballots if paper else 0) != "counted":
        return make_result(manifest, counted, paper, [], [])
    valid, threshold = log.tally.partials, manifest.trustees.threshold
    if len(valid) < threshold:
        raise StepOutOfTurn(f"{threshold - len(valid)} more valid partial decryptions are needed")
    chosen = sorted(valid)[:threshold]
    found = []
    for number, ciphertext in enumerate(log.sums):
        message = combine_partials(ciphertext, {trustee: valid[trustee][number] for trustee in chosen})
        found.append(small_log(message, counted))
    counts = iter(found)
    online = [[next(counts) for _ in question.options] for question in manifest.questions]
    return make_result(manifest, counted, paper, online, chosen)
