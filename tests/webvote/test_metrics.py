"""A number that moved with a token or a cast would tell its time. None does, and none counts an option."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stembus.audit.formats.entry_bodies import Incident
from stembus.webvote.site.app import create_site_app
from tests.conftest import Finished
from tests.webvote.conftest import Served, make_apps

ALWAYS = {"stembus_ready", "stembus_opens_timestamp_seconds", "stembus_closes_timestamp_seconds"}
OF_LOG = {
    "stembus_log_entries",
    "stembus_log_batches",
    "stembus_log_ballots",
    "stembus_log_phase",
    "stembus_log_head_timestamp_seconds",
}
NAMES = {"registrar": ALWAYS, "site": ALWAYS | OF_LOG, "box": ALWAYS | OF_LOG | {"stembus_log_head_waits"}}


def samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield " ".join([sample.name, *sample.labels.values()]), sample.value


def numbers(served: Served, name: str) -> dict[str, float]:
    status, text = served.get(name, "/metrics")
    assert status == 200
    return dict(samples(text))


def note_incident(served: Served) -> None:
    """An entry that no voter caused."""
    office = served.poll.office
    office.log().append([office.officers_sign(Incident(1, {"nl": "Iets.", "fr": "Rien.", "en": "Something."}))])


@pytest.mark.parametrize("name", NAMES)
def test_only_these_numbers_are_told_and_none_of_the_process(served: Served, name: str) -> None:
    answer = served.client(name).get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    text = answer.get_data(as_text=True)
    assert {family.name for family in text_string_to_metric_families(text)} == NAMES[name]
    assert {family.type for family in text_string_to_metric_families(text)} == {"gauge"}


def test_the_desk_has_no_metrics(served: Served) -> None:
    assert served.client("desk").get("/metrics", follow_redirects=True).status_code == 404


def test_no_number_moves_with_a_token_or_a_cast_but_with_the_batch(served: Served) -> None:
    poll = served.poll
    before = {name: served.get(name, "/metrics") for name in NAMES}
    for voter in range(3):
        voting_pass, request = poll.ask(voter)
        wire = {
            "credential": request.credential.hex(),
            "blinded": request.blinded.hex(),
            "signature": request.signature.hex(),
            "factor": request.factor,
        }
        wrong = served.client("registrar").post("/token", json={**wire, "factor": "1901-01-01"})
        assert wrong.status_code == 403
        answer = served.client("registrar").post("/token", json=wire)
        assert answer.status_code == 200
        assert {name: served.get(name, "/metrics") for name in NAMES} == before
        whole = poll.take(voting_pass, bytes.fromhex(answer.json["signature"]))
        assert served.client("box").post("/cast", data=poll.ballot(whole)).status_code == 200
        assert {name: served.get(name, "/metrics") for name in NAMES} == before
        assert served.get("site", "/en/vote")[0] == 200
        assert {name: served.get(name, "/metrics") for name in NAMES} == before
    poll.wait(600)
    assert {name: served.get(name, "/metrics") for name in NAMES} == before
    assert poll.rehearsal.seal() == 1
    for name in ("box", "site"):
        assert numbers(served, name)["stembus_log_ballots"] == 3
        assert numbers(served, name)["stembus_log_batches"] == 1
    assert served.get("registrar", "/metrics") == before["registrar"]


def test_every_worker_tells_the_same(served: Served) -> None:
    poll = served.poll
    other = make_apps(poll.reopen().office)
    for voter in range(3):
        poll.rehearsal.cast(poll.token(voter), [[1]])
    poll.wait(600)
    assert poll.rehearsal.seal() == 1
    for name in NAMES:
        answer = other[name].test_client().get("/metrics")
        assert served.get(name, "/metrics") == (200, answer.get_data(as_text=True))


def test_the_heads_time_is_its_hour(served: Served) -> None:
    poll = served.poll
    poll.wait(3599)
    note_incident(served)
    head = poll.office.log().time_at(poll.office.log().size)
    assert head is not None
    assert head % 3600
    for name in ("box", "site"):
        assert numbers(served, name)["stembus_log_head_timestamp_seconds"] == head // 3600 * 3600


def test_the_phase_is_one_of_six(served: Served) -> None:
    for name in ("box", "site"):
        phases = {key: value for key, value in numbers(served, name).items() if "phase" in key}
        assert [key for key, value in phases.items() if value] == ["stembus_log_phase open"]
        assert len(phases) == 6


def test_entries_that_wait_for_their_quorum_are_told_by_the_box(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert numbers(served, "box")["stembus_log_head_waits"] == 0
    monkeypatch.setattr("stembus.ballot.log_operator.log_writer.ask_witnesses", lambda *_: [])
    note_incident(served)
    assert numbers(served, "box")["stembus_log_head_waits"] == 1
    assert "stembus_log_head_waits" not in numbers(served, "site")


@pytest.mark.parametrize("name", ["box", "site"])
def test_of_a_log_that_cannot_be_read_no_number_is_told(served: Served, name: str) -> None:
    bring_back = served.hide_log()
    lost = numbers(served, name)
    assert lost["stembus_ready log"] == 0
    assert not [key for key in lost if key.startswith("stembus_log")]
    bring_back()
    assert numbers(served, name)["stembus_ready log"] == 1


def test_after_the_count_no_option_and_no_turnout_is_counted(finished: Finished) -> None:
    text = create_site_app(finished.public).test_client().get("/metrics").get_data(as_text=True)
    found = dict(samples(text))
    assert found.pop("stembus_log_ballots") == 21
    assert found["stembus_log_phase tallied"] == 1
    assert not {13, 7, 20} & set(found.values())
    assert not re.search("Ja|Nee|option|participant", text)
