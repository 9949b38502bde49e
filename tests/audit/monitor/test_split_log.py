"""Two histories under one key: found from any vantage, and proven by one small file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from stembus.audit.errors import RecordInvalid
from stembus.audit.log.merkle import consistency_proof
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.monitor.split_log import SplitLog, check_split, find_split, parse_split
from stembus.audit.monitor.vantage import Vantage, Word, look_at
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.audit.witness.app import WitnessApp
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.audit.monitor.conftest import Folder, Forked, grow
from tests.audit.witness.builders import served


def proof_of(forked: Forked) -> SplitLog:
    with served(Folder(forked.hidden.office.public)) as url:
        sight = look_at(forked.log(), Vantage(url))
    assert sight.word is Word.SPLIT
    assert sight.split is not None
    return sight.split


def test_another_history_is_found_and_proven(forked: Forked) -> None:
    split = proof_of(forked)
    key, smaller, larger = check_split(parse_split(split.to_bytes()))
    assert key == forked.shown.office.manifest.log.verifier_key
    assert sorted((smaller.size, larger.size)) == sorted((forked.log().head.size, forked.other_head().size))
    assert {smaller.root, larger.root} == {forked.log().head.root, forked.other_head().root}


def test_a_witness_that_saw_another_history_shows_it(begun: tuple[Rehearsal, Rehearsal]) -> None:
    """Of the same length or shorter; of a longer one it has no tiles to show."""
    shown, hidden = begun
    forked = Forked(grow(shown, 1, 2), grow(hidden, 1, word="another"))
    witness = hidden.office.witnesses()[0]
    with served(WitnessApp(witness)) as url:  # type: ignore[arg-type]
        sight = look_at(forked.log(), Vantage(url, witness=True))
        assert (sight.word, sight.split is not None) == (Word.SPLIT, True)
        grow(hidden, 2, 3, word="another")
        assert look_at(forked.log(), Vantage(url, witness=True)).word is Word.AHEAD


def test_what_agrees_is_no_split(begun: tuple[Rehearsal, Rehearsal]) -> None:
    shown, behind = begun
    same = Forked(grow(shown, 1, 2), behind)
    log = same.log()
    with served(Folder(behind.office.public)) as url:
        assert look_at(log, Vantage(url)).word is Word.BEHIND
        grow(behind, 1, 2)
        assert look_at(log, Vantage(url)).word is Word.SAME
        grow(behind, 3)
        sight = look_at(log, Vantage(url))
        assert (sight.word, sight.size) == (Word.AHEAD, log.head.size + 1)


def test_what_the_log_did_not_sign_says_nothing(begun: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    log = Forked(*begun).log()
    with served(Folder(tmp_path)) as url:
        assert look_at(log, Vantage(url)).word is Word.MISSING
        for content in (b"<html>log in</html>", b"", replace(log.head, root=bytes(32)).to_bytes()):
            (tmp_path / "checkpoint").write_bytes(content)
            assert look_at(log, Vantage(url)).word in (Word.FOREIGN, Word.SILENT), content
    assert look_at(log, Vantage("http://127.0.0.1:9")).word is Word.SILENT


# What proves nothing


def agreeing(log: VerifiedLog, other: Rehearsal) -> SplitLog:
    """As a liar would write it: two heads of one history."""
    smaller = parse_checkpoint((other.office.public / "checkpoint").read_bytes())
    key, tree, size = log.manifest.log.verifier_key, log.tree, log.head.size
    proof = [item.hex() for item in consistency_proof(smaller.size, size, tree.subtree)]
    heads = (smaller.to_bytes().decode(), log.head.to_bytes().decode())
    return SplitLog("stembus/split-log/v1", str(key), *heads, smaller.root.hex(), proof)


def test_two_heads_of_one_history_prove_nothing(begun: tuple[Rehearsal, Rehearsal]) -> None:
    shown, behind = begun
    log = Forked(grow(shown, 1, 2), behind).log()
    made = agreeing(log, behind)
    with pytest.raises(RecordInvalid, match="continues the smaller one"):
        check_split(made)
    lie = msgspec.structs.replace(made, begins="11" * 32)
    with pytest.raises(RecordInvalid):
        check_split(lie)
    same = msgspec.structs.replace(made, smaller=made.larger, begins="", proof=[])
    with pytest.raises(RecordInvalid):
        check_split(same)
    assert find_split(log, log.manifest.log.verifier_key, log.head) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: {"type": "stembus/split-log/v2"},
        lambda s: {"log": s.log[:-4]},
        lambda s: {"log": s.log.replace("stembus", "other", 1)},
        lambda s: {"smaller": s.smaller.replace("\n—", "\n\n—", 1)},
        lambda s: {"smaller": s.larger, "larger": s.smaller} if s.begins else {"larger": s.smaller},
        lambda s: {"smaller": s.smaller.split("\n\n")[0] + "\n\n"},
        lambda s: {"begins": "00" * 32},
        lambda s: {"begins": "zz"},
        lambda s: {"proof": [*s.proof, "00" * 32]},
        lambda s: {"proof": ["00"]},
        lambda s: {"proof": ["00" * 32] * 64},
    ],
)
def test_a_proof_with_one_part_changed_proves_nothing(
    forked: Forked, change: Callable[[SplitLog], dict[str, object]]
) -> None:
    split = proof_of(forked)
    changed = msgspec.structs.replace(split, **change(split))
    with pytest.raises(RecordInvalid):
        check_split(parse_split(changed.to_bytes()))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"type": 1}', b"[" * 5000])
def test_what_is_no_proof_is_named(data: bytes) -> None:
    with pytest.raises(RecordInvalid, match="no proof of two histories"):
        parse_split(data)
