"""Where two languages count differently, both verifiers say the same: keys and names beyond U+FFFF, large numbers."""

from __future__ import annotations

import pytest

from stembus.audit.log.note import sign_checkpoint
from stembus.crypto.transcript import Transcript
from tests.conftest import Finished
from tests.tampered.forge import Forge, judge, new_forge
from tests.tampered.second_verifier import SecondVerifier, assert_both_say_the_same

LAST, FIRST_BEYOND = "\uffff", "\U0001f600"  # by code point; by UTF-16 code unit it is the other way round


def agree(second: SecondVerifier, forge: Forge) -> int:
    """The exit status of both."""
    place = forge.build()
    report = judge(forge, place)
    assert_both_say_the_same(second.judge(place, forge.referendum), report)
    return report.exit_status


def incident(forge: Forge, *keys: str) -> bytes:
    """One officer's, as bytes, with texts in this order."""
    texts = ",".join(f'"{key}":"storing"' for key in keys)
    body = f'{{"number":1,"text":{{{texts}}}}}'
    transcript = Transcript("entry").add("referendum", forge.referendum).add("type", b"incident")
    signature = forge.keys.parties["officer-1"].sign(transcript.add("body", body.encode()).digest()).hex()
    return f'{{"body":{body},"signatures":[{{"by":"officer/1","signature":"{signature}"}}],"type":"incident"}}'.encode()


@pytest.mark.parametrize(
    ("keys", "status"),
    [(["nl", LAST, FIRST_BEYOND], 5), (["nl", FIRST_BEYOND, LAST], 1), (["nl", FIRST_BEYOND], 5)],
    ids=["by code point", "by UTF-16 code unit", "one"],
)
def test_keys_are_ordered_by_code_point(second: SecondVerifier, parts: Finished, keys: list[str], status: int) -> None:
    forge = new_forge(parts)
    forge.between.append(incident(forge, *keys))
    assert agree(second, forge) == status


@pytest.mark.parametrize("size", [10**15 - 1, 10**15, 2**53 + 1, 10**18 - 1])
def test_a_head_of_a_size_that_no_log_has_is_passed_over(second: SecondVerifier, parts: Finished, size: int) -> None:
    forge = new_forge(parts)
    signed = sign_checkpoint(forge.manifest["log"]["origin"], size, bytes(32), forge.keys.parties["log"])
    forge.files_hook = lambda files: files.update({f"checkpoints/{size}": signed.to_bytes()})
    assert agree(second, forge) == (0 if size < 10**15 else 5)


@pytest.mark.parametrize("number", ["x999/x999/x999/x999/999", "x001/x000/x000/x000/x000/000"])
def test_a_tile_that_no_log_has(second: SecondVerifier, parts: Finished, number: str) -> None:
    forge = new_forge(parts)
    forge.files_hook = lambda files: files.update({f"tile/0/{number}": bytes(32 * 256)})
    assert agree(second, forge) == (0 if number.count("/") == 4 else 5)


def test_of_many_files_that_do_not_belong_the_same_are_named(second: SecondVerifier, parts: Finished) -> None:
    forge = new_forge(parts)
    names = [f"{letter}{k}" for k in range(8) for letter in (LAST, FIRST_BEYOND, "\uff01")]
    forge.files_hook = lambda files: files.update(dict.fromkeys(names, b"x"))
    assert agree(second, forge) == 5


def test_what_looks_as_if_it_were_being_written(second: SecondVerifier, parts: Finished) -> None:
    for between in ("\r", "\u2028", "\u0085"):
        forge = new_forge(parts)
        forge.files_hook = lambda files, sign=between: files.update({f".a{sign}b.0123abcd.new": b"x"})
        assert agree(second, forge) == 0
