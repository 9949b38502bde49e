"""What the lists say of a letter: the client and the verifier say the same of the same log."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from stembus.audit.formats.entry_bodies import Cancel
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.letter_fate import Kind, fate_of_letter
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.crypto.signing import SchnorrKey
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.client.conftest import Client, Published, Refused
from tests.conftest import Finished


@pytest.fixture
def used(client: Client, opened: Finished, tmp_path: Path) -> tuple[Published, Rehearsal]:
    """The first letter voted; the second one has a token and no ballot; the third is struck."""
    rehearsal = opened.rehearsal(tmp_path / "copy")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    rehearsal.cast(rehearsal.token(*opened.letters[0]), [[1]])
    rehearsal.token(*opened.letters[1])
    office = rehearsal.office
    third = key_of(opened, 2).hex()
    rows = (office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    office.strike(next(row.split(",")[0] for row in rows if row.endswith(third)))
    return Published(client, office.public, office.referendum), rehearsal


def key_of(opened: Finished, number: int) -> bytes:
    return credential_key(parse_code(opened.letters[number][0]), opened.referendum).public


def fate(log: Published, credential: bytes | None) -> dict[str, Any]:
    """What the client says; the verifier says the same."""
    asked = {} if credential is None else {"credential": credential}
    found: dict[str, Any] = log.ask("findLetter", **asked)
    if credential is not None:
        place = FolderPlace(log.folder)
        said = fate_of_letter(verify(place, log.referendum).demand_log(), place, credential)
        if found["state"] == "closed":
            counts = (len(said.asked), len(said.acknowledged), len(said.struck))
            assert (found["requested"], found["acknowledged"], found["struck"]) == counts
        else:
            assert found["state"] == ("unknown" if said.closed and said.kind is Kind.STRANGER else "open")
    return found


def test_before_the_close_there_is_nothing_to_tell(used: tuple[Published, Rehearsal], opened: Finished) -> None:
    log, _ = used
    assert fate(log, None)["state"] == fate(log, key_of(opened, 0))["state"] == "open"


def test_each_letter_has_its_fate_and_no_request_says_which_is_meant(
    used: tuple[Published, Rehearsal], opened: Finished
) -> None:
    log, rehearsal = used
    rehearsal.close()
    assert fate(log, None)["state"] == "closed"
    found = [fate(log, key_of(opened, number)) for number in range(4)]
    counts = [(one["requested"], one["acknowledged"], one["struck"]) for one in found]
    assert counts == [(1, 1, 0), (1, 0, 0), (0, 0, 1), (0, 0, 0)]
    assert len({tuple(one["files"]) for one in found}) == 1
    assert fate(log, SchnorrKey(secrets.token_bytes(32)).public)["state"] == "unknown"


@pytest.mark.parametrize("name", ["credentials", "spares", "issuance/1", "struck/1"])
def test_a_list_that_is_not_the_logs_tells_nothing(
    used: tuple[Published, Rehearsal], opened: Finished, name: str
) -> None:
    log, rehearsal = used
    rehearsal.close()
    path = log.folder / name
    kept = path.read_bytes()
    other = (b"1" if kept[:1] == b"2" else b"2") + kept[1:]
    for changed in (b"", kept[:-1], kept + b"00" * 32 + b"\n", other, b"\xff\n"):
        path.write_bytes(changed)
        with pytest.raises(Refused) as refused:
            log.ask("findLetter", credential=secrets.token_bytes(32) if name == "spares" else key_of(opened, 3))
        assert refused.value.code == "setup-log", changed


def test_a_cancelled_referendum_has_no_lists(used: tuple[Published, Rehearsal], opened: Finished) -> None:
    log, rehearsal = used
    office = rehearsal.office
    texts = dict.fromkeys(office.manifest.languages, "nobody came")
    office.log().append([office.officers_sign(Cancel(text=texts))])
    assert log.ask("findLetter", credential=key_of(opened, 0))["state"] == "cancelled"
