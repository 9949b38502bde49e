"""What one look sees, what of it alarms, and what a monitor shows of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from stembus.audit.formats.receipt import encode_promise
from stembus.audit.log.note import parse_checkpoint
from stembus.audit.log.source import FolderPlace
from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.handed import PROMISES
from stembus.audit.monitor.split_log import SPLIT_BYTES, check_split, parse_split
from stembus.audit.monitor.vantage import Vantage, Word
from stembus.audit.monitor.watch import EVIDENCE, Round, watch
from stembus.audit.verify import verify
from stembus.audit.verify.report import Report
from stembus.scripts.rehearsal.referendum import Rehearsal
from tests.audit.monitor.conftest import Folder, Forked, grow
from tests.audit.witness.builders import ask, served
from tests.conftest import Finished


def look(rehearsal: Rehearsal, folder: Path, *vantages: Vantage) -> Round:
    return watch(verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum), vantages, folder)


def test_a_split_is_kept_once_as_a_file_and_alarms(forked: Forked, tmp_path: Path) -> None:
    with served(Folder(forked.hidden.office.public)) as url:
        for _ in range(2):
            seen = look(forked.shown, tmp_path / "watch", Vantage(url))
            assert [alarm for alarm in seen.alarms() if url in alarm]
    assert len(list((tmp_path / "watch" / EVIDENCE).iterdir())) == 1


def test_a_calm_referendum_alarms_nobody(begun: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    shown, same = begun
    with served(Folder(same.office.public)) as url:
        seen = look(shown, tmp_path / "watch", Vantage(url), Vantage("http://127.0.0.1:9"))
    assert list(seen.alarms()) == []
    assert not (tmp_path / "watch" / EVIDENCE).exists()


def test_promises_that_were_handed_in_are_looked_for(opened: Finished, tmp_path: Path) -> None:
    rehearsal = opened.rehearsal(tmp_path / "office")
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at + 60)
    _, promise = rehearsal.cast(rehearsal.token(*opened.letters[0]), [[1]])
    folder = tmp_path / "watch"
    (folder / PROMISES).mkdir(parents=True)
    (folder / PROMISES / "ours").write_bytes(encode_promise(promise))
    (folder / PROMISES / "nonsense").write_bytes(b"nothing")
    assert {h.name: h.text for h in look(rehearsal, folder).handed} == {
        "ours": "not due yet",
        "nonsense": "no promise of this ballot box",
    }
    rehearsal.seal()
    assert {h.text for h in look(rehearsal, folder).handed} == {"kept", "no promise of this ballot box"}


def test_a_folder_among_the_promises_ends_nothing(begun: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    (tmp_path / PROMISES / "folder").mkdir(parents=True)
    (tmp_path / PROMISES / "jan-peeters.json").write_bytes(b"x")
    seen = look(begun[0], tmp_path)
    assert [handed.name for handed in seen.handed] == ["jan-peeters.json"]
    app = MonitorApp(tmp_path, lambda: replace(seen, ended=int(time.time())), time.time, 100)
    assert "jan-peeters" not in shown(app, "/") + shown(app, "/metrics")


def test_one_other_history_is_one_file_however_it_is_dressed(forked: Forked, tmp_path: Path) -> None:
    public = forked.hidden.office.public
    head = (public / "checkpoint").read_bytes()
    dressed = [b"", "— é AAAAAAAA\n".encode(), b"".join(b"\xe2\x80\x94 w%d\\\\ AAAAAAAA\n" % k for k in range(5000))]
    with served(Folder(public)) as url:
        for more in dressed:
            (public / "checkpoint").write_bytes(head + more)
            seen = look(forked.shown, tmp_path, Vantage(url))
            assert [sight.word for sight in seen.sights] == [Word.SPLIT]
    (path,) = (tmp_path / EVIDENCE).iterdir()
    assert path.stat().st_size < SPLIT_BYTES
    check_split(parse_split(path.read_bytes()))


def test_a_larger_head_that_was_seen_is_held_against_the_log_once_it_has_grown(
    begun: tuple[Rehearsal, Rehearsal], tmp_path: Path
) -> None:
    """As of a witness, which shows no more than a head."""
    shown_one, hidden = begun
    grow(hidden, 1, 2, word="another")
    head = parse_checkpoint((hidden.office.public / "checkpoint").read_bytes())
    grow(shown_one, 1)
    assert list(watch(verified_of(shown_one), [], tmp_path, [head]).alarms()) == []
    grow(shown_one, 2)
    seen = watch(verified_of(shown_one), [], tmp_path, [head])
    assert [sight.word for sight in seen.sights] == [Word.SPLIT]
    assert len(list((tmp_path / EVIDENCE).iterdir())) == 1


def verified_of(rehearsal: Rehearsal) -> Report:
    return verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum)


# What is shown


def shown(app: MonitorApp, path: str) -> str:
    answer = ask(app, "GET", path)  # type: ignore[arg-type]
    assert answer.status == 200
    return answer.body.decode()


def test_the_page_is_calm_until_there_is_something_to_look_at(forked: Forked, tmp_path: Path) -> None:
    folder, moment = tmp_path / "watch", int(time.time())
    seen: list[Round] = []
    app = MonitorApp(folder, lambda: seen[-1] if seen else None, lambda: moment + 100, 100)
    assert "Nothing was seen yet" in shown(app, "/")
    seen.append(replace(look(forked.shown, folder), ended=moment))
    page = shown(app, "/")
    assert 'class="calm"' in page
    assert "All that was seen is in order" in page
    assert "stembus_monitor_alarms 0\n" in shown(app, "/metrics")
    for unknown in (
        replace(seen[-1], ended=moment - 1),
        replace(seen[-1], report=Report(anchored=True)),
        look(forked.shown, folder, Vantage("http://127.0.0.1:9")),
    ):
        seen.append(unknown)
        assert 'class="doubt"' in shown(app, "/")
    seen.append(replace(seen[0], ahead=("https://mirror.example.org",)))
    assert "entries may be held back" in shown(app, "/")
    with served(Folder(forked.hidden.office.public)) as url:
        seen.append(replace(look(forked.shown, folder, Vantage(url)), ended=moment))
    page = shown(app, "/")
    assert 'class="alarm"' in page
    assert "two histories" in page
    (name,) = (path.name for path in (folder / EVIDENCE).iterdir())
    assert f'"evidence/{name}"' in page
    assert '"smaller"' in shown(app, f"/evidence/{name}")
    metrics = shown(app, "/metrics")
    assert "stembus_monitor_splits 1\n" in metrics
    assert 'word="split"' in metrics


@pytest.mark.parametrize("path", ["/evidence/none.json", "/evidence/../promises/x", "/evidence/", "/promises", "/x"])
def test_nothing_else_is_shown(tmp_path: Path, path: str) -> None:
    (tmp_path / EVIDENCE).mkdir()
    (tmp_path / PROMISES).mkdir()
    (tmp_path / PROMISES / "x").write_text("secret")
    app = MonitorApp(tmp_path, lambda: None, time.time, 100)
    assert ask(app, "GET", path).status == 404  # type: ignore[arg-type]
    assert ask(app, "POST", "/").status == 405  # type: ignore[arg-type]


def test_words_from_outside_are_no_markup(begun: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    seen = look(begun[0], tmp_path, Vantage('http://127.0.0.1:9/<script>"x'))
    app = MonitorApp(tmp_path, lambda: seen, time.time, 100)
    assert "<script>" not in shown(app, "/")
    assert '\\"x' in shown(app, "/metrics")
    assert grow(begun[1], 1) is begun[1]
