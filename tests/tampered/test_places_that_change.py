"""Whoever serves the files may answer otherwise the second time, slowly, in part, or not at all (class 16).

What was verified is what is used; an outage accuses nobody.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stembus.audit.errors import CannotRead
from stembus.audit.formats.entries import parse_entry
from stembus.audit.log import address
from stembus.audit.log.places import open_place
from stembus.audit.log.source import FolderPlace, MemoryPlace
from stembus.audit.log.tiles import encode_bundle, parse_bundle
from stembus.audit.verify import Report, Verdict, verify
from stembus.audit.verify.checked_log import CheckedLog
from stembus.audit.verify.outcome import Outcome
from stembus.audit.verify.voter_evidence import check_voter_evidence
from stembus.scripts.published import verified
from tests.tampered.forge import Forge
from tests.tampered.hostile_host import Answer, Lie, first, hosting, on
from tests.tampered.log import promise


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "WAITS", (0.01, 0.01))


def look(forge: Forge, files: dict[str, bytes], lie: Lie | None = None, keep: Path | None = None) -> Report:
    with hosting(files, lie) as host, verified(host.url, forge.referendum, 1, keep) as report:
        return report


def bundle_path(files: dict[str, bytes]) -> str:
    return next(path for path in files if path.startswith("tile/entries"))


def twisted(data: bytes) -> bytes:
    """A bundle of the same width, with another last entry."""
    count, position = 0, 0
    while position < len(data):
        position += 2 + int.from_bytes(data[position : position + 2], "big")
        count += 1
    entries = parse_bundle(data, count)
    return encode_bundle([*entries[:-1], entries[-1][:-1] + b" "])


def changed(change: Callable[[bytes], bytes]) -> Callable[[Answer], Answer]:
    return lambda honest: replace(honest, body=change(honest.body))


def at(path: str, answer: Answer) -> Lie:
    return lambda asked, _: answer if asked.path == path else None


# The second reading


def test_a_host_that_lies_on_every_second_reading_changes_nothing(forge: Forge) -> None:
    """The superseded casts are read again: from the copy, not from the host."""
    forge.batches[0].append(forge.ballot(0, 1, seq=1))
    forge.batches[0] = forge.batches[0][1:]
    honest = forge.build().files
    report = look(forge, honest, on("", changed(lambda data: data[::-1]), lambda asked: asked.nth > 1))
    assert report.outcome is Outcome.ESTABLISHED


def test_each_file_is_fetched_once(forge: Forge) -> None:
    with hosting(forge.build().files) as host, open_place(host.url) as place:
        assert verify(place, forge.referendum).outcome is Outcome.ESTABLISHED
        assert set(host.reads.values()) == {1}, host.reads


class Rereading(MemoryPlace):
    """A local place that is rewritten while it is verified: every later reading of a bundle differs."""

    def __init__(self, files: dict[str, bytes], change: Callable[[bytes], bytes]) -> None:
        super().__init__(files)
        self._change, self._seen = change, set[str]()

    def read(self, path: str, limit: int) -> bytes:
        data = super().read(path, limit)
        if path in self._seen and path.startswith("tile/entries"):
            return self._change(data)
        self._seen.add(path)
        return data


@pytest.mark.parametrize("change", [twisted, lambda data: data[:-1], lambda data: b""])
def test_a_folder_that_is_rewritten_meanwhile_gives_no_result(forge: Forge, change: Callable[[bytes], bytes]) -> None:
    """One voter cast twice, so that a ballot has to be read again."""
    forge.batches[1].append(forge.ballot(0, 1, seq=1))
    files = forge.build().files
    assert verify(MemoryPlace(files), forge.referendum).outcome is Outcome.ESTABLISHED
    report = verify(Rereading(files, change), forge.referendum)
    assert report.outcome is Outcome.UNCHECKED
    assert report.log is None
    assert not report.has(Verdict.BREACH)


def test_entries_of_a_verified_log_are_the_verified_ones_or_none(forge: Forge) -> None:
    files = forge.build().files
    place = MemoryPlace(files)
    log = verify(place, forge.referendum).demand_log()
    assert len(list(log.entries())) + 12 + 1 == log.head.size
    place.files[bundle_path(files)] = twisted(files[bundle_path(files)])
    log = replace(log, tree=CheckedLog(place, log.tree.size, log.tree._roots))
    with pytest.raises(CannotRead, match="other entries"):
        list(log.entries())
    with pytest.raises(CannotRead):
        log.tree.entry(0)
    with pytest.raises(CannotRead):
        log.tree.root_at(log.head.size - 1)


def test_a_promise_is_never_kept_by_a_second_reading(forge: Forge) -> None:
    """The promised ballot is not in the log; the host puts it there when the log is read again."""
    missing = forge.ballot(12)
    files = forge.build().files

    def with_ballot(data: bytes) -> bytes:
        entries = parse_bundle(data, len(forge.setup) + 20)
        entries[len(forge.setup) + 2] = missing
        return encode_bundle(entries)

    for place in (Rereading(files, with_ballot), MemoryPlace(files)):
        report = verify(place, forge.referendum)
        found = check_voter_evidence(report, promise(forge, missing), None)
        assert "kept" not in found
        assert report.exit_status != 0


# Answers that are none


OUTAGES: dict[str, Answer] = {
    "an error of the server": Answer(b"oops", 500),
    "a proxy without its server": Answer(b"", 502),
    "too many requests": Answer(b"", 429),
    "forbidden": Answer(b"", 403),
    "a transfer that ends short": Answer(b"abc" * 100, cut=3),
    "a redirect to another host": Answer(status=302, headers=(("Location", "http://localhost.example:1/x"),)),
}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("kind", ["checkpoint", "log.vkey", "tile/entries", "tile/0", "credentials", "issuance/1"])
def test_an_outage_accuses_nobody(forge: Forge, outage: str, kind: str) -> None:
    files = forge.build().files
    path = next(name for name in sorted(files) if name.startswith(kind))
    if kind == "checkpoint":
        with pytest.raises(CannotRead):
            look(forge, files, at(path, OUTAGES[outage]))
        return
    report = look(forge, files, at(path, OUTAGES[outage]))
    assert report.outcome is Outcome.UNCHECKED, [fault.message for fault in report.faults]
    assert not report.has(Verdict.BREACH)


def test_where_nothing_answers_nothing_is_said_of_a_log() -> None:
    with hosting({}) as host:
        url = host.url
    with pytest.raises(CannotRead, match="nothing answers"), open_place(url):
        pass


@pytest.mark.parametrize("page", [b"<html>Sign in to the network</html>", b"", b"\xff" * 40])
def test_a_page_that_stands_for_every_file_is_no_log(forge: Forge, page: bytes) -> None:
    with pytest.raises(CannotRead, match=r"no log is published there|a web page answers"):
        look(forge, {}, on("", Answer(page)))


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("tile/entries", Outcome.UNCHECKED),
        ("log.vkey", Outcome.BREACH),
        ("tile/0", Outcome.BREACH),
        ("credentials", Outcome.BREACH),
        ("issuance/1", Outcome.BREACH),
    ],
)
def test_a_file_that_the_host_does_not_have_is_missing(forge: Forge, kind: str, outcome: Outcome) -> None:
    """Without entry 0 there is no log; after that, what must be there and is not is a breach of this place."""
    files = forge.build().files
    path = next(name for name in sorted(files) if name.startswith(kind))
    for status in (404, 410):
        assert look(forge, files, at(path, Answer(status=status))).outcome is outcome


def test_an_outage_after_a_breach_does_not_hide_it(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update(spares=files["spares"][65:])
    files = forge.build().files
    report = look(forge, files, at("issuance/1", Answer(b"", 500)))
    assert report.outcome is Outcome.BREACH


def test_a_transfer_that_went_wrong_once_is_made_again(forge: Forge) -> None:
    files = forge.build().files
    for spoilt in (twisted, lambda data: data[:-1], lambda data: data[::-1]):
        assert look(forge, files, on("tile/", changed(spoilt), first)).outcome is Outcome.ESTABLISHED


@pytest.mark.parametrize("kind", ["credentials", "issuance/1", "log.vkey", "checkpoints/"])
def test_what_accuses_somebody_is_fetched_twice(forge: Forge, tmp_path: Path, kind: str) -> None:
    files = forge.build().files
    path = max((name for name in files if name.startswith(kind)), key=lambda name: (len(name), name))
    reversed_once = on(path, changed(lambda data: data[::-1]), first)
    assert look(forge, files, reversed_once, tmp_path).outcome is Outcome.ESTABLISHED
    always = at(path, Answer(files[path][::-1]))
    assert look(forge, files, always).outcome is Outcome.BREACH


def test_a_wrong_file_of_full_length_is_a_breach_of_this_place(forge: Forge) -> None:
    files = forge.build().files
    report = look(forge, files, at(bundle_path(files), Answer(twisted(files[bundle_path(files)]))))
    assert report.outcome is Outcome.BREACH


def test_a_redirect_within_the_host_is_followed(forge: Forge) -> None:
    files = forge.build().files
    files["elsewhere/credentials"] = files["credentials"]
    moved = Answer(status=302, headers=(("Location", "/elsewhere/credentials"),))
    assert look(forge, files, at("credentials", moved)).outcome is Outcome.ESTABLISHED


def test_a_file_without_end_is_cut_at_its_bound(forge: Forge) -> None:
    endless = Answer(b"x" * 2_000_000, framing="nothing")
    files = forge.build().files
    report = look(forge, files, at("log.vkey", endless))
    assert report.outcome is Outcome.UNCHECKED
    assert "without its length" in report.faults[0].message
    stated = look(forge, files, at("log.vkey", Answer(b"x" * 2_000_000)))
    assert [fault.message for fault in stated.faults] == ["log.vkey is longer than its bound of 1024 bytes"]


# A log that grows


def grown(forge: Forge) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The files at the close, and those after the tally; the host keeps no outgrown tile."""
    forge.with_tally = False
    before = forge.build().files
    forge.with_tally = True
    return before, forge.build().files


def test_a_log_that_outgrew_its_head_is_no_breach(forge: Forge) -> None:
    before, after = grown(forge)

    report = look(
        forge,
        after,
        on("checkpoint", Answer(before["checkpoint"]), lambda asked: asked.path == "checkpoint" and asked.nth == 1),
    )
    assert report.outcome is Outcome.UNCHECKED
    assert not report.has(Verdict.BREACH)


def test_the_head_of_the_beginning_is_verified_while_the_log_grows(forge: Forge) -> None:
    before, after = grown(forge)
    both = {**before, **{path: data for path, data in after.items() if path != "checkpoint"}}
    report = look(forge, both, on("", Answer(after["checkpoint"]), lambda asked: asked.nth > 1))
    assert report.outcome is Outcome.UNFINISHED
    assert report.figures.phase == "closed"


# Copies that are kept


def kept_folders(keep: Path) -> list[Path]:
    return sorted(path for path in keep.iterdir() if path.is_dir())


def test_a_kept_copy_is_itself_a_bundle_and_is_not_fetched_again(forge: Forge, tmp_path: Path) -> None:
    files = forge.build().files
    assert look(forge, files, keep=tmp_path).outcome is Outcome.ESTABLISHED
    (folder,) = kept_folders(tmp_path)
    assert verify(FolderPlace(folder), forge.referendum).outcome is Outcome.ESTABLISHED
    only_head = on("", Answer(status=500), lambda asked: asked.path != "checkpoint")
    assert look(forge, files, only_head, tmp_path).outcome is Outcome.ESTABLISHED


def test_a_copy_that_was_cut_off_goes_on(forge: Forge, tmp_path: Path) -> None:
    files = forge.build().files
    assert look(forge, files, at("issuance/1", Answer(b"", 500)), tmp_path).outcome is Outcome.UNCHECKED
    with hosting(files) as host, open_place(host.url, tmp_path) as place:
        assert verify(place, forge.referendum).outcome is Outcome.ESTABLISHED
        assert host.reads["issuance/1"] == 1
        assert not host.reads["credentials"]


def test_the_next_copy_continues_the_one_before(forge: Forge, tmp_path: Path) -> None:
    before, after = grown(forge)
    assert look(forge, before, keep=tmp_path).outcome is Outcome.UNFINISHED
    with hosting(after) as host, open_place(host.url, tmp_path) as place:
        assert verify(place, forge.referendum).outcome is Outcome.ESTABLISHED
        assert not [path for path in host.reads if path.startswith("checkpoints/") and path in before]
    assert len(kept_folders(tmp_path)) == 2


def fork(forge: Forge) -> dict[str, bytes]:
    """The same parties sign another log: the last ballot of the first batch is another one."""
    forge.batches[0] = [*forge.batches[0][:-1], forge.ballot(13, 1)]
    return forge.build().files


def test_two_heads_that_contradict_each_other_are_evidence_and_both_stay(forge: Forge, tmp_path: Path) -> None:
    before, _ = grown(forge)
    look(forge, before, keep=tmp_path)
    report = look(forge, fork(forge), keep=tmp_path)
    assert report.outcome is Outcome.BREACH
    assert {fault.check for fault in report.faults} == {"V6"}
    heads = {(folder / "checkpoint").read_bytes() for folder in kept_folders(tmp_path)}
    assert len(heads) == 2


def test_a_smaller_head_of_another_history_is_evidence_too(forge: Forge, tmp_path: Path) -> None:
    _, after = grown(forge)
    look(forge, after, keep=tmp_path)
    forge.with_tally = False
    report = look(forge, fork(forge), keep=tmp_path)
    assert report.outcome is Outcome.BREACH
    assert "contradicts this log" in report.faults[0].message


def test_an_older_head_than_the_kept_one_is_told_and_is_no_breach(forge: Forge, tmp_path: Path) -> None:
    before, after = grown(forge)
    look(forge, after, keep=tmp_path)
    report = look(forge, before, keep=tmp_path)
    assert report.outcome is Outcome.UNCHECKED
    assert "an old copy answers" in report.faults[0].message
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    assert look(forge, before, keep=tmp_path).outcome is Outcome.UNFINISHED


def test_a_kept_copy_that_is_not_whole_accuses_nobody(forge: Forge, tmp_path: Path) -> None:
    """Of a larger head alone nobody can tell whether it begins with the smaller one."""
    before, after = grown(forge)
    look(forge, after, keep=tmp_path)
    (kept,) = kept_folders(tmp_path)
    shutil.rmtree(kept / "tile")
    report = look(forge, before, keep=tmp_path)
    assert report.outcome is Outcome.UNCHECKED
    assert "an old copy answers" in report.faults[0].message


def test_a_smaller_head_that_the_log_did_not_sign_is_no_evidence(forge: Forge, tmp_path: Path) -> None:
    before, after = grown(forge)
    look(forge, after, keep=tmp_path)
    root = before["checkpoint"].split(b"\n")[2]
    unsigned = {**before, "checkpoint": before["checkpoint"].replace(root, b"A" * 43 + b"=")}
    report = look(forge, unsigned, keep=tmp_path)
    assert [fault.check for fault in report.faults] == ["V4"], (
        "the host's own word, and nothing against the log's kept head"
    )


def test_a_huge_head_that_nobody_signed_stands_in_no_later_copys_way(forge: Forge, tmp_path: Path) -> None:
    before, after = grown(forge)
    lines = before["checkpoint"].split(b"\n")
    huge = {**before, "checkpoint": b"\n".join([lines[0], b"99999999", *lines[2:]])}
    assert look(forge, huge, keep=tmp_path).outcome is not Outcome.ESTABLISHED
    assert look(forge, after, keep=tmp_path).outcome is Outcome.ESTABLISHED


def test_a_head_that_others_signed_is_no_evidence_against_the_log(forge: Forge, tmp_path: Path) -> None:
    """Whoever writes into the folder of copies cannot make an honest log look forked."""
    before, after = grown(forge)
    look(forge, before, keep=tmp_path)
    (folder,) = kept_folders(tmp_path)
    text = (folder / "checkpoint").read_text()
    root = text.split("\n")[2]
    (folder / "checkpoint").write_text(text.replace(root, "A" * 43 + "="))
    assert look(forge, after, keep=tmp_path).outcome is Outcome.ESTABLISHED


def test_what_is_shown_at_the_end_is_what_was_asked_for(forge: Forge) -> None:
    """The host shows another referendum than the one on the letter."""
    with hosting(forge.build().files) as host, open_place(host.url) as place:
        report = verify(place, bytes(32))
    assert report.outcome is Outcome.BREACH
    assert [fault.check for fault in report.faults] == ["V2"]
    assert parse_entry(forge.setup[1]).type == "commit"
