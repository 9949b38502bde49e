"""Policy files, lists of logs and verifier keys: what C2SP and the witness network write down, and nothing looser."""

from __future__ import annotations

import base64

import pytest

from stembus.audit.errors import NoteInvalid
from stembus.audit.log.log_list import LogList, log_lines, parse_log_list
from stembus.audit.log.policy import Listed, Policy, parse_policy
from stembus.audit.log.verifier_key import (
    COSIGNATURE,
    COSIGNATURE_MLDSA44,
    ED25519,
    VerifierKey,
    parse_verifier_key,
)
from stembus.crypto.signing import MLDSA44Key, SigningKey

LOG = VerifierKey("log.example.org/1", ED25519, SigningKey(bytes([1]) * 32).public)
FIRST = VerifierKey("university.example/w", COSIGNATURE, SigningKey(bytes([2]) * 32).public)
SECOND = VerifierKey("newspaper.example/w", COSIGNATURE_MLDSA44, MLDSA44Key(bytes([9]) * 32).public)
TEXT = f"""# who sees this log
log {LOG} https://log.example.org
witness uni {FIRST} https://witness.university.example

\twitness  news\t{SECOND}
group both 2 uni news
quorum both
"""


# Verifier keys


@pytest.mark.parametrize("key", [LOG, FIRST, SECOND])
def test_a_verifier_key_is_read_as_it_was_written(key: VerifierKey) -> None:
    assert parse_verifier_key(str(key)) == key


def test_the_verifier_key_of_the_signed_note_specification_is_read() -> None:
    key = parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert (key.name, key.algorithm, len(key.public)) == ("PeterNeumann", ED25519, 32)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "a+b+c", str(FIRST)[:-4], str(FIRST)[:-1] + "A", str(FIRST) + "\n", " " + str(FIRST), str(FIRST) + "=",
        str(FIRST).replace("+", "-", 1), "other" + str(FIRST), f"w+00000000+{base64.b64encode(bytes(33)).decode()}",
        str(VerifierKey("w", b"\x07", bytes(32))), str(VerifierKey("w", COSIGNATURE, bytes(31))),
        str(VerifierKey("w", COSIGNATURE, b"\x01" + bytes(31))), str(VerifierKey("w", COSIGNATURE_MLDSA44, bytes(32))),
        str(VerifierKey("w", COSIGNATURE, b"")),
    ],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_verifier_key(text)


# Policies


def test_a_policy_is_read_and_written() -> None:
    policy = parse_policy(TEXT.encode())
    assert policy == Policy(
        (Listed(LOG, "https://log.example.org"),),
        (Listed(FIRST, "https://witness.university.example"), Listed(SECOND, None)),
        2,
    )
    assert parse_policy(policy.to_bytes()) == policy


@pytest.mark.parametrize(
    ("group", "quorum"), [("2", 2), ("1", 1), ("any", 1), ("all", 2)], ids=["two", "one", "any", "all"]
)
def test_a_quorum_is_a_number_of_the_witnesses(group: str, quorum: int) -> None:
    assert parse_policy(TEXT.replace("both 2", f"both {group}").encode()).quorum == quorum


def test_a_policy_that_windows_saved_is_read() -> None:
    assert parse_policy(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()) == parse_policy(TEXT.encode())


def test_one_witness_or_none_can_be_the_quorum() -> None:
    one = f"witness uni {FIRST}\nquorum uni\n"
    assert parse_policy(one.encode()).quorum == 1
    none = parse_policy(one.replace("quorum uni", "quorum none").encode())
    assert none.quorum == 0
    assert parse_policy(none.to_bytes()) == none


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("group both", "grupo both", "line 6: a line begins with"),
        ("both 2 uni news", "both 3 uni news", "line 6: of the 2 members"),
        ("both 2 uni news", "both 0 uni news", "cannot be demanded"),
        ("both 2 uni news", "both ² uni news", "cannot be demanded"),
        ("both 2 uni news", f"both {'1' * 5000} uni news", "cannot be demanded"),
        ("both 2 uni news", "both uni news", "comes how many must cosign"),
        ("both 2 uni news", "both uni news uni", "comes how many must cosign"),
        ("both 2 uni news", "both 2 uni uni", "twice"),
        ("both 2 uni news", "both 1 uni", "all listed witnesses"),
        ("both 2 uni news", "both 2 uni paper", "'paper' is no witness"),
        ("both 2 uni news", "uni 2 uni news", "the name 'uni' is taken"),
        ("both 2 uni news", "none 2 uni news", "the name 'none' is taken"),
        ("both 2 uni news", "both", "a group has a name"),
        ("quorum both", "quorum all", "'all' is no witness or group"),
        ("quorum both", "quorum both both", "one quorum line"),
        ("quorum both", "quorum both\nquorum both", "line 8: there is one quorum line"),
        ("quorum both", "", "there is no quorum line"),
        (f"log {LOG}", f"log {FIRST}", "line 2: the key of the log"),
        (f"uni {FIRST}", f"uni {LOG}", "line 3: the key of the witness uni is one of a log"),
        (f"news\t{SECOND}", f"news\t{FIRST}", "line 5: the key of university.example/w stands here twice"),
        (f"news\t{SECOND}", f"uni\t{SECOND}", "line 5: the name 'uni' is taken"),
        (f"news\t{SECOND}", "news", "a witness has a key"),
        (f"news\t{SECOND}", f"news\t{SECOND} https://a.example more", "a witness has a key"),
        (f"\twitness  news\t{SECOND}\n", "", "'news' is no witness"),
        (f"news\t{SECOND}", "", "a witness has a name"),
        ("# who", "\x07 who", "line 1: a policy has no control characters"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_its_line(old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(NoteInvalid, match=told):
        parse_policy(TEXT.replace(old, new).encode())


def test_groups_of_groups_are_refused_in_words() -> None:
    with pytest.raises(NoteInvalid, match="groups of groups are not taken here"):
        parse_policy(TEXT.replace("quorum both", "group more 1 both\nquorum more").encode())


def test_a_policy_that_is_no_text_is_refused() -> None:
    with pytest.raises(NoteInvalid, match="UTF-8"):
        parse_policy(b"\xff\xfe")


# Lists of logs


OTHER = VerifierKey("other.example.org", ED25519, SigningKey(bytes([3]) * 32).public)


def test_the_lines_of_a_log_are_read_as_they_were_written() -> None:
    lines = [log_lines(LOG, 1234, "sysadmin (at) example.org"), log_lines(OTHER, 24, "https://example.org/contact")]
    assert lines[0].split("\n")[1] == "qpd 1234"
    assert parse_log_list("\n".join(lines)) == LogList((LOG, OTHER), ())
    assert parse_log_list("# list\nlogs/v0\n\n# a log\n" + "\n".join(lines)) == LogList((LOG, OTHER), ())


def test_a_list_in_the_form_of_the_witness_network_is_read() -> None:
    """The example of its `log-list-format.md`, with keys that are some; also as Windows saves it."""
    text = f"""#
# List:      10qps-100klogs
# Revision:  123
#
logs/v0

# 1st list item -- foo's log
vkey {LOG}
qpd 86400
contact https://tlog.foo.org/contact

# 2nd list item -- bar's log
  vkey {OTHER}
  origin something-not-equal-to-vkey-keyname
qpd 24
contact sysadmin (at) bar.org
"""
    for written in (text, "\ufeff" + text.replace("\n", "\r\n")):
        found = parse_log_list(written)
        assert found.keys == (LOG,)
        assert found.left_out == (
            f"line 14: the log something-not-equal-to-vkey-keyname has a key of another name, {OTHER.name}",
        )


def test_one_log_that_cannot_be_followed_does_not_end_the_list() -> None:
    found = parse_log_list(f"logs/v0\nvkey {FIRST}\nvkey b\nvkey {LOG}\norigin {LOG.name}\nbastion none\n")
    assert found.keys == (LOG,)
    assert [reason.partition(":")[0] for reason in found.left_out] == ["line 2", "line 3"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no log"),
        ("logs/v0\nrevision 1\n\n", "no log"),
        ("<html>", "line 1: a line begins with"),
        (f"> vkey {LOG}\n", "line 1: a line begins with"),
    ],
)
def test_what_is_no_list_of_logs_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(NoteInvalid, match=told):
        parse_log_list(text)
