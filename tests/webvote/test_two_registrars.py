"""Two registrars of two organisations: the second holds credentials alone, and nobody votes twice or not at all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from stembus.audit.formats.entry_bodies import Replace
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.eligibility.credential_authority import spare_keys
from stembus.ballot.errors import (
    Closed,
    FactorWrong,
    LetterStruck,
    RequestInvalid,
    RollInvalid,
    SecretFileError,
    TokenAlreadyIssued,
)
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.issuance import co_registrar
from stembus.ballot.issuance.co_registrar import (
    DeskKey,
    Done,
    OwnLetters,
    RemoteCoRegistrar,
    ask_strike,
    parse_replacement,
    parse_strike,
)
from stembus.ballot.issuance.token import make_request, new_pass
from stembus.ballot.office.co_registrars import demand_registrars, desk_key
from stembus.ballot.office.office import NotReady
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.voter.remote import RemoteRegistrar
from stembus.crypto.signing import SigningKey
from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.referendum import PASSPHRASE
from stembus.scripts.report_text import print_report
from tests.webvote.two_registrars import TwoRegistrars, two_registrars

BEFORE = "2019-10-10T09:00:00+02:00"
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("STEMBUS_PASSPHRASE", "rehearsal")
    monkeypatch.setenv("STEMBUS_CLOCK", BEFORE)

    def call(*arguments: object, status: int = 0) -> str:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == status, (arguments, result.output, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.output

    return call


@pytest.fixture
def two(tmp_path: Path, run: Run) -> Iterator[TwoRegistrars]:
    yield from two_registrars(tmp_path, run)


def state(two: TwoRegistrars, voter: int) -> tuple[str, str]:
    """Of the letter at the first registrar, and at the second."""
    second = two.second.letters(2)
    return (
        two.office.letters().standing(two.numbers[voter]).state,
        second.standing(second.number_of(two.key(voter).public)).state,
    )


def finish(two: TwoRegistrars, paper: int = 0) -> str:
    """Closed, counted and verified: the report as people read it."""
    two.rehearsal.close()
    if paper:
        two.rehearsal.paper(paper, [[paper, 0]])
    two.rehearsal.tally()
    report = verify(FolderPlace(two.office.public), two.office.referendum)
    assert (report.exit_status, report.faults) == (0, [])
    with redirect_stdout(StringIO()) as printed:
        print_report(report, "")
    return printed.getvalue()


def test_a_referendum_with_a_second_registrar_elsewhere_is_counted_and_verifies(two: TwoRegistrars) -> None:
    for voter in range(6):
        two.vote(voter, voter % 2)
    assert not (two.office.root / "registrar-2").exists()
    two.office.strike(two.numbers[10])
    assert state(two, 10) == ("struck", "struck")
    report = finish(two, paper=1)
    assert "6 / 6 issued, 6 used" in report
    assert "6 devices acknowledged theirs" in report
    assert "1 struck for paper" in report
    assert "part of a token" not in report


def test_the_second_registrar_knows_no_number_and_no_second_factor(two: TwoRegistrars) -> None:
    two.vote(0, 1)
    with two.second._database("registrar-2").connect() as db:
        rows = db.execute(text("SELECT * FROM voter")).mappings().all()
    assert {row["factor"] for row in rows} == {""}
    assert {row["number"] for row in rows} == {bytes(row["credential"]).hex() for row in rows}
    assert not set(two.numbers) & {row["number"] for row in rows}
    assert not (two.second.root / "registrar-1").exists()


def test_with_a_registrar_away_nothing_is_used_up(two: TwoRegistrars) -> None:
    with two.away(), pytest.raises(ServiceUnreachable):
        two.vote(0, 1)
    assert state(two, 0) == ("ready", "ready")
    assert two.office.letters().standing(two.numbers[0]).tries_left == 10
    two.vote(0, 1)
    assert state(two, 0) == ("issued", "issued")


def test_a_wrong_second_factor_reaches_no_other_registrar(two: TwoRegistrars) -> None:
    code, born = two.letters[0]
    two.letters[0] = (code, "1900-01-01")
    with pytest.raises(FactorWrong):
        two.vote(0, 1)
    assert state(two, 0) == ("ready", "ready")
    two.letters[0] = (code, born)
    two.vote(0, 1)


def test_a_letter_without_its_second_factor_is_of_no_use_at_the_second_registrar(two: TwoRegistrars) -> None:
    """Somebody who found the letter could otherwise use up the voter's one signature there."""
    remote = RemoteRegistrar(two.second.manifest.registrars[1].url)
    request = make_request(new_pass(two.office.context()), 2, two.key(0), "1900-01-01")
    assert request.factor == ""
    first = make_request(new_pass(two.office.context()), 1, two.key(1), two.letters[1][1])
    (other,) = two.office.registrar().check(first, [request.request_hash])
    for voucher in (b"", bytes(64), other):
        with pytest.raises(RequestInvalid, match="vouch"):
            remote.issue(replace(request, voucher=voucher))
    assert state(two, 0) == ("ready", "ready")


def test_a_voucher_is_for_one_request_of_one_letter_at_one_registrar(two: TwoRegistrars) -> None:
    first = make_request(new_pass(two.office.context()), 1, two.key(0), two.letters[0][1])
    request = make_request(new_pass(two.office.context()), 2, two.key(0), "")
    (voucher,) = two.office.registrar().check(first, [request.request_hash])
    remote = RemoteRegistrar(two.second.manifest.registrars[1].url)
    another = make_request(new_pass(two.office.context()), 2, two.key(0), "")
    with pytest.raises(RequestInvalid, match="vouch"):
        remote.check(replace(another, voucher=voucher))
    remote.check(replace(request, voucher=voucher))
    assert state(two, 0) == ("ready", "ready")
    assert len(remote.issue(replace(request, voucher=voucher))) == 384
    assert len(remote.issue(request)) == 384, "the same request is answered at any time"


def test_registrars_are_vouched_for_all_together_or_not_at_all(two: TwoRegistrars) -> None:
    first = make_request(new_pass(two.office.context()), 1, two.key(0), two.letters[0][1])
    for others in ([bytes(32)] * 2, [bytes(32)] * 7):
        with pytest.raises(RequestInvalid, match="1 registrars"):
            two.office.registrar().check(first, others)
    with pytest.raises(RequestInvalid, match="0 registrars"):
        two.second.registrar(2).check(first, [bytes(32)])


def half(two: TwoRegistrars, voter: int, registrar: int) -> None:
    """A device that stops after the signature of one registrar."""
    voting_pass = new_pass(two.office.context())
    credential, factor = two.key(voter), two.letters[voter][1]
    requests = {k: make_request(voting_pass, k, credential, factor) for k in (1, 2)}
    (voucher,) = two.office.registrar().check(requests[1], [requests[2].request_hash])
    (two.office.registrar(1) if registrar == 1 else two.second.registrar(2)).issue(
        replace(requests[registrar], voucher=voucher if registrar == 2 else b"")
    )


def test_who_has_only_the_second_signature_can_vote_on_paper_and_the_report_says_so(two: TwoRegistrars) -> None:
    for voter in range(5):
        two.vote(voter, 1)
    half(two, 8, registrar=2)
    two.office.strike(two.numbers[8])
    assert state(two, 8) == ("struck", "issued")
    report = finish(two, paper=1)
    assert "5 / 6 issued" in report
    assert "1 of them had a part of a token: that it was no more is registrar 1's word" in report


def test_two_voters_who_share_a_token_have_no_more_votes_than_two(two: TwoRegistrars) -> None:
    """One asks the first registrar alone, the other the second alone; both then ask for paper."""
    two.vote(0, 1)
    half(two, 8, registrar=1)
    half(two, 9, registrar=2)
    with pytest.raises(TokenAlreadyIssued):
        two.office.strike(two.numbers[8])
    assert state(two, 8) == ("issued", "ready"), "nothing was changed anywhere"
    two.office.strike(two.numbers[9])
    finish(two, paper=1)


def test_nobody_is_struck_while_the_second_registrar_is_away_and_the_same_step_does_it_later(
    two: TwoRegistrars,
) -> None:
    with two.away(), pytest.raises(ServiceUnreachable):
        two.office.strike(two.numbers[3])
    assert state(two, 3) == ("ready", "ready")
    two.office.strike(two.numbers[3])
    two.office.strike(two.numbers[3])
    assert state(two, 3) == ("struck", "struck")
    with pytest.raises(LetterStruck):
        two.vote(3, 1)


def test_who_was_struck_at_the_second_registrar_gets_no_signature_of_the_first(
    two: TwoRegistrars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk's machine stopped half-way: the voter is told before the first is asked, and the same step goes on."""
    own = two.office.letters()

    def stops(_: str) -> bytes:
        raise OSError("power")

    monkeypatch.setattr(own, "strike", stops)
    monkeypatch.setattr(two.office, "letters", lambda: own)
    with pytest.raises(OSError, match="power"):
        two.office.strike(two.numbers[4])
    monkeypatch.undo()
    assert state(two, 4) == ("ready", "struck")
    with pytest.raises(LetterStruck):
        two.vote(4, 1)
    assert state(two, 4) == ("ready", "struck")
    two.office.strike(two.numbers[4])
    assert state(two, 4) == ("struck", "struck")


def test_who_is_half_replaced_is_not_struck_before_the_replacement_is_finished(
    two: TwoRegistrars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second registrar took the spare letter and the first did not: each would strike another letter."""
    office, number = two.office, two.numbers[5]
    spare = next(iter(spare_keys(office.folder("authority")).values()))
    own = office.letters()

    def stops(*_: object) -> bytes:
        raise OSError("power")

    monkeypatch.setattr(own, "replace", stops)
    monkeypatch.setattr(office, "letters", lambda: own)
    with pytest.raises(OSError, match="power"):
        office.replace(number, spare)
    monkeypatch.undo()
    with pytest.raises(LetterStruck, match="finish that first"):
        office.strike(number)
    assert office.letters().standing(number).state == "ready"
    office.log().append([office.officers_sign(office.replace(number, spare))])
    office.strike(number)
    two.vote(6, 1)
    finish(two, paper=1)


def test_another_page_at_the_second_registrars_address_passes_for_no_answer(
    two: TwoRegistrars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that says that the site is being repaired, or the answer to another request."""
    number, spare = two.numbers[5], next(iter(spare_keys(two.office.folder("authority")).values()))
    registrar = two.second.registrar(2)
    answers = [b"<!doctype html>", b"", b"{}", Done(bytes(64).hex()), Done(registrar.confirm(b"another").hex())]
    for answer in answers:
        data = answer if isinstance(answer, bytes) else msgspec.json.encode(answer)
        monkeypatch.setattr(co_registrar, "post", lambda *_, data=data: data)
        with pytest.raises(ServiceUnreachable):
            two.office.strike(number)
        with pytest.raises(ServiceUnreachable):
            two.office.replace(number, spare)
    monkeypatch.undo()
    assert state(two, 5) == ("ready", "ready")
    two.office.strike(number)
    assert state(two, 5) == ("struck", "struck")


def test_voting_is_not_opened_while_a_registrar_does_not_answer(two: TwoRegistrars) -> None:
    demand_registrars(two.office)
    with two.away(), pytest.raises(NotReady, match="registrar 2 cannot give tokens yet"):
        demand_registrars(two.office)


def test_a_replaced_letter_is_replaced_at_the_second_registrar_first(two: TwoRegistrars) -> None:
    office, spares = two.office, spare_keys(two.office.folder("authority"))
    label, spare = next(iter(spares.items()))
    with two.away(), pytest.raises(ServiceUnreachable):
        office.replace(two.numbers[5], spare)
    assert office.letters().standing(two.numbers[5]).state == "ready"
    struck = two.key(5).public
    for _ in range(2):
        body = office.replace(two.numbers[5], spare)
        assert body == Replace(struck=struck.hex(), replacement=spare.hex())
    office.log().append([office.officers_sign(body)])
    second = two.second.letters(2)
    assert second.credential(struck.hex()) == spare
    with pytest.raises(LetterStruck):
        two.vote(5, 1)
    two.vote(6, 1)
    assert label
    finish(two)


def test_a_letter_that_the_second_registrar_signed_for_is_not_replaced_anywhere(two: TwoRegistrars) -> None:
    half(two, 7, registrar=2)
    spare = next(iter(spare_keys(two.office.folder("authority")).values()))
    with pytest.raises(TokenAlreadyIssued):
        two.office.replace(two.numbers[7], spare)
    assert state(two, 7) == ("ready", "issued")


def test_only_a_help_desk_that_registrar_1_allows_strikes(two: TwoRegistrars) -> None:
    manifest, referendum = two.office.manifest, two.office.referendum
    credential, key = two.key(0).public, desk_key(two.office)
    good = ask_strike(referendum, 2, credential, key)
    assert parse_strike(good, manifest, referendum, 2) == credential
    stranger = SigningKey.generate()
    for data, registrar in (
        (good, 3),
        (good[:-3], 2),
        (b"\xff", 2),
        (b"[" * 100_000, 2),
        (ask_strike(bytes(32), 2, credential, key), 2),
        (ask_strike(referendum, 2, credential, DeskKey(stranger, key.allowed)), 2),
        (ask_strike(referendum, 2, credential, DeskKey(key.key, stranger.sign(referendum))), 2),
        (good.replace(credential.hex().encode(), two.key(1).public.hex().encode()), 2),
    ):
        with pytest.raises(RequestInvalid, match="registrar 1 allows"):
            parse_strike(data, manifest, referendum, registrar)
    remote = RemoteCoRegistrar(manifest, referendum, 2, lambda: DeskKey(stranger, key.allowed))
    with pytest.raises(RequestInvalid, match="registrar 1 allows"):
        remote.strike(credential)
    assert state(two, 0) == ("ready", "ready")


def test_a_help_desk_in_a_folder_of_its_own_strikes_once_registrar_1_allows_it(
    two: TwoRegistrars, run: Run, tmp_path: Path
) -> None:
    apart = tmp_path / "desk"
    (apart / "registrar-1").mkdir(parents=True)
    shutil.copy(two.office.manifest_file, apart)
    shutil.copy(two.office.root / "registrar-1" / "database", apart / "registrar-1")
    first = two.office.folder("registrar-1")
    (apart / "settings.toml").write_text(
        f'registrar_1_database = "sqlite:///{first}/registrar.db"\nregistrar_1_record = "{first}/issuance.record"\n'
    )
    (apart / "settings.toml").chmod(0o600)
    told = run("services", "create", apart, "--desk")
    found = re.search(r"desk allow DIR ([0-9a-f]{64}) > (\S+)", told)
    assert found is not None
    desk = ServedOffice(apart, lambda _: PASSPHRASE, two.rehearsal.clock)
    with pytest.raises(SecretFileError, match="stembus desk allow"):
        desk.strike(two.numbers[0])
    assert state(two, 0) == ("ready", "ready")
    assert "registrar 1 has not allowed this help desk" in run("doctor", apart, status=1)
    run("desk", "allow", two.office.root, "not a key", status=1)
    Path(found[2]).write_text(run("desk", "allow", two.office.root, found[1]))
    assert "registrar 1 allows this help desk" in CliRunner().invoke(main, ["doctor", str(apart)]).output
    desk.strike(two.numbers[0])
    assert state(two, 0) == ("struck", "struck")
    desk.dispose()


def test_only_two_officers_replace_a_letter(two: TwoRegistrars) -> None:
    office, spare = two.office, next(iter(spare_keys(two.office.folder("authority")).values()))
    body = Replace(struck=two.key(0).public.hex(), replacement=spare.hex())
    assert parse_replacement(office.officers_sign(body), office.manifest, office.referendum)[1] == spare
    one = office.officers_sign(body, 1)
    for entry in (one, b"{}", b"\xff", office.officers_sign(body).replace(b"officer/2", b"officer/3")):
        with pytest.raises(RequestInvalid, match="two officers"):
            parse_replacement(entry, office.manifest, office.referendum)
    remote = RemoteCoRegistrar(office.manifest, office.referendum, 2, lambda: desk_key(office))
    with pytest.raises(RequestInvalid, match="two officers"):
        remote.replace(one)
    letters = OwnLetters(two.second.letters(2), office.manifest, office.referendum)
    letters.replace(office.officers_sign(body))
    other = list(spare_keys(office.folder("authority")).values())[-1]
    if other != spare:
        with pytest.raises(LetterStruck, match="another spare"):
            letters.replace(office.officers_sign(Replace(struck=body.struck, replacement=other.hex())))


def test_nobody_is_struck_anywhere_once_the_voting_is_over(two: TwoRegistrars) -> None:
    two.rehearsal.clock.move_to(two.office.manifest.closes_at)
    with pytest.raises(Closed):
        two.office.strike(two.numbers[0])
    assert state(two, 0) == ("ready", "ready")


def test_the_second_registrar_takes_letters_once_and_never_after_the_opening(two: TwoRegistrars, run: Run) -> None:
    assert "already done" in run("registrar", "enrol", two.second.root, "--log", two.office.public)
    run("registrar", "enrol", two.office.root, "--log", two.office.public, status=1)
    two.second.dispose()
    (two.second.root / "registrar-2" / "registrar.db").unlink()
    assert "no registrar 3" in run("registrar", "recover", two.second.root, "--number", 3, status=1)
    said = run("registrar", "recover", two.second.root)  # the number is that of the key which lies there
    assert "letters of the database were brought up" in said or "say the same" in said
    assert "help desk" not in said


def test_the_roll_of_another_log_is_not_taken(two: TwoRegistrars, run: Run, tmp_path: Path) -> None:
    output = run("registrar", "enrol", two.second.root, "--log", tmp_path, status=1)
    assert "Traceback" not in output


def test_without_its_roll_a_registrar_says_where_it_comes_from(two: TwoRegistrars) -> None:
    roll = two.second.root / "registrar-2" / "roll"
    (roll / "credentials").unlink()
    with pytest.raises(RollInvalid, match="stembus registrar enrol"):
        two.second.enrolment(2)


def test_after_the_loss_of_everything_nobody_is_advised_to_call_an_empty_database_the_newest(
    two: TwoRegistrars, run: Run
) -> None:
    two.vote(0, 1)
    two.second.dispose()
    (two.second.root / "registrar-2" / "registrar.db").unlink()
    record = two.second.databases.record_path(2)
    record.unlink()
    run("registrar", "recover", two.second.root, status=1)
    other = two.office.databases.record_path(1)
    said = run("registrar", "recover", two.second.root, "--other", other)
    assert "1 letters may have had a token that nobody knows of" in said
    assert "no-token-since" not in said
