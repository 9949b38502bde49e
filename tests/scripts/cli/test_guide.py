"""The officials' page answers nobody without its link, offers what can be done now, asks twice, and runs commands."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from stembus.scripts.cli.guide import guide_to
from stembus.scripts.guide.jobs import Jobs
from stembus.scripts.guide.steps import look
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import PASSPHRASE, Rehearsal, demo_draft, make_party
from stembus.webvote.guide_app import create_guide_app

HOST, KEY = "127.0.0.1:8790", "the-key-in-the-link"
Opened = Callable[[Path], FlaskClient]


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Opened]:
    """A browser on this machine that did not open the link."""
    jobs = Jobs(PASSPHRASE)

    def at(folder: Path) -> FlaskClient:
        app = create_guide_app(guide_to(folder, jobs, tmp_path / "scratch"), KEY, HOST)
        return app.test_client()

    yield at
    jobs.stop_all()


@pytest.fixture
def official(stranger: Opened) -> Opened:
    def at(folder: Path) -> FlaskClient:
        client = stranger(folder)
        assert client.get(f"/?key={KEY}", base_url=f"http://{HOST}").status_code == 302
        return client

    return at


def post(client: FlaskClient, step: str, action: str, **typed: object) -> TestResponse:
    data = {"step": step, "action": action, **typed}
    headers = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
    return client.post("/nl/run", data=data, base_url=f"http://{HOST}", headers=headers)


def shown(client: FlaskClient, path: str = "/nl/") -> str:
    return client.get(path, base_url=f"http://{HOST}").text


def ended(client: FlaskClient, answer: TestResponse) -> str:
    """The page of the job, once the command is over."""
    assert answer.status_code == 303, answer.text
    for _ in range(600):
        page = shown(client, answer.location)
        if re.search(r'<p class="(good|error)"', page):
            return page
        time.sleep(0.1)
    raise AssertionError(page)


def offered(page: str) -> set[str]:
    return set(re.findall(r'name="action" value="([^"]+)"', page))


@pytest.fixture
def town(tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path / "office")


@pytest.mark.parametrize("path", ["/nl/", "/nl/draft", "/nl/job/1", "/", "/?key=", "/?key=guess"])
def test_without_the_link_nothing_is_shown(stranger: Opened, tmp_path: Path, path: str) -> None:
    answer = stranger(tmp_path).get(path, base_url=f"http://{HOST}")
    assert answer.status_code == 403
    assert "open the link that the command printed" in answer.text


def test_another_site_cannot_act_and_another_name_is_not_answered(official: Opened, tmp_path: Path) -> None:
    client = official(tmp_path / "new")
    data = {"step": "draft", "action": "new"}
    foreign = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/nl/run", data=data, base_url=f"http://{HOST}", headers=foreign).status_code == 403
    assert client.get("/nl/", base_url="http://evil.example:8790").status_code == 403
    assert not (tmp_path / "new").exists()
    assert post(client, "draft", "new").status_code == 303


def test_only_what_can_be_done_now_is_offered_or_run(official: Opened, tmp_path: Path) -> None:
    client = official(tmp_path / "new")
    assert offered(shown(client)) == {"new"}
    assert post(client, "open", "open", sure="yes").status_code == 409
    assert post(client, "draft", "purge", sure="yes").status_code == 409
    assert "Gedaan." in ended(client, post(client, "draft", "new"))
    page = shown(client)
    assert {"key officer-1", "key witness-1", "key witness-2", "take-key"} <= offered(page)


def test_a_button_makes_a_key_and_a_file_brings_one(official: Opened, town: Rehearsal, tmp_path: Path) -> None:
    folder = town.office.root
    client = official(folder)
    ended(client, post(client, "draft", "new"))
    assert "officer-1" in ended(client, post(client, "keys", "key officer-1"))
    assert (town.office.public_keys / "officer-1.json").exists()
    assert "key officer-1" not in offered(shown(client))
    elsewhere = Rehearsal(tmp_path / "elsewhere")
    make_party(elsewhere.office, "trustee-2")
    public = (elsewhere.office.public_keys / "trustee-2.json").read_bytes()
    page = ended(client, post(client, "keys", "take-key", file=(io.BytesIO(public), "../../trustee-2.json")))
    assert "Gedaan." in page, page
    assert (town.office.public_keys / "trustee-2.json").read_bytes() == public
    refused = post(client, "keys", "take-key")
    assert refused.status_code == 400
    assert "choose a file" in refused.text


def test_what_cannot_be_undone_is_asked_twice(official: Opened, town: Rehearsal) -> None:
    town.keys()
    town.define(demo_draft(20, 1, floor=1, batch_tokens=1))
    frozen = town.office.manifest_file.read_bytes()
    town.ceremony()
    town.office.dispose()
    register = town.office.root.parent / "register.csv"
    write_register(register, 20, date(2019, 10, 14), 1)
    client = official(town.office.root)
    file = lambda: (io.BytesIO(register.read_bytes()), "register.csv")  # noqa: E731
    first = post(client, "register", "import", file=file())
    assert first.status_code == 200
    assert "Dit kan niet ongedaan. Ben je zeker?" in first.text
    assert [step.name for step in look(town.office.root) if step.state == "now"] == ["register"]
    answer = ended(client, post(client, "register", "import", file=file(), sure="yes"))
    assert "20 " in answer
    assert town.office.manifest_file.read_bytes() == frozen


def test_a_frozen_definition_is_not_changed_by_the_page(official: Opened, town: Rehearsal) -> None:
    town.keys()
    town.define(demo_draft(20, 1, floor=1, batch_tokens=1))
    before = town.office.draft.read_bytes() if town.office.draft.exists() else None
    headers = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
    client = official(town.office.root)
    answer = client.post("/nl/draft", data={"text": "x = 1"}, base_url=f"http://{HOST}", headers=headers)
    assert answer.status_code == 400
    assert "frozen" in answer.text
    assert (town.office.draft.read_bytes() if town.office.draft.exists() else None) == before


def test_what_is_typed_is_never_an_option_of_the_command(
    official: Opened, town: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMBUS_CLOCK", "2019-10-15T09:00:00+02:00")
    town.keys()
    town.define(demo_draft(20, 1, floor=1, batch_tokens=1))
    town.ceremony()
    register = town.office.root.parent / "register.csv"
    write_register(register, 20, date(2019, 10, 14), 1)
    town.import_roll(register)
    town.credentials()
    town.open()
    town.office.dispose()
    client = official(town.office.root)
    answer = post(client, "voting", "find", words="--help", officer="an")
    assert answer.status_code == 400
    assert "cannot begin with a dash" in answer.text


def test_a_command_that_refuses_says_why_on_the_page(official: Opened, town: Rehearsal) -> None:
    town.keys()
    town.define(demo_draft(20, 1, floor=1, batch_tokens=1))
    town.ceremony()
    town.office.dispose()
    client = official(town.office.root)
    page = ended(client, post(client, "register", "preview", file=(io.BytesIO(b"no;register\n1;2\n"), "x.csv")))
    assert "stembus: error:" in page
    assert "Traceback" not in page


def test_a_cancel_is_offered_until_the_count_and_says_why_in_each_language(
    official: Opened, town: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMBUS_CLOCK", "2019-10-10T09:00:00+02:00")
    town.keys()
    town.define(demo_draft(20, 1, floor=1, batch_tokens=1))
    town.office.dispose()
    client = official(town.office.root)
    assert "cancel" in offered(shown(client))
    reasons = {f"text-{code}": f"because, in {code}" for code in town.office.manifest.languages}
    unsure = post(client, "ceremony", "cancel", **reasons)
    assert all(reason in unsure.text for reason in reasons.values())
    assert "Gedaan." in ended(client, post(client, "ceremony", "cancel", sure="yes", **reasons))
    page = shown(client)
    assert "cancel" not in offered(page)
    assert {"purge", "archive"} <= offered(page)
