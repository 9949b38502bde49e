"""What the client demands of a published log before it votes, and how it finds a ballot in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stembus.audit.formats.receipt import check_receipt, parse_receipt
from stembus.audit.log.note import Checkpoint, NoteSignature
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tiles import tile_path
from stembus.audit.verify.setup import SetupInvalid, load_setup
from stembus.crypto.group import ORDER
from stembus.webvote.site.log_summary import SummaryReader
from tests.client.conftest import Client, Published, Refused
from tests.conftest import Finished
from tests.log_view import read_log
from tests.tampered.ceremony import RECEIVING_KEYS
from tests.tampered.forge import Forge, new_forge


@pytest.fixture
def copy(client: Client, opened: Finished, tmp_path: Path) -> Published:
    """A bundle to damage."""
    folder = tmp_path / "bundle"
    shutil.copytree(opened.public, folder)
    return Published(client, folder, opened.referendum)


@pytest.fixture
def forged(client: Client, parts: dict[str, Any], tmp_path: Path) -> Callable[[Callable[[Forge], object]], Published]:
    """A bundle signed by everybody, with one part changed."""

    def make(change: Callable[[Forge], object]) -> Published:
        forge = new_forge(parts)
        forge.with_tally = False
        forge.files_hook = lambda files: [_write(tmp_path / name, data) for name, data in files.items()] and None
        change(forge)
        forge.build()
        return Published(client, tmp_path, forge.referendum)

    return make


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def both_refuse(log: Published) -> str:
    with pytest.raises(SetupInvalid):
        load_setup(FolderPlace(log.folder), log.referendum)
    with pytest.raises(Refused) as refusal:
        log.ask("loadSetup")
    return refusal.value.code


def opening(folder: Path) -> Path:
    return max((folder / "checkpoints").iterdir(), key=lambda path: int(path.name))


def test_a_good_bundle_is_accepted(open_log: Published, finished_log: Published) -> None:
    for log in (open_log, finished_log):
        setup = log.ask("loadSetup")
        assert setup["referendum"] == log.referendum.hex()
        assert load_setup(FolderPlace(log.folder), log.referendum).opened
    assert open_log.ask("loadSetup")["openSize"] == read_log(FolderPlace(open_log.folder)).head.size


def test_a_bundle_from_the_workshop_is_accepted(forged: Callable[[Callable[[Forge], object]], Published]) -> None:
    assert forged(lambda forge: None).ask("loadSetup")["openSize"]


def test_another_referendum_than_the_one_on_the_letter_is_refused(copy: Published) -> None:
    copy.referendum = bytes(32)
    assert both_refuse(copy) == "setup-id"


def test_a_manifest_with_one_byte_changed_is_refused(copy: Published) -> None:
    size = int((copy.folder / "checkpoint").read_text().splitlines()[1])
    bundle = copy.folder / tile_path("entries", 0, size)
    data = bytearray(bundle.read_bytes())
    data[data.index(b'"title"') + 12] ^= 1
    bundle.write_bytes(data)
    assert both_refuse(copy) == "setup-id"


def test_an_opening_with_too_few_cosignatures_is_refused(copy: Published) -> None:
    path = opening(copy.folder)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert both_refuse(copy) == "setup-witnesses"


def test_the_checkpoint_of_another_size_is_refused(copy: Published) -> None:
    path = opening(copy.folder)
    others = [p for p in path.parent.iterdir() if p != path]
    path.write_bytes(others[0].read_bytes())
    assert both_refuse(copy) == "setup-log"


def test_a_missing_checkpoint_of_the_opening_is_refused(copy: Published) -> None:
    opening(copy.folder).unlink()
    assert both_refuse(copy)


def test_a_head_that_the_log_did_not_sign_is_refused(copy: Published) -> None:
    head = copy.folder / "checkpoint"
    lines = head.read_text().splitlines(keepends=True)
    head.write_text("".join([*lines[:4], *lines[5:]]))
    assert both_refuse(copy) == "setup-log"


def _with_line(name: str) -> Callable[[Forge], object]:
    """One more signature line in the checkpoint of the opening."""

    def change(forge: Forge) -> None:
        def hook(size: int, checkpoint: Checkpoint) -> Checkpoint:
            line = NoteSignature(name or checkpoint.origin, b"junk", bytes(72))
            return replace(checkpoint, signatures=(*checkpoint.signatures, line))

        forge.checkpoint_hook = hook

    return change


@pytest.mark.parametrize("name", ["", "w 9", "w\u00a09", "w+9", "\u00e9", "w\t", "w" * 256])
def test_a_checkpoint_with_junk_under_the_logs_name_or_a_name_that_is_none_is_refused(
    name: str, forged: Callable[[Callable[[Forge], object]], Published]
) -> None:
    assert both_refuse(forged(_with_line(name))) == "setup-log"


def test_a_line_of_a_key_that_nobody_knows_is_passed_over(
    forged: Callable[[Callable[[Forge], object]], Published],
) -> None:
    log = forged(_with_line("witness-9"))
    assert log.ask("loadSetup")["openSize"]
    assert load_setup(FolderPlace(log.folder), log.referendum).opened


def _drop(kind: str, nth: int = 0) -> Callable[[Forge], object]:
    return lambda forge: forge.setup.pop(forge.find_setup(kind, nth))


def _edit(kind: str, field: str, value: object, nth: int = 0) -> Callable[[Forge], object]:
    return lambda forge: forge.edit_setup(kind, lambda body: body.update({field: value}), nth)


def _signed_by(kind: str, by: list[str]) -> Callable[[Forge], object]:
    return lambda forge: forge.edit_setup(kind, lambda body: None, 0, by)


def _wrong_key(kind: str, by: list[str], keys: list[str]) -> Callable[[Forge], object]:
    def change(forge: Forge) -> None:
        index = forge.find_setup(kind)
        forge.setup[index] = forge.entry(kind, json.loads(forge.setup[index])["body"], by, keys)

    return change


POINT = "02" + "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
DAMAGE: dict[str, Callable[[Forge], object]] = {
    "without_a_confirmation": _drop("confirm", 2),
    "without_a_reveal": _drop("reveal", 1),
    "without_a_commit": _drop("commit", 1),
    "without_a_share": _drop("share", 1),
    "without_an_election_key": _drop("election-key"),
    "without_a_roll": _drop("roll"),
    "with_a_confirmation_of_another_key": _edit("confirm", "joint_key", POINT, 1),
    "with_a_confirmation_of_another_transcript": _edit("confirm", "transcript", "00" * 32, 1),
    "with_another_joint_key": _edit("election-key", "joint_key", POINT),
    "with_other_verification_keys": _edit("election-key", "verification_keys", [POINT] * 3),
    "with_another_transcript": _edit("election-key", "transcript", "00" * 32),
    "with_a_reveal_that_was_not_committed_to": _edit("reveal", "coefficients", [POINT, POINT], 1),
    "with_a_reveal_of_too_few": _edit("reveal", "coefficients", [POINT], 1),
    "with_a_reveal_without_proof": _edit("reveal", "proof_response", "01" * 32, 1),
    "with_a_scalar_at_the_order": _edit("reveal", "proof_response", ORDER.to_bytes(32, "big").hex(), 1),
    **{
        f"with_a_receiving_key_of_{name}": _edit("commit", "receiving_keys", [key.hex()] * 3, 2)
        for name, key in RECEIVING_KEYS.items()
    },
    "with_a_reveal_of_33_points": _edit("reveal", "coefficients", [POINT] * 33, 1),
    "with_a_second_confirmation": lambda forge: forge.setup.insert(
        forge.find_setup("confirm"), forge.setup[forge.find_setup("confirm")]
    ),
    "opened_for_another_key": _edit("open", "election_key", "00" * 32),
    "opened_by_one_officer": _signed_by("open", ["officer/1"]),
    "opened_by_one_officer_and_a_stranger": _wrong_key("open", ["officer/1", "officer/2"], ["officer-1", "log"]),
    "opened_by_trustees": _signed_by("open", ["trustee/1", "trustee/2"]),
    "opened_by_a_trustee_too": _signed_by("open", ["officer/1", "officer/2", "trustee/1"]),
    "with_a_roll_of_one_officer": _signed_by("roll", ["officer/1"]),
    "with_a_confirmation_by_another_trustee": _signed_by("confirm", ["trustee/2"]),
    "with_an_unknown_field": _edit("roll", "more", 1),
    "with_an_entry_of_unknown_type": lambda forge: forge.setup.insert(1, forge.entry("surprise", {}, [])),
    "with_a_ballot_before_the_opening": lambda forge: forge.setup.insert(forge.find_setup("open"), forge.ballot(12)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_faulty_beginning_of_the_log_is_refused(
    name: str, forged: Callable[[Callable[[Forge], object]], Published]
) -> None:
    assert both_refuse(forged(DAMAGE[name])).startswith("setup-")


def test_a_log_that_is_not_open_yet_is_said_to_be_so(
    forged: Callable[[Callable[[Forge], object]], Published],
) -> None:
    def closed(forge: Forge) -> None:
        forge.entries_hook = lambda entries: entries.__delitem__(slice(forge.find_setup("open"), None))

    assert both_refuse(forged(closed)) == "setup-not-open"


def _ballots(log: Published) -> list[tuple[int, int, bytes]]:
    """(batch, index, ballot) of a whole log."""
    reader = read_log(FolderPlace(log.folder)).reader
    found, batch = [], 0
    for index in range(1, reader.size):
        raw = reader.entry(index)
        if raw[:1] == b"{":
            batch += b'"type":"batch"' in raw
        else:
            found.append((batch, index, raw))
    return found


def test_every_ballot_is_found_with_a_receipt_that_python_accepts(finished_log: Published) -> None:
    setup = load_setup(FolderPlace(finished_log.folder), finished_log.referendum)
    for batch, index, raw in _ballots(finished_log):
        identity = setup.context.ballot_id(raw[1 : 1 + setup.context.body_bytes])
        for cast_hash in (hashlib.sha256(raw).digest(), None):
            found = finished_log.ask("findBallot", ballot_id=identity, cast_hash=cast_hash, batch=batch)
            assert (found["state"], found["index"]) == ("found", index)
        receipt = parse_receipt(found["receipt"].encode())
        check_receipt(setup.manifest, receipt, raw)
        assert finished_log.ask("checkReceipt", receipt=found["receipt"], entry=raw) is True


def test_a_ballot_that_another_replaced_is_said_to_be_so(finished_log: Published) -> None:
    setup = load_setup(FolderPlace(finished_log.folder), finished_log.referendum)
    end = 1 + setup.context.body_bytes
    replaced = []
    for batch, _, raw in _ballots(finished_log):
        found = finished_log.ask(
            "findBallot", ballot_id=setup.context.ballot_id(raw[1:end]), cast_hash=None, batch=batch
        )
        if found["superseded"]:
            replaced.append(int.from_bytes(raw[-68:-64], "big"))
    assert replaced == [0]


def test_a_ballot_is_found_by_its_number_alone(finished_log: Published) -> None:
    """And so is what replaced it, in whichever batch; the files that are asked for are those for any other ballot."""
    setup = load_setup(FolderPlace(finished_log.folder), finished_log.referendum)
    end = 1 + setup.context.body_bytes
    ballots = _ballots(finished_log)
    last = {raw[end + 32 : end + 64]: raw[-68:-64] for _, _, raw in sorted(ballots, key=lambda one: one[2][-68:-64])}
    asked = set()
    for _, index, raw in ballots:
        identity = setup.context.ballot_id(raw[1:end])
        found = finished_log.ask("findBallot", ballot_id=identity, cast_hash=None, batch=None)
        assert (found["state"], found["index"]) == ("found", index)
        assert found["superseded"] is (last[raw[end + 32 : end + 64]] > raw[-68:-64])
        assert finished_log.ask("checkReceipt", receipt=found["receipt"], entry=raw) is True
        asked.add(" ".join(found["asked"]))
    nowhere = finished_log.ask("findBallot", ballot_id=bytes(32), cast_hash=None, batch=None)
    assert nowhere["state"] == "missing"
    assert asked == {" ".join(nowhere["asked"])}


def test_a_number_that_is_not_in_the_log_may_still_come_while_voting_is_open(open_log: Published) -> None:
    assert open_log.ask("findBallot", ballot_id=bytes(32), cast_hash=None, batch=None)["state"] == "waiting"


def test_no_request_says_which_ballot_is_looked_for(finished_log: Published) -> None:
    setup = load_setup(FolderPlace(finished_log.folder), finished_log.referendum)
    asked: dict[int, set[str]] = {}
    for batch, _, raw in _ballots(finished_log):
        identity = setup.context.ballot_id(raw[1 : 1 + setup.context.body_bytes])
        found = finished_log.ask("findBallot", ballot_id=identity, cast_hash=None, batch=batch)
        asked.setdefault(batch, set()).add(" ".join(found["asked"]))
    assert all(len(patterns) == 1 for patterns in asked.values())


def test_signposts_shorten_the_way_and_false_ones_change_nothing(finished_log: Published) -> None:
    setup = load_setup(FolderPlace(finished_log.folder), finished_log.referendum)
    headers = [[number, index] for number, index in SummaryReader(finished_log.folder).now().batches]
    (_, first), (_, second) = headers
    other = [[[2, first]], [[1, second]], [[2, second + 1]], [[1, 0]], [[2, 3]], [[2, 10**9]], [[2, -1]], [[9, first]]]
    for batch, index, raw in _ballots(finished_log):
        identity = setup.context.ballot_id(raw[1 : 1 + setup.context.body_bytes])
        for signposts in ([], headers, headers[1:], headers[:1], *other):
            found = finished_log.ask("findBallot", ballot_id=identity, cast_hash=None, batch=batch, signposts=signposts)
            assert (found["state"], found["index"]) == ("found", index), signposts
        missing = finished_log.ask("findBallot", ballot_id=bytes(32), cast_hash=None, batch=batch, signposts=headers)
        assert missing["state"] == "missing"


def test_a_ballot_that_is_not_in_its_batch_is_missing(finished_log: Published) -> None:
    (_, _, first), *_ = _ballots(finished_log)
    setup = load_setup(FolderPlace(finished_log.folder), finished_log.referendum)
    identity = setup.context.ballot_id(first[1 : 1 + setup.context.body_bytes])
    assert finished_log.ask("findBallot", ballot_id=bytes(32), cast_hash=None, batch=1)["state"] == "missing"
    assert finished_log.ask("findBallot", ballot_id=identity, cast_hash=bytes(32), batch=1)["state"] == "missing"
    assert finished_log.ask("findBallot", ballot_id=identity, cast_hash=None, batch=2)["state"] == "missing"


def test_a_ballot_whose_batch_is_not_there_yet_is_waited_for(open_log: Published) -> None:
    assert open_log.ask("findBallot", ballot_id=bytes(32), cast_hash=None, batch=1)["state"] == "waiting"


def test_a_receipt_in_any_other_form_is_refused_by_both(finished_log: Published) -> None:
    batch, index, raw = _ballots(finished_log)[5]
    setup = load_setup(FolderPlace(finished_log.folder), finished_log.referendum)
    identity = setup.context.ballot_id(raw[1 : 1 + setup.context.body_bytes])
    good = finished_log.ask("findBallot", ballot_id=identity, cast_hash=None, batch=batch)["receipt"]
    lines = good.splitlines(keepends=True)
    border = lines.index("\n")
    wrong = {
        "header": good.replace("@v1", "@v2"),
        "index": good.replace(f"index {index}", f"index {index + 1}"),
        "zero": good.replace(f"index {index}", f"index 0{index}"),
        "shorter": "".join(lines[:2] + lines[3:]),
        "longer": "".join(lines[:2] + lines[2:3] + lines[2:]),
        "order": "".join([*lines[:2], lines[3], lines[2], *lines[4:]]),
        "extra": "".join([lines[0], "extra AAAA\n", *lines[1:]]),
        "unsigned": "".join(lines[: border + 5] + lines[border + 6 :]),
        "one witness": "".join(lines[:-1]),
        "ending": good.rstrip("\n"),
        "nothing": "",
    }
    for name, receipt in wrong.items():
        assert receipt != good, name
        with pytest.raises(Refused) as refusal:
            finished_log.ask("checkReceipt", receipt=receipt, entry=raw)
        assert refusal.value.code == "receipt-invalid", name
    with pytest.raises(Refused):
        finished_log.ask("checkReceipt", receipt=good, entry=raw[:-1] + bytes([raw[-1] ^ 1]))
