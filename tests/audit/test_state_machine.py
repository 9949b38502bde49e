"""Which entry may follow which: section 8 of docs/protocol.md, with three trustees of whom two decrypt."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from stembus.audit.errors import OrderInvalid
from stembus.audit.formats import entry_bodies as bodies
from stembus.audit.formats.entry_bodies import Body
from stembus.audit.state_machine import Order, Phase

N, T = 3, 2
TRUSTEES = range(1, N + 1)
Step = tuple[str, Body]
HASH, POINT, PROOF = "00" * 32, "02" + "00" * 32, {"proof_challenge": "00" * 32, "proof_response": "00" * 32}


def commit(trustee: int, attempt: int = 1) -> Step:
    return "commit", bodies.Commit(attempt=attempt, trustee=trustee, commitment=HASH, receiving_keys=[HASH])


def reveal(trustee: int, attempt: int = 1) -> Step:
    return "reveal", bodies.Reveal(attempt=attempt, trustee=trustee, coefficients=[POINT], **PROOF)


def share(sender: int, receiver: int, attempt: int = 1) -> Step:
    return "share", bodies.Share(attempt=attempt, sender=sender, receiver=receiver, sealed="00" * 80)


def confirm(trustee: int, attempt: int = 1) -> Step:
    return "confirm", bodies.Confirm(attempt=attempt, trustee=trustee, joint_key=POINT, transcript=HASH)


def complaint(accuser: int, accused: int, attempt: int = 1) -> Step:
    body = bodies.Complaint(attempt=attempt, accuser=accuser, accused=accused, receiving_secret=HASH)
    return "complaint", body


def drill(trustee: int, attempt: int = 1) -> Step:
    proof = {"point": POINT, "challenge": "00" * 32, "response": "00" * 32}
    return "drill", bodies.Drill(attempt=attempt, trustee=trustee, root=HASH, **proof)


def election_key(attempt: int = 1) -> Step:
    body = bodies.ElectionKey(attempt=attempt, joint_key=POINT, verification_keys=[POINT], transcript=HASH)
    return "election-key", body


def batch(number: int, size: int) -> Step:
    return "batch", bodies.Batch(number=number, size=size, issued=[])


def replace(struck: str, replacement: str) -> Step:
    return "replace", bodies.Replace(struck=struck, replacement=replacement)


def incident(number: int) -> Step:
    return "incident", bodies.Incident(number=number, text={"nl": "storing"})


def close(batches: int, ballots: int, struck: int = 0) -> Step:
    stated = bodies.Issuance(count=0, root=HASH, struck=struck, struck_root=HASH, signature="00" * 64)
    return "close", bodies.Close(batches=batches, ballots=ballots, issuance=[stated])


def intent(trustee: int, size: int = 1) -> Step:
    return "tally-intent", bodies.TallyIntent(trustee=trustee, size=size, root=HASH, sums=HASH)


def partial(trustee: int, root: str = HASH) -> Step:
    return "partial-decryption", bodies.PartialDecryption(trustee=trustee, root=root, decryptions=[])


ROLL: Step = ("roll", bodies.Roll(count=1, credentials_root=HASH, spares=0, spares_root=HASH))
CLIENT: Step = ("client", bodies.Client(release="1", files=[]))
OPEN: Step = ("open", bodies.Open(election_key=HASH))
PAPER_RESULT: Step = ("paper-result", bodies.PaperResult(ballots=1, counts=[[1, 0]]))


def paper_ballots(ballots: int) -> Step:
    return "paper-ballots", bodies.PaperBallots(ballots=ballots, root=HASH)


RESULT: Step = (
    "result",
    bodies.Result(
        status="not-counted-floor", online_ballots=0, paper_ballots=0, participants=0, trustees=[], questions=[]
    ),
)
CANCEL: Step = ("cancel", bodies.Cancel(text={"nl": "afgelast"}))
MINUTES: Step = ("minutes", bodies.Minutes(name="minutes.pdf", sha256=HASH))
SAMPLE: Step = ("sample", bodies.Sample(dice="1" * 30))
PURGE: Step = ("purge", bodies.Purge(destroyed=["codes"]))

ALL_COMMIT = [commit(k) for k in TRUSTEES]
ALL_REVEAL = [reveal(k) for k in TRUSTEES]
ALL_SHARE = [share(a, b) for a in TRUSTEES for b in TRUSTEES if a != b]
ALL_CONFIRM = [confirm(k) for k in TRUSTEES]
ALL_DRILL = [drill(k) for k in TRUSTEES]
CONFIRMED = [*ALL_COMMIT, *ALL_REVEAL, *ALL_SHARE, *ALL_CONFIRM]
CEREMONY = [*CONFIRMED, *ALL_DRILL]
KEYED = [*CEREMONY, election_key()]
ROLLED = [*KEYED, ROLL]
OPENED = [*ROLLED, OPEN]
CLOSED = [*OPENED, close(0, 0)]
STRUCK = [*OPENED, close(0, 0, struck=1)]
PHASES: dict[Phase, list[Step]] = {
    Phase.CEREMONY: CEREMONY,
    Phase.KEYED: KEYED,
    Phase.ROLLED: ROLLED,
    Phase.OPEN: OPENED,
    Phase.CLOSED: CLOSED,
    Phase.TALLIED: [*CLOSED, RESULT],
    Phase.CANCELLED: [*OPENED, CANCEL],
}


def after(*steps: Step, trustees: int = N, sample_size: int = 300) -> Order:
    """An order in which entry 0 and all these stand."""
    order = Order()
    trusted = SimpleNamespace(members=[None] * trustees, threshold=T)
    manifest: Any = SimpleNamespace(trustees=trusted, sample_size=sample_size)
    order.start(manifest)
    for kind, body in steps:
        order.admit(kind, body)
    return order


def is_admitted(order: Order, step: Step) -> bool:
    """Whether the entry may stand; if not, nothing has changed."""
    before = copy.deepcopy(vars(order))
    try:
        order.admit(*step)
    except OrderInvalid:
        assert vars(order) == before
        return False
    assert vars(order) != before or step[0] in ("client", "minutes", "purge")
    return True


# The table of phases. What stands here may come next in some state of the phase.
NEXT: dict[Phase, dict[str, Phase]] = {
    Phase.CEREMONY: {
        **dict.fromkeys(("commit", "reveal", "share", "confirm", "complaint", "drill", "incident"), Phase.CEREMONY),
        "election-key": Phase.KEYED,
        "cancel": Phase.CANCELLED,
    },
    Phase.KEYED: {"incident": Phase.KEYED, "roll": Phase.ROLLED, "cancel": Phase.CANCELLED},
    Phase.ROLLED: {
        **dict.fromkeys(("client", "replace", "drill", "incident"), Phase.ROLLED),
        "open": Phase.OPEN,
        "cancel": Phase.CANCELLED,
    },
    Phase.OPEN: {
        **dict.fromkeys(("batch", "client", "replace", "incident"), Phase.OPEN),
        "close": Phase.CLOSED,
        "cancel": Phase.CANCELLED,
    },
    Phase.CLOSED: {
        **dict.fromkeys(
            ("paper-result", "paper-ballots", "tally-intent", "partial-decryption", "sample", "incident"), Phase.CLOSED
        ),
        "result": Phase.TALLIED,
        "cancel": Phase.CANCELLED,
    },
    Phase.TALLIED: dict.fromkeys(("sample", "minutes", "purge", "incident"), Phase.TALLIED),
    Phase.CANCELLED: dict.fromkeys(("minutes", "purge", "incident"), Phase.CANCELLED),
}
# For each type: what it needs to have before it within its phase, and an entry that then may stand.
READY: dict[str, tuple[list[Step], Step]] = {
    "commit": ([], commit(1)),
    "reveal": (ALL_COMMIT, reveal(1)),
    "share": ([*ALL_COMMIT, *ALL_REVEAL], share(1, 2)),
    "confirm": ([*ALL_COMMIT, *ALL_REVEAL, *ALL_SHARE], confirm(1)),
    "complaint": ([*ALL_COMMIT, *ALL_REVEAL, *ALL_SHARE], complaint(1, 2)),
    "drill": (CONFIRMED, drill(1)),
    "election-key": (CEREMONY, election_key()),
    "roll": (KEYED, ROLL),
    "client": (ROLLED, CLIENT),
    "open": (ROLLED, OPEN),
    "batch": (OPENED, batch(1, 1)),
    "replace": (OPENED, replace("a", "b")),
    "incident": (OPENED, incident(1)),
    "close": (OPENED, close(0, 0)),
    "paper-result": (STRUCK, PAPER_RESULT),
    "paper-ballots": (STRUCK, paper_ballots(1)),
    "tally-intent": (CLOSED, intent(1)),
    "partial-decryption": ([*CLOSED, intent(1), intent(2)], partial(1)),
    "result": (CLOSED, RESULT),
    "cancel": (OPENED, CANCEL),
    "sample": (CLOSED, SAMPLE),
    "minutes": ([*CLOSED, RESULT], MINUTES),
    "purge": ([*CLOSED, RESULT], PURGE),
}


@pytest.mark.parametrize("kind", READY)
@pytest.mark.parametrize("phase", PHASES)
def test_an_entry_stands_in_its_phases_and_in_no_other(phase: Phase, kind: str) -> None:
    before, step = READY[kind]
    order = after(*PHASES[phase])
    assert order.phase is phase
    if kind not in NEXT[phase]:
        assert not is_admitted(order, step)
        return
    if after(*before).phase is phase:
        order = after(*before)
    assert is_admitted(order, step)
    assert order.phase is NEXT[phase][kind]


def test_the_phases_have_the_names_of_the_protocol() -> None:
    names = ["empty", "ceremony", "keyed", "rolled", "open", "closed", "tallied", "cancelled", "abandoned"]
    assert [phase.value for phase in Phase] == names


def test_nothing_stands_before_the_manifest_and_no_second_manifest_after_it() -> None:
    assert Order().phase is Phase.EMPTY
    for _, step in READY.values():
        assert not is_admitted(Order(), step)
    manifest: Any = SimpleNamespace(trustees=SimpleNamespace(members=[None] * N, threshold=T), sample_size=0)
    for steps in ([], *PHASES.values()):
        with pytest.raises(OrderInvalid):
            after(*steps).start(manifest)


def test_exactly_the_ballots_of_a_batch_stand_after_it() -> None:
    order = after(*OPENED)
    with pytest.raises(OrderInvalid):
        order.admit_ballot()
    assert is_admitted(order, batch(1, 2))
    for _ in range(2):
        for step in (batch(2, 1), CLIENT, incident(1), replace("a", "b"), close(1, 2), CANCEL):
            assert not is_admitted(order, step)
        order.admit_ballot()
    with pytest.raises(OrderInvalid):
        order.admit_ballot()
    assert order.ballots == 2
    assert is_admitted(order, batch(2, 1))
    order.admit_ballot()
    assert order.ballots == 3
    assert is_admitted(order, close(2, 3))


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase is not Phase.OPEN])
def test_a_ballot_stands_only_while_voting_is_open(phase: Phase) -> None:
    with pytest.raises(OrderInvalid):
        after(*PHASES[phase]).admit_ballot()


# The key ceremony


@pytest.mark.parametrize(
    ("before", "make"),
    [
        ([], commit),
        (ALL_COMMIT, reveal),
        ([*ALL_COMMIT, *ALL_REVEAL], lambda k: share(k, 2 if k == 1 else 1)),
        ([*ALL_COMMIT, *ALL_REVEAL, *ALL_SHARE], confirm),
        ([*ALL_COMMIT, *ALL_REVEAL, *ALL_SHARE], lambda k: complaint(k, 2 if k == 1 else 1)),
        (CONFIRMED, drill),
        (ROLLED, drill),
    ],
    ids=["commit", "reveal", "share", "confirm", "complaint", "drill", "second drill"],
)
def test_only_the_trustees_one_to_n_take_part(before: list[Step], make: Any) -> None:
    for trustee in (0, N + 1):
        assert not is_admitted(after(*before), make(trustee))
    for trustee in (1, N):
        assert is_admitted(after(*before), make(trustee))


def test_a_share_goes_to_another_trustee_that_exists() -> None:
    ready = [*ALL_COMMIT, *ALL_REVEAL]
    for receiver, admitted in ((0, False), (1, True), (2, False), (3, True), (4, False)):
        assert is_admitted(after(*ready), share(2, receiver)) == admitted


@pytest.mark.parametrize("place", range(len(CEREMONY)))
def test_no_step_of_the_ceremony_stands_twice(place: int) -> None:
    assert not is_admitted(after(*CEREMONY[: place + 1]), CEREMONY[place])


@pytest.mark.parametrize("missing", TRUSTEES)
def test_each_round_waits_for_everyone(missing: int) -> None:
    others = [k for k in TRUSTEES if k != missing]
    assert not is_admitted(after(*(commit(k) for k in others)), reveal(others[0]))
    assert not is_admitted(after(*ALL_COMMIT, *(reveal(k) for k in others)), share(others[0], others[1]))
    assert not is_admitted(after(*ALL_COMMIT, *(reveal(k) for k in others)), confirm(others[0]))
    ready = [*ALL_COMMIT, *ALL_REVEAL, *ALL_SHARE]
    assert not is_admitted(after(*ready, *(confirm(k) for k in others)), election_key())
    assert not is_admitted(after(*ready, *(confirm(k) for k in others)), drill(others[0]))
    assert not is_admitted(after(*CONFIRMED, *(drill(k) for k in others)), election_key())
    assert is_admitted(after(*CEREMONY), election_key())


def test_a_drill_waits_until_all_have_confirmed_one_and_the_same_key() -> None:
    other = ("confirm", bodies.Confirm(attempt=1, trustee=3, joint_key=POINT, transcript="11" * 32))
    order = after(*ALL_COMMIT, *ALL_REVEAL, *ALL_SHARE, confirm(1), confirm(2), other)
    assert not is_admitted(order, drill(1))


def test_before_the_opening_each_trustee_may_drill_once_more() -> None:
    assert not is_admitted(after(*KEYED), drill(1))
    order = after(*ROLLED, drill(1))
    assert not is_admitted(order, drill(1))
    assert not is_admitted(order, drill(2, attempt=2))
    assert is_admitted(order, drill(2))
    assert not is_admitted(after(*OPENED), drill(1))
    assert is_admitted(after(*ROLLED), OPEN)  # nobody is asked to


def test_a_sample_is_drawn_once() -> None:
    order = after(*CLOSED, SAMPLE)
    assert not is_admitted(order, SAMPLE)
    order.admit(*RESULT)
    assert not is_admitted(order, SAMPLE)
    assert not is_admitted(after(*CLOSED, sample_size=0), SAMPLE)


@pytest.mark.parametrize("missing", range(len(ALL_SHARE)))
def test_a_confirmation_waits_for_every_share(missing: int) -> None:
    sent = [step for number, step in enumerate(ALL_SHARE) if number != missing]
    assert not is_admitted(after(*ALL_COMMIT, *ALL_REVEAL, *sent), confirm(1))


def test_a_single_trustee_has_no_share_to_send_and_reveals_all_the_same() -> None:
    assert not is_admitted(after(commit(1), trustees=1), confirm(1))
    assert is_admitted(after(commit(1), reveal(1), trustees=1), confirm(1))


@pytest.mark.parametrize("attempt", [2, 3])
def test_the_first_attempt_is_number_one(attempt: int) -> None:
    order = after()
    assert not is_admitted(order, commit(1, attempt=attempt))
    assert is_admitted(order, commit(1))


@pytest.mark.parametrize("place", range(1, len(CEREMONY) + 1))
def test_a_new_attempt_begins_until_there_is_an_election_key(place: int) -> None:
    """Also when all have drilled: one of the drills may not hold."""
    order = after(*CEREMONY[:place])
    assert is_admitted(order, commit(3, attempt=2))
    assert (order.attempt, order.voided, order.committed) == (2, {1}, {3})
    assert (order.revealed, order.shared, order.confirmed, order.drilled) == (set(), set(), set(), set())


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_new_attempt_has_the_next_number(attempt: int) -> None:
    assert not is_admitted(after(*ALL_COMMIT), commit(1, attempt=attempt))


@pytest.mark.parametrize("trustee", [0, N + 1])
def test_only_a_trustee_begins_a_new_attempt(trustee: int) -> None:
    assert not is_admitted(after(*ALL_COMMIT), commit(trustee, attempt=2))


def test_steps_of_an_attempt_that_was_given_up_are_refused() -> None:
    second = [*(commit(k, 2) for k in TRUSTEES), *(reveal(k, 2) for k in TRUSTEES)]
    order = after(*ALL_COMMIT, *second)
    for step in (reveal(1), share(1, 2), confirm(1), complaint(1, 2), election_key(1)):
        assert not is_admitted(order, step)
    shares = [share(a, b, 2) for a in TRUSTEES for b in TRUSTEES if a != b]
    agreed = [*ALL_COMMIT, *second, *shares, *(confirm(k, 2) for k in TRUSTEES)]
    assert not is_admitted(after(*agreed), drill(1))
    order = after(*agreed, *(drill(k, 2) for k in TRUSTEES))
    for attempt in (1, 3):
        assert not is_admitted(order, election_key(attempt))
    assert is_admitted(order, election_key(2))


def test_a_complaint_needs_the_share_that_it_is_about() -> None:
    ready = [*ALL_COMMIT, *ALL_REVEAL, share(2, 1)]
    assert not is_admitted(after(*ready), complaint(1, 3))
    assert not is_admitted(after(*ready), complaint(2, 1))
    assert is_admitted(after(*ready), complaint(1, 2))


@pytest.mark.parametrize("confirmed", [0, N])
def test_a_complaint_makes_the_attempt_void(confirmed: int) -> None:
    order = after(*CONFIRMED[: len(CONFIRMED) - N + confirmed], complaint(1, 2))
    assert order.voided == {1}
    for step in (confirm(3), complaint(2, 1), drill(1), election_key(), commit(1), share(1, 2), reveal(1)):
        assert not is_admitted(order, step)
    assert is_admitted(order, commit(1, attempt=2))
    assert order.voided == {1}


def test_there_is_no_election_key_without_an_attempt() -> None:
    for attempt in (0, 1):
        assert not is_admitted(after(), election_key(attempt))


# Numbers


@pytest.mark.parametrize("make", [lambda number: batch(number, 0), incident], ids=["batch", "incident"])
def test_batches_and_incidents_are_numbered_from_one_without_a_gap(make: Any) -> None:
    order = after(*OPENED)
    for expected in (1, 2, 3):
        for wrong in (expected - 1, expected + 1):
            assert not is_admitted(order, make(wrong))
        assert is_admitted(order, make(expected))


@pytest.mark.parametrize(("batches", "ballots"), [(0, 3), (2, 3), (1, 2), (1, 4), (3, 1)])
def test_the_close_states_what_the_log_holds(batches: int, ballots: int) -> None:
    order = after(*OPENED, batch(1, 3))
    for _ in range(3):
        order.admit_ballot()
    assert not is_admitted(order, close(batches, ballots))
    assert is_admitted(order, close(1, 3))


def test_a_letter_is_replaced_once_and_by_a_new_one() -> None:
    order = after(*OPENED)
    assert not is_admitted(order, replace("a", "a"))
    assert is_admitted(order, replace("a", "b"))
    for struck, replacement in (("a", "c"), ("c", "b"), ("b", "c"), ("c", "a"), ("a", "b")):
        assert not is_admitted(order, replace(struck, replacement))
    assert is_admitted(order, replace("c", "d"))


# After the close


def test_paper_votes_come_once_and_only_where_people_were_struck() -> None:
    for step in (PAPER_RESULT, paper_ballots(0)):
        assert is_admitted(after(*STRUCK), step)
        assert not is_admitted(after(*CLOSED), step)
        for earlier in (PAPER_RESULT, paper_ballots(0)):
            assert not is_admitted(after(*STRUCK, earlier), step)


def test_intents_and_result_wait_for_the_paper_votes_of_people_who_were_struck() -> None:
    for step in (intent(1), RESULT):
        assert not is_admitted(after(*STRUCK), step)
        assert is_admitted(after(*STRUCK, PAPER_RESULT), step)
        assert is_admitted(after(*STRUCK, paper_ballots(0)), step)
        assert is_admitted(after(*CLOSED), step)


def test_the_paper_ballots_that_are_announced_stand_before_anything_else() -> None:
    order = after(*STRUCK, paper_ballots(2))
    for _ in range(2):
        assert not is_admitted(order, intent(1))
        order.admit_ballot()
    assert is_admitted(order, intent(1))
    assert order.ballots == 0, "they are no cast ballots"
    with pytest.raises(OrderInvalid, match="outside a batch"):
        order.admit_ballot()


def test_each_trustee_states_an_intent_a_few_times_at_most() -> None:
    for trustee, admitted in ((0, False), (1, True), (N, True), (N + 1, False)):
        assert is_admitted(after(*CLOSED), intent(trustee)) == admitted
    several = [intent(1, size) for size in range(4)]
    assert is_admitted(after(*CLOSED, *several[:3]), several[3])
    assert not is_admitted(after(*CLOSED, *several), intent(1, 4))
    assert is_admitted(after(*CLOSED, *several), intent(2))


def test_what_a_trustee_said_stands_once_in_the_log() -> None:
    """Else whoever appends could use up its tries by repeating an old one."""
    assert not is_admitted(after(*CLOSED, intent(1)), intent(1))
    order = after(*CLOSED, intent(1), intent(2), partial(1))
    assert not is_admitted(order, partial(1))
    assert is_admitted(order, partial(1, "11" * 32))


def test_decryption_waits_for_t_intents_and_for_the_trustees_own() -> None:
    assert not is_admitted(after(*CLOSED, intent(1)), partial(1))
    assert not is_admitted(after(*CLOSED, intent(1), intent(1, 7)), partial(1)), "one trustee counts once"
    order = after(*CLOSED, intent(1), intent(2))
    assert not is_admitted(order, partial(3))
    for number in range(4):
        assert is_admitted(order, partial(1, f"{number:064x}"))
    assert not is_admitted(order, partial(1, f"{4:064x}"))
    assert is_admitted(order, partial(2))


def test_a_referendum_is_cancelled_until_the_first_intent() -> None:
    for steps in (CEREMONY, KEYED, ROLLED, OPENED, CLOSED, STRUCK, [*STRUCK, PAPER_RESULT]):
        assert is_admitted(after(*steps), CANCEL)
    assert not is_admitted(after(*CLOSED, intent(1)), CANCEL)
