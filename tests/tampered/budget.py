"""Forged budgets (class 5, 6, 13, 15): projects of 40, 25, 61 and 10, of which 100 may be spent on at most two.

The six ciphertexts behind those of the projects are the bits 1 to 6 of what is left; bit 0 is what the last proof but
one says of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stembus.audit.formats.ballot_shape import QuestionShape
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.crypto.group import ORDER, scalar_to_bytes
from tests.tampered.ballots import CIPHERTEXTS, edit, put, scalars_at, simulated, swap_parts
from tests.tampered.catalogue import BUDGET, PASSED, PROJECTS, STANDS, YES_NO, add
from tests.tampered.forge import Body, Forge
from tests.tampered.log import _other_manifest
from tests.tampered.tally import question

COSTS, TOTAL, MOST = (40, 25, 61, 10), 100, 2
SHAPE = QuestionShape(4, MOST, COSTS, TOTAL)


def bits(left: int) -> list[int]:
    return [left >> place & 1 for place in range(1, 7)]


def holding(*numbers: int) -> Callable[[Forge], None]:
    """Proofs that would be false claim the first of their values."""
    return lambda forge: put(forge, simulated(forge, numbers))


CIPHERTEXT_FORGERIES: dict[str, Sequence[int]] = {
    # One unit over: 40 and 61 are 101.
    "one_unit_over_budget": (1, 0, 1, 0, *bits(0)),
    "one_unit_over_with_all_bits": (1, 0, 1, 0, *bits(127)),
    "two_projects_and_bits_that_would_pay_for_one": (1, 0, 1, 0, *bits(60)),
    "what_is_left_as_a_negative_bit": (1, 0, 1, 1, -1, 0, -1, 0, 0, 0),
    "what_is_left_in_one_large_bit": (0, 0, 1, 0, 19, 0, 0, 0, 0, 0),
    "a_bit_of_two": (0, 0, 1, 0, 1, 1, 0, 0, 2, 0),
    "a_bit_at_the_order_less_one": (0, 0, 1, 0, 1, 1, 0, 0, ORDER - 1, 0),
    "less_left_than_there_is": (0, 0, 1, 0, *bits(36)),
    "more_left_than_there_is": (0, 0, 1, 0, *bits(42)),
    "nothing_said_to_be_left": (0, 0, 0, 1, *bits(0)),
    "everything_said_to_be_left": (0, 0, 1, 0, *bits(100)),
    "bits_of_another_choice": (1, 0, 0, 0, *bits(100 - 25)),
    "bits_in_reverse": (0, 1, 0, 0, *reversed(bits(75))),
    "a_project_twice": (2, 0, 0, 0, *bits(20)),
    "a_project_paid_by_another_one_taken_back": (1, 0, 1, -1, *bits(9)),
    "minus_one_project_and_more_money": (0, 0, 0, -1, *bits(110)),
    "a_hundred_projects_and_minus": (100, 0, -63, 0, *bits(0)),
    "the_cheapest_ten_times": (0, 0, 0, 10, *bits(0)),
    "a_second_option_of_yes_and_no": (0, 0, 0, 2**32, *bits(90)),
}
for name, numbers in CIPHERTEXT_FORGERIES.items():
    add(f"budget_{name}", 5, "V19", holding(*numbers), STANDS, base=BUDGET)
# 40, 25 and 10 are within the budget, and one project too many.
add("budget_three_projects_where_two_may_be_chosen", 5, "V19", holding(1, 1, 0, 1, *bits(25)), STANDS, base=BUDGET)


def under(choice: Sequence[int], **changed: Any) -> Callable[[Forge], None]:
    """A ballot made honestly under another definition."""

    def maker(forge: Forge) -> None:
        shape = replace(SHAPE, **changed)
        context = replace(forge.context, questions=(shape,))
        voting_pass = forge.voters[0].voting_pass
        put(forge, sign_ballot(forge.context, voting_pass, prepare(context, voting_pass, [list(choice)]), 0))

    return maker


add("budget_costs_of_two_projects_swapped", 15, "V19", under([0], costs=(25, 40, 61, 10)), STANDS, base=BUDGET)
add("budget_costs_in_reverse", 15, "V19", under([2, 3], costs=(10, 61, 25, 40)), STANDS, base=BUDGET)
add("budget_one_unit_larger", 15, "V19", under([0, 2], budget=101), STANDS, base=BUDGET)
add("budget_one_unit_smaller", 15, "V19", under([0], budget=99), STANDS, base=BUDGET)
add("budget_all_projects_for_nothing", 15, "V19", under([0, 2], costs=(1, 1, 1, 1)), STANDS, base=BUDGET)
add("budget_with_one_bit_more", 15, "V16", under([0], budget=128), STANDS, base=BUDGET)
add("budget_with_one_bit_less", 15, "V16", under([0], budget=63), STANDS, base=BUDGET)
add("budget_without_a_budget", 15, "V16", under([0, 2], costs=(), budget=0), STANDS, base=BUDGET)
add("budget_without_a_bound_on_projects", 15, "V16", under([0, 1, 3], most=4), STANDS, base=BUDGET)


@edit
def _projects_permuted(forge: Forge, raw: bytearray) -> None:
    swap_parts(raw, CIPHERTEXTS, CIPHERTEXTS + 66, 66)


@edit
def _bits_lifted(forge: Forge, raw: bytearray) -> None:
    donor = forge.batches[0][2]
    start, end = CIPHERTEXTS + 4 * 66, CIPHERTEXTS + 10 * 66
    raw[start:end] = donor[start:end]


@edit
def _bit_and_project_exchanged(forge: Forge, raw: bytearray) -> None:
    swap_parts(raw, CIPHERTEXTS, CIPHERTEXTS + 5 * 66, 66)


add("budget_projects_permuted", 3, "V19", _projects_permuted, STANDS, base=BUDGET)
add("budget_bits_lifted_from_another_ballot", 3, "V19", _bits_lifted, STANDS, base=BUDGET)
add("budget_bit_and_project_exchanged", 3, "V19", _bit_and_project_exchanged, STANDS, base=BUDGET)


def weighted_scalar(place: int, data: bytes) -> Callable[[Forge], None]:
    """Scalar `place` of the proof about all costs: it comes after those of ten ciphertexts, three scalars each."""

    @edit
    def change(forge: Forge, raw: bytearray) -> None:
        at = scalars_at(forge) + 32 * (10 * 3 + place)
        raw[at : at + 32] = data

    return change


for place in range(3):
    add(f"budget_proof_scalar_{place}_of_zero", 4, "V19", weighted_scalar(place, bytes(32)), STANDS, base=BUDGET)
    at_the_order = weighted_scalar(place, scalar_to_bytes(ORDER))
    add(f"budget_proof_scalar_{place}_at_the_order", 4, "V16", at_the_order, STANDS, base=BUDGET)

# Which projects are paid for. Honest votes: 8 for the first (40), 4 for the second (25), none for the others.
for name, change in {
    "beyond_the_budget": lambda q: q.update(funded=[0, 1, 2]),
    "without_a_vote": lambda q: q.update(funded=[0, 1, 3]),
    "of_the_second_most_votes": lambda q: q.update(funded=[1]),
    "none": lambda q: q.update(funded=[]),
    "not_stated": lambda q: q.update(funded=None),
    "twice": lambda q: q.update(funded=[0, 0, 1]),
    "a_project_that_does_not_exist": lambda q: q.update(funded=[0, 1, 4]),
    "called_ranked": lambda q: q.update(outcome="ranked", funded=None),
    "called_accepted": lambda q: q.update(outcome="accepted"),
}.items():
    add(f"funded_{name}", 13, "V28", question(change), base=BUDGET)
add("funded_in_a_question_of_yes_or_no", 13, "V28", question(lambda q: q.update(funded=[])))
add(
    "funded_as_an_outcome_of_a_choice",
    13,
    "V28",
    question(lambda q: q.update(outcome="funded", funded=[])),
    base=PROJECTS,
)
add("budget_count_of_a_project_one_higher", 13, "V27", question(lambda q: more_votes(q, 3)), base=BUDGET)


def more_votes(counted: Body, option: int) -> None:
    for part in ("online", "total"):
        counted[part][option] += 1
    groups = {count: [k for k, c in enumerate(counted["total"]) if c == count] for count in counted["total"]}
    counted["ranking"] = [groups[count] for count in sorted(groups, reverse=True)]
    counted["funded"] = [0, 1, 3]


def decrypted_bits(forge: Forge) -> None:
    """A trustee opens a seventh sum as well, of what is left over."""

    def hook(made: list[tuple[str, Body, list[str]]]) -> None:
        decryptions = made[2][1]["decryptions"][0]
        decryptions.append(decryptions[0])

    forge.tally_hook = hook


add("budget_with_a_sum_of_bits_decrypted", 12, "V26", decrypted_bits, PASSED, also=("V27",), status=1, base=BUDGET)


def manifest(change: Callable[[Body], object]) -> Callable[[Forge], Any]:
    return lambda forge: _other_manifest(forge, change)


def option(number: int, cost: int | None) -> Callable[[Body], object]:
    return lambda m: m["questions"][0]["options"][number].update(cost=cost)


def asked(**changes: object) -> Callable[[Body], object]:
    return lambda m: m["questions"][0].update(changes)


for name, alter in {
    "a_project_above_the_budget": option(2, 101),
    "a_project_for_nothing": option(2, 0),
    "a_project_of_a_negative_cost": option(2, -1),
    "a_project_without_a_cost": option(2, None),
    "no_budget": asked(budget=None),
    "a_budget_of_nothing": asked(budget=0),
    "a_budget_of_2_to_the_32": asked(budget=2**32),
    "no_unit": asked(unit=None),
    "a_unit_in_one_language": asked(unit={"nl": "euro"}),
    "no_rule_of_funding": asked(funding=None),
    "an_unknown_rule_of_funding": asked(funding="most-votes"),
    "an_accepting_project": asked(accepts=0),
    "five_of_four_projects": asked(max_choices=5),
    "a_budget_called_a_choice": asked(kind="choose"),
}.items():
    add(f"manifest_budget_with_{name}", 6, "V3", manifest(alter), base=BUDGET)
for name, alter in {
    "a_budget": asked(budget=100),
    "a_unit": asked(unit={"nl": "euro", "en": "euro", "fr": "euro"}),
    "a_rule_of_funding": asked(funding="most-votes-then-listed"),
    "a_cost": option(0, 1),
}.items():
    add(f"manifest_yes_or_no_with_{name}", 6, "V3", manifest(alter), base=YES_NO)
