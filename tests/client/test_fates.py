"""What became of a ballot that left the device: the client and the verifier say the same of the same log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stembus.audit.formats.cast_ballot import parse_ballot
from stembus.audit.formats.receipt import check_receipt, parse_receipt
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.promised_ballot import Sought, Verdict, fate_of
from tests.client.conftest import Client, Published, Refused
from tests.tampered.forge import Forge

# The client has one word for a ballot in the log; whether it is late follows from its batch.
SAME = {
    Verdict.KEPT: "found",
    Verdict.LATE: "found",
    Verdict.SUPERSEDED: "superseded",
    Verdict.BROKEN: "broken",
    Verdict.MISSING: "missing",
    Verdict.NOT_DUE: "waiting",
    Verdict.VOID: "cancelled",
}


@pytest.fixture
def publish(client: Client, forge: Forge, tmp_path: Path) -> Callable[[], Published]:
    def make() -> Published:
        for name, data in forge.build().files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
        return Published(client, tmp_path, forge.referendum)

    return make


def fate(forge: Forge, log: Published, raw: bytes, *batches: int) -> dict[str, Any]:
    """What the client says; the verifier says the same of the last promise, if there is one."""
    answer = log.ask("findFates", sent=[{"raw": raw.hex(), "batches": list(batches)}])
    found: dict[str, Any] = answer["fates"][0]
    if batches:
        report = verify(FolderPlace(log.folder), log.referendum)
        assert report.log is not None
        sought = Sought(hashlib.sha256(raw).hexdigest(), forge.body_id(raw).hex(), batches[-1])
        said = fate_of(report.log, sought, parse_ballot(forge.context, raw))
        assert found["state"] == SAME[said.verdict]
        if found["state"] == "found":
            assert (found["index"], found["batch"]) == (said.index, said.batch)
            check_receipt(report.log.manifest, parse_receipt(found["receipt"].encode()), raw)
    return found


def without_final_lists(files: dict[str, bytes]) -> None:
    del files["issuance/1"], files["struck/1"]


def still_open(forge: Forge) -> None:
    """Without the close, and what follows it."""
    forge.with_tally = False
    forge.entries_hook = lambda entries: entries.pop() and None
    forge.files_hook = without_final_lists


def cancelled(forge: Forge, after_close: bool) -> None:
    forge.with_tally = False
    entry = forge.entry("cancel", {"text": dict.fromkeys(("nl", "en", "fr"), "geen stroom")})
    if after_close:
        forge.entries_hook = lambda entries: entries.append(entry)
        return
    forge.entries_hook = lambda entries: entries.__setitem__(-1, entry)
    forge.files_hook = without_final_lists


@pytest.mark.parametrize("batches", [(1,), (2,), (1, 2), (7,), ()])
def test_a_ballot_is_found_in_whichever_batch_it_stands(
    forge: Forge, publish: Callable[[], Published], batches: tuple[int, ...]
) -> None:
    log = publish()
    for number in (0, 1):
        assert fate(forge, log, forge.batches[number][3], *batches)["batch"] == number + 1


def test_before_a_promise_is_called_broken_the_batches_before_it_are_looked_through(
    forge: Forge, publish: Callable[[], Published]
) -> None:
    """A signpost leads past the batch in which the ballot stands."""
    log = publish()
    signposts = [[1, len(forge.setup)], [2, len(forge.setup) + 7]]
    first, lost = forge.batches[0][3], forge.ballot(12)
    sent = [{"raw": raw.hex(), "batches": [2]} for raw in (first, lost)]
    fates = log.ask("findFates", sent=sent, signposts=signposts)["fates"]
    assert [one["state"] for one in fates] == ["found", "broken"]
    assert fates[0]["batch"] == 1


def test_before_a_ballot_is_called_missing_the_batches_before_the_promised_one_are_looked_through(
    forge: Forge, publish: Callable[[], Published]
) -> None:
    """What waited at the close comes into the batch before; and one of missing ballots may follow, before the close."""
    still_open(forge)
    log = publish()
    signposts = [[1, len(forge.setup)], [2, len(forge.setup) + 7]]
    sent = [{"raw": raw.hex(), "batches": [2]} for raw in (forge.batches[0][3], forge.ballot(12))]
    fates = log.ask("findFates", sent=sent, signposts=signposts)["fates"]
    assert [one["state"] for one in fates] == ["found", "missing"]


def test_a_ballot_that_was_handed_in_again_is_looked_for_from_its_first_promise_on(
    forge: Forge, publish: Callable[[], Published]
) -> None:
    still_open(forge)
    log = publish()
    signposts = [[1, len(forge.setup)], [2, len(forge.setup) + 7]]
    sent = [{"raw": forge.batches[0][3].hex(), "batches": [1, 2]}]
    assert log.ask("findFates", sent=sent, signposts=signposts)["fates"][0]["state"] == "found"


def test_a_ballot_that_stands_twice_is_found_where_it_stood_first(
    forge: Forge, publish: Callable[[], Published]
) -> None:
    raw = forge.batches[0][3]
    forge.batches[1].append(raw)
    log = publish()
    for batches in ((1,), (2,), ()):
        assert fate(forge, log, raw, *batches)["batch"] == 1


def test_before_the_close_a_ballot_is_waited_for_until_its_batch_is_there_and_then_missing(
    forge: Forge, publish: Callable[[], Published]
) -> None:
    still_open(forge)
    log, raw = publish(), forge.ballot(12)
    for batches, state in (
        ((3,), "waiting"),
        ((1, 3), "waiting"),
        ((2,), "missing"),
        ((1,), "missing"),
        ((), "missing"),
    ):
        assert fate(forge, log, raw, *batches)["state"] == state


def test_a_promise_is_broken_only_after_the_close(forge: Forge, publish: Callable[[], Published]) -> None:
    log, raw = publish(), forge.ballot(12)
    for batches in ((1,), (2,), (3,), (1, 2)):
        assert fate(forge, log, raw, *batches)["state"] == "broken"


@pytest.mark.parametrize("after_close", [False, True])
def test_a_cancellation_before_the_close_is_not_a_broken_promise(
    forge: Forge, publish: Callable[[], Published], after_close: bool
) -> None:
    cancelled(forge, after_close)
    forge.batches[1].append(forge.ballot(13, 1, 1))
    log, raw = publish(), forge.ballot(12)
    for batches in ((2,), (3,)):
        assert fate(forge, log, raw, *batches)["state"] == ("broken" if after_close else "cancelled")
    replaced = forge.ballot(13, 0, 0)
    assert fate(forge, log, replaced, 2)["state"] == "superseded"
    assert fate(forge, log, replaced, 3)["state"] == ("superseded" if after_close else "cancelled")


@pytest.mark.parametrize("closed", [False, True])
def test_a_later_cast_of_the_same_token_takes_a_lost_ballots_place(
    forge: Forge, publish: Callable[[], Published], closed: bool
) -> None:
    if not closed:
        still_open(forge)
    forge.batches[1].append(forge.ballot(12, 1, 2))
    log = publish()
    assert fate(forge, log, forge.ballot(12, 0, 1), 1)["state"] == "superseded"
    assert fate(forge, log, forge.ballot(12, 0, 1), 3)["state"] == ("superseded" if closed else "waiting")
    for seq in (2, 3):
        assert fate(forge, log, forge.ballot(12, 0, seq), 1)["state"] == ("broken" if closed else "missing")
    assert fate(forge, log, forge.ballot(13, 0, 1), 1)["state"] == ("broken" if closed else "missing")


def test_a_later_cast_that_is_not_valid_takes_nobodys_place(forge: Forge, publish: Callable[[], Published]) -> None:
    raw = forge.ballot(12, 1, 2)
    forge.batches[1].append(raw[:-1] + bytes([raw[-1] ^ 1]))
    assert fate(forge, publish(), forge.ballot(12, 0, 1), 1)["state"] == "broken"


def test_below_the_quorum_nothing_is_found_and_nothing_is_missing(
    forge: Forge, publish: Callable[[], Published]
) -> None:
    log = publish()
    raw = forge.batches[0][0]
    head = log.folder / "checkpoint"
    lines = head.read_text().splitlines(keepends=True)
    for kept, state in ((-1, "waiting"), (None, "found")):
        head.write_text("".join(lines[:kept]))
        answer = log.ask("findFates", sent=[{"raw": raw.hex(), "batches": [1]}])
        assert answer["fates"][0]["state"] == state


def test_a_close_that_the_officers_did_not_sign_ends_nothing(forge: Forge, publish: Callable[[], Published]) -> None:
    still_open(forge)
    body = {"batches": 2, "ballots": 12, "issuance": [forge.issuance()]}
    forge.entries_hook = lambda entries: entries.__setitem__(-1, forge.entry("close", body, ["officer/1"]))
    with pytest.raises(Refused) as refusal:
        publish().ask("findFates", sent=[{"raw": forge.ballot(12).hex(), "batches": [2]}])
    assert refusal.value.code == "setup-log"


def test_no_request_says_which_ballots_are_looked_for(forge: Forge, publish: Callable[[], Published]) -> None:
    log = publish()
    for batch in (1, 2):
        sent = [{"raw": raw.hex(), "batches": [batch]} for raw in forge.batches[batch - 1]]
        alone = {" ".join(log.ask("findFates", sent=[one])["asked"]) for one in sent}
        together = log.ask("findFates", sent=sent)
        assert alone == {" ".join(together["asked"])}
        assert [one["state"] for one in together["fates"]] == ["found"] * len(sent)


# What is kept of a ballot


def sent_ballot(raw: str | None, state: str = "promised") -> dict[str, Any]:
    fields = {"cast_hash": "aa", "ballot_id": "bb", "seq": 0, "promises": ["p"], "place": None}
    return {**fields, "raw": raw, "state": state}


@pytest.mark.parametrize(
    ("state", "kept", "becomes"),
    [
        ("waiting", True, "promised"),
        ("missing", True, "promised"),
        ("broken", True, "promised"),
        ("superseded", False, "replaced"),
        ("cancelled", False, "cancelled"),
    ],
)
def test_a_ballot_is_kept_as_long_as_something_depends_on_it(
    client: Client, state: str, kept: bool, becomes: str
) -> None:
    after = client.ask("settled", ballot=sent_ballot("00ff"), fate={"state": state})
    assert (after["raw"], after["state"], after["place"]) == ("00ff" if kept else None, becomes, None)


def test_a_ballot_that_was_found_leaves_its_receipt(client: Client) -> None:
    place = {"index": 7, "batch": 2, "receipt": "proof"}
    after = client.ask("settled", ballot=sent_ballot("00ff"), fate={"state": "found", **place})
    assert after == {**sent_ballot(None, "found"), "place": place}


@pytest.mark.parametrize(
    ("characters", "kept"), [(12, [1, 1, 1]), (11, [0, 1, 1]), (8, [0, 1, 1]), (7, [0, 0, 1]), (0, [0, 0, 1])]
)
def test_where_storage_is_short_the_oldest_ballots_go_and_the_newest_never(
    client: Client, characters: int, kept: list[int]
) -> None:
    after = client.ask("bounded", ballots=[sent_ballot("00ff")] * 3, characters=characters)
    assert [one["raw"] for one in after] == ["00ff" if stays else None for stays in kept]
    assert [one["promises"] for one in after] == [["p"]] * 3, "the promises stay"
