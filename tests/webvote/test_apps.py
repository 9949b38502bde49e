"""Registrar, box and pages without a browser: headers, origins, refusals, silence."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient

from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.issuance.token import Acknowledgement, make_acknowledgement, make_request, new_pass, take_answer
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.scripts.rehearsal.referendum import Rehearsal
from stembus.webvote.box_app import create_box_app
from stembus.webvote.registrar_app import create_registrar_app
from stembus.webvote.site.app import create_site_app
from stembus.webvote.site.log_summary import SummaryReader
from stembus.webvote.theme import plain_theme
from tests.conftest import Finished


@dataclass
class Front:
    rehearsal: Rehearsal
    registrar: FlaskClient
    box: FlaskClient
    site: FlaskClient
    letters: list[tuple[str, str]]

    @property
    def origin(self) -> str:
        return self.rehearsal.office.manifest.client.url


@pytest.fixture
def front(opened: Finished, tmp_path: Path) -> Front:
    rehearsal = opened.rehearsal(tmp_path / "front")
    office = rehearsal.office
    rehearsal.clock.move_to(office.manifest.opens_at)
    apps = (
        create_registrar_app(office.registrar(), office.manifest),
        create_box_app(office.box, office.manifest, office.log(), office.device_tests),
        create_site_app(office.public, plain_theme("056 11 22 33")),
    )
    return Front(rehearsal, *(app.test_client() for app in apps), letters=list(opened.letters))


def ask(front: Front, code: str, factor: str, path: str = "/token", **headers: str):  # type: ignore[no-untyped-def]
    context = front.rehearsal.office.box.context
    voting_pass = new_pass(context)
    credential = credential_key(parse_code(code), front.rehearsal.office.referendum)
    request = make_request(voting_pass, 1, credential, factor)
    wire = {
        "credential": request.credential.hex(),
        "blinded": request.blinded.hex(),
        "signature": request.signature.hex(),
        "factor": request.factor,
    }
    return voting_pass, front.registrar.post(path, json=wire, headers=headers)


def test_a_token_and_a_ballot_go_over_the_wire(front: Front) -> None:
    context = front.rehearsal.office.box.context
    voting_pass, answer = ask(front, *front.letters[0], Origin=front.origin)
    assert answer.status_code == 200
    voting_pass = take_answer(context, voting_pass, 1, bytes.fromhex(answer.json["signature"]))
    raw = sign_ballot(context, voting_pass, prepare(context, voting_pass, [[1]]), 0)
    longer = front.box.post("/cast", data=raw + b"garbage", headers={"Origin": front.origin})
    assert (longer.status_code, front.rehearsal.office.box.accepted()) == (422, 0)
    first, again = (front.box.post("/cast", data=raw, headers={"Origin": front.origin}) for _ in range(2))
    assert first.status_code == 200
    assert first.data == again.data
    other = sign_ballot(context, voting_pass, prepare(context, voting_pass, [[0]]), 0)
    refused = front.box.post("/cast", data=other)
    assert (refused.status_code, refused.json["error"], refused.json["next"]) == (409, "out-of-turn", 1)


def test_a_letter_is_checked_without_a_token(front: Front) -> None:
    code, born = front.letters[0]
    _, answer = ask(front, code, born, "/check", Origin=front.origin)
    assert (answer.status_code, answer.data) == (204, b"")
    _, answer = ask(front, code, "1901-01-01", "/check")
    assert (answer.json["error"], answer.json["left"]) == ("factor-wrong", 9)
    assert front.rehearsal.office.registrar().issued_count() == 0


def acknowledged(front: Front, said: Acknowledgement, **others: bytes) -> tuple[int, bytes]:
    """Status and body of the registrar's answer."""
    fields = {"credential": said.credential, "request": said.request_hash, "signature": said.signature}
    wire = {name: value.hex() for name, value in (fields | others).items()}
    answer = front.registrar.post("/acknowledge", json=wire, headers={"Origin": front.origin})
    return answer.status_code, answer.data


def test_a_used_token_is_acknowledged_over_the_wire(front: Front) -> None:
    code, born = front.letters[0]
    credential = credential_key(parse_code(code), front.rehearsal.office.referendum)
    voting_pass, _ = ask(front, code, born)
    said = make_acknowledgement(voting_pass, 1, credential)
    for _ in range(2):
        assert acknowledged(front, said) == (204, b"")
    elsewhere = make_acknowledgement(new_pass(front.rehearsal.office.box.context), 1, credential)
    status, body = acknowledged(front, elsewhere)
    assert (status, msgspec.json.decode(body)["error"]) == (409, "token-not-issued")


def test_whoever_has_no_letter_cannot_ask_whether_it_had_a_token(front: Front) -> None:
    voted, away = (credential_key(parse_code(code), front.rehearsal.office.referendum) for code, _ in front.letters[:2])
    voting_pass, _ = ask(front, *front.letters[0])
    said = make_acknowledgement(voting_pass, 1, voted)
    answers = {
        acknowledged(front, said, signature=bytes(64)),
        acknowledged(front, said, credential=away.public),
        acknowledged(front, said, credential=bytes(32)),
    }
    assert len(answers) == 1
    ((status, body),) = answers
    assert (status, msgspec.json.decode(body)["error"]) == (400, "request-invalid")


def test_acknowledging_uses_up_no_try_to_take_a_token(front: Front) -> None:
    code, born = front.letters[1]
    credential = credential_key(parse_code(code), front.rehearsal.office.referendum)
    said = make_acknowledgement(new_pass(front.rehearsal.office.box.context), 1, credential)
    statuses = [acknowledged(front, said)[0] for _ in range(25)]
    assert statuses[0] == 409
    assert statuses[-1] == 429
    assert ask(front, code, born)[1].status_code == 200


@pytest.mark.parametrize(
    ("service", "path"),
    [("registrar", "/check"), ("registrar", "/token"), ("registrar", "/acknowledge"), ("box", "/cast")],
)
def test_a_foreign_page_may_not_post(front: Front, service: str, path: str) -> None:
    client: FlaskClient = getattr(front, service)
    assert client.post(path, data=b"x", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post(path, data=b"x", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.options(path, headers={"Origin": front.origin}).status_code == 204


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 5000, b'{"credential":"x"}', b"\xff\xfe"])
def test_a_malformed_request_is_refused_by_name(front: Front, data: bytes) -> None:
    for path in ("/token", "/acknowledge"):
        answer = front.registrar.post(path, data=data)
        assert (answer.status_code, answer.json["error"]) == (400, "request-invalid")


def test_a_body_that_is_too_long_is_not_read(front: Front) -> None:
    assert front.registrar.post("/token", data=b"x" * 20_000).status_code == 413
    assert front.box.post("/cast", data=b"x" * 100_000).json["error"] == "too-large"


def test_a_letter_cannot_be_tried_faster_than_allowed_and_a_stranger_cannot_use_its_tries_up(front: Front) -> None:
    code, born = front.letters[1]
    credential = credential_key(parse_code(code), front.rehearsal.office.referendum)
    forged = {
        "credential": credential.public.hex(),
        "blinded": "11" * 384,
        "signature": "22" * 64,
        "factor": "1980-01-01",
    }
    for _ in range(40):
        assert front.registrar.post("/token", json=forged).status_code == 400
    _, answer = ask(front, code, born)
    assert answer.status_code == 200
    statuses = [ask(front, code, born, path)[1].status_code for _ in range(15) for path in ("/check", "/token")]
    assert statuses[0] == 409
    assert statuses[17] == 409
    assert statuses[-2:] == [429, 429]


PAGES = ["/nl/", "/en/vote", "/fr/check", "/nl/track", "/nl/letter", "/en/result", "/fr/accessibility", "/nl/nowhere"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_a_strict_policy_and_no_cookie(front: Front, path: str) -> None:
    answer = front.site.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "Set-Cookie" not in answer.headers
    text = answer.get_data(as_text=True)
    assert " style=" not in text
    assert " onclick=" not in text
    assert "https://" not in text.replace("https://vote.example.org", "")


def test_no_page_is_chosen_by_the_browsers_language(front: Front) -> None:
    answer = front.site.get("/", headers={"Accept-Language": "fr"})
    assert answer.headers["Location"] == "/nl/"


def test_a_translation_says_that_it_is_one(front: Front) -> None:
    assert "enkel" not in front.site.get("/nl/").get_data(as_text=True)
    assert "only the text in Dutch is valid" in front.site.get("/en/").get_data(as_text=True)


def test_a_rehearsal_is_marked_on_every_page(front: Front) -> None:
    for path in PAGES:
        assert 'class="rehearsal"' in front.site.get(path).get_data(as_text=True)


@pytest.mark.parametrize(
    "name",
    ["../manifest.json", "..%2fmanifest.json", "%2e%2e/referendum.id", "/etc/passwd", "..", "x" * 300, "a%00b", "tile"],
)
def test_only_the_published_folder_is_served(front: Front, name: str) -> None:
    assert front.site.get(f"/log/{name}").status_code in (308, 404)


def test_the_published_log_verifies_as_it_is_served(front: Front) -> None:
    with front.site.get("/log/checkpoint") as answer:
        assert answer.data == (front.rehearsal.office.public / "checkpoint").read_bytes()
        assert "immutable" not in answer.headers["Cache-Control"]


def test_before_the_tally_only_the_number_of_ballots_is_shown(front: Front) -> None:
    text = front.site.get("/en/result").get_data(as_text=True)
    assert "There is no result yet" in text
    assert "<rect" not in text


def test_after_the_tally_chart_and_table_show_the_counts(finished: Finished) -> None:
    client = create_site_app(finished.public).test_client()
    text = client.get("/en/result").get_data(as_text=True)
    assert "Rejected: no won." in text
    assert "<td>13</td>" in text
    assert "<td>7</td>" in text
    assert text.count("<rect") == 2


def test_the_bundle_is_downloaded_whole_and_verifies(finished: Finished, tmp_path: Path) -> None:
    from stembus.audit.log.zip_file import ZipPlace
    from stembus.audit.verify import verify

    client = create_site_app(finished.public).test_client()
    assert "/bundle.zip" in client.get("/nl/result").get_data(as_text=True)
    answer = client.get("/bundle.zip")
    file = tmp_path / "bundle.zip"
    file.write_bytes(answer.data)
    report = verify(ZipPlace(file), finished.referendum)
    assert report.exit_status == 0, report.faults
    assert client.get("/bundle.zip").data == answer.data


def test_signposts_name_the_batch_or_the_last_before_it(finished: Finished) -> None:
    client = create_site_app(finished.public).test_client()
    first, second = SummaryReader(finished.public).now().batches
    answers = [client.get(f"/batches/{number}").json for number in (0, 1, 2, 3, 999)]
    assert answers == [[], [list(first)], [list(second)], [list(second)], [list(second)]]
    assert client.get("/batches/-1").status_code == 404


def test_there_is_no_bundle_before_the_result(front: Front) -> None:
    assert front.site.get("/bundle.zip").status_code == 404
    assert "/bundle.zip" not in front.site.get("/nl/result").get_data(as_text=True)


def test_nothing_secret_is_written_to_any_log(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    code, born = front.letters[2]
    ask(front, code, "1901-01-01")
    ask(front, code, born)
    front.box.post("/cast", data=b"\x01" * 1365)
    written = caplog.text
    credential = credential_key(parse_code(code), front.rehearsal.office.referendum).public.hex()
    for secret in (code, born, credential, "127.0.0.1"):
        assert secret not in written
