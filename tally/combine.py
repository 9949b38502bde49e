"""From any t proven partial decryptions to the result entry.

A pure function of the verified log: of the decryptions that the verification found proven, the first t by trustee
number are combined, and the counts found by a bounded search. Whoever runs it gets the same bytes.
"""

from __future__ import annotations

import itertools

from stembus.audit.formats.ballot_shape import SECOND
from stembus.audit.formats.entry_bodies import Result
from stembus.audit.formats.manifest import question_shapes
from stembus.audit.rules import ballots_in_sums, count_status, make_result
from stembus.audit.state_machine import Phase
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.crypto.discrete_log import small_log, two_small_logs
from stembus.crypto.threshold import combine_partials
from stembus.tally.errors import PAPER_MISSING, StepDone, StepOutOfTurn


def demand_uncountable(log: VerifiedLog) -> None:
    """That a referendum may end without a result, as far as the log shows. Raises StepOutOfTurn."""
    if log.phase is not Phase.CLOSED or not log.tally.decided:
        raise StepOutOfTurn(f"there is nothing to be counted yet, or it was counted (phase: {log.phase.value})")
    paper = log.tally.paper
    if count_status(log.manifest, log.counted, paper.ballots if paper else 0) != "counted":
        raise StepOutOfTurn("the rules say that nothing is decrypted; run stembus tally, which states that result")
    if len(log.tally.partials) >= log.manifest.trustees.threshold:
        raise StepOutOfTurn("enough trustees have decrypted; run stembus tally")


def make_result_body(log: VerifiedLog) -> Result:
    """The `result` entry's body, for two officers to sign. Raises StepOutOfTurn or StepDone."""
    if log.phase is Phase.TALLIED:
        raise StepDone("the result stands in the log already")
    if log.phase is not Phase.CLOSED:
        raise StepOutOfTurn(f"voting is not closed, or was cancelled (phase: {log.phase.value})")
    if not log.tally.decided:
        raise StepOutOfTurn(PAPER_MISSING)
    manifest, counted, paper = log.manifest, log.counted, log.tally.paper
    if count_status(manifest, counted, paper.ballots if paper else 0) != "counted":
        return make_result(manifest, counted, paper, [], [])
    valid, threshold = log.tally.partials, manifest.trustees.threshold
    if len(valid) < threshold:
        raise StepOutOfTurn(f"{threshold - len(valid)} more valid partial decryptions are needed")
    chosen = sorted(valid)[:threshold]
    remaining, held = enumerate(log.sums), ballots_in_sums(counted, paper)
    decrypted = []
    for shape in question_shapes(manifest):
        counts: list[int] = []
        for number, ciphertext in itertools.islice(remaining, shape.sums):
            message = combine_partials(ciphertext, {trustee: valid[trustee][number] for trustee in chosen})
            counts += two_small_logs(message, SECOND, held) if shape.is_pair else [small_log(message, held)]
        decrypted.append(counts)
    return make_result(manifest, counted, paper, decrypted, chosen)
