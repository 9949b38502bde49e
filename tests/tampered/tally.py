"""Forged tallies (classes 11-13, 15): intents, decryptions, counts, outcomes, documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from stembus.crypto.group import GENERATOR, ORDER, random_scalar, scalar_to_bytes
from tests.tampered.catalogue import PASSED, PROJECTS, STANDS, add, forgery
from tests.tampered.forge import Body, Forge

Made = list[tuple[str, Body, list[str]]]
THIRD = 3


def on_tally(change: Callable[[Forge, Made], None]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        forge.tally_hook = lambda made: change(forge, made)

    return maker


def bodies(made: Made, kind: str) -> list[Body]:
    return [body for name, body, _ in made if name == kind]


# Class 12: intents and shares. The faulty trustee is named; without a third one there is no valid result.


def intent(change: Callable[[Body], None]) -> Callable[[Forge], None]:
    return on_tally(lambda forge, made: change(bodies(made, "tally-intent")[0]))


LOST = ("V26", "V27")
add("intent_for_another_root", 12, "V25", intent(lambda b: b.update(root="00" * 32)), PASSED, LOST, status=1)
add("intent_for_another_size", 12, "V25", intent(lambda b: b.update(size=b["size"] - 1)), PASSED, LOST, status=1)
add("intent_for_a_size_inside_a_batch", 12, "V25", intent(lambda b: b.update(size=25)), PASSED, LOST, status=1)
add("intent_for_a_size_beyond_the_log", 12, "V25", intent(lambda b: b.update(size=10**6)), PASSED, LOST, status=1)
add("intent_for_other_sums", 12, "V25", intent(lambda b: b.update(sums="00" * 32)), PASSED, LOST, status=1)


def with_third(forge: Forge, made: Made, third: Body | None = None) -> None:
    """Trustee 3 announces and decrypts as well; the result rests on 2 and 3."""
    first = bodies(made, "tally-intent")[0]
    made.insert(2, ("tally-intent", {**first, "trustee": THIRD}, ["trustee/3"]))
    honest = third or _share_of(forge, made, THIRD)
    made.insert(5, ("partial-decryption", honest, ["trustee/3"]))
    bodies(made, "result")[0]["trustees"] = [2, 3]


def _share_of(forge: Forge, made: Made, trustee: int, share: int | None = None, label: int | None = None) -> Body:
    sums, _ = forge.sum_of([raw for part in forge.batches for raw in part])
    root = bytes.fromhex(bodies(made, "tally-intent")[0]["root"])
    return forge.partial(label or trustee, root, sums, share or forge.keys.shares[trustee - 1])


def bad_share(change: Callable[[Forge, Made, Body], None]) -> Callable[[Forge], None]:
    """Trustee 1's decryption is bad, 2 and 3 are good: named, passed over, exit 0."""

    def act(forge: Forge, made: Made) -> None:
        change(forge, made, bodies(made, "partial-decryption")[0])
        with_third(forge, made)

    return on_tally(act)


def point(index: int, data: str) -> Callable[[Forge, Made, Body], None]:
    return lambda forge, made, body: body["decryptions"][0][index].update(point=data)


def from_other(forge: Forge, made: Made, body: Body) -> None:
    body["decryptions"] = _share_of(forge, made, 2)["decryptions"]


def for_other_ciphertext(forge: Forge, made: Made, body: Body) -> None:
    body["decryptions"][0].reverse()


def with_random_share(forge: Forge, made: Made, body: Body) -> None:
    body["decryptions"] = _share_of(forge, made, 1, random_scalar())["decryptions"]


def without_root(forge: Forge, made: Made, body: Body) -> None:
    sums, _ = forge.sum_of([raw for part in forge.batches for raw in part])
    body["decryptions"] = forge.partial(1, hashlib.sha256(b"no root").digest(), sums)["decryptions"]


SHARES: dict[str, Callable[[Forge, Made, Body], None]] = {
    "share_that_is_another_point": point(0, GENERATOR.to_bytes().hex()),
    "share_off_the_curve": point(0, "02" + (5).to_bytes(32, "big").hex()),
    "share_of_another_trustee_filed_as_ones_own": from_other,
    "share_of_a_random_secret": with_random_share,
    "share_proven_without_the_root": without_root,
    "share_for_another_root": lambda f, m, b: b.update(root="00" * 32),
    "share_with_a_zero_challenge": lambda f, m, b: b["decryptions"][0][0].update(challenge="00" * 32),
    "share_with_another_response": lambda f, m, b: b["decryptions"][0][0].update(
        response=scalar_to_bytes(random_scalar()).hex()
    ),
    "share_with_a_sum_missing": lambda f, m, b: b["decryptions"][0].pop(),
    "share_with_a_sum_too_many": lambda f, m, b: b["decryptions"][0].append(b["decryptions"][0][0]),
    "share_with_one_question_too_many": lambda f, m, b: b["decryptions"].append([]),
}
for name, change in SHARES.items():
    add(name, 12, "V26", bad_share(change), PASSED)
OPTIONS: dict[str, Callable[[Forge, Made, Body], None]] = {
    "share_for_another_ciphertext": for_other_ciphertext,
    "share_with_one_option_missing": lambda f, m, b: b["decryptions"][0].pop(),
    "share_with_one_option_too_many": lambda f, m, b: b["decryptions"][0].append(b["decryptions"][0][0]),
}
for name, change in OPTIONS.items():
    add(name, 12, "V26", bad_share(change), PASSED, base=PROJECTS)


AT_THE_ORDER = scalar_to_bytes(ORDER).hex()
for field in ("challenge", "response"):
    at_the_order = bad_share(lambda f, m, b, field=field: b["decryptions"][0][0].update({field: AT_THE_ORDER}))
    add(f"share_with_a_{field}_at_the_order", 12, "V8", at_the_order)
add("share_of_33_questions", 12, "V8", bad_share(lambda f, m, b: b["decryptions"].extend([[]] * 32)))


@forgery(12, "V27", also=("V26",))
def a_bad_share_used_in_the_result(forge: Forge) -> None:
    def change(made: Made) -> None:
        with_random_share(forge, made, bodies(made, "partial-decryption")[0])

    forge.tally_hook = change


def drop_kind(kind: str, nth: int) -> Callable[[Forge, Made], None]:
    def change(forge: Forge, made: Made) -> None:
        index = [k for k, item in enumerate(made) if item[0] == kind][nth]
        del made[index]

    return change


add("result_from_one_share_too_few", 12, "V27", on_tally(drop_kind("partial-decryption", 1)))
add("shares_before_enough_intents", 12, "V9", on_tally(drop_kind("tally-intent", 1)), also=("V27",))


def result(change: Callable[[Body], None]) -> Callable[[Forge], None]:
    return on_tally(lambda forge, made: change(bodies(made, "result")[0]))


add(
    "result_with_a_word_that_is_no_outcome",
    13,
    "V8",
    result(lambda b: b["questions"][0].update(outcome="undecided")),
)


def trustees(*numbers: int) -> Callable[[Forge], None]:
    return result(lambda body: body.update(trustees=list(numbers)))


add("result_by_one_trustee_twice", 12, "V27", trustees(1, 1))
add("result_by_a_trustee_who_did_not_decrypt", 12, "V27", trustees(1, 3))
add("result_by_a_trustee_out_of_range", 12, "V27", trustees(1, 4))
add("result_by_one_trustee", 12, "V27", trustees(1))
add("result_by_no_trustee", 12, "V27", trustees())
add("result_by_trustees_out_of_order", 12, "V27", trustees(2, 1))


@forgery(12, "V9", also=("V27",))
def one_trustee_decrypts_twice(forge: Forge) -> None:
    def change(made: Made) -> None:
        made[3] = made[2]

    forge.tally_hook = change


def decrypted_anew(forge: Forge, made: Made) -> Body:
    """By trustee 1, with other proofs."""
    return _share_of(forge, made, 1)


@forgery(12, "V27", also=("V26",))
def one_trustee_decrypts_anew_in_the_place_of_another(forge: Forge) -> None:
    def change(made: Made) -> None:
        made[3] = ("partial-decryption", decrypted_anew(forge, made), ["trustee/1"])

    forge.tally_hook = change


def several(times: int) -> Callable[[Forge], None]:
    def change(forge: Forge, made: Made) -> None:
        made[4:4] = [("partial-decryption", decrypted_anew(forge, made), ["trustee/1"]) for _ in range(times)]

    return on_tally(change)


add("a_second_decryption_of_a_trustee", 12, "V26", several(1), PASSED)
add("four_decryptions_of_a_trustee", 12, "V26", several(3), PASSED)
add("five_decryptions_of_a_trustee", 12, "V9", several(4), also=("V26",))


def repeated(kind: str, at: int) -> Callable[[Forge], None]:
    """The first entry of this kind stands once more."""

    def change(forge: Forge, made: Made) -> None:
        made.insert(at, next(item for item in made if item[0] == kind))

    return on_tally(change)


add("an_intent_repeated", 12, "V9", repeated("tally-intent", 2))
add("a_decryption_repeated", 12, "V9", repeated("partial-decryption", 4))


@forgery(12, "V9", also=("V25",))
def five_intents_of_a_trustee(forge: Forge) -> None:
    def change(made: Made) -> None:
        first = made[0][1]
        made[2:2] = [("tally-intent", {**first, "size": k}, ["trustee/1"]) for k in range(1, 5)]

    forge.tally_hook = change


@forgery(12, "V9", also=("V27",))
def two_intents_of_one_trustee_in_the_place_of_two(forge: Forge) -> None:
    def change(made: Made) -> None:
        made[1] = made[0]

    forge.tally_hook = change


@forgery(12, "V9", also=("V27",))
def a_decryption_before_its_trustees_intent(forge: Forge) -> None:
    """Two others announced before it."""

    def change(made: Made) -> None:
        third = ("tally-intent", {**made[0][1], "trustee": THIRD}, ["trustee/3"])
        made[:4] = [third, made[1], ("partial-decryption", made[2][1], ["trustee/1"]), made[0], made[3]]

    forge.tally_hook = change


@forgery(12, "V25", PASSED, also=("V26", "V27"), status=1)
def an_intent_for_a_later_tree_with_the_same_sums(forge: Forge) -> None:
    """After an incident. Else trustees could be led to count two histories that differ after the ballots."""
    forge.after_close.append(forge.entry("incident", {"number": 1, "text": {"nl": "storing"}}))

    def change(made: Made) -> None:
        first = made[0][1]
        made[0][1].update(size=first["size"] + 1, root=forge.root_at(first["size"] + 1).hex())

    forge.tally_hook = change


@forgery(12, "V10")
def share_signed_by_another_trustee(forge: Forge) -> None:
    def change(made: Made) -> None:
        kind, body, _ = made[2]
        made[2] = (kind, body, ["trustee/2"])

    forge.tally_hook = change


@forgery(12, "V9", also=("V10", "V27"))
def trustee_number_out_of_range(forge: Forge) -> None:
    def change(made: Made) -> None:
        kind, body, _ = made[0]
        made[0] = (kind, {**body, "trustee": 4}, ["trustee/4"])

    forge.tally_hook = change


@forgery(12, "V8", also=("V9", "V27"))
def trustee_number_zero(forge: Forge) -> None:
    def change(made: Made) -> None:
        kind, body, _ = made[0]
        made[0] = (kind, {**body, "trustee": 0}, ["trustee/1"])

    forge.tally_hook = change


# Class 13: announcements.


def counts(online: list[int], word: str | None = None) -> Callable[[Forge], None]:
    def change(body: Body) -> None:
        question = body["questions"][0]
        question["online"], question["total"] = online, online
        question["ranking"] = [[0], [1]] if online[0] > online[1] else [[1], [0]]
        question["outcome"] = word or question["outcome"]

    return result(change)


add("one_vote_moved_from_no_to_yes", 13, "V27", counts([7, 5]))
add("yes_and_no_exchanged", 13, "V27", counts([4, 8], "accepted"))
add("one_vote_more", 13, "V27", counts([9, 4]))
add("one_vote_less", 13, "V27", counts([7, 4]))
add("more_votes_than_ballots", 13, "V27", counts([8, 13], "accepted"))
add("count_congruent_modulo_a_small_number", 13, "V27", counts([8 + 2**32, 4]))
# One sum carries both counts: these are the same number, and so are negative counts.
add("sum_read_with_one_no_fewer_and_many_yes_more", 13, "V27", counts([8 + 2**32, 3]))
add("sum_read_as_all_for_no", 13, "V27", counts([8 + 4 * 2**32, 0]))
add("all_ballots_said_no", 13, "V27", counts([12, 0]))
add("all_ballots_said_yes", 13, "V27", counts([0, 12], "accepted"))
add("negative_count", 13, "V8", result(lambda b: b["questions"][0].update(online=[8, -4])))
add("negative_count_in_the_sum", 13, "V8", result(lambda b: b["questions"][0].update(online=[8 - 2**32, 5])))


def question(change: Callable[[Body], None]) -> Callable[[Forge], None]:
    return result(lambda body: change(body["questions"][0]))


for word in ("accepted", "tie", "invalid-too-few", "invalid-too-narrow", "ranked"):
    add(f"rejected_called_{word.replace('-', '_')}", 13, "V28", question(lambda q, word=word: q.update(outcome=word)))
add("unknown_outcome_word", 13, "V8", question(lambda q: q.update(outcome="won")))
add("total_that_is_not_the_sum", 13, "V28", question(lambda q: q.update(total=[9, 4])))
add("ranking_upside_down", 13, "V28", question(lambda q: q.update(ranking=[[1], [0]])))
add("tie_claimed_where_there_is_none", 13, "V28", question(lambda q: q.update(ranking=[[0, 1]])))
add("paper_votes_invented", 13, "V28", question(lambda q: q.update(paper=[1, 0], total=[9, 4])))
add("participants_overstated", 13, "V28", result(lambda b: b.update(participants=13)))
add("online_ballots_understated", 13, "V28", result(lambda b: b.update(online_ballots=11, participants=11)))
add("paper_ballots_invented", 13, "V28", result(lambda b: b.update(paper_ballots=1, participants=13)))
add("not_counted_although_it_must_be", 13, "V28", result(lambda b: b.update(status="not-counted-floor")), also=())
add("question_left_out_of_the_result", 13, "V27", result(lambda b: b.update(questions=[])), also=("V28",))


def electorate(no: int, yes: int, blank: int = 0) -> Callable[[Forge], None]:
    """Other votes, honestly counted, in one batch."""

    def vote(forge: Forge) -> None:
        choices: list[int | None] = [0] * no + [1] * yes + [None] * blank
        forge.batches = [[forge.ballot(k, choice) for k, choice in enumerate(choices)]]

    return vote


def honest_votes_false_word(name: str, no: int, yes: int, blank: int, word: str) -> None:
    """The counts are right and the word is turned the wrong way."""

    def maker(forge: Forge) -> None:
        electorate(no, yes, blank)(forge)
        forge.tally_hook = lambda made: bodies(made, "result")[0]["questions"][0].update(outcome=word)

    add(name, 13, "V28", maker)


honest_votes_false_word("nine_of_ten_called_enough", 6, 3, 0, "rejected")
honest_votes_false_word("ten_of_ten_called_too_few", 6, 4, 0, "invalid-too-few")
honest_votes_false_word("a_draw_called_accepted", 6, 6, 0, "accepted")
honest_votes_false_word("a_draw_called_rejected", 6, 6, 0, "rejected")
honest_votes_false_word("a_draw_called_a_tie_where_a_margin_is_asked", 6, 6, 0, "tie")
honest_votes_false_word("accepted_called_a_tie", 4, 8, 0, "tie")
honest_votes_false_word("none_for_yes_or_no_called_a_tie_where_a_margin_is_asked", 0, 0, 12, "tie")
honest_votes_false_word("none_for_yes_or_no_called_rejected", 0, 0, 12, "rejected")
honest_votes_false_word("blank_votes_taken_for_no", 4, 6, 4, "rejected")
honest_votes_false_word("blank_votes_left_out_of_participation", 4, 5, 3, "invalid-too-few")


@forgery(13, "V28")
def figures_published_below_the_floor(forge: Forge) -> None:
    """No ballot at all, and yet a result with figures."""
    forge.batches = []
    forge.with_tally = False
    forge.after_result.append(
        forge.entry(
            "result",
            {
                "status": "counted",
                "online_ballots": 0,
                "paper_ballots": 0,
                "participants": 0,
                "trustees": [],
                "questions": [],
            },
        )
    )


# Documents (V29).


def minutes(forge: Forge, name: str = "minutes.pdf", data: bytes = b"%PDF honest") -> bytes:
    return forge.entry("minutes", {"name": name, "sha256": hashlib.sha256(data).hexdigest()})


@forgery(15, "V29", STANDS)
def minutes_altered_after_they_were_logged(forge: Forge) -> None:
    forge.after_result.append(minutes(forge))
    forge.files_hook = lambda files: files.update({"documents/minutes.pdf": b"%PDF altered"})


@forgery(15, "V1", STANDS)
def minutes_that_are_missing(forge: Forge) -> None:
    forge.after_result.append(minutes(forge))


@forgery(15, "V29", STANDS)
def minutes_with_a_path_for_a_name(forge: Forge) -> None:
    forge.after_result.append(minutes(forge, "../../etc/passwd"))


DOCUMENT_NAMES = {
    "that_is_empty": "",
    "that_begins_with_a_dot": ".htaccess",
    "that_ends_with_a_dot": "minutes.",
    "with_a_space": "the minutes.pdf",
    "with_a_backslash": "a\\b.pdf",
    "with_a_colon": "C:minutes.pdf",
    "beyond_ascii": "notul\u00e9.pdf",
    "of_a_device": "Con.pdf",
    "of_a_serial_port": "COM1",
    "of_101_characters": "m" * 101,
}
for name, written in DOCUMENT_NAMES.items():
    named_so = lambda forge, written=written: forge.after_result.append(minutes(forge, written))  # noqa: E731
    add(f"minutes_with_a_name_{name}", 15, "V29", named_so, STANDS)


@forgery(15, "V29", STANDS)
def two_documents_of_one_name(forge: Forge) -> None:
    forge.after_result += [minutes(forge), minutes(forge, "Minutes.pdf")]
    forge.files_hook = lambda files: files.update({"documents/minutes.pdf": b"%PDF honest"})


def text_of(kind: str, body: Body) -> Callable[[Forge], None]:
    return lambda forge: forge.after_result.append(forge.entry(kind, body))


add("incident_with_a_control_code", 15, "V8", text_of("incident", {"number": 1, "text": {"nl": "a\x1b[31mb"}}), STANDS)
add("incident_that_is_blank", 15, "V8", text_of("incident", {"number": 1, "text": {"nl": "  "}}), STANDS)
add("purge_of_something_invisible", 15, "V8", text_of("purge", {"destroyed": ["\u200b"]}), STANDS)
add("purge_of_101_things", 15, "V8", text_of("purge", {"destroyed": ["key"] * 101}))


def client(*paths: str) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        files = [{"path": path, "sha256": "00" * 32} for path in paths]
        forge.setup.insert(len(forge.setup) - 1, forge.entry("client", {"release": "1", "files": files}))

    return maker


add("client_files_out_of_order", 15, "V29", client("b.js", "a.js"), STANDS)
add("client_file_listed_twice", 15, "V29", client("a.js", "a.js"), STANDS)
add("client_without_files", 15, "V29", client(), STANDS)
add("client_file_outside_the_address", 15, "V29", client("../a.js"), STANDS)
add("client_file_with_a_query", 15, "V29", client("a.js?b"), STANDS)
add("client_file_with_two_slashes", 15, "V29", client("a//b.js"), STANDS)


# Words that officers or the client key wrote alone (V8): the result does not depend on them.

UNREADABLE = {
    "empty": "",
    "blank": " \u00a0\u3000",
    "escape_codes": "a\x1b[31mb",
    "a_line_end": "a\nb",
    "a_bidi_override": "a\u202eb",
    "a_bidi_isolate": "a\u2067b",
    "an_invisible_space": "a\u200bb",
    "a_byte_order_mark": "\ufeffa",
    "an_invisible_filler": "\u3164",
    "a_tag_character": "a\U000e0041",
    "a_private_character": "\ue000",
}


def add_text(name: str, text: Body, where: str = "between") -> None:
    def maker(forge: Forge) -> None:
        getattr(forge, where).append(forge.entry("incident", {"number": 1, "text": text}))

    add(f"incident_{name}", 15, "V8", maker, STANDS)


for what, written in UNREADABLE.items():
    add_text(f"of_{what}", {"nl": written})
    add_text(f"whose_translation_is_of_{what}", {"nl": "storing", "en": written})
add_text("without_the_first_language", {"en": "outage"})
add_text("in_a_language_of_another_referendum", {"nl": "storing", "xx": "?"})
add_text("without_a_text", {})
add_text("after_the_result_without_a_text", {}, "after_result")


@forgery(15, "V8", STANDS)
def incident_told_twice(forge: Forge) -> None:
    text = {"nl": "storing"}
    forge.between += [forge.entry("incident", {"number": k, "text": text}) for k in (1, 2)]


@forgery(15, "V8", STANDS, status=6)
def cancelled_without_a_reason(forge: Forge) -> None:
    forge.with_tally = False
    forge.after_close.append(forge.entry("cancel", {"text": {"nl": " "}}))


@forgery(15, "V8", STANDS)
def purge_of_something_unreadable(forge: Forge) -> None:
    forge.after_result.append(forge.entry("purge", {"destroyed": ["keys", "\u202esyek"]}))


@forgery(15, "V29", STANDS)
def client_release_without_a_name(forge: Forge) -> None:
    body = {"release": "\u200b", "files": [{"path": "a.js", "sha256": "00" * 32}]}
    forge.setup.insert(len(forge.setup) - 1, forge.entry("client", body))


@forgery(15, "V29", STANDS, also=("V1",))
def minutes_under_an_unreadable_name(forge: Forge) -> None:
    forge.after_result.append(minutes(forge, "minutes\u202efdp."))
    forge.files_hook = lambda files: files.update({"documents/minutes\u202efdp.": b"%PDF honest"})


# A single malicious voter or trustee cannot stop the count.


@forgery(12, "V25", PASSED)
def intent_for_a_size_that_was_never_signed(forge: Forge) -> None:
    """A tree in the middle of an append has a root, and no checkpoint."""

    def act(made: Made) -> None:
        with_third(forge, made)
        bodies(made, "tally-intent")[0].update(size=2, root="00" * 32)
        del made[3]

    forge.tally_hook = act


@forgery(11, "V28", also=("V25", "V26"))
def sums_decrypted_below_the_floor_without_a_result(forge: Forge) -> None:
    forge.batches = []
    forge.with_tally = False
    forge.after_close += [
        forge.entry("tally-intent", {"trustee": k, "size": 20, "root": "00" * 32, "sums": "00" * 32}) for k in (1, 2)
    ]
    forge.after_close.append(forge.entry("partial-decryption", {"trustee": 1, "root": "00" * 32, "decryptions": []}))
