"""What one look sees, what of it alarms, and what a monitor shows of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stembus.audit.formats.receipt import encode_promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.monitor.app import MonitorApp
from stembus.audit.monitor.vantage import Vantage
from stembus.audit.monitor.watch import EVIDENCE, PROMISES, Round, watch
from stembus.audit.verify import verify
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


# What is shown


def shown(app: MonitorApp, path: str) -> str:
    answer = ask(app, "GET", path)  # type: ignore[arg-type]
    assert answer.status == 200
    return answer.body.decode()


def test_the_page_is_calm_until_there_is_something_to_look_at(forked: Forked, tmp_path: Path) -> None:
    folder, moment = tmp_path / "watch", int(time.time())
    seen: list[tuple[Round, int]] = []
    app = MonitorApp(folder, lambda: seen[-1] if seen else None)
    assert "Nothing was seen yet" in shown(app, "/")
    seen.append((look(forked.shown, folder), moment))
    page = shown(app, "/")
    assert "All that was seen is in order" in page
    assert "stembus_monitor_alarms 0\n" in shown(app, "/metrics")
    with served(Folder(forked.hidden.office.public)) as url:
        seen.append((look(forked.shown, folder, Vantage(url)), moment))
    page = shown(app, "/")
    assert "Look at this" in page
    assert "two histories" in page
    (name,) = (path.name for path in (folder / EVIDENCE).iterdir())
    assert f"/evidence/{name}" in page
    assert '"smaller"' in shown(app, f"/evidence/{name}")
    metrics = shown(app, "/metrics")
    assert "stembus_monitor_splits 1\n" in metrics
    assert 'word="split"' in metrics


@pytest.mark.parametrize("path", ["/evidence/none.json", "/evidence/../promises/x", "/evidence/", "/promises", "/x"])
def test_nothing_else_is_shown(tmp_path: Path, path: str) -> None:
    (tmp_path / EVIDENCE).mkdir()
    (tmp_path / PROMISES).mkdir()
    (tmp_path / PROMISES / "x").write_text("secret")
    app = MonitorApp(tmp_path, lambda: None)
    assert ask(app, "GET", path).status == 404  # type: ignore[arg-type]
    assert ask(app, "POST", "/").status == 405  # type: ignore[arg-type]


def test_words_from_outside_are_no_markup(begun: tuple[Rehearsal, Rehearsal], tmp_path: Path) -> None:
    seen = look(begun[0], tmp_path, Vantage('http://127.0.0.1:9/<script>"x'))
    app = MonitorApp(tmp_path, lambda: (seen, 0))
    assert "<script>" not in shown(app, "/")
    assert '\\"x' in shown(app, "/metrics")
    assert grow(begun[1], 1) is begun[1]
