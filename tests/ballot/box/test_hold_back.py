"""A batch is held back until the next one has its crowd: three new tokens, in this referendum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.box import sealing
from stembus.ballot.box.ballot_box import BallotBox
from stembus.ballot.errors import Closed, DatabaseBehind
from tests.ballot.box.test_ballot_box import batches, cast_many, logged
from tests.ballot.box.test_position import backup, put_back
from tests.ballot.conftest import DATABASES, Poll, on_database
from tests.conftest import Finished


@pytest.fixture(params=DATABASES)
def crowd(request: pytest.FixtureRequest, opened_crowd: Finished, tmp_path: Path) -> Iterator[Poll]:
    yield from on_database(request, opened_crowd, tmp_path)


@pytest.fixture
def box(crowd: Poll) -> BallotBox:
    return crowd.office.box


def faults(poll: Poll) -> list[str]:
    report = verify(FolderPlace(poll.office.public), poll.office.referendum)
    return [fault.check for fault in report.faults]


def test_a_batch_waits_for_enough_different_tokens_and_then_for_those_of_the_next(crowd: Poll, box: BallotBox) -> None:
    first, second = crowd.token(0), crowd.token(1)
    crowd.wait(3600)
    for seq in range(3):
        box.cast(crowd.ballot(first, seq=seq))
    assert box.cast(crowd.ballot(second)).batch == 1
    assert crowd.rehearsal.seal() is None
    assert [promise.batch for promise in cast_many(crowd, [2]).values()] == [1]
    assert crowd.rehearsal.seal() is None, "held back"
    assert [promise.batch for promise in cast_many(crowd, [3, 4]).values()] == [2, 2]
    crowd.wait(3600)
    assert crowd.rehearsal.seal() is None, "two new tokens of three"
    cast_many(crowd, [5])
    assert crowd.rehearsal.seal() == 1
    assert (len(logged(crowd)), box.pending()) == (5, 3)
    assert crowd.rehearsal.seal() is None
    assert [promise.batch for promise in cast_many(crowd, [6]).values()] == [3]


def test_who_votes_again_does_not_make_a_batch_due(crowd: Poll, box: BallotBox) -> None:
    """Else colluding voters could publish one new ballot alone among theirs."""
    held = [crowd.token(voter) for voter in range(3)]
    for voting_pass in held:
        box.cast(crowd.ballot(voting_pass))
    assert crowd.rehearsal.seal() is None
    for voting_pass in held:
        box.cast(crowd.ballot(voting_pass, seq=1))
    cast_many(crowd, [3, 4])
    assert crowd.rehearsal.seal() is None, "two new tokens, and three that the batch before holds"
    cast_many(crowd, [5])
    assert crowd.rehearsal.seal() == 1
    crowd.wait(3600)
    for voting_pass in held:
        box.cast(crowd.ballot(voting_pass, seq=2))
    cast_many(crowd, [6, 7])
    assert crowd.rehearsal.seal() is None, "two new tokens, and three that the log holds"
    crowd.until_close()
    crowd.rehearsal.close()
    assert faults(crowd) == []
    assert {number: len(raws) for number, raws in batches(crowd).items()} == {1: 3, 2: 11}


@pytest.mark.parametrize("late", [0, 1, 2, 3, 7])
def test_the_last_batch_has_its_crowd_whoever_comes_last(crowd: Poll, box: BallotBox, late: int) -> None:
    promises = cast_many(crowd, range(3))
    crowd.rehearsal.seal()
    promises |= cast_many(crowd, range(3, 6))
    assert crowd.rehearsal.seal() == 1
    crowd.wait(3600)
    promises |= cast_many(crowd, range(6, 6 + late))
    crowd.until_close()
    crowd.rehearsal.close()
    assert faults(crowd) == []
    found = {raw: number for number, raws in batches(crowd).items() for raw in raws}
    assert set(found) == set(promises)
    assert all(found[raw] <= promise.batch for raw, promise in promises.items()), "at the latest in the one promised"
    assert {number: list(found.values()).count(number) for number in (1, 2)} == {1: 3, 2: 3 + late}
    again = next(iter(promises))
    assert crowd.office.box.cast(again).batch == found[again]


def test_one_voter_alone_stands_in_the_only_batch(crowd: Poll, box: BallotBox) -> None:
    cast_many(crowd, [0])
    crowd.until_close()
    crowd.rehearsal.close()
    assert faults(crowd) == []
    assert len(logged(crowd)) == 1


def test_a_batch_waits_its_minimum_time_also_when_the_next_has_its_crowd(crowd: Poll) -> None:
    cast_many(crowd, range(3))
    crowd.rehearsal.seal()
    cast_many(crowd, range(3, 6))
    assert crowd.rehearsal.seal() == 1
    cast_many(crowd, range(6, 9))
    crowd.wait(crowd.office.manifest.batching.minimum_seconds - 1)
    assert crowd.rehearsal.seal() is None
    assert crowd.reopen().rehearsal.seal() is None, "nor after a restart"
    crowd.wait(1)
    assert crowd.rehearsal.seal() == 2


def test_in_the_quiet_time_nothing_that_is_held_is_released(crowd: Poll, box: BallotBox) -> None:
    manifest = crowd.office.manifest
    cast_many(crowd, range(3))
    crowd.rehearsal.seal()
    cast_many(crowd, range(3, 6))
    crowd.rehearsal.clock.move_to(manifest.closes_at - manifest.batching.quiet_seconds)
    assert crowd.rehearsal.seal() is None
    crowd.until_close()
    assert crowd.rehearsal.seal() is None
    crowd.rehearsal.close()
    assert {number: len(raws) for number, raws in batches(crowd).items()} == {1: 6}


def test_two_sealers_at_once_make_no_small_batch(crowd: Poll, box: BallotBox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One found the open batch full; the other sealed it, and somebody cast, before the first one could."""
    cast_many(crowd, range(3))
    late, other = box._sealing, crowd.reopen()
    found = late._full
    other.office.box  # noqa: B018 - open before the first one looks

    def slowly() -> int | None:
        full = found()
        other.rehearsal.seal()
        cast_many(crowd, [3])
        return full

    with monkeypatch.context() as patch:
        patch.setattr(late, "_full", slowly)
        assert crowd.rehearsal.seal() is None
    cast_many(crowd, [4, 5])
    assert crowd.rehearsal.seal() == 1
    assert len(logged(crowd)) == 3


def test_the_casts_may_end_while_the_header_of_the_batch_that_is_held_is_signed(
    crowd: Poll, box: BallotBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was open then comes to it, and the header that is kept states the new size."""
    cast_many(crowd, range(3))
    crowd.rehearsal.seal()
    late = cast_many(crowd, [3])
    crowd.until_close()
    real, signed = sealing.sign_entry, list[int]()

    def slowly(referendum: bytes, body: Any, *rest: Any) -> Any:
        signed.append(body.size)
        if len(signed) == 1:
            crowd.reopen().office.box._sealing._end_casts()
        return real(referendum, body, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "sign_entry", slowly)
        box._sealing._header(1, crowd.office.count_statements)
    with pytest.raises(Closed):
        box.cast(crowd.ballot(crowd.reopen(crowd.office.manifest.opens_at).token(4)))
    crowd.rehearsal.close()
    assert signed == [3, 4]
    assert set(late) < set(batches(crowd)[1])
    assert faults(crowd) == []


@pytest.mark.parametrize("step", ["_header", "_append", "_note"])
def test_a_box_that_dies_while_a_batch_is_released_goes_on(
    crowd: Poll, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """And what came meanwhile is not added to a batch whose header was signed."""
    promises = cast_many(crowd, range(3))
    crowd.rehearsal.seal()
    promises |= cast_many(crowd, range(3, 6))
    real: Callable[..., Any] = getattr(sealing.Sealing, step)

    def dying(*arguments: Any) -> Any:
        if step == "_header":
            real(*arguments)
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(sealing.Sealing, step, dying)
        with pytest.raises(OSError, match="killed"):
            crowd.rehearsal.seal()
    promises |= cast_many(crowd, [6])
    assert crowd.rehearsal.seal() == 1
    crowd.until_close()
    crowd.rehearsal.close()
    assert faults(crowd) == []
    found = {raw: number for number, raws in batches(crowd).items() for raw in raws}
    assert set(found) == set(promises)
    assert sorted(found.values()) == [1] * 3 + [2] * 4


def test_a_database_from_before_a_batch_was_published_is_noticed_while_the_next_is_held(
    crowd: Poll, box: BallotBox
) -> None:
    """Else what was promised since would be gone without a word, for hours."""
    cast_many(crowd, range(3))
    crowd.rehearsal.seal()
    before = backup(box)
    cast_many(crowd, range(3, 6))
    assert crowd.rehearsal.seal() == 1
    put_back(box, before)
    other = crowd.reopen().office
    with pytest.raises(DatabaseBehind, match="without its header"):
        other.box  # noqa: B018 - opening it looks
    assert other.box_must_be_recovered()
