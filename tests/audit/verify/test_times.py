"""When a batch may come, and when voting opens and closes: each limit, to the second and to the token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stembus.audit.log.note import Checkpoint
from tests.tampered.forge import Forge, judge

OPENS, CLOSES = 1_571_036_400, 1_571_587_200
GRACE, QUIET, BETWEEN, TOKENS = 300, 3600, 600, 3


def found(forge: Forge) -> list[tuple[str, str]]:
    """Check and message of each fault, in order."""
    return [(fault.check, fault.message) for fault in judge(forge, forge.build()).faults]


def test_the_limits_are_those_of_the_manifest(forge: Forge) -> None:
    manifest = forge.manifest
    assert manifest["grace_seconds"] == GRACE
    limits = {"minimum_seconds": BETWEEN, "minimum_tokens": TOKENS, "quiet_seconds": QUIET, "healing_seconds": 0}
    assert manifest["batching"] == limits
    assert (manifest["witnesses"]["quorum"], manifest["trustees"]["threshold"]) == (2, 2)


QUIET_TIME = "batch {} falls into the quiet time before the close"
SOON = f"batch {{}} follows within {BETWEEN} seconds"
SMALL = f"batch {{}} holds fewer than {TOKENS} new tokens"
LATE = "batch {} came after the close and is not the last one"


def says(*messages: tuple[str, int]) -> list[tuple[str, str]]:
    return [("V15", message.format(number)) for message, number in messages]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (CLOSES - QUIET - 1, []),
        (CLOSES - QUIET, [(QUIET_TIME, 2)]),
        (CLOSES - 1, [(QUIET_TIME, 2)]),
        (CLOSES, []),
    ],
)
def test_no_batch_comes_in_the_quiet_time_before_the_close(
    forge: Forge, time: int, expected: list[tuple[str, int]]
) -> None:
    forge.batch_times = [OPENS + BETWEEN, time]
    assert found(forge) == says(*expected)


@pytest.mark.parametrize(("after", "expected"), [(BETWEEN - 1, [(SOON, 2)]), (BETWEEN, []), (BETWEEN + 1, [])])
def test_batches_keep_their_distance(forge: Forge, after: int, expected: list[tuple[str, int]]) -> None:
    forge.batch_times = [OPENS + 1, OPENS + 1 + after]
    assert found(forge) == says(*expected)


@pytest.mark.parametrize(("after", "expected"), [(BETWEEN - 1, [(SOON, 3)]), (BETWEEN, [])])
def test_the_distance_is_kept_from_the_batch_right_before(
    forge: Forge, after: int, expected: list[tuple[str, int]]
) -> None:
    ballots = [raw for batch in forge.batches for raw in batch]
    forge.batches = [ballots[:4], ballots[4:8], ballots[8:]]
    second = OPENS + 3 * BETWEEN
    forge.batch_times = [OPENS, second, second + after]
    assert found(forge) == says(*expected)


def test_the_last_batch_may_come_soon_once_voting_has_closed(forge: Forge) -> None:
    forge.batch_times = [CLOSES - QUIET - 1, CLOSES]
    assert found(forge) == []
    forge.batch_times = [CLOSES, CLOSES + 1]
    assert found(forge) == says((LATE, 1))


@pytest.mark.parametrize(
    ("size", "time", "expected"),
    [
        (TOKENS, CLOSES - QUIET - 1, []),
        (TOKENS - 1, CLOSES - QUIET - 1, [(SMALL, 2)]),
        (TOKENS - 1, CLOSES - 1, [(SMALL, 2), (QUIET_TIME, 2)]),
        (TOKENS - 1, CLOSES, [(SMALL, 2)]),
        (TOKENS, CLOSES, []),
        (1, CLOSES + GRACE, [(SMALL, 2)]),
    ],
)
def test_the_last_batch_has_its_crowd_too(forge: Forge, size: int, time: int, expected: list[tuple[str, int]]) -> None:
    ballots = [raw for batch in forge.batches for raw in batch]
    forge.batches = [ballots[size:], ballots[:size]]
    forge.batch_times = [OPENS, time]
    assert found(forge) == says(*expected)


@pytest.mark.parametrize(("time", "expected"), [(CLOSES, []), (CLOSES - QUIET - 1, [(SMALL, 1)])])
def test_the_only_batch_may_be_small_once_voting_has_closed(
    forge: Forge, time: int, expected: list[tuple[str, int]]
) -> None:
    forge.batches, forge.batch_times = [forge.batches[0][: TOKENS - 1]], [time]
    assert [fault for fault in found(forge) if fault[0] == "V15"] == says(*expected)


def test_a_small_batch_is_named_wherever_it_stands(forge: Forge) -> None:
    ballots = [raw for batch in forge.batches for raw in batch]
    forge.batches = [ballots[:2], ballots[2:]]
    assert found(forge) == says((SMALL, 1))


def test_who_voted_before_does_not_make_a_batch_larger(forge: Forge) -> None:
    again = [forge.ballot(voter, 0, 1) for voter in range(6)]
    first, second = forge.batches
    forge.batches = [first, [*second[:TOKENS], *again], [*second[TOKENS:], forge.ballot(12)]]
    forge.batch_times = [OPENS, OPENS + BETWEEN, OPENS + 2 * BETWEEN]
    expected = [] if 7 - TOKENS >= TOKENS else [3]
    assert found(forge) == says(*((SMALL, number) for number in expected))
    forge.batches = [first, [*second[: TOKENS - 1], *again], second[TOKENS - 1 :]]
    assert found(forge) == says((SMALL, 2))


def test_a_batch_is_as_large_as_its_different_tokens(forge: Forge) -> None:
    ballots = [raw for batch in forge.batches for raw in batch]
    again = [forge.ballot(0, 0, seq) for seq in (1, 2)]
    forge.batches = [ballots[2:], [ballots[0], ballots[1], *again]]
    forge.batch_times = [OPENS, OPENS + BETWEEN]
    assert found(forge) == says((SMALL, 2))


@pytest.mark.parametrize(("time", "fault"), [(OPENS - 1, True), (OPENS, False), (CLOSES - 1, False), (CLOSES, True)])
def test_voting_opens_within_its_times(forge: Forge, time: int, fault: bool) -> None:
    forge.open_time = time
    forge.batches, forge.with_tally = [], False
    forge.close_time = CLOSES + GRACE
    # The workshop's clock opens no earlier than OPENS; a hook moves the one checkpoint.
    forge.checkpoint_hook = lambda size, checkpoint: (
        _at(forge, checkpoint, time) if size == len(forge.setup) else checkpoint
    )
    assert found(forge) == ([("V14", "voting was opened outside the manifest's times")] if fault else [])


@pytest.mark.parametrize(("time", "fault"), [(CLOSES + GRACE - 1, True), (CLOSES + GRACE, False)])
def test_voting_closes_after_the_grace(forge: Forge, time: int, fault: bool) -> None:
    forge.batch_times = [OPENS, CLOSES]
    forge.close_time = time
    assert found(forge) == ([("V14", "voting was closed before the manifest's time")] if fault else [])


def _at(forge: Forge, checkpoint: Checkpoint, *times: int) -> Checkpoint:
    """The same checkpoint, cosigned by as many witnesses as there are times."""
    log = checkpoint.signatures[0]
    unsigned = replace(checkpoint, signatures=(log,))
    seen = [forge.cosignature(unsigned, witness, time) for witness, time in enumerate((*times, *times)[:2], 1)]
    return replace(checkpoint, signatures=(log, *seen))


def test_a_time_is_held_against_all_smaller_checkpoints_not_only_the_one_before(forge: Forge) -> None:
    """Times 10, 5, 7: the second lies before the first, and so does the third, although it is after the second."""
    last = sorted(int(path[12:]) for path in forge.build().paths() or [] if path.startswith("checkpoints/"))[-3:]
    times = dict(zip(last, (CLOSES + 1000, CLOSES + 500, CLOSES + 700), strict=True))
    forge.checkpoint_hook = lambda size, made: _at(forge, made, times[size]) if size in times else made
    report = judge(forge, forge.build())
    assert [(fault.check, fault.where) for fault in report.faults] == [
        ("V7", f"checkpoints/{size}") for size in last[1:]
    ]


def test_equal_times_are_in_order(forge: Forge) -> None:
    last = sorted(int(path[12:]) for path in forge.build().paths() or [] if path.startswith("checkpoints/"))[-3:]
    forge.checkpoint_hook = lambda size, made: _at(forge, made, CLOSES + 900) if size in last else made
    assert found(forge) == []


def test_a_checkpoints_time_is_the_one_at_which_the_quorum_was_complete(forge: Forge) -> None:
    """One witness saw the close in time, the second one a second too early."""
    size = len(forge.setup) + 2 + 12 + 1
    forge.batch_times = [OPENS, CLOSES]
    for first, second, fault in (
        (CLOSES + GRACE - 1, CLOSES + GRACE, False),
        (CLOSES + GRACE, CLOSES + GRACE - 1, False),
        (CLOSES + GRACE - 1, CLOSES + GRACE - 1, True),
    ):
        forge.checkpoint_hook = lambda at, made, x=first, y=second: _at(forge, made, x, y) if at == size else made
        assert [check for check, _ in found(forge)] == (["V14"] if fault else []), (first, second)


@pytest.mark.parametrize("covers", ["open", "batch", "close", "head"])
def test_a_checkpoint_with_too_few_witnesses_is_named(forge: Forge, covers: str) -> None:
    start = len(forge.setup)
    sizes = {"open": start, "batch": start + 7, "close": start + 15, "head": start + 20}
    dropped = lambda made: replace(made, signatures=made.signatures[:-1])  # noqa: E731
    forge.checkpoint_hook = lambda size, made: dropped(made) if size == sizes[covers] else made
    report = judge(forge, forge.build())
    said = {(fault.check, fault.where) for fault in report.faults if fault.check == "V7"}
    assert ("V7", f"checkpoints/{sizes[covers]}") in said
    assert report.exit_status == (5 if covers == "batch" else 1)
    assert report.established == (covers == "batch")
