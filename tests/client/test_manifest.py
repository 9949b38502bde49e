"""The client takes and refuses exactly the definitions that the verifier takes and refuses (V3)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from stembus.audit.errors import ManifestInvalid
from stembus.audit.formats.manifest import cast_ballot_bytes
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.audit.log.note import cosignatures
from stembus.audit.log.source import FolderPlace
from tests.client.conftest import Client, Refused
from tests.conftest import Finished
from tests.log_view import read_log
from tests.questions import budget, choose, texts
from tests.tampered.forge import dump, new_forge
from tests.tampered.log import MANIFESTS, binding
from tests.tampered.witnesses import CASES, cosign, with_mldsa

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def manifest(finished: Finished) -> dict[str, Any]:
    taken: dict[str, Any] = json.loads(read_log(FolderPlace(finished.public)).manifest_raw)
    return taken


def changed(manifest: dict[str, Any], change: Change) -> bytes:
    copied = copy.deepcopy(manifest)
    change(copied)
    return dump(copied)


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_definition_that_the_verifier_refuses_is_refused_by_the_client(
    name: str, client: Client, manifest: dict[str, Any]
) -> None:
    raw = changed(manifest, MANIFESTS[name])
    with pytest.raises(ManifestInvalid):
        parse_manifest(raw)
    with pytest.raises(Refused) as refusal:
        client.ask("checkManifest", raw=raw)
    assert refusal.value.code == "setup-log"


@pytest.mark.parametrize(("pairs", "fits"), [(2, True), (3, False)])
def test_the_longest_ballots_are_measured_alike(
    pairs: int, fits: bool, client: Client, manifest: dict[str, Any]
) -> None:
    """One of 216 options, and some questions of yes or no: 65,129 bytes with two of them, 65,553 with three."""

    def change(draft: dict[str, Any]) -> None:
        one = choose([f"project {k}" for k in range(216)], 1, "Welk?")
        yes_no = draft["questions"][0]
        draft["questions"] = [one, *({**yes_no, "text": texts(f"Vraag {k}?")} for k in range(pairs))]

    raw = changed(manifest, change)
    if fits:
        assert cast_ballot_bytes(parse_manifest(raw)) == 65_129
        client.ask("checkManifest", raw=raw)
        return
    with pytest.raises(ManifestInvalid):
        parse_manifest(raw)
    with pytest.raises(Refused):
        client.ask("checkManifest", raw=raw)


def _option(text: str) -> Change:
    return lambda m: m["questions"][0]["options"][0]["text"].update(nl=text)


GOOD: dict[str, Change] = {
    "as it is": lambda m: None,
    "binding": binding(lambda m: None),
    "binding, ports apart": binding(lambda m: m["box"].update(url="https://vote.example.org:444")),
    "a long url": lambda m: m["box"].update(url="https://box.example.org/" + "a" * 276),
    "a path and a slash": lambda m: m["box"].update(url="http://127.0.0.1:8750/box/"),
    "port 65535": lambda m: m["box"].update(url="https://box.example.org:65535"),
    "http on the port of https": lambda m: m["box"].update(url="http://box.example.org:443"),
    "a host that begins with a digit": lambda m: m["box"].update(url="https://3.example.org"),
    "a long label": lambda m: m["box"].update(url=f"https://{'a' * 63}.example.org"),
    "a long host": lambda m: m["box"].update(url=f"https://{'a.' * 126}b"),
    "an ipv4 host": lambda m: m["box"].update(url="https://255.255.255.255"),
    "an early day": lambda m: m["eligibility"].update(age_date="0001-01-01"),
    "a leap day": lambda m: m["eligibility"].update(age_date="2000-02-29"),
    "the second second of all": lambda m: m.update(opens="1970-01-01T00:00:01+00:00"),
    "an odd offset": lambda m: m.update(opens="2019-10-14T09:00:00-23:59"),
    "the largest roll": lambda m: m["eligibility"].update(official_count=11_000_000),
    "as many ballots as a log holds": lambda m: [
        m["eligibility"].update(official_count=99_000),
        m.update(max_casts=1000),
    ],
    "the largest minimum": lambda m: m["rules"].update(minimum_participants=m["eligibility"]["official_count"]),
    "2000 postcodes": lambda m: m["eligibility"].update(postcodes=[str(1000 + k) for k in range(2000)]),
    "a long origin": lambda m: m["log"].update(origin="a" * 200),
    "an ML-DSA-44 key of a witness": lambda m: m["witnesses"]["members"][0].update(key="ml-dsa-44:" + "7f" * 1312),
    "a long text": _option("J" * 4000),
    "a no-break space": _option("Ja\u00a0!"),
    "a budget": lambda m: m.update(questions=[budget([3, 7, 10], 10)]),
    "a budget of one unit": lambda m: m.update(questions=[budget([1], 1, funding="most-votes-then-listed")]),
    "the largest budget": lambda m: m.update(questions=[budget([1, 2**32 - 1], 2**32 - 1, most=1)]),
    "other scripts": _option("Ναι Так نعم 是的 예"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_definition_at_the_edge_of_a_rule_is_taken_by_both(
    name: str, client: Client, manifest: dict[str, Any]
) -> None:
    raw = changed(manifest, GOOD[name])
    parse_manifest(raw)
    assert client.ask("checkManifest", raw=raw) is True


def test_a_cosignature_of_an_mldsa_witness_counts_for_both(client: Client, parts: dict[str, Any]) -> None:
    raw, checkpoint, _ = with_mldsa(new_forge(parts), cosign)
    witnesses = [(member.name, member.public) for member in parse_manifest(raw).witnesses.members]
    assert len(cosignatures(checkpoint, witnesses)[0]) == 2
    assert client.ask("countWitnesses", manifest=raw, checkpoint=checkpoint.to_bytes()) == 2


@pytest.mark.parametrize("name", CASES)
def test_another_line_of_an_mldsa_witness_counts_for_neither(name: str, client: Client, parts: dict[str, Any]) -> None:
    raw, checkpoint, _ = with_mldsa(new_forge(parts), CASES[name])
    witnesses = [(member.name, member.public) for member in parse_manifest(raw).witnesses.members]
    assert len(cosignatures(checkpoint, witnesses)[0]) == 1
    assert client.ask("countWitnesses", manifest=raw, checkpoint=checkpoint.to_bytes()) == 1
