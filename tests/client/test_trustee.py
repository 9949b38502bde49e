"""Trustees in Python and in TypeScript: they make the same secrets from a key file, and mix in one referendum."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

import stembus.crypto.sealed
from stembus.audit.formats.ceremony import latest_attempt
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import Share
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.crypto.errors import PassphraseWrong
from stembus.crypto.sealed import new_box_key, open_sealed, open_with_passphrase, seal_to, seal_with_passphrase
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.key_file import TrusteeKey, parse_trustee_key
from stembus.tally.standing import standing_of
from tests.client.conftest import CLIENT, Client, Refused, running_tool

HOUR = 3600


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The trustees' steps in TypeScript."""
    with running_tool(tmp_path_factory.mktemp("trustee"), "trustee-cli.ts") as running:
        yield running


# Secrets


def test_both_derive_the_same_secrets_of_an_attempt(other: Client) -> None:
    key, referendum = TrusteeKey.generate(), b"\x07" * 32
    for number in (1, 2, 700):
        own = key.attempt(referendum, number, 3, 4)
        told = other.ask("attempt", key=key.to_bytes().decode(), referendum=referendum, attempt=number)
        assert told == [[str(c) for c in own.polynomial], [secret.hex() for secret in own.receiving_secrets]]
    assert key.attempt(referendum, 1, 3, 4) != key.attempt(b"\x08" * 32, 1, 3, 4)
    secrets = {secret for k in (1, 2) for secret in key.attempt(referendum, k, 3, 4).receiving_secrets}
    assert len(secrets) == 8, "one for each attempt and dealer"


def test_a_box_sealed_by_one_opens_with_the_other(other: Client) -> None:
    secret, public = new_box_key()
    assert open_sealed(secret, bytes.fromhex(other.ask("sealTo", key=public, message=b"\x01" * 32))) == b"\x01" * 32
    box = seal_to(public, b"\x02" * 32)
    assert other.ask("openSealed", secret=secret, box=box) == "02" * 32
    for altered in (box[:-1] + bytes([box[-1] ^ 1]), box[:40], b""):
        with pytest.raises(Refused):
            other.ask("openSealed", secret=secret, box=altered)


@pytest.mark.parametrize("word", ["vijf woorden op een rij", "café ÿ 😀", "e\u0301"])
def test_a_key_file_sealed_by_one_opens_with_the_other(other: Client, word: str) -> None:
    key = other.ask("newKey")
    assert parse_trustee_key(key.encode()).announced is None
    sealed = other.ask("seal", content=key, word=word)
    assert open_with_passphrase(sealed.encode(), word) == key.encode()
    with pytest.raises(PassphraseWrong):
        open_with_passphrase(sealed.encode(), word + " ")
    ours = seal_with_passphrase(TrusteeKey.generate().to_bytes(), word).decode()
    assert other.ask("open", sealed=ours, word=word).startswith('{"version":1')
    with pytest.raises(Refused, match="passphrase-wrong"):
        other.ask("open", sealed=ours, word="another")
    with pytest.raises(Refused, match="not-a-key-file"):
        other.ask("open", sealed=ours[:-9], word=word)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"version":2,"role":"trustee","seed":"' + "00" * 32 + '"}', '{"role":"officer"}']
)
def test_what_is_no_key_of_a_trustee_is_refused_by_both(other: Client, content: str) -> None:
    with pytest.raises(Refused, match="not-a-trustee-key"):
        other.ask("publicKey", key=content)
    from stembus.tally.errors import KeyFileInvalid

    with pytest.raises(KeyFileInvalid):
        parse_trustee_key(content.encode())


# A referendum


class Mixed:
    """Three trustees; those in `browsers` work with the TypeScript steps. At every step both say where all stand."""

    def __init__(self, rehearsal: Rehearsal, other: Client, browsers: set[int], folder: Path) -> None:
        self.rehearsal, self.other, self.browsers, self._folder = rehearsal, other, browsers, folder
        self.seen: list[str] = []

    def key(self, number: int) -> TrusteeKey:
        return parse_trustee_key(self.rehearsal.office.secret(f"trustee-{number}"))

    def ask(self, operation: str, number: int, **fields: object) -> Any:
        packed = shutil.make_archive(str(self._folder / "bundle"), "zip", self.rehearsal.office.public)
        known = {"zip": packed, "referendum": self.rehearsal.office.referendum}
        return self.other.ask(operation, key=self.key(number).to_bytes().decode(), **known, **fields)

    def make(self, step: str, number: int) -> list[bytes]:
        if number in self.browsers:
            made = self.ask("step", number, step=step, now=self.rehearsal.clock.now())
            self.rehearsal.office.save_secret(f"trustee-{number}", made["key"].encode())
            return [bytes.fromhex(entry) for entry in made["entries"]]
        trustee = self.rehearsal.trustee(number)
        own = trustee.commit(new_attempt=True) if step == "again" else getattr(trustee, step)()
        return own if isinstance(own, list) else [own]

    def take(self, step: str, *numbers: int) -> None:
        for number in numbers or (1, 2, 3):
            standing = self.compare(number)
            if step not in ("again", "complain"):
                assert standing.step == step
            self.rehearsal.office.log().append(self.make(step, number))

    def compare(self, number: int) -> Any:
        ours = standing_of(self.rehearsal.verified(), number, self.rehearsal.clock.now())
        assert self.ask("standing", number, now=self.rehearsal.clock.now()) == json.loads(msgspec.json.encode(ours))
        self.seen.append(ours.stage)
        return ours


@pytest.fixture
def mixed(other: Client, tmp_path: Path) -> Iterator[Callable[..., Mixed]]:
    made: list[Rehearsal] = []

    def make(*browsers: int) -> Mixed:
        rehearsal = Rehearsal(tmp_path / "office")
        made.append(rehearsal)
        rehearsal.keys()
        draft = demo_draft(20, 1, floor=2, batch_tokens=1).replace(
            "complaint_seconds = 0", f"complaint_seconds = {2 * HOUR}"
        )
        assert f"complaint_seconds = {2 * HOUR}" in draft
        rehearsal.define(draft)
        return Mixed(rehearsal, other, set(browsers), tmp_path)

    yield make
    for rehearsal in made:
        rehearsal.office.dispose()


@pytest.mark.parametrize("browsers", [(2,), (1, 3), (1, 2, 3)])
def test_trustees_in_browsers_and_in_python_make_one_key_and_count_together(
    mixed: Callable[..., Mixed], browsers: tuple[int, ...], tmp_path: Path
) -> None:
    people = mixed(*browsers)
    rehearsal = people.rehearsal
    for step in ("commit", "reveal", "share", "confirm", "drill"):
        people.take(step)
    people.compare(1)
    rehearsal.elect()
    people.compare(2)
    write_register(tmp_path / "register.csv", 20, date(2019, 10, 14), 1)
    rehearsal.import_roll(tmp_path / "register.csv")
    rehearsal.credentials()
    people.take("drill", 2, 1)
    people.compare(2)
    rehearsal.open()
    people.compare(3)
    for code, factor in rehearsal.letters(tmp_path / "register.csv")[:5]:
        rehearsal.cast(rehearsal.token(code, factor), [[1]])
        rehearsal.seal()
    rehearsal.close()
    people.compare(1)
    rehearsal.clock.move_to(rehearsal.clock.now() + 3 * HOUR)
    people.take("intent", 3, 1)
    people.compare(2)
    people.take("decrypt", 1, 3)
    people.compare(2)
    rehearsal.result()
    people.compare(1)
    report = verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum)
    assert (report.exit_status, report.faults, report.figures.drilled_again) == (0, [], 2)
    assert report.result is not None
    assert report.result.questions[0].total == [0, 5]
    assert report.result.trustees == [1, 3]
    stages = {"election-key", "roll", "opening", "voting", "complaints", "intent", "decrypt", "result", "done"}
    assert stages <= set(people.seen)


def test_a_trustee_in_a_browser_finds_the_faulty_share_and_complains(mixed: Callable[..., Mixed]) -> None:
    people = mixed(3)
    rehearsal = people.rehearsal
    people.take("commit")
    people.take("reveal")
    for raw in people.make("share", 1):
        body = parse_entry(raw).body
        assert isinstance(body, Share)
        if body.receiver == 3:
            attempt = latest_attempt(entry.body for _, _, entry in rehearsal.verified().entries())
            sealed = seal_to(bytes.fromhex(attempt.commits[3].receiving_keys[0]), b"\x05" * 32)
            trustee = rehearsal.trustee(1)
            raw = trustee._entry(msgspec.structs.replace(body, sealed=sealed.hex()))
        rehearsal.office.log().append([raw])
    people.take("share", 2, 3)
    with pytest.raises(Refused, match="the share of trustee 1 is faulty"):
        people.make("confirm", 3)
    people.take("complain", 3)
    assert people.compare(2).waits == (1, 2, 3)
    for step in ("commit", "reveal", "share", "confirm", "drill"):
        people.take(step)
    rehearsal.elect()
    report = verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum)
    assert report.established
    assert [fault.message for fault in report.faults] == ["attempt 1 is void: trustee 1 is at fault"]
    with pytest.raises(Refused, match="nothing to complain"):
        people.make("complain", 3)


def test_a_browser_announces_one_tree_only_and_not_before_complaints_were_heard(
    mixed: Callable[..., Mixed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = mixed(1)
    rehearsal = people.rehearsal
    rehearsal.ceremony()
    write_register(tmp_path / "register.csv", 20, date(2019, 10, 14), 1)
    rehearsal.import_roll(tmp_path / "register.csv")
    rehearsal.credentials()
    rehearsal.open()
    for code, factor in rehearsal.letters(tmp_path / "register.csv")[:3]:
        rehearsal.cast(rehearsal.token(code, factor), [[0]])
        rehearsal.seal()
    rehearsal.close()
    rehearsal.clock.move_to(rehearsal.clock.now() + 3 * HOUR)
    with pytest.raises(Refused, match="announce first"):
        people.make("decrypt", 1)
    later = rehearsal.clock.now()
    with monkeypatch.context() as patch:
        patch.setattr(rehearsal.clock, "now", lambda: later - 2 * HOUR)
        for step in ("intent", "decrypt"):
            with pytest.raises(Refused, match="can still complain"):
                people.make(step, 1)
        assert people.compare(1).stage == "complaints"
    honest = people.make("intent", 1)
    kept = people.key(1)
    assert kept.announced is not None
    tree = msgspec.structs.replace(kept.announced, root="00" * 32)
    rehearsal.office.save_secret("trustee-1", msgspec.structs.replace(kept, announced=tree).to_bytes())
    for step in ("intent", "decrypt"):
        with pytest.raises(Refused):
            people.make(step, 1)
    rehearsal.office.log().append(honest)
    rehearsal.intents((2,))
    with pytest.raises(Refused, match="another tree"):
        people.make("decrypt", 1)
    # A file from before the announcement takes over what its trustee signed in the log.
    rehearsal.office.save_secret("trustee-1", TrusteeKey(version=1, role="trustee", seed=kept.seed).to_bytes())
    people.take("decrypt", 1)
    rehearsal.decrypt((2,))
    rehearsal.result()
    assert verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum).exit_status == 0


def test_a_key_file_of_somebody_else_is_refused(mixed: Callable[..., Mixed]) -> None:
    people = mixed(1)
    stranger = TrusteeKey.generate()
    people.rehearsal.office.save_secret("trustee-1", stranger.to_bytes())
    with pytest.raises(Refused, match="no trustee"):
        people.ask("standing", 1, now=0)
    elsewhere = msgspec.structs.replace(people.key(2), referendum="00" * 32)
    people.rehearsal.office.save_secret("trustee-1", elsewhere.to_bytes())
    with pytest.raises(Refused, match="another referendum"):
        people.ask("standing", 1, now=0)


def test_other_secrets_in_the_log_than_the_key_file_makes_are_told(
    mixed: Callable[..., Mixed], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = mixed(1)
    with monkeypatch.context() as patch:
        patch.setattr("stembus.tally.key_file._RECEIVING", b"another version")
        people.rehearsal.office.log().append([people.rehearsal.trustee(1).commit()])
    people.rehearsal._each_trustee(lambda trustee: trustee.commit() if trustee.number > 1 else [])
    with pytest.raises(Refused, match="not made from this key file"):
        people.make("reveal", 1)
    people.take("again", 1)


def test_the_cost_of_a_passphrase_is_that_of_the_python_side() -> None:
    import re

    source = (CLIENT / "trustee" / "sealed.ts").read_text(encoding="utf-8")
    assert re.search(r"\[PASSES, MEMORY_BYTES\] = \[3, 256 \* 1024 \* 1024\]", source)
    from nacl.pwhash import argon2id

    assert (argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE) == (3, 256 * 1024 * 1024)
    assert stembus.crypto.sealed._MAXIMUM_MEMORY == 1024 * 1024 * 1024
