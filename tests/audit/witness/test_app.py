"""What a witness answers over HTTP, status by status, as C2SP tlog-witness demands."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from stembus.audit.clock import SimulatedClock
from stembus.audit.log.note import Checkpoint, cosignatures, parse_checkpoint, sign_checkpoint
from stembus.audit.witness.app import WitnessApp
from stembus.audit.witness.requests import REQUEST_BYTES, AddCheckpoint, parse_add_checkpoint, parse_signature_lines
from tests.audit.witness.builders import LOG, NAME, ORIGIN, OWN, START, Answered, ask, following, proof, tree

ENTRIES = [b"a", b"b", b"c", b"d", b"e"]
PATH = "/" + hashlib.sha256(ORIGIN.encode()).hexdigest() + "/checkpoint"


@pytest.fixture
def app(tmp_path: Path) -> WitnessApp:
    return WitnessApp(following(tmp_path))


def add(app: WitnessApp, checkpoint: Checkpoint, old: int = 0, path: list[bytes] | None = None) -> Answered:
    return ask(app, "POST", "/add-checkpoint", AddCheckpoint(checkpoint, old, tuple(path or [])).to_bytes())


def test_a_log_that_grows_is_cosigned_from_size_to_size(app: WitnessApp) -> None:
    assert add(app, tree(*ENTRIES[:2])).status == 200
    answer = add(app, tree(*ENTRIES), 2, proof(2, ENTRIES))
    assert answer.status == 200
    (line,) = parse_signature_lines(answer.body)
    signed = Checkpoint(ORIGIN, 5, tree(*ENTRIES).root, (line,))
    valid, problems = cosignatures(signed, [(NAME, OWN.public)])
    assert (problems, [(one.witness, one.time) for one in valid]) == ([], [(NAME, START)])


def test_another_old_size_is_answered_with_the_right_one(app: WitnessApp) -> None:
    add(app, tree(*ENTRIES[:2]))
    for old in (0, 1, 3, 5):
        answer = add(app, tree(*ENTRIES), old)
        assert (answer.status, answer.body) == (409, b"2\n"), old
        assert answer.headers["Content-Type"] == "text/x.tlog.size"


def test_each_refusal_has_its_status(app: WitnessApp) -> None:
    add(app, tree(*ENTRIES[:2]))
    other = sign_checkpoint("other.example.org", 1, bytes(32), LOG)
    stranger = sign_checkpoint(ORIGIN, 5, tree(*ENTRIES).root, OWN)
    forked = [b"a", b"x", *ENTRIES[2:]]
    assert add(app, other).status == 404
    assert add(app, stranger, 2, proof(2, ENTRIES)).status == 403
    assert add(app, tree(b"a"), 2).status == 400
    assert add(app, tree(*forked), 2, proof(2, forked)).status == 422
    assert add(app, tree(*forked[:2]), 2).status == 422
    assert add(app, tree(*ENTRIES), 2).status == 422
    assert add(app, tree(*ENTRIES[:2]), 2).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b"old 0\n", b"old 00\n\n", b"old -1\n\n", b"old \n\n", b"OLD 0\n\n", b"old 0 \n\n", b"old 0\n\nno note",
        b"old 1\nAAAA\n\n", b"old 1\nnot base64!\n\n", b"\xff\n\n", b"old 0\r\n\r\n",
        b"old 1\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n",
        b"old 1\n" + base64.b64encode(bytes(32)).rstrip(b"=") + b"\n\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_named(app: WitnessApp, body: bytes) -> None:
    answer = ask(app, "POST", "/add-checkpoint", body + (tree(b"a").to_bytes() if body.endswith(b"\n\n") else b""))
    assert answer.status == 400, answer.body
    assert answer.body.count(b"\n") == 1


def test_a_request_is_as_long_as_it_says_and_within_its_bound(app: WitnessApp) -> None:
    for length, status in (
        ("", 400),
        ("-1", 400),
        ("x", 400),
        ("²", 400),
        (str(REQUEST_BYTES + 1), 413),
        ("9" * 30, 413),
    ):
        assert ask(app, "POST", "/add-checkpoint", b"", CONTENT_LENGTH=length).status == status, length
    whole = AddCheckpoint(tree(b"a"), 0, ()).to_bytes()
    assert ask(app, "POST", "/add-checkpoint", whole + b"more", CONTENT_LENGTH=str(len(whole))).status == 200


def test_the_checkpoint_that_was_cosigned_last_can_be_read(app: WitnessApp) -> None:
    assert ask(app, "GET", PATH).status == 404
    add(app, tree(*ENTRIES[:2]))
    line = parse_signature_lines(add(app, tree(*ENTRIES), 2, proof(2, ENTRIES)).body)[0]
    head = parse_checkpoint(ask(app, "GET", PATH).body)
    assert head == Checkpoint(ORIGIN, 5, tree(*ENTRIES).root, (*tree(*ENTRIES).signatures, line))
    assert ask(app, "HEAD", PATH).body == b""
    assert ask(app, "GET", "/" + "0" * 64 + "/checkpoint").status == 404


def test_people_see_whose_witness_this_is(app: WitnessApp) -> None:
    page = ask(app, "GET", "/").body.decode()
    assert NAME in page
    assert f"{NAME}+" in page


def test_a_signature_of_a_name_that_no_manifest_has_is_passed_over(app: WitnessApp) -> None:
    body = AddCheckpoint(tree(b"a"), 0, ()).to_bytes()
    strangers = [f"— {name} {'A' * 96}\n" for name in ("wítness.example/w", "w" * 300, "w\u00a0w")]
    assert ask(app, "POST", "/add-checkpoint", body + "".join(strangers).encode()).status == 200
    assert ask(app, "POST", "/add-checkpoint", body + b"no signature\n").status == 400
    answer = "".join(strangers).encode() + ask(app, "POST", "/add-checkpoint", body.replace(b"old 0", b"old 1")).body
    assert [line.name for line in parse_signature_lines(answer)] == [NAME]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/add-checkpoint", 405), ("PUT", "/add-checkpoint", 405), ("POST", "/", 405), ("POST", PATH, 405),
        ("GET", "/logs", 404), ("POST", "/elsewhere", 404), ("GET", PATH + "/", 404), ("GET", "/../x/checkpoint", 404),
        ("GET", PATH.upper(), 404),
    ],
)  # fmt: skip
def test_there_is_nothing_else(app: WitnessApp, method: str, path: str, status: int) -> None:
    assert ask(app, method, path).status == status


def test_a_file_that_is_damaged_is_told_to_its_owner_and_not_to_strangers(tmp_path: Path) -> None:
    witness = following(tmp_path)
    app = WitnessApp(witness)
    add(app, tree(b"a"))
    witness.logs.path(ORIGIN).write_text("damaged")
    for answer in (add(app, tree(b"a", b"b"), 1, proof(1, [b"a", b"b"])), ask(app, "GET", PATH)):
        assert answer.status == 503
        assert str(tmp_path) in answer.errors
        assert str(tmp_path).encode() not in answer.body


def test_a_full_disk_signs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    witness = following(tmp_path)
    app = WitnessApp(witness)
    add(app, tree(b"a"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(witness.logs, "write", full)
        answer = add(app, tree(b"a", b"b"), 1, proof(1, [b"a", b"b"]))
        assert answer.status == 503
        assert "No space left" in answer.errors
    assert witness.logs.read(ORIGIN).size == 1
    other = [b"a", b"c"]
    assert add(app, tree(*other), 1, proof(1, other)).status == 200, "nothing was signed, so another tree may follow"


def test_a_clock_that_was_set_back_is_told(tmp_path: Path) -> None:
    add(WitnessApp(following(tmp_path)), tree(b"a"))
    late = WitnessApp(following(tmp_path, SimulatedClock(START - 3600)))
    answer = add(late, tree(b"a", b"b"), 1, proof(1, [b"a", b"b"]))
    assert answer.status == 503
    assert b"set back" in answer.body


def test_the_example_of_the_specification_is_read() -> None:
    """C2SP tlog-witness, add-checkpoint: the request of its text, whose log nobody here follows."""
    text = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""  # noqa: E501
    request = parse_add_checkpoint(text.encode())
    assert (request.old_size, len(request.proof), request.checkpoint.size) == (20852014, 4, 20852163)
    assert request.to_bytes() == text.encode()
