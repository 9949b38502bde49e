"""Witnesses that are other people's programs: they see our log over HTTP, and ours sees a log of theirs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import witness_log

from stembus.audit.clock import Clock, SimulatedClock
from stembus.audit.formats.entry_bodies import Incident
from stembus.audit.log.note import Checkpoint, cosignatures, parse_checkpoint, sign_checkpoint
from stembus.audit.log.policy import parse_policy
from stembus.audit.log.source import FolderPlace
from stembus.audit.log.verifier_key import COSIGNATURE, COSIGNATURE_MLDSA44, ED25519, VerifierKey, parse_verifier_key
from stembus.audit.verify import verify
from stembus.audit.witness.app import WitnessApp
from stembus.audit.witness.followed_logs import FollowedLogs
from stembus.audit.witness.requests import AddCheckpoint, parse_signature_lines
from stembus.audit.witness.witness import Witness
from stembus.ballot.errors import LogBehindWitness, WitnessAddressesInvalid, WitnessesSilent
from stembus.ballot.log_operator import asking
from stembus.ballot.office.examination import examine
from stembus.ballot.office.witness_addresses import policy_of, witness_addresses
from stembus.crypto.signing import MLDSA44Key, SigningKey
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from tests.audit.witness.builders import KEY, LOG, OWN, START, ask, following, proof, served, tree
from tests.audit.witness.builders import ORIGIN as ORIGIN_OF_TREES
from tests.conftest import define_and_open
from tests.interoperation.their_witness import TheirWitness

ORIGIN = "stembus.example.org/2019-autovrije-zondag"
NAMES = {"university.example/w", "newspaper.example/w", "stranger.example/w"}


class Switch:
    """A program that can be stopped: its clients hear that the service is away."""

    def __init__(self, app: object) -> None:
        self.app, self.up, self.asked = app, True, 0

    def __call__(self, environ: dict[str, object], start_response: object) -> object:
        self.asked += 1
        if self.up:
            return self.app(environ, start_response)  # type: ignore[operator]
        start_response("503 Service Unavailable", [("Content-Length", "0")])  # type: ignore[operator]
        return [b""]


@dataclass
class Apart:
    """A referendum whose witnesses are elsewhere: one has an Ed25519 key, one ML-DSA-44, one is a stranger's."""

    rehearsal: Rehearsal
    switches: list[Switch]
    urls: list[str]


def own_witness(
    name: str, keys: list[SigningKey | MLDSA44Key], folder: Path, log: VerifierKey, clock: Clock
) -> Witness:
    logs = FollowedLogs(folder)
    logs.follow(log)
    return Witness(name, keys, logs, clock)


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Apart]:
    monkeypatch.setattr(asking, "GRACE_SECONDS", 5.0)
    root = tmp_path / "office"
    root.mkdir()
    rehearsal = Rehearsal(root)
    rehearsal.keys(witnesses=0)
    office, clock = rehearsal.office, rehearsal.clock
    log = VerifierKey(ORIGIN, ED25519, office.signing_key("log").public)
    first = own_witness("university.example/w", [SigningKey.generate()], tmp_path / "first", log, clock)
    second = own_witness("newspaper.example/w", [MLDSA44Key.generate()], tmp_path / "second", log, clock)
    third = TheirWitness("stranger.example/w", tmp_path / "third", clock)
    third.follow(log)
    switches = [Switch(WitnessApp(first)), Switch(WitnessApp(second)), Switch(third)]
    keys = [first.verifier_keys[0], second.verifier_keys[0], third.key]
    with ExitStack() as stack:
        urls = [stack.enter_context(served(switch)) for switch in switches]
        lines = [f"witness w{k} {key} {url}" for k, (key, url) in enumerate(zip(keys, urls, strict=True))]
        (root / "witnesses.policy").write_text(
            "\n".join([*lines, "group all-of-us 2 w0 w1 w2", "quorum all-of-us", ""])
        )
        for number, key in enumerate(keys, 1):
            prefix = "ml-dsa-44:" if key.algorithm == COSIGNATURE_MLDSA44 else ""
            public = {"role": "witness", "name": key.name, "key": prefix + key.public.hex()}
            (root / "keys" / f"witness-{number}.json").write_text(json.dumps(public))
        yield Apart(rehearsal, switches, urls)


def signers(apart: Apart) -> set[str]:
    head = parse_checkpoint((apart.rehearsal.office.public / "checkpoint").read_bytes())
    return {line.name for line in head.signatures} - {ORIGIN}


def test_a_referendum_is_witnessed_over_http_from_definition_to_result(apart: Apart) -> None:
    rehearsal = apart.rehearsal
    letters = define_and_open(rehearsal, demo_draft(20, 3, floor=1, batch_tokens=1), 20)
    assert signers(apart) == NAMES
    for code, factor in letters[:5]:
        rehearsal.cast(rehearsal.token(code, factor), ((1,),))
    apart.switches[1].up = False
    rehearsal.seal()
    assert signers(apart) == NAMES - {"newspaper.example/w"}, "a quorum of live answers suffices"
    apart.switches[1].up = True
    assert rehearsal.office.log().cosign() is True
    assert signers(apart) == NAMES, "the rest catch up later"
    rehearsal.close()
    rehearsal.tally()
    assert signers(apart) == NAMES
    report = verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum)
    assert (report.faults, report.exit_status) == ([], 0)
    addresses = witness_addresses(rehearsal.office.witness_policy, rehearsal.office.manifest)
    policy = policy_of(rehearsal.office.manifest, addresses)
    assert parse_policy(policy.to_bytes()) == policy
    assert [witness.url for witness in policy.witnesses] == apart.urls


def incident(apart: Apart, number: int) -> bytes:
    office = apart.rehearsal.office
    texts = dict.fromkeys(office.manifest.languages, f"incident {number}")
    return office.officers_sign(Incident(number=number, text=texts), 1)


@pytest.fixture
def begun(apart: Apart) -> Apart:
    apart.rehearsal.define(demo_draft(20, 3, floor=1, batch_tokens=1))
    return apart


def test_without_a_quorum_of_answers_nothing_is_added(begun: Apart) -> None:
    log = begun.rehearsal.office.log()
    for switch in begun.switches[:2]:
        switch.up = False
    size = log.size
    with pytest.raises(WitnessesSilent, match="1 of 3 witnesses answered and 2 must"):
        log.append([incident(begun, 1)])
    begun.switches[0].up = True
    assert log.append([incident(begun, 1)]) == size


def test_a_witness_that_was_away_for_a_while_catches_up_by_a_proof(begun: Apart) -> None:
    log = begun.rehearsal.office.log()
    begun.switches[2].up = False
    for number in (1, 2, 3):
        log.append([incident(begun, number)])
        assert "stranger.example/w" not in signers(begun)
    begun.switches[2].up = True
    log.append([incident(begun, 4)])
    assert signers(begun) == NAMES


def test_an_older_copy_of_the_log_is_refused_by_what_witnesses_elsewhere_have_seen(
    begun: Apart, tmp_path: Path
) -> None:
    office = begun.rehearsal.office
    for folder in ("public", "log"):
        shutil.copytree(office.root / folder, tmp_path / "kept" / folder)
    office.log().append([incident(begun, 1)])
    for folder in ("public", "log"):
        shutil.rmtree(office.root / folder)
        shutil.copytree(tmp_path / "kept" / folder, office.root / folder)
    restored = Rehearsal(office.root)
    with pytest.raises(LogBehindWitness, match="has cosigned"):
        restored.office.log().append([incident(begun, 2)])


def test_each_step_asks_each_witness_a_few_times_at_most(begun: Apart) -> None:
    """As the rate says that witnesses are told beforehand."""
    log = begun.rehearsal.office.log()
    before = [switch.asked for switch in begun.switches]
    log.append([incident(begun, 1)])
    assert {switch.asked - old for switch, old in zip(begun.switches, before, strict=True)} == {4}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("all-of-us 2", "all-of-us 3", "its quorum is 3, and in this referendum 2 witnesses must cosign"),
        ("w0 university", "w0 university", ""),
        ("group", f"log {ORIGIN}+00000000+AAAA\ngroup", "line 4"),
        ("http://127.0.0.1", "http://witness.example.org", "write https://"),
        ("http://127.0.0.1", "ftp://127.0.0.1", "is no address"),
    ],
)
def test_addresses_that_are_not_of_this_referendum_are_named(begun: Apart, old: str, new: str, told: str) -> None:
    office = begun.rehearsal.office
    text = office.witness_policy.read_text()
    assert old in text
    office.witness_policy.write_text(text.replace(old, new))
    again = Rehearsal(office.root).office
    if told:
        with pytest.raises(WitnessAddressesInvalid, match=told):
            again.witnesses()
    else:
        assert len(again.witnesses()) == 3


def test_a_key_that_is_not_the_manifests_is_named(begun: Apart) -> None:
    office = begun.rehearsal.office
    text = office.witness_policy.read_text()
    stranger = str(VerifierKey("university.example/w", COSIGNATURE, SigningKey.generate().public))
    own = next(word for word in text.split() if word.startswith("university.example/w+"))
    office.witness_policy.write_text(text.replace(own, stranger))
    with pytest.raises(WitnessAddressesInvalid, match=r"university\.example/w, with this key, is no witness"):
        Rehearsal(office.root).office.witnesses()
    lines = [line for line in text.split("\n") if not line.startswith("witness w0")]
    office.witness_policy.write_text("\n".join(lines).replace("w0 ", ""))
    assert len(Rehearsal(office.root).office.witnesses()) == 2, "an address may be missing"


def test_an_examination_asks_each_witness_and_names_the_one_that_is_away(begun: Apart) -> None:
    office = begun.rehearsal.office

    def said() -> dict[str, tuple[str, str]]:
        found = examine(office.root, begun.rehearsal.clock)
        return {f.check: (f.verdict.value, f.text) for f in found if f.check.startswith("witness") or f.check == "log"}

    assert said() == {
        "log": ("OK", "1 entries, all of them published"),
        **{f"witness {name}": ("OK", "it answers, and has seen 1 of 1 entries") for name in NAMES},
    }
    begun.switches[1].up = False
    verdict, text = said()["witness newspaper.example/w"]
    assert verdict == "WARN"
    assert f"it does not sign, at {begun.urls[1]}/add-checkpoint: it answers 503" in text
    begun.switches[0].up = False
    assert said()["witness newspaper.example/w"][0] == "FAIL"
    begun.switches[0].up = True
    log = office.log()
    log.append([incident(begun, 1)])
    assert "has seen 2 of 2" in said()["witness stranger.example/w"][1]
    begun.switches[1].up = True
    assert "has seen 2 of 2" in said()["witness newspaper.example/w"][1]
    office.witness_policy.unlink()
    assert "2 witnesses must sign each step, and 0 are known here" in said()["log"][1]


# Witnesses that are wrong, slow, or not who they seem


class Slow:
    def __init__(self, app: object, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    def __call__(self, environ: dict[str, object], start_response: object) -> object:
        time.sleep(self.seconds)
        return self.app(environ, start_response)  # type: ignore[operator]


@pytest.mark.parametrize("wrong", [-365 * 86_400, 400 * 86_400])
def test_one_witness_with_a_wrong_clock_neither_stops_the_log_nor_sets_its_time(
    begun: Apart, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    """It answers at once, and the honest one that makes the quorum takes longer than anybody waits after a quorum."""
    monkeypatch.setattr(asking, "GRACE_SECONDS", 0.05)
    clock = begun.rehearsal.clock
    witness = begun.switches[0].app._witness  # type: ignore[attr-defined]
    witness._clock = SimulatedClock(clock.now() + wrong)
    begun.switches[2].app = Slow(begun.switches[2].app, 0.3)
    log = begun.rehearsal.office.log()
    for number in (1, 2, 3):
        log.append([incident(begun, number)])
        assert log.cosign() is True
        assert log.time_at(log.size) == clock.now()
    assert "university.example/w" not in signers(begun)
    assert "clock" in log.why()


def test_who_answers_in_a_witness_place_counts_for_nothing(begun: Apart, tmp_path: Path) -> None:
    """Another witness's address, or somebody else under its name: sizes alone say nothing."""
    office, log = begun.rehearsal.office, begun.rehearsal.office.log()
    key = VerifierKey(ORIGIN, ED25519, office.signing_key("log").public)
    impostor = own_witness("newspaper.example/w", [SigningKey.generate()], tmp_path / "x", key, begun.rehearsal.clock)
    for app in (begun.switches[0].app, WitnessApp(impostor)):
        begun.switches[1].app = app
        begun.switches[2].up = False
        size = log.size
        with pytest.raises(WitnessesSilent, match="no cosignature of its own"):
            log.append([incident(begun, 1)])
        assert log.size == size
        found = {f.check: f for f in examine(office.root, begun.rehearsal.clock)}
        assert "no cosignature of its own" in found["witness newspaper.example/w"].text


def test_a_witness_that_claims_to_have_seen_more_stops_the_log_and_is_named(begun: Apart) -> None:
    """Its word alone may be true: an older copy of the log would sign a second history."""

    def liar(environ: dict[str, object], start_response: object) -> list[bytes]:
        start_response("409 Conflict", [("Content-Type", "text/x.tlog.size"), ("Content-Length", "6")])  # type: ignore[operator]
        return [b"99999\n"]

    begun.switches[1].app = liar
    with pytest.raises(LogBehindWitness, match=r"newspaper\.example/w has cosigned 99999 .* only this witness says so"):
        begun.rehearsal.office.log().append([incident(begun, 1)])


def test_a_slow_witness_is_waited_for_by_an_examination(begun: Apart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GRACE_SECONDS", 0.05)
    begun.switches[1].app = Slow(begun.switches[1].app, 0.5)
    found = {f.check: f for f in examine(begun.rehearsal.office.root, begun.rehearsal.clock)}
    assert found["witness newspaper.example/w"].verdict.value == "OK"


def test_before_anything_is_published_no_witness_is_accused(apart: Apart) -> None:
    for switch in apart.switches:
        switch.up = False
    apart.rehearsal.define(demo_draft(20, 3, floor=1, batch_tokens=1))
    found = {f.check: f for f in examine(apart.rehearsal.office.root, apart.rehearsal.clock)}
    assert {found[f"witness {name}"].verdict.value for name in NAMES} == {"not checked"}


# Our witness, their log


def test_our_witness_cosigns_a_log_that_another_tool_wrote(tmp_path: Path) -> None:
    log = witness_log.open(str(tmp_path / "agent.jsonl"))
    try:
        origin = log.canonical_origin()
        key = parse_verifier_key(log.c2sp_vkey(origin))
        own = SigningKey.generate()
        app = WitnessApp(own_witness("ours.example/w", [own], tmp_path / "logs", key, SimulatedClock(START)))
        seen = 0
        for entries in (1, 2, 5, 9):
            while log.tree_size() < entries:
                log.append_intent(f"entry {log.tree_size()}".encode())
            answer = ask(app, "POST", "/add-checkpoint", log.add_checkpoint_body(0).encode())
            if seen:
                assert (answer.status, answer.body) == (409, f"{seen}\n".encode())
                answer = ask(app, "POST", "/add-checkpoint", log.add_checkpoint_body(seen).encode())
            assert answer.status == 200, answer.body
            head = parse_checkpoint(log.add_checkpoint_body(0).partition("\n\n")[2].encode())
            signed = Checkpoint(head.origin, head.size, head.root, tuple(parse_signature_lines(answer.body)))
            assert [one.time for one in cosignatures(signed, [("ours.example/w", own.public)])[0]] == [START]
            seen = entries
        _, taken = log.dossier_from_responses([(own.public.hex(), answer.body.decode())])
        assert taken == 1, "they take our cosignature"
        _, taken = log.dossier_from_responses([(OWN.public.hex(), answer.body.decode())])
        assert taken == 0, "and not as somebody else's"
    finally:
        log.close()


def test_both_witnesses_answer_one_hostile_request_alike(tmp_path: Path) -> None:
    """The same requests, to ours and to theirs: the same statuses, and the same sizes."""
    clock = SimulatedClock(START)
    ours = WitnessApp(following(tmp_path / "ours"))
    theirs = TheirWitness("stranger.example/w", tmp_path / "theirs", clock)
    theirs.follow(KEY)
    entries = [b"a", b"b", b"c", b"d", b"e"]
    forked = [b"a", b"x", *entries[2:]]
    stranger = sign_checkpoint(ORIGIN_OF_TREES, 5, tree(*entries).root, OWN)
    unknown = sign_checkpoint("unknown.example.org", 1, tree(b"a").root, LOG)
    requests = [
        AddCheckpoint(tree(*entries[:2]), 0, ()),
        AddCheckpoint(tree(*entries), 0, ()),
        AddCheckpoint(tree(*entries), 1, tuple(proof(1, entries))),
        AddCheckpoint(tree(*entries), 3, tuple(proof(3, entries))),
        AddCheckpoint(tree(*entries), 2, ()),
        AddCheckpoint(tree(*entries), 2, (bytes(32),)),
        AddCheckpoint(tree(*forked), 2, tuple(proof(2, forked))),
        AddCheckpoint(tree(b"a"), 2, ()),
        AddCheckpoint(stranger, 2, tuple(proof(2, entries))),
        AddCheckpoint(unknown, 0, ()),
        AddCheckpoint(tree(*entries), 2, tuple(proof(2, entries))),
        AddCheckpoint(tree(*entries), 5, ()),
        AddCheckpoint(tree(*forked), 5, ()),
        AddCheckpoint(tree(*entries[:2]), 2, ()),
    ]
    bodies = [request.to_bytes() for request in requests]
    bodies += [
        b"",
        b"old 5\n",
        b"old 05\n\n" + tree(*entries).to_bytes(),
    ]
    told = [
        (ask(ours, "POST", "/add-checkpoint", body), ask(theirs, "POST", "/add-checkpoint", body)) for body in bodies
    ]
    for body, (one, other) in zip(bodies, told, strict=True):
        assert one.status == other.status, (body, one.body, other.body)
        if one.status == 409:
            assert one.body == other.body, body
            assert one.headers["Content-Type"] == other.headers["Content-Type"]
    assert sorted({one.status for one, _ in told}) == [200, 400, 403, 404, 409, 422]
