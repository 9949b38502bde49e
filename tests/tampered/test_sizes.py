"""A corrupted ballot, share or token is found at every size, place and state, with one worker and with two."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from stembus.audit.verify import verify
from stembus.audit.verify.report import Report
from tests.conftest import prepare
from tests.tampered.forge import Forge, load_parts, new_forge
from tests.tampered.roll import forged_line

LARGEST = 1000
SIZES = [1, 11, 255, 256, 257, LARGEST]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("thousand")
    prepare(root, eligible=LARGEST + 5)
    loaded = load_parts(root, voters=LARGEST)
    new_forge(loaded)
    forge = Forge(**{key: value for key, value in loaded.items() if key != "ballots"})
    loaded["ballots"] = [forge.ballot(k, int(k % 3 == 2)) for k in range(LARGEST)]
    return loaded


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def electorate(parts: dict[str, Any], size: int) -> Forge:
    forge = new_forge(parts)
    forge.batches = [list(parts["ballots"][:size])]
    return forge


def seen(forge: Forge, state: str, executor: Executor | None) -> Report:
    """The verifier's report on the open, closed or tallied referendum."""
    forge.with_tally = state == "tallied"
    if state == "open":
        ballots = sorted(forge.batches[0], key=forge.body_id)
        place = forge.bundle([*forge.setup, forge.header(1, ballots), *ballots])
    else:
        place = forge.build()
    return verify(place, forge.referendum, executor)


def places(size: int) -> list[int]:
    return sorted({0, size // 2, size - 1})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", ["open", "closed", "tallied"])
def test_a_corrupted_ballot_is_found_wherever_it_stands(
    parts: dict[str, Any], pool: Executor, size: int, state: str
) -> None:
    for number, position in enumerate(places(size)):
        forge = electorate(parts, size)
        raw = bytearray(forge.batches[0][position])
        scalar = 1 + forge.context.scalars_at + 31
        raw[scalar] ^= 1
        key = forge.voters[position].voting_pass.token_key
        forge.batches[0][position] = bytes(raw[:-64]) + key.sign(forge.context.cast_digest(bytes(raw[:-64])))
        if state == "tallied" and size == 1:
            state = "closed"
        report = seen(forge, state, pool if number % 2 else None)
        assert [fault.check for fault in report.faults if fault.check == "V19"] == ["V19"]
        assert report.exit_status == 5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", ["open", "closed", "tallied"])
def test_a_corrupted_token_is_found_wherever_it_stands(
    parts: dict[str, Any], pool: Executor, size: int, state: str
) -> None:
    for number, position in enumerate(places(size)):
        forge = electorate(parts, size)
        raw = bytearray(forge.batches[0][position])
        raw[1 + forge.context.body_bytes + 64 + 100] ^= 1
        key = forge.voters[position].voting_pass.token_key
        forge.batches[0][position] = bytes(raw[:-64]) + key.sign(forge.context.cast_digest(bytes(raw[:-64])))
        if state == "tallied" and size == 1:
            state = "closed"
        report = seen(forge, state, None if number % 2 else pool)
        assert [fault.check for fault in report.faults if fault.check == "V17"] == ["V17"]
        assert report.exit_status == 5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("trustee", [0, 1])
def test_a_corrupted_share_is_found_at_every_size(
    parts: dict[str, Any], pool: Executor, size: int, trustee: int
) -> None:
    forge = electorate(parts, size)

    def corrupt(made: list[Any]) -> None:
        made[2 + trustee][1]["decryptions"][0][0]["response"] = "11" * 32

    forge.tally_hook = corrupt
    report = seen(forge, "tallied", pool if trustee else None)
    assert {fault.check for fault in report.faults} >= {"V26", "V27"}
    assert report.exit_status == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", ["closed", "tallied"])
def test_a_forged_issuance_is_found_at_every_size(parts: dict[str, Any], pool: Executor, size: int, state: str) -> None:
    forge = electorate(parts, size)
    forge.issued = [
        *forge.issued[: LARGEST - 1],
        forged_line(forge, forge.keys.credentials[LARGEST], forge.keys.spares[0]),
    ]
    report = seen(forge, state, pool)
    checks = {fault.check for fault in report.faults}
    assert "V21" in checks
    assert report.exit_status == 1


@pytest.mark.parametrize("size", SIZES)
def test_an_honest_referendum_of_every_size_holds_with_one_worker_and_with_two(
    parts: dict[str, Any], pool: Executor, size: int
) -> None:
    for executor in (None, pool):
        report = seen(electorate(parts, size), "closed", executor)
        assert report.faults == []
        assert report.exit_status == 4
        assert report.figures.counted == size
