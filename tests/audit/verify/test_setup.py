"""What a voter's client demands of a published referendum before it makes a token."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from stembus.audit.log.note import Checkpoint, sign_checkpoint
from stembus.audit.log.source import MemoryPlace
from stembus.audit.verify.setup import Setup, SetupInvalid, load_setup
from tests.tampered.forge import Forge

Change = Callable[[Checkpoint], Checkpoint | None]


@pytest.fixture
def forge(forge: Forge) -> Forge:
    """Voting has not closed: a client reads no further than the opening."""
    forge.batches, forge.with_tally = [], False
    return forge


def at_opening(forge: Forge, change: Change) -> MemoryPlace:
    """The bundle with another checkpoint of the opening, and every other one as it was."""
    size = len(forge.setup)
    forge.checkpoint_hook = lambda at, made: change(made) if at == size else made
    return forge.build()


def setup_of(forge: Forge, place: MemoryPlace | None = None, **options: bool) -> Setup:
    return load_setup(place or forge.build(), forge.referendum, **options)


def refused(forge: Forge, words: str, place: MemoryPlace | None = None, **options: bool) -> None:
    with pytest.raises(SetupInvalid, match=words):
        setup_of(forge, place, **options)


def test_a_sound_referendum_gives_what_ballots_are_bound_to(forge: Forge) -> None:
    setup = setup_of(forge)
    assert setup.opened
    assert setup.referendum == forge.referendum == setup.context.referendum
    assert setup.context == forge.context
    assert [member.key for member in setup.manifest.trustees.members] == [
        member["key"] for member in forge.manifest["trustees"]["members"]
    ]


def test_another_referendum_than_the_letters_is_refused(forge: Forge) -> None:
    with pytest.raises(SetupInvalid, match="not the referendum of this id"):
        load_setup(forge.build(), bytes([forge.referendum[0] ^ 1]) + forge.referendum[1:])


# The checkpoint of the opening


@pytest.mark.parametrize(("seen", "enough"), [(0, False), (1, False), (2, True)])
def test_a_quorum_has_seen_the_opening(forge: Forge, seen: int, enough: bool) -> None:
    place = at_opening(forge, lambda made: replace(made, signatures=made.signatures[: 1 + seen]))
    if enough:
        assert setup_of(forge, place).opened
    else:
        refused(forge, "too few witnesses have seen the opening", place)


@pytest.mark.parametrize("witness", [1, 2])
def test_every_witness_of_the_quorum_is_one_of_the_manifest(forge: Forge, witness: int) -> None:
    """One cosignature is by a key that is no witness's."""
    forge.keys = replace(forge.keys, parties={**forge.keys.parties, f"witness-{witness}": forge.keys.parties["box"]})
    refused(forge, "too few witnesses have seen the opening")


def test_one_witness_twice_is_no_quorum(forge: Forge) -> None:
    def twice(made: Checkpoint) -> Checkpoint:
        other = forge.cosignature(made, 1, 1_571_036_500)
        return replace(made, signatures=(*made.signatures[:2], other))

    with pytest.raises(SetupInvalid):
        setup_of(forge, at_opening(forge, twice))


def _signed_anew(forge: Forge, size: int, root: bytes, key: str = "log") -> Checkpoint:
    made = sign_checkpoint(forge.manifest["log"]["origin"], size, root, forge.keys.parties[key])
    return replace(made, signatures=(*made.signatures, *(forge.cosignature(made, k, 1_571_036_400) for k in (1, 2))))


def test_the_checkpoint_of_the_opening_has_the_root_of_the_log(forge: Forge) -> None:
    """Log and witnesses signed a second history."""
    place = at_opening(forge, lambda made: _signed_anew(forge, made.size, bytes(32)))
    refused(forge, "the checkpoint of the opening contradicts the log", place)


def test_the_checkpoint_of_the_opening_has_its_size(forge: Forge) -> None:
    for other in (-1, 1):
        place = at_opening(forge, lambda made, by=other: _signed_anew(forge, made.size + by, made.root))
        refused(forge, "the checkpoint of the opening contradicts the log", place)


def test_the_log_itself_signs_the_checkpoint_of_the_opening(forge: Forge) -> None:
    with pytest.raises(SetupInvalid):
        setup_of(forge, at_opening(forge, lambda made: _signed_anew(forge, made.size, made.root, key="box")))


def test_the_checkpoint_of_the_opening_is_there(forge: Forge) -> None:
    with pytest.raises(SetupInvalid, match=f"checkpoints/{len(forge.setup)}"):
        setup_of(forge, at_opening(forge, lambda made: None))


def test_the_log_signs_its_head(forge: Forge) -> None:
    def hook(files: dict[str, bytes]) -> None:
        size = int(files["checkpoint"].split(b"\n")[1])
        files["checkpoint"] = _signed_anew(forge, size, bytes(32), key="box").to_bytes()

    forge.files_hook = hook
    with pytest.raises(SetupInvalid):
        setup_of(forge)


# The entries up to the opening


def test_voting_is_open_where_that_is_needed(forge: Forge) -> None:
    forge.setup.pop()
    place = forge.bundle(forge.setup)
    refused(forge, "voting is not open yet", place)
    assert not setup_of(forge, place, need_open=False).opened


def test_before_the_election_key_there_is_nothing_to_vote_with(forge: Forge) -> None:
    place = forge.bundle(forge.setup[: forge.find_setup("election-key")])
    for need_open in (False, True):
        refused(forge, "voting is not open yet", place, need_open=need_open)


def test_only_what_stands_up_to_the_opening_is_read(forge: Forge) -> None:
    forge.entries_hook = lambda entries: entries.append(b"{}")
    assert setup_of(forge).opened


def test_voting_is_opened_for_the_election_key_of_the_log(forge: Forge) -> None:
    forge.edit_setup("open", lambda body: body.update(election_key="00" * 32))
    refused(forge, "voting was opened for another election key")


@pytest.mark.parametrize("kind", ["commit", "reveal", "share", "confirm", "roll", "open"])
def test_every_entry_is_signed_by_its_party(forge: Forge, kind: str) -> None:
    index = forge.find_setup(kind)
    entry = json.loads(forge.setup[index])
    signers = [signature["by"] for signature in entry["signatures"]]
    forge.setup[index] = forge.entry(kind, entry["body"], signers, ["box"] * len(signers))
    with pytest.raises(SetupInvalid, match="sign"):
        setup_of(forge)


@pytest.mark.parametrize("kind", ["commit", "reveal", "share", "confirm", "election-key", "roll"])
def test_no_entry_is_missing(forge: Forge, kind: str) -> None:
    del forge.setup[forge.find_setup(kind)]
    with pytest.raises(SetupInvalid):
        setup_of(forge)


def _fault(kind: str) -> Callable[[dict[str, Any]], None]:
    changes: dict[str, Callable[[dict[str, Any]], None]] = {
        "commit": lambda body: body.update(commitment="00" * 32),
        "reveal": lambda body: body.update(proof_response="00" * 32),
        "confirm": lambda body: body.update(transcript="00" * 32),
        "election-key": lambda body: body["verification_keys"].reverse(),
    }
    return changes[kind]


@pytest.mark.parametrize("kind", ["commit", "reveal", "confirm", "election-key"])
@pytest.mark.parametrize("need_open", [True, False])
def test_a_faulty_ceremony_is_refused(forge: Forge, kind: str, need_open: bool) -> None:
    forge.edit_setup(kind, _fault(kind))
    election_key = forge.setup[forge.find_setup("election-key")]
    forge.edit_setup("open", lambda body: body.update(election_key=hashlib.sha256(election_key).hexdigest()))
    said = (
        "before all trustees have confirmed one and the same key"
        if kind == "confirm"
        else "the key ceremony in the log is faulty"
    )
    refused(forge, said, need_open=need_open)
