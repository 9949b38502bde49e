"""Forged paper votes (class 11): who was struck, what officers state, and paper ballots that are encrypted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.lists import encode_keys, list_root
from stembus.audit.formats.paper_ballot import encode_paper_ballot
from stembus.ballot.office.paper import paper_entries
from stembus.ballot.voter import encrypt
from stembus.crypto.derive import scalar_stream
from stembus.crypto.elgamal import Ciphertext
from stembus.crypto.group import ORDER
from stembus.crypto.signing import SchnorrKey
from tests.tampered.catalogue import PASSED, PROJECTS, STANDS, add, forgery
from tests.tampered.forge import Body, Forge

Keys = Callable[[Forge], list[bytes]]


def letters(first: int, last: int) -> Keys:
    """Credentials of people without a token: those before 14 have one."""
    return lambda forge: [forge.keys.credentials[k].public for k in range(first, last)]


def paper(struck: Keys, ballots: int, counts: list[int]) -> Callable[[Forge], None]:
    """Shown apart: four ballots at least."""

    def maker(forge: Forge) -> None:
        forge.struck = struck(forge)
        forge.paper = {"ballots": ballots, "counts": [counts]}

    return maker


def few(struck: Keys, ballots: int = 3, counts: tuple[int, ...] = (2, 1)) -> Callable[[Forge], None]:
    """Encrypted: one to three ballots."""

    def maker(forge: Forge) -> None:
        forge.struck = struck(forge)
        options = len(forge.manifest["questions"][0]["options"])
        forge.few = {"ballots": ballots, "counts": [[*counts, 0][:options]]}

    return maker


FOUR, THREE = paper(letters(20, 24), 4, [3, 1]), few(letters(20, 24))


# Who was struck.

add("paper_voter_with_a_token", 11, "V23", paper(letters(13, 18), 4, [2, 2]))
add("paper_voter_not_on_the_roll", 11, "V23", paper(lambda f: [SchnorrKey.generate().public], 0, [0, 0]))
add("paper_voter_of_a_spare_letter", 11, "V23", paper(lambda f: [f.keys.spares[0].public], 0, [0, 0]))


@forgery(11, "V23")
def paper_voter_of_a_replaced_letter(forge: Forge) -> None:
    forge.between.append(forge.entry("replace", replacement(forge)))
    paper(letters(20, 24), 4, [3, 1])(forge)


def replacement(forge: Forge) -> Body:
    return {"struck": forge.keys.credentials[20].public.hex(), "replacement": forge.keys.spares[0].public.hex()}


@forgery(11, "V1", also=("V23",))
def more_paper_voters_than_voters(forge: Forge) -> None:
    forge.struck = sorted(SchnorrKey.generate().public for _ in range(41))
    forge.paper = {"ballots": 0, "counts": [[0, 0]]}
    forge.with_tally = False


def struck_file(change: Callable[[Forge, bytes], bytes]) -> Callable[[Forge], None]:
    """Another list beside the log than the registrar signed."""

    def maker(forge: Forge) -> None:
        FOUR(forge)
        forge.files_hook = lambda files: files.update({"struck/1": change(forge, files["struck/1"])})

    return maker


add("struck_list_of_another_root", 11, "V23", struck_file(lambda f, b: encode_keys(letters(20, 23)(f)).encode()))
add("struck_list_with_one_more", 11, "V23", struck_file(lambda f, b: encode_keys(letters(20, 25)(f)).encode()))
add("struck_list_out_of_order", 11, "V23", struck_file(lambda f, b: b + b[:65]))
add("struck_list_of_half_a_line", 11, "V23", struck_file(lambda f, b: b[:-1]))


@forgery(11, "V1", also=("V23",))
def struck_list_missing(forge: Forge) -> None:
    FOUR(forge)

    def hook(files: dict[str, bytes]) -> None:
        del files["struck/1"]

    forge.files_hook = hook


@forgery(11, "V1", STANDS)
def struck_list_of_a_registrar_that_is_none(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"struck/2": b""})


def statement(change: Callable[[Forge, Body], None]) -> Callable[[Forge], None]:
    """Another statement in the close than the registrar signed, of those whom it struck."""

    def maker(forge: Forge) -> None:
        FOUR(forge)
        forge.close_hook = lambda body: change(forge, body["issuance"][0])

    return maker


add("struck_count_that_nobody_signed", 11, "V21", statement(lambda f, b: b.update(struck=5)), also=("V23",))
add("struck_root_that_nobody_signed", 11, "V21", statement(lambda f, b: b.update(struck_root="00" * 32)), also=("V23",))


@forgery(11, "V9", also=("V21", "V23"))
def struck_people_left_out_of_the_close(forge: Forge) -> None:
    """As if nobody had been struck: then there can be no paper votes either."""
    FOUR(forge)
    forge.close_hook = lambda body: body["issuance"][0].update(struck=0, struck_root=list_root([])[1].hex())
    forge.with_tally = False


@forgery(11, "V23")
def struck_count_above_its_list(forge: Forge) -> None:
    """Signed by the registrar, for paper votes of somebody who is on no list."""
    FOUR(forge)

    def change(body: Body) -> None:
        stated = body["issuance"][0]
        roots = bytes.fromhex(stated["root"]), bytes.fromhex(stated["struck_root"])
        body["issuance"] = [forge.statement(stated["count"], roots[0], 5, roots[1])]

    forge.close_hook = change


# When paper votes may be stated.


@forgery(11, "V9")
def paper_counted_twice(forge: Forge) -> None:
    FOUR(forge)
    assert forge.paper
    forge.after_close.append(forge.entry("paper-result", forge.paper))


@forgery(11, "V9")
def paper_votes_where_nobody_was_struck(forge: Forge) -> None:
    forge.after_close.append(forge.entry("paper-result", {"ballots": 0, "counts": [[0, 0]]}))
    forge.with_tally = False


@forgery(11, "V9")
def tally_without_a_word_of_the_paper_votes(forge: Forge) -> None:
    forge.struck = letters(20, 24)(forge)


@forgery(11, "V9")
def paper_votes_after_an_intent(forge: Forge) -> None:
    forge.struck = letters(20, 24)(forge)
    intent = {"trustee": 3, "size": 1, "root": "00" * 32, "sums": "00" * 32}
    forge.after_close.append(forge.entry("tally-intent", intent))
    forge.after_close.append(forge.entry("paper-result", {"ballots": 4, "counts": [[3, 1]]}))
    forge.with_tally = False


@forgery(11, "V9")
def few_paper_ballots_beside_stated_ones(forge: Forge) -> None:
    FOUR(forge)
    entries = paper_entries(forge.context, 1, [[1, 0]], bytes(32))
    body = {"ballots": 1, "root": list_root(entries)[1].hex()}
    forge.after_close += [forge.entry("paper-ballots", body), *entries]
    forge.with_tally = False


@forgery(11, "V9")
def stated_paper_votes_beside_few_ones(forge: Forge) -> None:
    THREE(forge)
    forge.after_close.append(forge.entry("paper-result", {"ballots": 4, "counts": [[2, 2]]}))


@forgery(11, "V10")
def paper_votes_signed_by_one_officer(forge: Forge) -> None:
    forge.struck = letters(20, 24)(forge)
    forge.after_close.append(forge.entry("paper-result", {"ballots": 4, "counts": [[3, 1]]}, ["officer/1"]))
    forge.with_tally = False


@forgery(11, "V10")
def few_paper_ballots_signed_by_one_officer(forge: Forge) -> None:
    forge.struck = letters(20, 24)(forge)
    entries = paper_entries(forge.context, 1, [[1, 0]], bytes(32))
    body = {"ballots": 1, "root": list_root(entries)[1].hex()}
    forge.after_close += [forge.entry("paper-ballots", body, ["officer/1"]), *entries]
    forge.with_tally = False


# What officers state.

add("more_paper_ballots_than_struck_voters", 11, "V23", paper(letters(20, 24), 5, [3, 2]))
add("more_paper_choices_than_ballots", 11, "V23", paper(letters(20, 24), 4, [3, 2]))
add("paper_ballots_below_the_floor_shown_apart", 11, "V23", paper(letters(20, 24), 3, [2, 1]))
add("more_paper_votes_for_an_option_than_ballots", 11, "V23", paper(letters(20, 25), 4, [5, 0]))


@forgery(11, "V23", also=("V28",))
def paper_counts_of_another_shape(forge: Forge) -> None:
    FOUR(forge)
    forge.paper = {"ballots": 4, "counts": [[3, 1], [0, 0]]}


# A few paper ballots, encrypted.

add("more_few_paper_ballots_than_struck_voters", 11, "V23", few(letters(20, 22)))
add("as_many_few_paper_ballots_as_may_be_shown", 11, "V23", few(letters(20, 25), 4, (2, 2)))
add("no_few_paper_ballots_at_all", 11, "V23", few(letters(20, 24), 0, (0, 0)))


def few_entries(change: Callable[[Forge, list[bytes]], None]) -> Callable[[Forge], None]:
    """Other entries, whose root two officers signed all the same."""

    def maker(forge: Forge) -> None:
        THREE(forge)
        forge.few_hook = lambda entries: change(forge, entries)

    return maker


def with_byte(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def as_online(forge: Forge, entries: list[bytes]) -> None:
    """The body of an online ballot, copied: its voter's choice would count once more."""
    body = forge.batches[0][0][1 : 1 + forge.context.body_bytes]
    entries[0] = encode_paper_ballot(body)


def as_online_renamed(forge: Forge, entries: list[bytes]) -> None:
    """The same under the commitment of paper ballots."""
    body = forge.batches[0][0][1 : 1 + forge.context.body_bytes]
    entries[0] = encode_paper_ballot(forge.context.paper_commitment + body[32:])
    entries.sort(key=forge.body_id)


def swap_ciphertexts(forge: Forge, entries: list[bytes]) -> None:
    """The ciphertexts of one, the proofs of another."""
    end = 1 + forge.context.commitments_at
    entries[0] = entries[1][:end] + entries[0][end:]
    entries.sort(key=forge.body_id)


def shifted(forge: Forge, entries: list[bytes]) -> None:
    """One vote more in the ciphertext than was proven."""
    start = 1 + 32
    ciphertext = Ciphertext.from_bytes(entries[0][start : start + 66])
    moved = Ciphertext(ciphertext.nonce_point, ciphertext.blinded + forge.context.joint_key)
    entries[0] = entries[0][:start] + moved.to_bytes() + entries[0][start + 66 :]
    entries.sort(key=forge.body_id)


FEW: dict[str, tuple[Callable[[Forge, list[bytes]], None], tuple[str, ...]]] = {
    "few_paper_ballots_twice_the_same": (lambda f, e: e.__setitem__(0, e[1]), ()),
    "few_paper_ballots_unsorted": (lambda f, e: e.reverse(), ()),
    "few_paper_ballot_of_another_version": (lambda f, e: e.__setitem__(0, b"\x01" + e[0][1:]), ()),
    "few_paper_ballot_cut_short": (lambda f, e: e.__setitem__(0, e[0][:-1]), ()),
    "few_paper_ballot_too_long": (lambda f, e: e.__setitem__(0, e[0] + b"\x00"), ()),
    "few_paper_ballot_that_is_empty": (lambda f, e: e.__setitem__(0, b""), ()),
    "few_paper_ballot_that_is_a_cast_ballot": (lambda f, e: e.__setitem__(0, f.batches[0][0]), ()),
    "few_paper_ballot_of_an_online_body": (as_online, ()),
    "few_paper_ballot_of_a_renamed_online_body": (as_online_renamed, ()),
    "few_paper_ballot_with_anothers_ciphertexts": (swap_ciphertexts, ()),
    "few_paper_ballot_with_one_vote_more": (shifted, ()),
    "few_paper_ballot_with_another_commitment": (lambda f, e: e.__setitem__(0, with_byte(e[0], 5)), ()),
    "few_paper_ballot_with_another_response": (lambda f, e: e.__setitem__(0, with_byte(e[0], len(e[0]) - 1)), ()),
    "few_paper_ballot_with_a_point_off_the_curve": (lambda f, e: e.__setitem__(0, e[0][:33] + b"\x05" + e[0][34:]), ()),
}


def without_tally(maker: Callable[[Forge], None]) -> Callable[[Forge], None]:
    def quiet(forge: Forge) -> None:
        maker(forge)
        forge.with_tally = False

    return quiet


for name, (change, also) in FEW.items():
    add(name, 11, "V23", without_tally(few_entries(change)), also=also)
    add(f"{name}_of_projects", 11, "V23", without_tally(few_entries(change)), also=also, base=PROJECTS)


def opposite(forge: Forge) -> None:
    """Two ballots whose randomness cancels out: then the online votes have the decryptions of the total, so these would
    open them, and honest trustees would seem to have opened a part."""
    few(letters(20, 24), 2, (1, 1))(forge)
    forge.with_tally = False
    context = forge.context

    def change(entries: list[bytes]) -> None:
        stream = scalar_stream(bytes(32), context.referendum, b"opposite")
        first, second = ([stream() for _ in range(context.ciphertexts)] for _ in range(2))
        second = [(ORDER - k) % ORDER for k in first]
        bodies = [_body(context, randomness, stream) for randomness in (first, second)]
        entries[:] = [encode_paper_ballot(body) for body in sorted(bodies, key=context.ballot_id)]

    forge.few_hook = change


def _body(context: BallotContext, randomness: list[int], stream: Callable[[], int]) -> bytes:
    """A blank ballot, made as an honest one is, with this randomness."""
    real = [*randomness]

    def next_scalar() -> int:
        return real.pop(0) if real else stream()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encrypt, "scalar_stream", lambda *_: next_scalar)
        return encrypt.build_body(context, context.paper_commitment, [[] for _ in context.questions], bytes(32))


add("few_paper_ballots_that_hide_nothing", 11, "V23", opposite)
add("few_paper_ballots_that_hide_nothing_of_projects", 11, "V23", opposite, base=PROJECTS)


@forgery(11, "V23")
def few_paper_ballots_of_another_root(forge: Forge) -> None:
    THREE(forge)
    forge.few_header_hook = lambda body: body.update(root="00" * 32)


@forgery(11, "V9", STANDS)
def one_more_few_paper_ballot_than_announced(forge: Forge) -> None:
    THREE(forge)
    forge.after_close.append(paper_entries(forge.context, 1, [[1, 0]], b"1" * 32)[0])


@forgery(11, "V9")
def one_few_paper_ballot_less_than_announced(forge: Forge) -> None:
    few(letters(20, 24), 2, (1, 1))(forge)
    forge.few_header_hook = lambda body: body.update(ballots=3)


@forgery(11, "V9")
def log_that_ends_among_few_paper_ballots(forge: Forge) -> None:
    THREE(forge)
    forge.with_tally = False
    forge.entries_hook = lambda entries: entries.__delitem__(-1)


@forgery(2, "V6")
def signed_among_few_paper_ballots(forge: Forge) -> None:
    """A checkpoint between two of them would tell one from the other."""
    THREE(forge)
    forge.with_tally = False
    logged: list[bytes] = []
    forge.entries_hook = logged.extend

    def hook(files: dict[str, bytes]) -> None:
        size = len(logged) - 1
        files[f"checkpoints/{size}"] = forge.checkpoint(logged, size, 1_571_587_600).to_bytes()

    forge.files_hook = hook


# Only the sum with the online votes may be opened.


def tally_parts(trustees: tuple[int, ...], online: bool) -> Callable[[Forge], None]:
    """So many trustees decrypt the online sums, or those of the paper ballots, by themselves."""

    def maker(forge: Forge) -> None:
        THREE(forge)

        def change(made: list[tuple[str, Body, list[str]]]) -> None:
            raws = [raw for batch in forge.batches for raw in batch] if online else forge.few_ballots()[1:]
            part, _ = forge.sum_of(raws)
            at = next(k for k, item in enumerate(made) if item[0] == "result")
            root = bytes.fromhex(made[0][1]["root"])
            made[at:at] = [("partial-decryption", forge.partial(k, root, part), [f"trustee/{k}"]) for k in trustees]

        forge.tally_hook = change

    return maker


def tally_parts_in_pieces(forge: Forge) -> None:
    """Each entry holds the decryptions of some sums alone, and of the total for the others."""
    THREE(forge)

    def change(made: list[tuple[str, Body, list[str]]]) -> None:
        raws = [raw for batch in forge.batches for raw in batch]
        part, _ = forge.sum_of(raws)
        root = bytes.fromhex(made[0][1]["root"])
        at = next(k for k, item in enumerate(made) if item[0] == "partial-decryption")
        pieces = []
        for trustee in (1, 2):
            apart = forge.partial(trustee, root, part)["decryptions"][0]
            total = made[at + trustee - 1][1]["decryptions"][0]
            for mixed in ([*apart[:1], *total[1:]], [*total[:1], *apart[1:]]):
                body = {"trustee": trustee, "root": root.hex(), "decryptions": [mixed]}
                pieces.append(("partial-decryption", body, [f"trustee/{trustee}"]))
        made[-1:-1] = pieces

    forge.tally_hook = change


add("online_votes_decrypted_apart_in_pieces", 11, "V28", tally_parts_in_pieces, also=("V26",), base=PROJECTS)
add("online_votes_decrypted_apart_from_few_paper_votes", 11, "V28", tally_parts((1, 2), True), also=("V26",))
add("few_paper_votes_decrypted_apart", 11, "V28", tally_parts((1, 2), False), also=("V26",))
add("one_share_of_the_online_votes_apart", 11, "V26", tally_parts((1,), True), PASSED)


def few_result(change: Callable[[Body], None]) -> Callable[[Forge], None]:
    def maker(forge: Forge) -> None:
        THREE(forge)
        forge.tally_hook = lambda made: change(made[-1][1])

    return maker


def question(**changes: object) -> Callable[[Forge], None]:
    return few_result(lambda body: body["questions"][0].update(changes))


add("few_paper_votes_shown_apart", 11, "V28", question(paper=[2, 1]))
add("online_votes_shown_beside_few_paper_votes", 11, "V28", question(online=[8, 4]))
add("total_with_few_paper_votes_invented", 11, "V27", question(total=[9, 6]))
add("total_with_few_paper_votes_left_out", 11, "V27", question(total=[8, 4]))
add("few_paper_ballots_not_stated", 11, "V28", few_result(lambda b: b.update(paper_ballots=0, participants=12)))
add("totals_that_are_null", 11, "V8", question(total=None))


@forgery(13, "V28", also=("V27",))
def parts_that_are_null_where_they_are_to_be_shown(forge: Forge) -> None:
    def change(made: list[tuple[str, Body, list[str]]]) -> None:
        made[-1][1]["questions"][0].update(online=None, paper=None)

    forge.tally_hook = change
