"""Trustees: a ceremony that survives cheats, a tally that any two of three can give and no one alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import combinations
from pathlib import Path

import msgspec
import pytest

from stembus.audit.errors import OrderInvalid
from stembus.audit.formats.ceremony import latest_attempt
from stembus.audit.formats.entries import encode_entry, parse_entry, sign_entry
from stembus.audit.formats.entry_bodies import (
    Complaint,
    Incident,
    PaperResult,
    PartialDecryption,
    Reveal,
    Share,
    TallyIntent,
)
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import Report, Verdict, verify
from stembus.audit.verify.verified_log import LogNotVerified
from stembus.ballot.eligibility.credential_authority import spare_keys
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.errors import BallotRejected, EntryRefused
from stembus.ballot.issuance.token import make_request, new_pass, take_answer
from stembus.ballot.office.paper import paper_entries, paper_header
from stembus.ballot.voter.encrypt import Choice, ChoiceInvalid, sign_ballot
from stembus.ballot.voter.encrypt import prepare as prepare_ballot
from stembus.crypto.group import GENERATOR, ORDER, scalar_to_bytes
from stembus.crypto.sealed import seal_to
from stembus.crypto.threshold import evaluate
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.combine import make_result_body
from stembus.tally.errors import (
    DealerFaulty,
    LogNotTrusted,
    MustNotCount,
    OtherTreeAnnounced,
    StepDone,
    StepOutOfTurn,
    TallyError,
)
from stembus.tally.key_file import AttemptSecrets, TrusteeKey, parse_trustee_key
from stembus.tally.trustee import Trustee, make_election_key
from tests.conftest import Finished, prepare
from tests.log_view import read_log

CHOOSE = """[[questions]]
kind = "choose"
max_choices = 2
[questions.text]
nl = "Welke pleinen eerst?"
en = "Which squares first?"
fr = "Quelles places d'abord ?"
[[questions.options]]
text = { nl = "Grote Markt", en = "Main square", fr = "Grand-Place" }
[[questions.options]]
text = { nl = "Station", en = "Station", fr = "Gare" }
[[questions.options]]
text = { nl = "Veemarkt", en = "Cattle market", fr = "Marché au bétail" }

"""


@pytest.fixture(autouse=True)
def _close_databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every database that a rehearsal opened is closed at the end of its test."""
    opened: list[Rehearsal] = []
    start = Rehearsal.__init__

    def remembering(self: Rehearsal, *arguments: object, **options: object) -> None:
        opened.append(self)
        start(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Rehearsal, "__init__", remembering)
    yield
    for rehearsal in opened:
        rehearsal.office.dispose()


def checked(rehearsal: Rehearsal) -> Report:
    return verify(FolderPlace(rehearsal.office.public), rehearsal.office.referendum)


def append(rehearsal: Rehearsal, made: bytes | list[bytes]) -> None:
    rehearsal.office.log().append(made if isinstance(made, list) else [made])


def signed(rehearsal: Rehearsal, trustee: int, body: object) -> bytes:
    key = rehearsal.office.signing_key(f"trustee-{trustee}")
    signature = sign_entry(rehearsal.office.referendum, body, f"trustee/{trustee}", key)  # type: ignore[arg-type]
    return encode_entry(body, [signature])  # type: ignore[arg-type]


def vote(rehearsal: Rehearsal, letters: list[tuple[str, str]], choices: Sequence[Choice]) -> None:
    rehearsal.clock.move_to(rehearsal.office.manifest.opens_at)
    for (code, factor), choice in zip(letters, choices, strict=False):
        rehearsal.cast(rehearsal.token(code, factor), choice)


# The ceremony


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A referendum with three trustees, two of whom decrypt; the ceremony has not begun."""
    root = tmp_path_factory.mktemp("defined")
    rehearsal = Rehearsal(root)
    rehearsal.keys()
    rehearsal.define(demo_draft(10, 1, floor=1, batch_tokens=1))
    return root


@pytest.fixture
def fresh(defined: Path, tmp_path: Path) -> Rehearsal:
    shutil.copytree(defined, tmp_path / "copy")
    return Rehearsal(tmp_path / "copy")


def all_do(rehearsal: Rehearsal, step: Callable[[Trustee], bytes | list[bytes]], *numbers: int) -> None:
    for number in numbers or (1, 2, 3):
        append(rehearsal, step(rehearsal.trustee(number)))


def secrets(rehearsal: Rehearsal, trustee: int) -> TrusteeKey:
    return parse_trustee_key(rehearsal.office.secret(f"trustee-{trustee}"))


def attempt_secrets(rehearsal: Rehearsal, trustee: int, attempt: int = 1) -> AttemptSecrets:
    threshold = rehearsal.office.manifest.trustees.threshold
    return secrets(rehearsal, trustee).attempt(rehearsal.office.referendum, attempt, threshold, 3)


def deal(monkeypatch: pytest.MonkeyPatch, rehearsal: Rehearsal, trustee: int, polynomial: Sequence[int]) -> None:
    """From now on this trustee's program uses coefficients that its key file does not make."""
    honest, chosen = TrusteeKey.attempt, secrets(rehearsal, trustee).seed

    def attempt(key: TrusteeKey, *arguments: object) -> AttemptSecrets:
        own = honest(key, *arguments)  # type: ignore[arg-type]
        return replace(own, polynomial=tuple(polynomial)) if key.seed == chosen else own

    monkeypatch.setattr(TrusteeKey, "attempt", attempt)


def faulty_share(
    rehearsal: Rehearsal, dealer: int, receiver: int, sealed: Callable[[Sequence[int], bytes], bytes]
) -> None:
    """The dealer sends all its shares, that for `receiver` as `sealed(coefficients, receiving_key)` makes it."""
    entries = rehearsal.trustee(dealer).share()
    attempt = latest_attempt(e.body for _, _, e in read_log(FolderPlace(rehearsal.office.public)).entries())
    coefficients = attempt_secrets(rehearsal, dealer, attempt.number).polynomial
    for raw in entries:
        body = parse_entry(raw).body
        assert isinstance(body, Share)
        if body.receiver == receiver:
            key = bytes.fromhex(attempt.commits[receiver].receiving_keys[dealer - 1])
            bad = Share(attempt=body.attempt, sender=dealer, receiver=receiver, sealed=sealed(coefficients, key).hex())
            raw = signed(rehearsal, dealer, bad)
        append(rehearsal, raw)


def wrong_value(coefficients: Sequence[int], key: bytes) -> bytes:
    return seal_to(key, scalar_to_bytes(12345))


def unreadable(coefficients: Sequence[int], key: bytes) -> bytes:
    return b"\x07" * 80


def above_the_order(coefficients: Sequence[int], key: bytes) -> bytes:
    return seal_to(key, b"\xff" * 32)


@pytest.mark.parametrize("sealed", [wrong_value, unreadable, above_the_order])
def test_a_dealer_of_a_faulty_share_is_named_and_the_second_attempt_works(
    fresh: Rehearsal, sealed: Callable[[Sequence[int], bytes], bytes]
) -> None:
    all_do(fresh, Trustee.commit)
    all_do(fresh, Trustee.reveal)
    faulty_share(fresh, 1, 3, sealed)
    all_do(fresh, Trustee.share, 2, 3)
    append(fresh, fresh.trustee(2).confirm())
    with pytest.raises(DealerFaulty) as fault:
        fresh.trustee(3).confirm()
    assert fault.value.dealer == 1
    append(fresh, fresh.trustee(3).complain())
    for step in (Trustee.reveal, Trustee.share, Trustee.confirm):
        with pytest.raises(StepOutOfTurn, match="void"):
            step(fresh.trustee(1))
    fresh.ceremony()
    report = checked(fresh)
    assert report.established
    assert report.figures.attempts == 2
    named = [(fault.check, fault.verdict) for fault in report.faults if "trustee 1 is at fault" in fault.message]
    assert named == [("V11", Verdict.PASSED_OVER)]
    for number in (1, 2, 3):
        fresh.trustee(number).rehearse()


def test_a_share_that_only_looks_right_modulo_the_order_does_not_frame_its_receiver(
    fresh: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dealer picks a polynomial whose value is small, and seals value + order, which fits 32 bytes."""
    all_do(fresh, Trustee.commit, 2, 3)
    first = fresh.trustee(1).commit()
    slope = 987654321
    deal(monkeypatch, fresh, 1, ((5 - 3 * slope) % ORDER, slope))
    commit = fresh.trustee(1).commit()
    assert commit != first
    append(fresh, commit)
    all_do(fresh, Trustee.reveal)

    def congruent(coefficients: Sequence[int], key: bytes) -> bytes:
        assert evaluate(coefficients, 3) == 5
        return seal_to(key, (5 + ORDER).to_bytes(32, "big"))

    faulty_share(fresh, 1, 3, congruent)
    all_do(fresh, Trustee.share, 2, 3)
    with pytest.raises(DealerFaulty):
        fresh.trustee(3).confirm()
    append(fresh, fresh.trustee(3).complain())
    messages = [fault.message for fault in checked(fresh).faults]
    assert messages == ["attempt 1 is void: trustee 1 is at fault"]


@pytest.mark.usefixtures("careless_log")
def test_a_false_complaint_names_its_accuser(fresh: Rehearsal) -> None:
    all_do(fresh, Trustee.commit)
    all_do(fresh, Trustee.reveal)
    all_do(fresh, Trustee.share)
    with pytest.raises(StepOutOfTurn, match="nothing to complain"):
        fresh.trustee(2).complain()
    own = attempt_secrets(fresh, 2)
    false = Complaint(attempt=1, accuser=2, accused=3, receiving_secret=own.receiving_secrets[2].hex())
    append(fresh, signed(fresh, 2, false))
    assert [fault.message for fault in checked(fresh).faults] == ["attempt 1 is void: trustee 2 is at fault"]
    fresh.ceremony()
    report = checked(fresh)
    assert report.established
    assert report.figures.attempts == 2


@pytest.mark.usefixtures("careless_log")
def test_a_complaint_under_a_wrong_key_names_its_accuser(fresh: Rehearsal) -> None:
    all_do(fresh, Trustee.commit)
    all_do(fresh, Trustee.reveal)
    all_do(fresh, Trustee.share)
    append(fresh, signed(fresh, 2, Complaint(attempt=1, accuser=2, accused=3, receiving_secret="11" * 32)))
    (fault,) = checked(fresh).faults
    assert (fault.check, fault.verdict) == ("V11", Verdict.PASSED_OVER)
    assert "trustee 2" in fault.message


def test_each_step_of_the_ceremony_taken_twice_is_done_already(fresh: Rehearsal) -> None:
    for step in (Trustee.commit, Trustee.reveal, Trustee.share, Trustee.confirm, Trustee.drill):
        for number in (1, 2, 3):
            append(fresh, step(fresh.trustee(number)))
            with pytest.raises(StepDone):
                step(fresh.trustee(number))
    fresh.elect()
    for step in (Trustee.commit, Trustee.reveal, Trustee.share, Trustee.confirm, Trustee.drill):
        with pytest.raises(StepDone):
            step(fresh.trustee(1))
    with pytest.raises(StepDone):
        make_election_key(read_log(FolderPlace(fresh.office.public)))


def test_a_step_of_the_ceremony_out_of_turn_is_refused(fresh: Rehearsal) -> None:
    def refuses(number: int, *steps: Callable[[Trustee], object]) -> None:
        for step in steps:
            with pytest.raises(StepOutOfTurn):
                step(fresh.trustee(number))

    tally = (Trustee.intent, Trustee.decrypt, Trustee.rehearse)
    refuses(1, Trustee.reveal, Trustee.share, Trustee.confirm, Trustee.drill, *tally)
    all_do(fresh, Trustee.commit, 1, 2)
    refuses(1, Trustee.reveal, Trustee.share, Trustee.confirm, *tally)
    all_do(fresh, Trustee.commit, 3)
    all_do(fresh, Trustee.reveal, 1, 2)
    refuses(1, Trustee.share, Trustee.confirm, *tally)
    all_do(fresh, Trustee.reveal, 3)
    all_do(fresh, Trustee.share, 1, 2)
    refuses(1, Trustee.confirm, *tally)
    all_do(fresh, Trustee.share, 3)
    all_do(fresh, Trustee.confirm, 1, 2)
    refuses(1, Trustee.drill)
    all_do(fresh, Trustee.confirm, 3)
    all_do(fresh, Trustee.drill, 1, 2)
    with pytest.raises(StepOutOfTurn, match="still to drill: trustee-3"):
        make_election_key(read_log(FolderPlace(fresh.office.public)))
    fresh.elect()
    refuses(1, Trustee.intent, Trustee.decrypt)


def test_a_complaint_out_of_turn_is_refused_with_a_reason(fresh: Rehearsal) -> None:
    with pytest.raises(TallyError):
        fresh.trustee(1).complain()
    for step in (Trustee.commit, Trustee.reveal):
        all_do(fresh, step)
        with pytest.raises(StepOutOfTurn):
            fresh.trustee(1).complain()
    all_do(fresh, Trustee.share, 2)
    with pytest.raises(StepOutOfTurn):
        fresh.trustee(1).complain()


def test_a_step_lost_on_its_way_is_taken_again_with_the_same_secrets(fresh: Rehearsal) -> None:
    """A crash before the log costs nothing: what is made again fits what was made before."""
    all_do(fresh, Trustee.commit, 1, 2)
    assert fresh.trustee(3).commit() == fresh.trustee(3).commit()
    all_do(fresh, Trustee.commit, 3)
    fresh.trustee(1).reveal()
    all_do(fresh, Trustee.reveal)
    lost = fresh.trustee(1).share()
    append(fresh, lost[0])
    rest = fresh.trustee(1).share()
    assert len(rest) == len(lost) - 1
    append(fresh, rest)
    all_do(fresh, Trustee.share, 2, 3)
    assert fresh.trustee(1).confirm() == fresh.trustee(1).confirm()
    all_do(fresh, Trustee.confirm)
    fresh.elect()
    assert checked(fresh).faults == []
    for number in (1, 2, 3):
        fresh.trustee(number).rehearse()


def test_a_trustee_may_give_up_an_attempt_visibly(fresh: Rehearsal) -> None:
    all_do(fresh, Trustee.commit, 1, 2)
    append(fresh, fresh.trustee(2).commit(new_attempt=True))
    all_do(fresh, Trustee.commit, 1, 3)
    all_do(fresh, Trustee.reveal)
    all_do(fresh, Trustee.share)
    all_do(fresh, Trustee.confirm)
    fresh.elect()
    report = checked(fresh)
    assert report.established
    assert report.figures.attempts == 2


@pytest.mark.usefixtures("careless_log")
def test_honest_trustees_do_not_confirm_what_was_not_committed_to(
    fresh: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One trustee reveals after it saw the others. Were this confirmed, the log could never be used."""
    all_do(fresh, Trustee.commit)
    all_do(fresh, Trustee.reveal, 1, 2)
    good = parse_entry(fresh.trustee(3).reveal()).body
    assert isinstance(good, Reveal)
    swapped = Reveal(
        attempt=1,
        trustee=3,
        coefficients=good.coefficients[::-1],
        proof_challenge=good.proof_challenge,
        proof_response=good.proof_response,
    )
    append(fresh, signed(fresh, 3, swapped))
    own = attempt_secrets(fresh, 3)
    for raw in fresh.trustee(1).share(), fresh.trustee(2).share():
        append(fresh, raw)
    attempt = latest_attempt(e.body for _, _, e in read_log(FolderPlace(fresh.office.public)).entries())
    for receiver in (1, 2):
        sealed = seal_to(
            bytes.fromhex(attempt.commits[receiver].receiving_keys[2]),
            scalar_to_bytes(evaluate(own.polynomial[::-1], receiver)),
        )
        append(fresh, signed(fresh, 3, Share(attempt=1, sender=3, receiver=receiver, sealed=sealed.hex())))

    def go_on() -> None:
        all_do(fresh, Trustee.confirm, 1, 2)

    with pytest.raises(TallyError):
        go_on()


def test_a_key_of_another_referendum_or_party_is_refused(fresh: Rehearsal, opened: Finished, tmp_path: Path) -> None:
    other = opened.rehearsal(tmp_path / "other")
    arguments = (lambda _: None, other.verified())
    with pytest.raises(LogNotTrusted, match="another referendum"):
        Trustee(msgspec.structs.replace(secrets(fresh, 1), referendum=fresh.office.referendum.hex()), *arguments)
    with pytest.raises(LogNotTrusted, match="no trustee"):
        Trustee(secrets(fresh, 2), *arguments)


def test_a_trustee_does_nothing_on_a_log_that_does_not_verify(opened: Finished, tmp_path: Path) -> None:
    rehearsal = opened.rehearsal(tmp_path / "copy")
    (rehearsal.office.public / "credentials").unlink()
    with pytest.raises(LogNotVerified, match="V1"):
        rehearsal.trustee(1)
    with pytest.raises(LogNotVerified):
        rehearsal.result()


# The tally


@pytest.fixture(scope="module")
def voted(opened: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 of 40 voted online, 5 yes, 6 no and a blank; the log is closed."""
    root = tmp_path_factory.mktemp("voted")
    rehearsal = opened.rehearsal(root)
    vote(rehearsal, opened.letters, [[[1]]] * 5 + [[[0]]] * 6 + [[[]]])
    rehearsal.close()
    return root


@pytest.fixture
def on_paper(opened: Finished, tmp_path: Path) -> Rehearsal:
    """The same, and five letters are struck; four paper ballots or more may be shown apart."""
    rehearsal = opened.rehearsal(tmp_path / "paper")
    vote(rehearsal, opened.letters, [[[1]]] * 5 + [[[0]]] * 6 + [[[]]])
    strike(rehearsal, 20, 5)
    rehearsal.close()
    return rehearsal


@pytest.fixture
def closed(voted: Path, tmp_path: Path) -> Rehearsal:
    shutil.copytree(voted, tmp_path / "copy")
    rehearsal = Rehearsal(tmp_path / "copy")
    manifest = rehearsal.office.manifest
    rehearsal.clock.move_to(manifest.closes_at + manifest.grace_seconds)
    return rehearsal


@pytest.mark.parametrize("pair", list(combinations((1, 2, 3), 2)))
def test_any_two_of_three_trustees_give_the_same_counts(closed: Rehearsal, pair: tuple[int, int]) -> None:
    closed.tally(pair)
    report = checked(closed)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    assert report.result.questions[0].total == [6, 5]
    assert (report.result.participants, report.result.trustees) == (12, list(pair))


def test_the_result_is_the_same_for_whoever_makes_it(closed: Rehearsal) -> None:
    closed.intents((1, 2, 3))
    closed.decrypt((1, 2, 3))
    body = make_result_body(closed.verified())
    assert body == make_result_body(closed.verified())
    append(closed, closed.office.officers_sign(body))
    with pytest.raises(StepDone):
        make_result_body(closed.verified())
    assert checked(closed).exit_status == 0


def test_one_trustee_alone_cannot_count(closed: Rehearsal) -> None:
    with pytest.raises(StepOutOfTurn):
        closed.trustee(1).decrypt()
    closed.intents((1,))
    with pytest.raises(StepOutOfTurn, match="1 more trustees"):
        closed.trustee(1).decrypt()
    closed.intents((2,))
    closed.decrypt((1,))
    with pytest.raises(StepOutOfTurn, match="1 more valid"):
        closed.result()
    with pytest.raises(StepOutOfTurn):
        closed.trustee(3).decrypt()
    assert checked(closed).exit_status == 4


def test_a_step_of_the_tally_taken_twice_is_done_already(closed: Rehearsal) -> None:
    closed.intents()
    with pytest.raises(StepDone):
        closed.trustee(1).intent()
    closed.decrypt()
    with pytest.raises(StepDone):
        closed.trustee(1).decrypt()
    with pytest.raises(OrderInvalid, match="stands in the log already"):
        append(closed, signed(closed, 1, _body(closed, PartialDecryption)))


def _body(rehearsal: Rehearsal, kind: type) -> object:
    entries = read_log(FolderPlace(rehearsal.office.public)).entries()
    return next(entry.body for _, _, entry in entries if isinstance(entry.body, kind))


def test_nothing_is_announced_or_decrypted_while_voting_goes_on(opened: Finished, tmp_path: Path) -> None:
    rehearsal = opened.rehearsal(tmp_path / "copy")
    vote(rehearsal, opened.letters, [[[1]]] * 4)
    assert rehearsal.seal() == 1
    for step in (Trustee.intent, Trustee.decrypt):
        with pytest.raises(StepOutOfTurn):
            step(rehearsal.trustee(1))
    with pytest.raises(StepOutOfTurn):
        rehearsal.result()


def test_a_trustee_never_announces_a_second_tree(closed: Rehearsal) -> None:
    announced = closed.trustee(1).intent()
    assert closed.trustee(1).intent() == announced, "the same tree may be announced again"
    tree = secrets(closed, 1).announced
    assert tree is not None
    for change in ({"root": "00" * 32}, {"size": tree.size - 1}, {"sums": "00" * 32}):
        other = msgspec.structs.replace(tree, **change)
        altered = msgspec.structs.replace(secrets(closed, 1), announced=other)
        closed.office.save_secret("trustee-1", altered.to_bytes())
        with pytest.raises(OtherTreeAnnounced):
            closed.trustee(1).intent()
        assert secrets(closed, 1).announced == other


def test_an_announcement_lost_before_the_log_grew_can_still_be_published(closed: Rehearsal) -> None:
    """The trustee saved its tree, the entry was lost, and officers noted an incident meanwhile. The announced
    tree still counts, so announcing it once more is no second tree."""
    lost = closed.trustee(1).intent()
    texts = dict.fromkeys(closed.office.manifest.languages, "noted")
    append(closed, closed.office.officers_sign(Incident(number=1, text=texts), 1))
    assert closed.trustee(1).intent() == lost
    append(closed, lost)
    closed.intents((2,))
    closed.decrypt()
    closed.result()
    assert checked(closed).exit_status == 0


def test_a_trustee_whose_program_makes_other_secrets_decrypts_nothing(
    closed: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed.intents()
    for name in ("_COEFFICIENTS", "_RECEIVING"):
        with monkeypatch.context() as patch:
            patch.setattr(f"stembus.tally.key_file.{name}", b"another version")
            with pytest.raises(StepOutOfTurn):
                closed.trustee(1).decrypt()


def test_an_intent_for_other_sums_or_another_tree_is_passed_over(closed: Rehearsal) -> None:
    size = closed.office.log().size
    append(closed, signed(closed, 3, TallyIntent(trustee=3, size=size - 3, root="11" * 32, sums="22" * 32)))
    closed.tally((1, 2))
    report = checked(closed)
    assert report.exit_status == 0
    assert [(fault.check, fault.verdict) for fault in report.faults] == [("V25", Verdict.PASSED_OVER)]
    assert "trustee 3" in report.faults[0].message


def spoil(body: PartialDecryption, how: str) -> PartialDecryption:
    """A partial decryption that is wrong in one way."""
    parts = [list(options) for options in body.decryptions]
    fields = {"point": parts[0][0].point, "challenge": parts[0][0].challenge, "response": parts[0][0].response}
    if how == "point":
        fields["point"] = GENERATOR.to_bytes().hex()
    elif how == "response":
        fields["response"] = scalar_to_bytes((int(fields["response"], 16) + 1) % ORDER).hex()
    elif how == "shape":
        parts[0].pop()
    if how in ("point", "response"):
        parts[0][0] = type(parts[0][0])(**fields)
    root = "33" * 32 if how == "root" else body.root
    return PartialDecryption(trustee=body.trustee, root=root, decryptions=parts)


@pytest.mark.parametrize("how", ["point", "response", "shape", "root"])
def test_one_bad_decryption_is_named_and_the_other_two_give_the_result(closed: Rehearsal, how: str) -> None:
    closed.intents((1, 2, 3))
    body = parse_entry(closed.trustee(1).decrypt()).body
    assert isinstance(body, PartialDecryption)
    append(closed, signed(closed, 1, spoil(body, how)))
    closed.decrypt((2,))
    with pytest.raises(StepOutOfTurn, match="1 more valid"):
        closed.result()
    closed.decrypt((3,))
    closed.result()
    report = checked(closed)
    assert report.exit_status == 0
    assert [(fault.check, fault.verdict) for fault in report.faults] == [("V26", Verdict.PASSED_OVER)]
    assert "trustee 1" in report.faults[0].message
    assert report.result is not None
    assert report.result.trustees == [2, 3]
    assert report.result.questions[0].total == [6, 5]


# Rules that forbid counting


def small(root: Path, votes: int, **draft: object) -> Rehearsal:
    """Ten voters, `votes` of whom vote yes; closed."""
    rehearsal, letters = prepare(root, eligible=12, batch_tokens=1, **draft)
    vote(rehearsal, letters, [[[1]]] * votes)
    rehearsal.close()
    return rehearsal


def assert_not_counted(rehearsal: Rehearsal, status: str, participants: int) -> None:
    for number in (1, 2, 3):
        with pytest.raises(MustNotCount):
            rehearsal.trustee(number).intent()
        with pytest.raises(MustNotCount):
            rehearsal.trustee(number).decrypt()
    rehearsal.result()
    report = checked(rehearsal)
    assert (report.exit_status, report.faults) == (7, [])
    assert report.result is not None
    assert (report.result.status, report.result.participants) == (status, participants)
    assert (report.result.questions, report.result.trustees) == ([], [])


@pytest.mark.parametrize("votes", [0, 4])
def test_below_the_privacy_floor_nothing_is_decrypted(tmp_path: Path, votes: int) -> None:
    assert_not_counted(small(tmp_path, votes, floor=5), "not-counted-floor", votes)


def test_at_the_privacy_floor_the_votes_are_counted(tmp_path: Path) -> None:
    rehearsal = small(tmp_path, 5, floor=5)
    rehearsal.tally()
    report = checked(rehearsal)
    assert report.exit_status == 0
    assert report.result is not None
    assert report.result.questions[0].total == [0, 5]
    assert report.result.questions[0].outcome == "invalid-too-few"


ONE, TWO = '["https://registrar.example.org"]', '["https://registrar.example.org", "https://registrar.example.net"]'


def draft_with(eligible: int, minimum: int, change: Callable[[str], str], **values: object) -> str:
    text = demo_draft(eligible, minimum, floor=1, batch_tokens=1, **values)
    changed = change(text)
    assert changed != text
    return changed


def start(root: Path, draft: str, eligible: int = 12, registrars: int = 1) -> tuple[Rehearsal, list[tuple[str, str]]]:
    """A referendum from a draft of one's own, opened."""
    rehearsal = Rehearsal(root)
    rehearsal.keys(registrars=registrars)
    rehearsal.define(draft)
    rehearsal.ceremony()
    write_register(root / "register.csv", eligible, date(2019, 10, 14), 1)
    rehearsal.import_roll(root / "register.csv")
    rehearsal.credentials()
    rehearsal.open()
    return rehearsal, rehearsal.letters(root / "register.csv")


def test_below_the_minimum_nothing_is_decrypted_where_the_rules_say_so(tmp_path: Path) -> None:
    draft = draft_with(12, 6, lambda t: t.replace("count_below_minimum = true ", "count_below_minimum = false "))
    rehearsal, letters = start(tmp_path, draft)
    vote(rehearsal, letters, [[[1]]] * 5)
    rehearsal.close()
    assert_not_counted(rehearsal, "not-counted-minimum", 5)


def test_paper_ballots_count_towards_the_minimum(tmp_path: Path) -> None:
    draft = draft_with(12, 6, lambda t: t.replace("count_below_minimum = true ", "count_below_minimum = false "))
    rehearsal, letters = start(tmp_path, draft)
    vote(rehearsal, letters, [[[1]]] * 5)
    strike(rehearsal, 6, 1)
    rehearsal.close()
    rehearsal.paper(1, [[1, 0]])
    rehearsal.tally()
    report = checked(rehearsal)
    assert report.exit_status == 0
    assert report.result is not None
    assert report.result.questions[0].total == [1, 5]


def strike(rehearsal: Rehearsal, first: int, count: int) -> None:
    """Strikes the voters whose letters have these places."""
    lines = (rehearsal.office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    for line in lines[first : first + count]:
        rehearsal.office.registrar().strike(line.partition(",")[0])


# Paper


def test_paper_votes_are_added_to_the_online_ones(on_paper: Rehearsal) -> None:
    on_paper.paper(4, [[1, 2]])
    on_paper.tally()
    report = checked(on_paper)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    question = report.result.questions[0]
    assert (question.online, question.paper, question.total) == ([6, 5], [1, 2], [7, 7])
    assert (report.result.online_ballots, report.result.paper_ballots, report.result.participants) == (12, 4, 16)


@pytest.mark.parametrize(("ballots", "counts"), [(1, [0, 1]), (3, [1, 1]), (3, [0, 0]), (2, [2, 0])])
def test_paper_votes_below_the_floor_are_counted_together_with_the_online_ones(
    on_paper: Rehearsal, ballots: int, counts: list[int]
) -> None:
    on_paper.paper(ballots, [counts])
    on_paper.tally((1, 3))
    report = checked(on_paper)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    question = report.result.questions[0]
    assert (question.online, question.paper) == (None, None)
    assert question.total == [6 + counts[0], 5 + counts[1]]
    assert (report.result.online_ballots, report.result.paper_ballots) == (12, ballots)
    assert report.result.participants == 12 + ballots


def test_nobody_came_who_was_struck_and_that_is_said_before_the_count(on_paper: Rehearsal) -> None:
    with pytest.raises(StepOutOfTurn, match="struck for paper"):
        on_paper.intents((1,))
    on_paper.paper(0, [[0, 0]])
    on_paper.tally()
    report = checked(on_paper)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    assert report.result.questions[0].paper == [0, 0]


@pytest.mark.usefixtures("careless_log")
def test_paper_ballots_below_the_floor_are_refused_as_counts_by_the_verifier(on_paper: Rehearsal) -> None:
    state(on_paper, 3, [[1, 1]])
    report = checked(on_paper)
    assert [fault.check for fault in report.faults] == ["V23"]
    assert "privacy floor of 4" in report.faults[0].message
    assert report.exit_status == 1
    with pytest.raises(LogNotVerified):
        on_paper.trustee(1)


def state(rehearsal: Rehearsal, ballots: int, counts: list[list[int]]) -> None:
    """Counts, whatever the floor says."""
    append(rehearsal, rehearsal.office.officers_sign(PaperResult(ballots=ballots, counts=counts)))


@pytest.mark.usefixtures("careless_log")
@pytest.mark.parametrize(
    ("ballots", "counts"), [(6, [[2, 2]]), (4, [[5, 0]]), (4, [[3, 2]]), (4, [[1, 1, 1]]), (4, [])]
)
def test_impossible_paper_counts_are_refused_by_the_verifier(
    on_paper: Rehearsal, ballots: int, counts: list[list[int]]
) -> None:
    state(on_paper, ballots, counts)
    assert [fault.check for fault in checked(on_paper).faults] == ["V23"]


def test_an_honest_log_takes_no_paper_votes_that_the_rules_do_not_allow(on_paper: Rehearsal) -> None:
    for ballots, counts in ((6, [[2, 2]]), (4, [[3, 2]]), (3, [[1, 1]])):
        with pytest.raises(EntryRefused):
            state(on_paper, ballots, counts)
    entries = paper_entries(on_paper.office.context(), 4, [[2, 2]], bytes(32))
    with pytest.raises(EntryRefused, match="from 1 to 3 paper ballots"):
        on_paper.office.log().append([on_paper.office.officers_sign(paper_header(entries)), *entries])


@pytest.mark.parametrize("at", [-1, 40, 200])
def test_an_honest_log_takes_no_paper_ballots_that_are_damaged_or_left_out(on_paper: Rehearsal, at: int) -> None:
    """What stands in the log cannot be taken back, and would be a breach for ever."""
    office = on_paper.office
    entries = paper_entries(office.context(), 3, [[2, 1]], bytes(32))
    header, log = office.officers_sign(paper_header(entries)), office.log()
    broken = bytearray(entries[-1])
    broken[at] ^= 1
    for wrong in (
        [header],
        [header, *entries[:2]],
        [header, *entries[:2], bytes(broken)],
        [header, *entries[::-1]],
        [header, entries[0], entries[0], entries[2]],
    ):
        with pytest.raises(EntryRefused, match="nothing was added"):
            log.append(wrong)
    log.append([header, *entries])
    assert checked(on_paper).faults == []


def test_a_paper_vote_needs_the_first_registrar_and_each_other_that_has_not_signed(tmp_path: Path) -> None:
    """Each token needs another line of registrar 1's list; who is on its other list has none."""
    rehearsal, letters = start(tmp_path, draft_with(12, 1, lambda t: t.replace(ONE, TWO)), registrars=2)
    vote(rehearsal, letters, [[[1]]] * 5)
    rows = (rehearsal.office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    numbers = [row.partition(",")[0] for row in rows]
    rehearsal.office.registrar(1).strike(numbers[8])
    second = rehearsal.office.registrar(2)
    second.strike(second.number_of(rehearsal.office.letters().credential(numbers[9])))
    rehearsal.office.strike(numbers[10])
    spare = spare_keys(rehearsal.office.folder("authority"))["spare-00001"]
    body = rehearsal.office.replace(numbers[11], spare)
    rehearsal.office.log().append([rehearsal.office.officers_sign(body)])
    assert rehearsal.office.letters().credential(numbers[11]) == spare
    assert second.credential(body.struck) == spare
    rehearsal.close()
    with pytest.raises(EntryRefused, match="where 1 voters were struck"):
        rehearsal.paper(2, [[2, 0]])
    rehearsal.paper(1, [[1, 0]])
    rehearsal.tally()
    report = checked(rehearsal)
    assert (report.exit_status, report.figures.struck) == (0, 1)
    assert report.result is not None
    assert report.result.questions[0].total == [1, 5]


def test_no_paper_vote_is_stated_where_nobody_was_struck(closed: Rehearsal) -> None:
    with pytest.raises(OrderInvalid, match="nobody was struck"):
        closed.paper(4, [[1, 1]])


# Several questions, several registrars


def test_several_questions_with_choices_and_blanks_are_each_counted(tmp_path: Path) -> None:
    draft = draft_with(12, 1, lambda t: t.replace("[eligibility]\n", CHOOSE + "[eligibility]\n"))
    rehearsal, letters = start(tmp_path, draft)
    choices: list[Choice] = [[[1], [0, 2]], [[1], [2]], [[0], []], [[], [0, 1]], [[], []], [[0], [2, 0]], [[1], [2]]]
    vote(rehearsal, letters, choices)
    rehearsal.close()
    rehearsal.tally((1, 3))
    report = checked(rehearsal)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.result is not None
    yes_no, choose = report.result.questions
    assert (yes_no.total, choose.total) == ([2, 3], [3, 1, 4])
    assert (yes_no.outcome, choose.outcome) == ("accepted", "ranked")
    assert choose.ranking == [[2], [0], [1]]
    assert report.result.participants == 7


def test_nobody_can_choose_more_than_the_question_allows(tmp_path: Path) -> None:
    draft = draft_with(12, 1, lambda t: t.replace("[eligibility]\n", CHOOSE + "[eligibility]\n"))
    rehearsal, letters = start(tmp_path, draft)
    voting_pass = rehearsal.token(*letters[0])
    for choice in ([[1], [0, 1, 2]], [[0, 1], []], [[2], []], [[1], [3]], [[1], [0, 0]], [[1]], [[1], [], []]):
        with pytest.raises(ChoiceInvalid):
            rehearsal.cast(voting_pass, choice)
    assert rehearsal.office.box.accepted() == 0


def test_two_registrars_must_both_sign_a_token(tmp_path: Path) -> None:
    rehearsal, letters = start(tmp_path, draft_with(12, 1, lambda t: t.replace(ONE, TWO)), registrars=2)
    vote(rehearsal, letters, [[[1]], [[0]], [[1]]])
    office = rehearsal.office
    assert [office.registrar(number).issued_count() for number in (1, 2)] == [3, 3]

    context, (code, factor) = office.context(), letters[3]
    voting_pass = new_pass(context)
    key = credential_key(parse_code(code), office.referendum)
    answer = office.registrar(1).issue(make_request(voting_pass, 1, key, factor))
    voting_pass = take_answer(context, voting_pass, 1, answer)
    signature = voting_pass.signatures[0]
    forged = type(voting_pass)(
        voting_pass.referendum, voting_pass.token_key, voting_pass.blindings, (signature, signature)
    )
    with pytest.raises(BallotRejected, match="V17"):
        office.box.cast(sign_ballot(context, forged, prepare_ballot(context, forged, [[1]]), 0))

    rehearsal.close()
    rehearsal.tally()
    report = checked(rehearsal)
    assert (report.exit_status, report.faults) == (0, [])
    assert report.figures.issued == [4, 3]
    assert report.result is not None
    assert report.result.questions[0].total == [1, 2]
