"""What an entry may say: each rule accepts what is right and has a sentence for each way of being wrong."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from stembus.audit import bounds, entry_rules
from stembus.audit.errors import FileMissing, FileTooLong
from stembus.audit.formats import entry_bodies as bodies
from stembus.audit.formats.entries import issued_digest
from stembus.audit.log.source import MemoryPlace
from stembus.crypto.signing import SigningKey

HASH, REFERENDUM = "00" * 32, b"\7" * 32
KEYS = [SigningKey(bytes([number]) * 32) for number in (1, 2)]
MANIFEST: Any = SimpleNamespace(
    languages=["nl", "fr"],
    eligibility=SimpleNamespace(official_count=40),
    registrars=[SimpleNamespace(key=key.public.hex()) for key in KEYS],
    privacy_floor=SimpleNamespace(paper=5),
    questions=[
        SimpleNamespace(options=[SimpleNamespace(cost=None)] * count, max_choices=most, budget=None)
        for count, most in ((2, 1), (3, 2))
    ],
)


# Texts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"nl": "storing"}, None),
        ({"nl": "storing", "fr": "panne"}, None),
        ({"fr": "panne"}, "its text is in nl"),
        ({}, "its text is in nl"),
        ({"nl": "storing", "de": "Störung"}, "its text is in nl"),
        ({"nl": ""}, "(nl)"),
        ({"nl": "storing", "fr": " panne"}, "(fr)"),
        ({"nl": "x" * bounds.TEXT_CHARACTERS}, None),
        ({"nl": "x" * (bounds.TEXT_CHARACTERS + 1)}, "(nl)"),
    ],
)
def test_a_text_is_in_the_languages_of_the_manifest_and_in_the_first_one(text: Any, words: str | None) -> None:
    problem = entry_rules.texts_problem(MANIFEST, text)
    assert problem is None if words is None else problem is not None and words in problem


def test_an_incident_says_something_else_than_the_one_before() -> None:
    before = {"nl": "storing", "fr": "panne"}
    assert entry_rules.texts_problem(MANIFEST, dict(before), before) == "the incident before it has the same text"
    for other in ({"nl": "storing"}, {"nl": "storing", "fr": "feu"}, {"nl": "brand", "fr": "panne"}):
        assert entry_rules.texts_problem(MANIFEST, other, before) is None


def test_a_purge_lists_texts() -> None:
    for destroyed, good in (([], True), (["codes", "keys"], True), ([""], False), (["codes", " "], False)):
        assert (entry_rules.purge_problem(bodies.Purge(destroyed=destroyed)) is None) == good


# Roll, client, opening


@pytest.mark.parametrize(("count", "good"), [(39, False), (40, True), (41, False)])
def test_a_roll_has_the_official_number_of_people(count: int, good: bool) -> None:
    body = bodies.Roll(count=count, credentials_root=HASH, spares=0, spares_root=HASH)
    assert (entry_rules.roll_problem(MANIFEST, body) is None) == good


@pytest.mark.parametrize(
    ("release", "paths", "words"),
    [
        ("1.0", ["a.js", "b/c.css"], None),
        ("1.0", ["a.js"], None),
        ("1.0", [], "listed once each, sorted"),
        ("1.0", ["b.js", "a.js"], "listed once each, sorted"),
        ("1.0", ["a.js", "a.js"], "listed once each, sorted"),
        ("", ["a.js"], "not a plain name"),
        ("1.0", ["../a.js"], "not a plain name"),
        ("1.0", ["a.js", "b//c"], "not a plain name"),
    ],
)
def test_a_client_is_a_release_of_files_in_order(release: str, paths: list[str], words: str | None) -> None:
    body = bodies.Client(release=release, files=[bodies.ClientFile(path=path, sha256=HASH) for path in paths])
    problem = entry_rules.client_problem(body)
    assert problem is None if words is None else problem is not None and words in problem


def test_voting_is_opened_for_the_raw_election_key() -> None:
    body = bodies.Open(election_key=hashlib.sha256(b"the entry").hexdigest())
    assert entry_rules.open_problem(b"the entry", body) is None
    for raw in (b"another", b"", None):
        assert entry_rules.open_problem(raw, body) == "voting was opened for another election key"


# Batches


@pytest.mark.parametrize(("size", "good"), [(0, False), (1, True), (2, True)])
def test_a_batch_is_not_empty(size: int, good: bool) -> None:
    assert (entry_rules.batch_problem(bodies.Batch(number=1, size=size, issued=[])) is None) == good


def _statement(registrar: int, batch: int, count: int, referendum: bytes = REFERENDUM) -> bodies.IssuedCount:
    signature = KEYS[registrar - 1].sign(issued_digest(referendum, registrar, batch, count))
    return bodies.IssuedCount(count=count, signature=signature.hex())


def _counts(*issued: bodies.IssuedCount, before: tuple[int, int] = (3, 4), batch: int = 2) -> str | None:
    body = bodies.Batch(number=batch, size=1, issued=list(issued))
    return entry_rules.counts_problem(MANIFEST, REFERENDUM, body, before)


def test_each_registrar_signs_a_count_that_does_not_go_down() -> None:
    first, second = _statement(1, 2, 3), _statement(2, 2, 4)
    assert _counts(first, second) is None
    assert _counts(_statement(1, 2, 5), _statement(2, 2, 9)) is None
    assert _counts(_statement(1, 2, 2), second) == "registrar 1's issuance count went down"
    assert _counts(first, _statement(2, 2, 3)) == "registrar 2's issuance count went down"


def test_there_is_one_count_for_each_registrar() -> None:
    first, second = _statement(1, 2, 3), _statement(2, 2, 4)
    for issued in ((), (first,), (first, second, second)):
        assert _counts(*issued) == "a batch states one issuance count for each registrar"


def test_a_count_is_signed_for_its_registrar_batch_count_and_referendum() -> None:
    first, second = _statement(1, 2, 5), _statement(2, 2, 5)
    assert _counts(first, second) is None
    assert _counts(second, first) == "registrar 1 did not sign this issuance count"
    assert _counts(first, _statement(2, 1, 5)) == "registrar 2 did not sign this issuance count"
    assert _counts(first, bodies.IssuedCount(count=6, signature=second.signature)) is not None
    assert _counts(_statement(1, 2, 5, bytes(32)), second) == "registrar 1 did not sign this issuance count"


# Paper


@pytest.mark.parametrize(
    ("ballots", "counts", "struck", "words"),
    [
        (6, [[4, 2], [6, 6, 0]], 6, None),
        (6, [[0, 0], [0, 0, 0]], 7, None),
        (0, [[0, 0], [0, 0, 0]], 0, None),
        (0, [[0, 0], [0, 0, 0]], 9, None),
        (5, [[5, 0], [5, 5, 0]], 5, None),
        (4, [[4, 0], [0, 0, 0]], 9, "4 paper ballots are below the privacy floor of 5"),
        (1, [[1, 0], [0, 0, 0]], 9, "below the privacy floor"),
        (6, [[4, 2], [6, 6, 0]], 5, "6 paper ballots where 5 voters were struck for paper"),
        (6, [[4, 2]], 6, "the shape of the questions"),
        (6, [[4, 2], [6, 6]], 6, "the shape of the questions"),
        (6, [[6, 6, 0], [4, 2]], 6, "the shape of the questions"),
        (6, [[4, 2], [6, 6, 0], []], 6, "the shape of the questions"),
        (6, [[4, 3], [0, 0, 0]], 6, "question 1 counts more choices"),
        (6, [[7, 0], [0, 0, 0]], 6, "question 1 counts more choices"),
        (6, [[0, 0], [6, 6, 1]], 6, "question 2 counts more choices"),
        (6, [[0, 0], [7, 0, 0]], 6, "question 2 counts more choices"),
        (0, [[1, 0], [0, 0, 0]], 6, "question 1 counts more choices"),
    ],
)
def test_a_paper_result_fits_its_ballots(ballots: int, counts: list[list[int]], struck: int, words: str | None) -> None:
    problem = entry_rules.paper_problem(MANIFEST, bodies.PaperResult(ballots=ballots, counts=counts), struck)
    assert problem is None if words is None else problem is not None and words in problem


# Documents


def _minutes(name: str = "minutes.pdf", data: bytes = b"%PDF") -> bodies.Minutes:
    return bodies.Minutes(name=name, sha256=hashlib.sha256(data).hexdigest())


def test_a_document_has_a_plain_name_that_no_earlier_one_has() -> None:
    assert entry_rules.name_problem(_minutes(), []) is None
    assert entry_rules.name_problem(_minutes(), ["other.pdf", "minutes.txt"]) is None
    for name in ("../minutes.pdf", "", ".hidden", "con"):
        assert entry_rules.name_problem(_minutes(name), []) == "a document's name is not a plain file name"
    for earlier in (["minutes.pdf"], ["a", "MINUTES.pdf"], ["Minutes.PDF", "b"]):
        assert entry_rules.name_problem(_minutes(), earlier) is not None
    assert entry_rules.name_problem(_minutes("MINUTES.pdf"), ["minutes.pdf"]) is not None


def test_a_document_is_there_and_has_the_hash_of_the_log() -> None:
    place = MemoryPlace({"documents/minutes.pdf": b"%PDF"})
    assert entry_rules.document_problem(place, _minutes()) is None
    assert entry_rules.present_problem(place, _minutes(), []) is None
    altered = _minutes(data=b"%PDF altered")
    assert entry_rules.document_problem(place, altered) == "not the document whose hash stands in the log"
    assert "documents/minutes.pdf is not the document" in (entry_rules.present_problem(place, altered, []) or "")
    with pytest.raises(FileMissing):
        entry_rules.document_problem(place, _minutes("other.pdf"))
    assert "must be there first" in (entry_rules.present_problem(place, _minutes("other.pdf"), []) or "")
    assert entry_rules.present_problem(place, _minutes(), ["minutes.pdf"]) is not None


def test_a_document_has_at_most_64_mib() -> None:
    asked: list[int] = []

    class Large(MemoryPlace):
        def read(self, path: str, limit: int) -> bytes:
            asked.append(limit)
            raise FileTooLong(path)

    with pytest.raises(FileTooLong):
        entry_rules.document_problem(Large({}), _minutes())
    assert asked == [64 * 1024 * 1024]


BUDGET: Any = SimpleNamespace(
    privacy_floor=SimpleNamespace(paper=5),
    questions=[
        SimpleNamespace(
            options=[SimpleNamespace(cost=cost) for cost in (40, 25, 61, 10, 50, 100)], max_choices=6, budget=100
        )
    ],
)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([0, 0, 0, 0, 0, 10], None),
        ([1, 0, 0, 0, 0, 10], "cost more than the paper ballots can spend"),
        ([10, 10, 0, 10, 0, 0], None),  # the three cheapest, on every ballot
        ([4, 10, 0, 10, 7, 0], "more choices than the paper ballots can pay for"),
        ([4, 0, 6, 0, 0, 0], None),  # 40 and 61 are one more than the budget
        ([5, 0, 6, 0, 0, 0], "no two are within the budget"),
        ([0, 10, 6, 10, 0, 0], None),
        ([0, 0, 4, 0, 6, 0], None),  # so are 50 and 61
        ([0, 0, 4, 0, 7, 0], "no two are within the budget"),
        ([5, 0, 0, 0, 10, 0], None),  # and 50 and 40 are not
        ([0, 0, 6, 4, 0, 4], None),
        ([0, 0, 6, 1, 0, 5], "no two are within the budget"),
    ],
)
def test_paper_counts_of_a_budget_are_refused_where_they_are_plainly_impossible(
    counts: list[int], words: str | None
) -> None:
    problem = entry_rules.paper_counts_problem(BUDGET, bodies.PaperResult(ballots=10, counts=[counts]))
    assert problem is None if words is None else problem is not None and words in problem


@pytest.mark.parametrize(("count", "fits"), [(0, True), (40, True), (41, False)])
def test_no_registrar_issues_more_tokens_than_there_are_voters(count: int, fits: bool) -> None:
    statements = [SimpleNamespace(count=3), SimpleNamespace(count=count)]
    close: Any = SimpleNamespace(issuance=statements)
    problem = entry_rules.excess_problem(MANIFEST, close)
    assert problem == (None if fits else "registrar 2 issued more tokens than there are voters")
