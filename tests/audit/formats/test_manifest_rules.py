"""The rules of a manifest (docs/protocol.md, 4) on both sides of each limit; every refusal names its field."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stembus.audit import bounds
from stembus.audit.errors import ManifestInvalid
from stembus.audit.formats.manifest import Manifest, cast_ballot_bytes
from stembus.audit.formats.manifest_rules import encode_manifest, parse_manifest
from stembus.audit.log.source import FolderPlace
from stembus.crypto.blind_signer import BlindSigner
from stembus.crypto.signing import SigningKey
from tests import questions
from tests.conftest import Finished
from tests.log_view import read_log

Draft = dict[str, Any]
Change = Callable[[Draft], object]


@pytest.fixture(scope="module")
def raw(opened: Finished) -> bytes:
    """An entry 0: three trustees, two witnesses, two officers, one registrar; 40 voters; Dutch, English, French."""
    return read_log(FolderPlace(opened.public)).manifest_raw


def encoded(draft: Draft) -> bytes:
    return json.dumps(draft, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read(raw: bytes, change: Change) -> Manifest:
    draft = json.loads(raw)
    change(draft)
    return parse_manifest(encoded(draft))


def accepted(raw: bytes, change: Change) -> Manifest:
    manifest = read(raw, change)
    draft = json.loads(raw)
    change(draft)
    assert encode_manifest(manifest) == encoded(draft)
    return manifest


def refused(raw: bytes, change: Change, field: str) -> None:
    with pytest.raises(ManifestInvalid) as refusal:
        read(raw, change)
    assert str(refusal.value).startswith(f"{field}: "), refusal.value


def keys(first: int, count: int) -> list[str]:
    return [SigningKey(bytes([number]) * 32).public.hex() for number in range(first, first + count)]


def members(first: int, count: int, prefix: str) -> list[Draft]:
    return [{"key": key, "name": f"{prefix}-{number}"} for number, key in enumerate(keys(first, count), 1)]


def texts(text: str) -> dict[str, str]:
    return dict.fromkeys(("en", "fr", "nl"), text)


def choose(options: int, most: int, text: str = "Wat?") -> Draft:
    return questions.choose([f"keuze {number}" for number in range(options)], most, text)


def in_languages(draft: Draft, languages: list[str]) -> None:
    """All texts of the draft in these languages."""
    draft["languages"] = languages
    first = draft["questions"][0]
    holders = [(draft, "title"), (draft["eligibility"], "description"), (first, "text")]
    for holder, name in [*holders, *((option, "text") for option in first["options"])]:
        text = next(iter(holder[name].values()))
        holder[name] = dict.fromkeys(languages, text)


# Languages and texts


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (8, True), (9, False)])
def test_there_are_1_to_8_languages(raw: bytes, count: int, good: bool) -> None:
    def change(draft: Draft) -> None:
        in_languages(draft, ["nl", "en", "fr", "de", "lb", "es", "pt", "it", "pl"][:count])

    if good:
        assert len(accepted(raw, change).languages) == count
    else:
        refused(raw, change, "languages")


@pytest.mark.parametrize("language", ["n", "nld", "NL", "n1", "nl\n", "", "nl-BE"])
def test_a_language_is_two_lower_case_letters(raw: bytes, language: str) -> None:
    refused(raw, lambda draft: in_languages(draft, ["nl", language, "fr"]), "languages")


def test_no_language_is_listed_twice(raw: bytes) -> None:
    refused(raw, lambda draft: draft.update(languages=["nl", "en", "fr", "nl"]), "languages")


TEXTS: dict[str, Callable[[Draft], dict[str, str]]] = {
    "title": lambda draft: draft["title"],
    "eligibility.description": lambda draft: draft["eligibility"]["description"],
    "question 1": lambda draft: draft["questions"][0]["text"],
    "question 1, option 1": lambda draft: draft["questions"][0]["options"][0]["text"],
    "question 1, option 2": lambda draft: draft["questions"][0]["options"][1]["text"],
    "question 2": lambda draft: draft["questions"][1]["text"],
    "question 2, option 3": lambda draft: draft["questions"][1]["options"][2]["text"],
}


@pytest.mark.parametrize("field", TEXTS)
def test_each_text_is_in_each_language_and_sound_in_each(raw: bytes, field: str) -> None:
    def with_second(draft: Draft) -> dict[str, str]:
        draft["questions"].append(choose(3, 2))
        return TEXTS[field](draft)

    accepted(raw, with_second)
    refused(raw, lambda draft: with_second(draft).pop("fr"), field)
    refused(raw, lambda draft: with_second(draft).update(de="Text"), field)
    for language in ("nl", "en", "fr"):
        refused(raw, lambda draft, at=language: with_second(draft).update({at: " a"}), f"{field}, in {language}")
        longest = "x" * bounds.TEXT_CHARACTERS
        accepted(raw, lambda draft, at=language, text=longest: with_second(draft).update({at: text}))
        refused(
            raw,
            lambda draft, at=language, text=longest: with_second(draft).update({at: text + "x"}),
            f"{field}, in {language}",
        )


# Questions


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (32, True), (33, False)])
def test_there_are_1_to_32_questions(raw: bytes, count: int, good: bool) -> None:
    def change(draft: Draft) -> None:
        draft["questions"] = [choose(1, 1, f"vraag {number}") for number in range(count)]

    if good:
        assert len(accepted(raw, change).questions) == count
    else:
        refused(raw, change, "questions")


@pytest.mark.parametrize(
    ("options", "most", "good"),
    [
        (0, 1, False),
        (1, 1, True),
        (2, 2, True),
        (2, 3, False),
        (3, 2, True),
        (3, 4, False),
        (256, 1, True),
        (257, 1, False),
    ],
)
def test_a_question_has_1_to_256_options_and_no_more_choices_than_these(
    raw: bytes, options: int, most: int, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ballot of 256 options is longer than an entry; here it may be."""
    monkeypatch.setattr(bounds, "ENTRY_BYTES", 100_000)

    def change(draft: Draft) -> None:
        draft["questions"].append(choose(options, most))

    if good:
        accepted(raw, change)
    else:
        refused(raw, change, "question 2")


@pytest.mark.parametrize("language", ["nl", "en", "fr"])
def test_no_two_options_of_a_question_have_the_same_text(raw: bytes, language: str) -> None:
    def change(draft: Draft, question: int = 1, text: str = "keuze 0") -> None:
        draft["questions"] += [choose(3, 2), choose(3, 2)]
        draft["questions"][question]["options"][2]["text"][language] = text

    accepted(raw, lambda draft: change(draft, text="keuze 9"))
    refused(raw, change, "question 2")
    refused(raw, lambda draft: change(draft, 2), "question 3")
    refused(raw, lambda draft: change(draft, 2, "keuze\u00a01"), "question 3")


@pytest.mark.parametrize("changes", [{"max_choices": 2}, {"accepts": None}, {"accepts": -1}, {"accepts": 2}])
def test_a_yes_no_question_names_the_one_choice_that_accepts(raw: bytes, changes: Draft) -> None:
    refused(raw, lambda draft: draft["questions"][0].update(changes), "question 1")


def test_a_yes_no_question_has_two_options(raw: bytes) -> None:
    third = questions.option("misschien")
    refused(raw, lambda draft: draft["questions"][0]["options"].append(third), "question 1")
    refused(raw, lambda draft: draft["questions"][0]["options"].pop(), "question 1")
    for accepts in (0, 1):
        accepted(raw, lambda draft, value=accepts: draft["questions"][0].update(accepts=value))


@pytest.mark.parametrize("accepts", [0, 1])
def test_only_a_yes_no_question_accepts(raw: bytes, accepts: int) -> None:
    refused(raw, lambda draft: draft["questions"][0].update(kind="choose", accepts=accepts), "question 1")
    accepted(raw, lambda draft: draft["questions"][0].update(kind="choose", accepts=None))


def test_a_ballot_is_as_long_as_its_parts_and_fits_into_an_entry(raw: bytes) -> None:
    """A choose question of o options, all of which may be chosen: 66*o bytes, and o proofs of 132 + 96 bytes."""
    tail = 1 + 32 + 32 + 32 + 384 + 4 + 64
    sizes = {options: tail + 294 * options for options in (220, 221)}

    def change(draft: Draft, first: int, second: int) -> None:
        draft["questions"] = [choose(first, first), choose(second, second, "En wat nog?")]

    for options, size in sizes.items():
        assert cast_ballot_bytes(accepted(raw, lambda draft, o=options: change(draft, 1, o - 1))) == size
    one_sum = accepted(raw, lambda draft: draft.update(questions=[choose(3, 2)]))
    assert cast_ballot_bytes(one_sum) == tail + 294 * 3 + 66 * 3 + 32 * 5
    assert cast_ballot_bytes(parse_manifest(raw)) == tail + 66 + 66 * 3 + 32 * 5, "yes or no: one ciphertext"


def test_a_ballot_may_be_exactly_as_long_as_an_entry(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def many(draft: Draft) -> None:
        """So many options that the ballot is longer than the manifest."""
        draft["questions"] = [choose(150, 150)]

    size = cast_ballot_bytes(accepted(raw, many))
    monkeypatch.setattr(bounds, "ENTRY_BYTES", size)
    accepted(raw, many)
    monkeypatch.setattr(bounds, "ENTRY_BYTES", size - 1)
    refused(raw, many, "questions")


# Who may vote, and when


@pytest.mark.parametrize(
    ("postcodes", "good"),
    [
        (["8500"], True),
        (["1000", "9999"], True),
        ([], False),
        (["8500", "0850"], False),
        (["850", "8500"], False),
        (["8500", "85000"], False),
        (["8500\n"], False),
        (["850a"], False),
        ([str(1000 + number) for number in range(2000)], True),
        ([str(1000 + number) for number in range(2001)], False),
    ],
)
def test_each_postcode_has_four_digits(raw: bytes, postcodes: list[str], good: bool) -> None:
    def change(draft: Draft) -> None:
        draft["eligibility"]["postcodes"] = postcodes

    if good:
        accepted(raw, change)
    else:
        refused(raw, change, "eligibility.postcodes")


def test_the_minimum_of_participants_can_be_reached(raw: bytes) -> None:
    accepted(raw, lambda draft: draft["rules"].update(minimum_participants=40))
    refused(raw, lambda draft: draft["rules"].update(minimum_participants=41), "rules.minimum_participants")


def test_all_ballots_of_all_voters_fit_into_a_log(raw: bytes) -> None:
    def change(draft: Draft, casts: int, official: int) -> None:
        draft["max_casts"] = casts
        draft["eligibility"]["official_count"] = official

    accepted(raw, lambda draft: change(draft, 1000, 99_000))
    accepted(raw, lambda draft: change(draft, 9, 11_000_000))
    refused(raw, lambda draft: change(draft, 1000, 99_001), "max_casts")
    refused(raw, lambda draft: change(draft, 10, 11_000_000), "max_casts")


def test_voting_closes_after_it_opens_and_after_its_quiet_time(raw: bytes) -> None:
    def change(draft: Draft, opens: str, closes: str, quiet: int = 0) -> None:
        draft.update(opens=f"2019-10-14T{opens}+02:00", closes=f"2019-10-14T{closes}+02:00")
        draft["batching"]["quiet_seconds"] = quiet

    accepted(raw, lambda draft: change(draft, "09:00:00", "09:00:01"))
    refused(raw, lambda draft: change(draft, "09:00:00", "09:00:00"), "closes")
    refused(raw, lambda draft: change(draft, "09:00:01", "09:00:00"), "closes")
    accepted(raw, lambda draft: change(draft, "09:00:00", "10:00:00", 3599))
    refused(raw, lambda draft: change(draft, "09:00:00", "10:00:00", 3600), "batching.quiet_seconds")


def test_times_are_above_0_and_below_the_last_second_of_the_year_9999(raw: bytes) -> None:
    accepted(raw, lambda draft: draft.update(opens="1970-01-01T00:00:01+00:00"))
    refused(raw, lambda draft: draft.update(opens="1970-01-01T00:00:00+00:00"), "closes")
    accepted(raw, lambda draft: draft.update(closes="9999-12-31T23:59:58+00:00"))
    refused(raw, lambda draft: draft.update(closes="9999-12-31T23:59:59+00:00"), "closes")


@pytest.mark.parametrize("day", ["2019-13-01", "2019-02-29", "20191014", "2019-W42-1", "0000-01-01", "2019-10-14 "])
def test_the_day_of_reference_has_one_spelling(raw: bytes, day: str) -> None:
    accepted(raw, lambda draft: draft["eligibility"].update(age_date="2020-02-29"))
    refused(raw, lambda draft: draft["eligibility"].update(age_date=day), "eligibility.age_date")


# Parties


@pytest.mark.parametrize(("field", "least", "most"), [("trustees", 1, 32), ("witnesses", 1, 64), ("officers", 2, 64)])
def test_each_group_has_its_number_of_members(raw: bytes, field: str, least: int, most: int) -> None:
    def change(draft: Draft, count: int) -> None:
        listed = members(1, count, field)
        if field == "officers":
            draft["officers"] = listed
        else:
            draft[field]["members"] = listed
            draft[field]["threshold" if field == "trustees" else "quorum"] = 1

    for count in (least, most):
        accepted(raw, lambda draft, n=count: change(draft, n))
    for count in (least - 1, most + 1):
        refused(raw, lambda draft, n=count: change(draft, n), field)


BLIND_KEYS: list[str] = []


def registrars(count: int) -> list[Draft]:
    while len(BLIND_KEYS) < min(count, 2):
        BLIND_KEYS.append(BlindSigner.generate().public.to_spki().hex())
    found = []
    for number, key in enumerate(keys(1, count), 1):
        blind = BLIND_KEYS[(number - 1) % 2]
        found.append({"name": f"r-{number}", "blind_key": blind, "key": key, "url": f"https://r{number}.example.org"})
    return found


def test_there_is_a_registrar_and_no_two_have_one_blind_key(raw: bytes) -> None:
    accepted(raw, lambda draft: draft.update(registrars=registrars(2)))
    refused(raw, lambda draft: draft.update(registrars=registrars(3)), "registrars")
    for count in (0, 9):
        with pytest.raises(ManifestInvalid, match="registrars: needs 1 to 8 members"):
            read(raw, lambda draft, n=count: draft.update(registrars=registrars(n)))


@pytest.mark.parametrize("field", ["trustees", "witnesses", "officers", "registrars"])
def test_names_are_plain_and_different_within_their_group(raw: bytes, field: str) -> None:
    def change(draft: Draft, name: str, place: int = 1) -> None:
        if field == "registrars":
            draft["registrars"] = registrars(2)
        group = draft[field] if field in ("officers", "registrars") else draft[field]["members"]
        group[place]["name"] = name

    draft = json.loads(raw)
    group = draft[field] if field in ("officers", "registrars") else draft[field]["members"]
    first = "r-1" if field == "registrars" else group[0]["name"]
    refused(raw, lambda draft: change(draft, first), field)
    for name in ("a", "A.b_c/d-9", "x" * 100):
        accepted(raw, lambda draft, n=name: change(draft, n))
    for name in ("", "x" * 101, "-a", "a b", "é", "a\n"):
        for place in (0, 1):
            refused(raw, lambda draft, n=name, at=place: change(draft, n, at), field)


def test_threshold_and_quorum_can_be_reached(raw: bytes) -> None:
    accepted(raw, lambda draft: draft["trustees"].update(threshold=3))
    refused(raw, lambda draft: draft["trustees"].update(threshold=4), "trustees.threshold")
    accepted(raw, lambda draft: draft["witnesses"].update(quorum=2))
    refused(raw, lambda draft: draft["witnesses"].update(quorum=3), "witnesses.quorum")


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("a", True),
        ("0.example.org/2019-a_b.c~d/E", True),
        ("a" * 200, True),
        ("a" * 201, False),
        ("", False),
        ("A", False),
        ("-a", False),
        ("a/", False),
        ("a//b", False),
        ("a b", False),
        ("a\n", False),
    ],
)
def test_the_origin_of_the_log_is_a_plain_name(raw: bytes, origin: str, good: bool) -> None:
    if good:
        accepted(raw, lambda draft: draft["log"].update(origin=origin))
    else:
        refused(raw, lambda draft: draft["log"].update(origin=origin), "log.origin")


@pytest.mark.parametrize("place", [0, 1])
def test_no_witness_has_the_name_of_the_log(raw: bytes, place: int) -> None:
    def change(draft: Draft) -> None:
        draft["log"]["origin"] = "example.org/log"
        draft["witnesses"]["members"][place]["name"] = "example.org/log"

    refused(raw, change, "witnesses")


PARTIES: dict[str, Callable[[Draft], Draft]] = {
    "trustee": lambda draft: draft["trustees"]["members"][0],
    "registrar": lambda draft: draft["registrars"][0],
    "witness": lambda draft: draft["witnesses"]["members"][1],
    "officer": lambda draft: draft["officers"][1],
    "box": lambda draft: draft["box"],
    "log": lambda draft: draft["log"],
    "client": lambda draft: draft["client"],
}


@pytest.mark.parametrize("party", PARTIES)
def test_each_party_has_a_key_of_its_own_that_is_one(raw: bytes, party: str) -> None:
    holder = PARTIES[party]
    other = (lambda draft: draft["trustees"]["members"][1]) if party != "trustee" else PARTIES["box"]
    refused(raw, lambda draft: holder(draft).update(key=other(draft)["key"]), "keys")
    refused(raw, lambda draft: holder(draft).update(key="01" + "00" * 31), "keys")
    accepted(raw, lambda draft: holder(draft).update(key=keys(77, 1)[0]))


# A binding referendum


def binding(draft: Draft) -> None:
    """Everything exactly at its limit."""
    draft.update(binding=True, clock="real")
    draft["privacy_floor"] = {"online": 30, "paper": 30}
    draft["batching"].update(minimum_seconds=600, minimum_tokens=50, healing_seconds=900)
    draft["second_factor"].update(memory_kib=19_456, passes=2)
    draft["trustees"]["threshold"] = draft["witnesses"]["quorum"] = 2
    for number, holder in enumerate((draft["registrars"][0], draft["box"], draft["client"])):
        holder["url"] = f"https://host-{number}.example.org/path"


STRICTER: dict[str, tuple[str, Change]] = {
    "clock": ("clock", lambda draft: draft.update(clock="simulated")),
    "online floor": ("privacy_floor", lambda draft: draft["privacy_floor"].update(online=29)),
    "paper floor": ("privacy_floor", lambda draft: draft["privacy_floor"].update(paper=29)),
    "seconds": ("batching.minimum_seconds", lambda draft: draft["batching"].update(minimum_seconds=599)),
    "tokens": ("batching.minimum_tokens", lambda draft: draft["batching"].update(minimum_tokens=49)),
    "healing": ("batching.healing_seconds", lambda draft: draft["batching"].update(healing_seconds=899)),
    "memory": ("second_factor", lambda draft: draft["second_factor"].update(memory_kib=19_455)),
    "passes": ("second_factor", lambda draft: draft["second_factor"].update(passes=1)),
    "threshold": ("trustees", lambda draft: draft["trustees"].update(threshold=1)),
    "half of four trustees": ("trustees", lambda draft: draft["trustees"]["members"].append(members(99, 1, "t")[0])),
    "half of two witnesses": ("witnesses", lambda draft: draft["witnesses"].update(quorum=1)),
    "registrar without TLS": ("url", lambda draft: draft["registrars"][0].update(url="http://host-0.example.org")),
    "box without TLS": ("url", lambda draft: draft["box"].update(url="http://host-1.example.org")),
    "client without TLS": ("url", lambda draft: draft["client"].update(url="http://host-2.example.org")),
    "box and client in one place": ("url", lambda draft: draft["box"].update(url="https://host-2.example.org/other")),
    "registrar and box in one place": ("url", lambda draft: draft["registrars"][0].update(url=draft["box"]["url"])),
}


def test_a_binding_referendum_may_stand_at_every_limit(raw: bytes) -> None:
    assert accepted(raw, binding).binding

    def all_trustees(draft: Draft) -> None:
        binding(draft)
        draft["trustees"]["members"].append(members(99, 1, "t")[0])
        draft["trustees"]["threshold"] = 3

    accepted(raw, all_trustees)


@pytest.mark.parametrize(("group", "number"), [("trustees", "threshold"), ("witnesses", "quorum")])
def test_a_binding_referendum_needs_more_than_half(raw: bytes, group: str, number: str) -> None:
    def change(draft: Draft, enough: int) -> None:
        binding(draft)
        draft[group] = {"members": members(80, 7, "m"), number: enough}

    accepted(raw, lambda draft: change(draft, 4))
    refused(raw, lambda draft: change(draft, 3), group)


@pytest.mark.parametrize("name", STRICTER)
def test_what_a_rehearsal_may_a_binding_referendum_may_not(raw: bytes, name: str) -> None:
    field, change = STRICTER[name]

    def rehearsal(draft: Draft) -> None:
        binding(draft)
        change(draft)
        draft["binding"] = False

    accepted(raw, rehearsal)
    refused(raw, lambda draft: (binding(draft), change(draft)), field)


@pytest.mark.parametrize("party", ["registrar", "box", "client"])
def test_an_address_that_is_none_is_named(raw: bytes, party: str) -> None:
    field = "registrar 1, url" if party == "registrar" else f"{party}, url"
    refused(raw, lambda draft: PARTIES[party](draft).update(url="https://"), field)
