"""Intents, partial decryptions and the result: what counts, what is passed over, what is a breach (V25 to V28).

Four trustees, of whom any two decrypt; ten votes for two options, 4 to 6, in two sums, since both may be chosen; and
the same in one sum, where one may be. Section 14 of docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.audit.formats.canonical import decode, encode
from stembus.audit.formats.entry_bodies import (
    Decryption,
    PaperBallots,
    PaperResult,
    PartialDecryption,
    Result,
    TallyIntent,
)
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.rules import Paper, make_result
from stembus.audit.verify.report import Report
from stembus.audit.verify.tally import TallyCheck, check_partial
from stembus.crypto.elgamal import ZERO, Ciphertext, encrypt
from stembus.crypto.errors import CryptoError
from stembus.crypto.group import ORDER, generator_times, scalar_to_bytes
from stembus.crypto.proofs import prove_equal_logs
from stembus.crypto.threshold import evaluate, partial_decrypt

RANDOM = Random(7)
REFERENDUM = b"\1" * 32
POLYNOMIAL = [RANDOM.randrange(1, ORDER) for _ in range(2)]
SHARES = {k: evaluate(POLYNOMIAL, k) for k in range(1, 5)}
KEYS = [generator_times(share) for share in SHARES.values()]
COUNTS = [4, 6]
SUMS = [encrypt(generator_times(POLYNOMIAL[0]), count, RANDOM.randrange(1, ORDER)) for count in COUNTS]
DIGEST = sums_digest(REFERENDUM, SUMS).hex()
# The close ends at size 90, and the first intent stands at 95: between them something else was logged.
DECIDED, FIRST = 90, 95
ROOTS = {size: bytes([size]) * 32 for size in (80, 89, 90, 91, 94, 95, 96, 99)}


def _manifest(options: Sequence[int] = (2,), threshold: int = 2, floor: int = 5, most: int = 2) -> Any:
    questions = [
        SimpleNamespace(
            kind="yes-no", options=[None] * count, accepts=1, max_choices=most, shape=QuestionShape(count, most)
        )
        for count in options
    ]
    return SimpleNamespace(
        questions=questions,
        trustees=SimpleNamespace(threshold=threshold, members=[None] * 4),
        rules=SimpleNamespace(minimum_participants=8, minimum_margin_permille=0, count_below_minimum=False),
        privacy_floor=SimpleNamespace(online=floor, paper=5),
    )


def intent(trustee: int, size: int = DECIDED, root: str | None = None, sums: str = DIGEST) -> TallyIntent:
    return TallyIntent(trustee=trustee, size=size, root=root or ROOTS[size].hex(), sums=sums)


def partial(
    trustee: int,
    size: int = DECIDED,
    share: int | None = None,
    named: int | None = None,
    sums: Sequence[Ciphertext] = SUMS,
) -> PartialDecryption:
    """`named` is the trustee in whose name it is filed."""
    secret, number, root = share or SHARES[trustee], named or trustee, ROOTS[size]
    parts = []
    for position, ciphertext in enumerate(sums):
        context = decryption_context(REFERENDUM, root, number, 0, position)
        proof = prove_equal_logs(secret, ciphertext.nonce_point, context)
        parts.append(
            Decryption(
                point=partial_decrypt(secret, ciphertext).to_bytes().hex(),
                challenge=scalar_to_bytes(proof.challenge).hex(),
                response=scalar_to_bytes(proof.response).hex(),
            )
        )
    return PartialDecryption(trustee=number, root=root.hex(), decryptions=[parts])


def result(trustees: Sequence[int] = (1, 2), counts: Sequence[int] = COUNTS, counted: int = 10) -> Result:
    return make_result(_manifest(), counted, None, [list(counts)], trustees)


@dataclass
class Count:
    """What a log holds from the first intent on, and what the checks make of it."""

    entries: Sequence[TallyIntent | PartialDecryption | Result]
    cosigned: set[int] = field(default_factory=lambda: set(ROOTS))
    counted: int = 10
    paper: Paper | None = None
    parts: Sequence[Sequence[Ciphertext]] = ()
    manifest: Any = field(default_factory=_manifest)
    sums: Any = field(default_factory=lambda: SUMS)

    def report(self) -> Report:
        report = Report()
        check = TallyCheck(self.manifest, REFERENDUM, report)
        check.decided, check.paper = DECIDED, self.paper
        for position, body in enumerate(self.entries, FIRST):
            if isinstance(body, TallyIntent):
                check.take_intent(position, body)
            elif isinstance(body, PartialDecryption):
                check.partials.append((position, body))
            else:
                check.result = (position, body)
        check.conclude(self.sums, self.parts, self.counted, KEYS, ROOTS, self.cosigned)
        return report

    def faults(self) -> list[tuple[str, int]]:
        """Check and place of each fault; places count from the first intent."""
        return [(fault.check, int(fault.where.removeprefix("entry ")) - FIRST) for fault in self.report().faults]


HONEST = [intent(1), intent(2), partial(1), partial(2)]


def test_an_honest_count_holds() -> None:
    assert Count([*HONEST, result()]).faults() == []
    for pair in ((1, 2), (1, 3), (2, 4), (3, 4)):
        entries = [*(intent(k) for k in pair), *(partial(k) for k in pair), result(pair)]
        assert Count(entries).faults() == []


# Intents: which count


@pytest.mark.parametrize(
    ("size", "counts"), [(80, False), (89, False), (90, True), (91, False), (94, False), (95, False), (99, False)]
)
def test_the_tree_that_is_counted_ends_right_after_the_close(size: int, counts: bool) -> None:
    """Each of these sizes is recorded and cosigned, and both trustees name it."""
    entries = [intent(1, size), intent(2, size), partial(1, size), partial(2, size), result()]
    expected = [] if counts else [("V25", 0), ("V25", 1), ("V26", 2), ("V26", 3), ("V27", 4)]
    assert Count(entries).faults() == expected


@pytest.mark.parametrize(
    "wrong",
    [
        intent(2, root="00" * 32),
        intent(2, root=ROOTS[91].hex()),
        intent(2, sums="00" * 32),
        intent(2, 91, ROOTS[90].hex()),
    ],
    ids=["root", "root of another size", "sums", "size"],
)
def test_an_intent_that_names_anything_else_does_not_count(wrong: TallyIntent) -> None:
    assert Count([intent(1), wrong, partial(1), partial(2), result()]).faults() == [
        ("V25", 1),
        ("V26", 2),
        ("V26", 3),
        ("V27", 4),
    ]
    with_third = [intent(1), wrong, intent(3), partial(1), partial(3), result((1, 3))]
    assert Count(with_third).faults() == [("V25", 1)]


def test_a_tree_that_was_not_recorded_does_not_count() -> None:
    assert Count([intent(1, 92, "00" * 32)]).faults() == [("V25", 0)]


def test_a_tree_without_a_quorums_cosignatures_does_not_count() -> None:
    entries = [*HONEST, result()]
    assert Count(entries, cosigned={90}).faults() == []
    assert Count(entries, cosigned=set(ROOTS) - {90}).faults() == [
        ("V25", 0),
        ("V25", 1),
        ("V26", 2),
        ("V26", 3),
        ("V27", 4),
    ]


def test_several_intents_of_one_trustee_count_once() -> None:
    entries = [intent(1, 91), intent(1), partial(1), intent(2), partial(2), result()]
    assert Count(entries).faults() == [("V25", 0), ("V26", 2), ("V27", 5)]
    entries = [intent(1, 91), intent(1), intent(2), partial(1), partial(2), result()]
    assert Count(entries).faults() == [("V25", 0)]


def test_the_first_valid_decryption_of_a_trustee_counts() -> None:
    bad = partial(1, share=SHARES[3])
    assert Count([intent(1), intent(2), bad, partial(1), partial(2), result()]).faults() == [("V26", 2)]
    assert Count([intent(1), intent(2), partial(1), bad, partial(2), result()]).faults() == [("V26", 3)]
    assert Count([intent(1), intent(2), partial(1), partial(1), partial(2), result()]).faults() == [("V26", 3)]


def test_later_intents_are_agreed_too() -> None:
    entries = [intent(1), intent(2), partial(1), intent(3), partial(3), result((1, 3))]
    assert Count(entries).faults() == []


def test_without_sums_no_intent_is_valid() -> None:
    digest = sums_digest(REFERENDUM, []).hex()
    for empty in ([], [SUMS[0], ZERO]):
        assert Count([intent(1), intent(2)], sums=empty).faults() == [("V25", 0), ("V25", 1)]
        assert Count([intent(1, sums=digest)], sums=empty).faults() == [("V25", 0)]


# Partial decryptions


def test_a_decryption_comes_after_t_agreed_intents() -> None:
    early = [intent(1), partial(1), intent(2), partial(2), result()]
    assert Count(early).faults() == [("V26", 1), ("V27", 4)]
    early = [intent(1), intent(3, 80), partial(1), intent(2), partial(2), result()]
    assert Count(early).faults() == [("V25", 1), ("V26", 2), ("V27", 5)]


def test_only_who_agreed_decrypts() -> None:
    entries = [*HONEST, partial(3), result()]
    assert Count(entries).faults() == [("V26", 4)]
    assert Count([*HONEST, partial(3), result((1, 3))]).faults() == [("V26", 4), ("V27", 5)]
    other_tree = [intent(1), intent(2), intent(3, 91), partial(1), partial(3, 91), result((1, 3))]
    assert Count(other_tree).faults() == [("V25", 2), ("V26", 4), ("V27", 5)]


def _spoiled() -> dict[str, PartialDecryption]:
    good = partial(2)
    first, second = good.decryptions[0]

    def filed(parts: list[list[Decryption]], root: str | None = None) -> PartialDecryption:
        return PartialDecryption(trustee=2, root=root or good.root, decryptions=parts)

    def with_first(**changes: str) -> PartialDecryption:
        fields = {"point": first.point, "challenge": first.challenge, "response": first.response} | changes
        return filed([[Decryption(**fields), second]])

    return {
        "another tree": partial(2, 91),
        "the name of another tree": filed(good.decryptions, ROOTS[91].hex()),
        "another share": partial(2, share=SHARES[3]),
        "another trustee's": partial(3, named=2),
        "exchanged": filed([[second, first]]),
        "one option missing": filed([[first]]),
        "one option too many": filed([[first, second, second]]),
        "one question too many": filed([[first, second], []]),
        "no question": filed([]),
        "cut in two": filed([[first], [second]]),
        "point": with_first(point=second.point),
        "point off the curve": with_first(point="02" + (5).to_bytes(32, "big").hex()),
        "challenge": with_first(challenge=second.challenge),
        "response": with_first(response=second.response),
        "challenge and response exchanged": with_first(challenge=first.response, response=first.challenge),
        "scalar not below the order": with_first(response="ff" * 32),
    }


@pytest.mark.parametrize("name", _spoiled())
def test_a_bad_decryption_is_passed_over_and_no_result_rests_on_it(name: str) -> None:
    bad = _spoiled()[name]
    intents = [intent(1), intent(2), intent(3)]
    assert Count([*intents, partial(1), bad, result()]).faults() == [("V26", 4), ("V27", 5)]
    assert Count([*intents, partial(1), bad, partial(3), result((1, 3))]).faults() == [("V26", 4)]


def test_a_decryption_is_proven_for_each_sum_of_each_question() -> None:
    """The same sums as two questions of one option each; each proof names its own."""
    good = check_partial(REFERENDUM, [2], SUMS, KEYS[0], partial(1))
    assert good == [partial_decrypt(SHARES[1], ciphertext) for ciphertext in SUMS]
    body = partial(1)
    parts = [[part] for part in body.decryptions[0]]
    with pytest.raises(CryptoError):
        check_partial(
            REFERENDUM,
            [1, 1],
            SUMS,
            KEYS[0],
            PartialDecryption(trustee=1, root=body.root, decryptions=parts),
        )


# The result


@pytest.mark.parametrize("trustees", [(), (1,), (2, 1), (1, 1), (1, 2, 3), (1, 4), (0, 1), (1, 5)])
def test_a_result_rests_on_exactly_t_trustees_in_order_who_decrypted(trustees: Sequence[int]) -> None:
    entries = [*(intent(k) for k in (1, 2, 3)), *(partial(k) for k in (1, 2, 3)), result(trustees)]
    assert ("V27", 6) in Count(entries).faults()


@pytest.mark.parametrize("counts", [[5, 6], [3, 6], [4, 5], [4, 7], [6, 4], [4, 6 + 2**40], [10, 0]])
def test_each_count_is_what_its_sum_decrypts_to(counts: list[int]) -> None:
    assert ("V27", 4) in Count([*HONEST, result(counts=counts)]).faults()


@pytest.mark.parametrize(("counted", "breach"), [(5, True), (6, False), (7, False), (10, False)])
def test_no_count_exceeds_the_tokens_that_count(counted: int, breach: bool) -> None:
    manifest = _manifest()
    manifest.rules.minimum_participants = 1
    made = make_result(manifest, counted, None, [list(COUNTS)], [1, 2])
    faults = Count([*HONEST, made], counted=counted, manifest=manifest).faults()
    assert faults == ([("V27", 4)] if breach else [])


@pytest.mark.parametrize("online", [[], [[4]], [[4, 6, 0]], [[4, 6], []], [[4], [6]]])
def test_the_counts_have_the_shape_of_the_questions(online: list[list[int]]) -> None:
    good = result()
    questions = [
        type(good.questions[0])(online=c, paper=c, total=c, outcome="accepted", ranking=[], funded=None) for c in online
    ]
    made = Result(
        status="counted", online_ballots=10, paper_ballots=0, participants=10, trustees=[1, 2], questions=questions
    )
    faults = Count([*HONEST, made]).faults()
    assert faults
    assert {place for _, place in faults} == {4}
    assert {check for check, _ in faults} <= {"V27", "V28"}


def _changed(made: Result, **changes: Any) -> Result:
    return Result(**{name: getattr(made, name) for name in made.__struct_fields__} | changes)


@pytest.mark.parametrize(
    "changes",
    [{"online_ballots": 9}, {"paper_ballots": 1}, {"participants": 11}, {"status": "not-counted-floor"}],
)
def test_the_figures_follow_from_the_counts(changes: dict[str, Any]) -> None:
    assert Count([*HONEST, _changed(result(), **changes)]).faults() == [("V28", 4)]


@pytest.mark.parametrize("counted", [4, 7])
@pytest.mark.parametrize("decrypted", [False, True])
def test_what_may_not_be_counted_has_no_figures_and_no_decryption(counted: int, decrypted: bool) -> None:
    """Below the floor of 5, and below the minimum of 8."""
    entries = HONEST if decrypted else HONEST[:2]
    empty = make_result(_manifest(), counted, None, [], [])
    assert empty.status == ("not-counted-floor" if counted == 4 else "not-counted-minimum")
    decryption = [("V28", 2)] if decrypted else []
    place = len(entries)
    assert Count([*entries, empty], counted=counted).faults() == decryption
    assert Count(entries, counted=counted).faults() == decryption
    full = _changed(result(counted=10), online_ballots=counted, participants=counted)
    assert Count([*entries, full], counted=counted).faults() == [*decryption, ("V28", place)]
    assert Count([*entries, _changed(empty, participants=9)], counted=counted).faults() == [*decryption, ("V28", place)]


def test_paper_ballots_reach_the_minimum_and_are_added() -> None:
    paper = PaperResult(ballots=6, counts=[[6, 0]])
    made = make_result(_manifest(), 7, paper, [list(COUNTS)], [1, 2])
    assert made.status == "counted"
    assert Count([*HONEST, made], counted=7, paper=paper).faults() == []
    other = make_result(_manifest(), 7, PaperResult(ballots=6, counts=[[5, 1]]), [list(COUNTS)], [1, 2])
    assert Count([*HONEST, other], counted=7, paper=paper).faults() == [("V28", 4)]
    assert Count([*HONEST, made], counted=7).faults() == [("V28", 2), ("V28", 4)]


# Few paper votes, in the sums

FEW = PaperBallots(ballots=3, root="00" * 32)
PART = [encrypt(generator_times(POLYNOMIAL[0]), count, RANDOM.randrange(1, ORDER)) for count in (3, 4)]


def test_few_paper_votes_reach_the_minimum_and_only_totals_are_stated() -> None:
    made = make_result(_manifest(), 7, FEW, [list(COUNTS)], [1, 2])
    assert (made.status, made.participants) == ("counted", 10)
    assert (made.questions[0].online, made.questions[0].paper, made.questions[0].total) == (None, None, COUNTS)
    assert Count([*HONEST, made], counted=7, paper=FEW).faults() == []
    for changes in ({"online": [3, 4]}, {"paper": [1, 2]}, {"online": [3, 4], "paper": [1, 2]}):
        shown = _changed(made, questions=[replace(made.questions[0], **changes)])
        assert Count([*HONEST, shown], counted=7, paper=FEW).faults() == [("V28", 4)]


def test_a_result_has_both_parts_where_paper_is_shown_apart() -> None:
    for changes in ({"online": None}, {"paper": None}, {"online": None, "paper": None}):
        hidden = _changed(result(), questions=[replace(result().questions[0], **changes)])
        assert ("V28", 4) in Count([*HONEST, hidden]).faults()


@pytest.mark.parametrize(("who", "breach"), [((1,), False), ((1, 1), False), ((1, 2), True), ((3, 4), True)])
@pytest.mark.parametrize("parts", [[PART], [SUMS[::-1], PART]])
def test_t_trustees_who_open_a_part_of_the_votes_break_the_rules(
    who: Sequence[int], breach: bool, parts: Sequence[Sequence[Ciphertext]]
) -> None:
    """One trustee alone opens nothing, and must not be able to make a referendum void."""
    apart = [partial(trustee, sums=PART) for trustee in who]
    entries = [*(intent(k) for k in (1, 2, 3, 4)), *apart]
    faults = Count(entries, counted=7, paper=FEW, parts=parts).faults()
    assert [fault for fault in faults if fault[0] == "V28"] == ([("V28", 4)] if breach else [])


# Yes or no: both counts in one sum

YES_NO = [encrypt(generator_times(POLYNOMIAL[0]), 4 + (6 << 32), RANDOM.randrange(1, ORDER))]
ONE_SUM = sums_digest(REFERENDUM, YES_NO).hex()


def yes_no(counts: Sequence[int], counted: int = 10) -> list[tuple[str, int]]:
    manifest = _manifest(most=1)
    manifest.rules.minimum_participants = 1
    made = make_result(manifest, counted, None, [list(counts)], [1, 2])
    entries = [*(intent(k, sums=ONE_SUM) for k in (1, 2)), *(partial(k, sums=YES_NO) for k in (1, 2)), made]
    return Count(entries, counted=counted, manifest=manifest, sums=YES_NO).faults()


def test_both_counts_of_yes_and_no_are_read_from_one_sum() -> None:
    assert yes_no([4, 6]) == []
    for counts in ([4, 5], [5, 6], [6, 4], [10, 0], [0, 10], [0, 0]):
        assert yes_no(counts) == [("V27", 4)]


@pytest.mark.parametrize("counts", [[4 + 2**32, 5], [4 + 6 * 2**32, 0], [4 - 2**32, 7], [4 + 7 * 2**32, -1]])
def test_a_sum_of_two_counts_has_no_second_reading(counts: list[int]) -> None:
    """Each of these is the same number; one of them is negative, or together they are more than what was counted."""
    assert counts[0] + (counts[1] << 32) == 4 + (6 << 32)
    if min(counts) >= 0:
        assert yes_no(counts) == [("V27", 4)]
    else:
        with pytest.raises(RecordInvalid):
            decode(encode(make_result(_manifest(most=1), 10, None, [counts], [1, 2])), Result)


@pytest.mark.parametrize(("counted", "breach"), [(8, True), (9, True), (10, False), (11, False)])
def test_yes_and_no_together_are_at_most_the_tokens_that_count(counted: int, breach: bool) -> None:
    assert yes_no([4, 6], counted) == ([("V27", 4)] if breach else [])
