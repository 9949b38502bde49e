"""Who is drawn to be asked follows from the log and from dice, and from nothing that anybody chose."""

from __future__ import annotations

import hashlib
from collections import Counter
from fractions import Fraction

import msgspec
import pytest

from stembus.audit.errors import RecordInvalid
from stembus.audit.formats.canonical import decode, encode
from stembus.audit.formats.entry_bodies import Sample
from stembus.audit.verify.sample import draw_sample, most_who_did_not_vote
from tests.framing import framed_digest

REFERENDUM, ROOT, DICE = b"\1" * 32, b"\2" * 32, "123456123456123456123456123456"
PEOPLE = [hashlib.sha256(bytes([number])).digest() for number in range(100)]


def test_the_lots_are_those_of_the_protocol() -> None:
    seed = framed_digest("sample", ("referendum", REFERENDUM), ("root", ROOT), ("dice", DICE.encode()))
    lots = {framed_digest("lot", ("sample", seed), ("credential", person)): person for person in PEOPLE}
    expected = [lots[lot] for lot in sorted(lots)]
    assert draw_sample(REFERENDUM, ROOT, DICE, 100, PEOPLE) == expected
    assert draw_sample(REFERENDUM, ROOT, DICE, 7, PEOPLE) == expected[:7]


def test_neither_the_order_of_people_nor_how_often_they_are_named_changes_the_draw() -> None:
    drawn = draw_sample(REFERENDUM, ROOT, DICE, 10, PEOPLE)
    assert draw_sample(REFERENDUM, ROOT, DICE, 10, [*reversed(PEOPLE), *PEOPLE]) == drawn


def test_another_throw_another_root_or_another_referendum_draws_others() -> None:
    draws = [
        draw_sample(REFERENDUM, ROOT, DICE, 10, PEOPLE),
        draw_sample(REFERENDUM, ROOT, "2" + DICE[1:], 10, PEOPLE),
        draw_sample(REFERENDUM, bytes(32), DICE, 10, PEOPLE),
        draw_sample(bytes(32), ROOT, DICE, 10, PEOPLE),
    ]
    assert len({tuple(draw) for draw in draws}) == 4


def test_where_fewer_asked_all_are_drawn() -> None:
    assert sorted(draw_sample(REFERENDUM, ROOT, DICE, 101, PEOPLE)) == sorted(PEOPLE)
    assert draw_sample(REFERENDUM, ROOT, DICE, 5, []) == []


def test_nobody_is_drawn_much_more_often_than_others() -> None:
    drawn: Counter[bytes] = Counter()
    for number in range(600):
        drawn.update(draw_sample(REFERENDUM, number.to_bytes(32, "big"), DICE, 10, PEOPLE))
    assert len(drawn) == 100
    assert 25 <= min(drawn.values()) <= max(drawn.values()) <= 105  # 60 expected, five deviations of 7.3


@pytest.mark.parametrize(
    ("dice", "good"),
    [
        ("1" * 30, True), ("6" * 30, True), ("1" * 29, False), ("6" * 31, False), ("0" * 30, False), ("7" * 30, False),
        ("1" * 30 + "\n", False), ("1" * 29 + " ", False), ("", False),
    ],
)  # fmt: skip
def test_the_record_of_a_sample_has_30_throws(dice: str, good: bool) -> None:
    """Neither how many dice count nor how many people are drawn is left to whoever knows the throw."""
    raw = encode(msgspec.structs.replace(Sample(dice="1" * 30), dice=dice))
    if good:
        assert decode(raw, Sample).dice == dice
        return
    with pytest.raises(RecordInvalid):
        decode(raw, Sample)


@pytest.mark.parametrize(
    ("people", "asked", "denied", "most"),
    [(10, 10, 3, 3), (10, 0, 0, 10), (1, 1, 0, 0), (100, 1, 0, 94), (100, 1, 1, 100), (9_880, 300, 0, 96)],
)
def test_answers_bound_how_many_did_not_vote(people: int, asked: int, denied: int, most: int) -> None:
    assert most_who_did_not_vote(people, asked, denied) == most


@pytest.mark.parametrize(("people", "asked", "denied"), [(30, 7, 0), (30, 7, 2), (25, 24, 5), (40, 20, 20)])
def test_the_bound_is_the_last_number_that_more_than_one_draw_of_twenty_would_hide(
    people: int, asked: int, denied: int
) -> None:
    """By a distribution that is counted out by itself."""

    def hidden(absent: int) -> Fraction:
        chances = {0: Fraction(1)}
        for drawn in range(asked):
            grown: dict[int, Fraction] = {}
            for found, chance in chances.items():
                one = Fraction(absent - found, people - drawn)
                grown[found + 1] = grown.get(found + 1, Fraction(0)) + chance * one
                grown[found] = grown.get(found, Fraction(0)) + chance * (1 - one)
            chances = grown
        return sum((chance for found, chance in chances.items() if found <= denied), Fraction(0))

    possible = range(denied, people - (asked - denied) + 1)
    assert most_who_did_not_vote(people, asked, denied) == max(n for n in possible if hidden(n) > Fraction(1, 20))


@pytest.mark.parametrize(("people", "asked", "denied"), [(5, 6, 0), (5, 3, 4), (5, 3, -1)])
def test_impossible_answers_bound_nothing(people: int, asked: int, denied: int) -> None:
    with pytest.raises(ValueError, match="of the people"):
        most_who_did_not_vote(people, asked, denied)
