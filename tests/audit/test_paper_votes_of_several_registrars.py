"""Who may vote on paper where several registrars strike and sign: nobody twice, whoever works together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stembus.audit.entry_rules import may_vote_on_paper
from stembus.audit.verify.index import Index

KEYS_OF_VOTERS = [bytes([k]) * 32 for k in range(6)]
MARKS = st.lists(st.sampled_from(["ready", "issued", "struck"]), min_size=6, max_size=6)


@given(st.lists(MARKS, min_size=1, max_size=3))
def test_tokens_and_paper_votes_are_never_more_than_people(marks: list[list[str]]) -> None:
    """However voters put signatures together: each token needs one of every registrar."""
    issued, struck = (
        [{key for key, mark in zip(KEYS_OF_VOTERS, one, strict=True) if mark == kind} for one in marks]
        for kind in ("issued", "struck")
    )
    paper = may_vote_on_paper(issued, struck)
    assert min(map(len, issued)) + len(paper) <= len(KEYS_OF_VOTERS)
    assert paper >= set.intersection(*struck)
    assert paper <= struck[0]
    for key in paper:
        assert all(key in signed or key in out for signed, out in zip(issued[1:], struck[1:], strict=True))


@given(st.lists(MARKS, min_size=1, max_size=3))
def test_the_verifiers_index_counts_the_same_people(marks: list[list[str]]) -> None:
    issued: list[set[bytes]] = [set() for _ in marks]
    struck: list[set[bytes]] = [set() for _ in marks]
    with Index() as index:
        for number, one in enumerate(marks, 1):
            for key, mark in zip(KEYS_OF_VOTERS, one, strict=True):
                if mark == "issued":
                    index.add_issued(number, key, False)
                    issued[number - 1].add(key)
                elif mark == "struck":
                    index.add_struck(number, key)
                    struck[number - 1].add(key)
        found, with_part = index.struck(len(marks))
    paper = may_vote_on_paper(issued, struck)
    assert found == len(paper)
    assert with_part == len([key for key in paper if any(key in signed for signed in issued[1:])])
