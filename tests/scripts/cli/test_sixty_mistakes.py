"""Mistakes of officials and trustees, one after the other: each gets a calm sentence that says what is wrong and what
to do, and changes nothing."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from stembus.scripts.cli.main import main
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import PASSPHRASE, Rehearsal, demo_draft

BEFORE, OPEN, CLOSED = "2019-10-10T09:00:00+02:00", "2019-10-15T09:00:00+02:00", "2019-10-20T19:00:00+02:00"
ZEROS, ONES = "00" * 32, "1" * 30
# Folders: E is empty, D holds a draft, C stands in the ceremony, O is open with four ballots; N is no folder, T a text
# file, R a register. Each line: what somebody typed, and what is said to it.
MISTAKES = [
    ("status N", "there is no folder .*; start with: stembus new"),
    ("status E", "holds no frozen referendum; run stembus define first"),
    ("check E", "there is no draft .*; make one with stembus new"),
    ("define E", "there is no draft .*; make one with stembus new"),
    ("check D", "there are no keys in .*; each party runs stembus key make"),
    ("key make D mayor", "is no party; write trustee-1, officer-1"),
    ("key make D trustee", "is no party; write trustee-1, officer-1"),
    ("key make D trustee-0", "is no party; write trustee-1, officer-1"),
    ("key make D trustee-²", "is no party; write trustee-1, officer-1"),
    ("key take D T", "is no public key file, such as a party's keys/trustee-2.json"),
    ("key take C C/keys/trustee-1.json", "frozen; no key can be added to it any more"),
    ("trustee identity D", "which trustee are you\\? The officials know; then add: --number 1"),
    ("trustee commit C", "lie the keys of trustee 1, 2, 3: say which trustee you are, with --number"),
    ("trustee commit C --number 9", "trustee 9 has no key in"),
    ("trustee reveal C --number 1", "before this step, trustee-1, trustee-2, trustee-3 must commit"),
    ("trustee share C --number 1", "must reveal"),
    ("trustee confirm C --number 1", "6 shares are still to be sent"),
    ("trustee drill C --number 1", "must confirm"),
    ("trustee complain C --number 1", "commit first"),
    ("trustee rehearse C --number 1", "the key ceremony is not complete"),
    ("trustee intent C --number 1", "voting is not closed"),
    ("trustee decrypt C --number 1", "voting is not closed"),
    ("trustee join hello E", "this is no link of a board, .* copy it whole"),
    ("trustee join https://example.invalid/board/nl/ E", "this is no link of a board"),
    ("trustee now E", "there is no trustee's key in .*; make one: stembus trustee identity"),
    ("trustee next E", "there is no trustee's key in .*; make one: stembus trustee identity"),
    ("trustee now C --number 1 --referendum zz", "a referendum id is 64 hexadecimal digits"),
    ("trustee copy C N/stick --number 1", "there is no folder .*; put the other stick in"),
    ("trustee copy C C/trustee-1/trustee.key --number 1", "is no copy of the key file; it is not overwritten"),
    ("trustee page T", "exists already; choose another name"),
    ("roll import O T", "names no column that is known here: it must say which column is what"),
    ("roll import O N", "there is no register"),
    ("credentials make C", "the key ceremony is not complete; no letter may be made before the election key"),
    ("letters make C --theme x", "there is no file x/theme.toml; `stembus theme new` makes an example"),
    ("credentials destroy O --printed 3", "no letters were made from these codes, .* nothing was deleted"),
    ("credentials replace O 1 spare-00001", "there is no voter number 1"),
    ("credentials replace O 1 spare-99999", "there is no spare letter spare-99999"),
    ("open C", "the key ceremony is not complete"),
    ("seal C", "the key ceremony is not complete"),
    ("vote O --code XXXX --factor 1990-01-01 --choice 1", "a code has 24 symbols; this one has 4"),
    ("roll strike O 123", "there is no voter number 123"),
    ("roll unlock O abc", "there is no voter number abc"),
    ("roll find O nobody --officer an.peeters", "type fewer of them"),
    ("incident O --text plat", "give --text LANG=TEXT, once for each language"),
    ("incident O --text xx=plat", "the languages of the referendum are nl, en, fr"),
    ("cancel O --text nl=", "a text is empty"),
    ("close O", "ballots are accepted until 2019-10-20T18:00:00"),
    ("paper O --ballots 3 --counts 1,2", "paper votes are logged after the close"),
    ("paper O --ballots 3 --counts 1", "question 1 has 2 options, and 1 counts were given"),
    ("paper O --ballots 3 --counts een,twee", "write counts as numbers with commas"),
    ("sample O --dice 123", "--dice are 30 digits from 1 to 6"),
    (f"sample O --dice {ONES}", "the definition asks for no sample"),
    ("tally O", "voting is not closed"),
    ("abandon O --text nl=x --yes", "there is nothing to be counted yet"),
    ("publish O --to O/public/x", "choose a place outside"),
    ("submit O T", "is no signed entry; nothing of it was added"),
    ("minutes log O T", "an entry minutes in the phase open"),
    ("minutes write O/public --referendum 12 --to N", "a referendum id is 64 hexadecimal digits"),
    ("purge O --yes", "nothing is destroyed before there is a result"),
    ("archive O --to N", "the referendum is not over"),
    ("texts O result", "there is no result yet"),
    ("texts O call --language de", "texts can be had in nl"),
    (f"verify O/public --referendum {ZEROS} --workers 1", "not the one asked for: compare the id with a letter"),
    ("verify N --workers 1", "there is nothing at"),
    (f"officer sign O T --place O/public --referendum {ZEROS}", "keys of officers in .* say which, with --number"),
    ("officer take O T", "is no entry for an officer to sign"),
    ("board E", "holds no frozen referendum; run stembus define first"),
    ("desk add O X", "an officer's name has 2 to 32 small letters"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("mistakes")
    found = {
        "E": root / "empty",
        "D": root / "draft",
        "C": root / "ceremony",
        "O": root / "opened",
        "N": root / "nowhere",
    }
    found |= {"T": root / "note.txt", "R": root / "register.csv"}
    found["T"].write_text("a note")
    found["E"].mkdir()
    CliRunner().invoke(main, ["new", str(found["D"])])
    draft = demo_draft(10, 1, floor=1, batch_tokens=1)
    ceremony, opened = Rehearsal(found["C"]), Rehearsal(found["O"])
    for rehearsal in (ceremony, opened):
        rehearsal.keys()
        rehearsal.define(draft)
    opened.ceremony()
    write_register(found["R"], 10, date(2019, 10, 14), 1)
    opened.import_roll(found["R"])
    opened.credentials()
    opened.open()
    for number, (code, factor) in enumerate(opened.letters(found["R"])[:4]):
        opened.cast(opened.token(code, factor), [[number % 2]])
    opened.seal()
    for rehearsal in (ceremony, opened):
        rehearsal.office.dispose()
    return found


def _state(folders: dict[str, Path]) -> dict[str, str]:
    """Of everything but databases, which are opened, and locks."""
    found = {}
    for folder in folders.values():
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder] if folder.exists() else []:
            if path.is_file() and not path.name.endswith((".db", "-wal", "-shm", "lock")):
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_there_are_sixty_of_them_and_more() -> None:
    assert len({typed for typed, _ in MISTAKES}) == len(MISTAKES) >= 60


@pytest.mark.parametrize(("typed", "said"), MISTAKES, ids=[typed[:60] for typed, _ in MISTAKES])
def test_a_mistake_is_told_calmly_and_changes_nothing(folders: dict[str, Path], typed: str, said: str) -> None:

    words = []
    for word in typed.split(" "):
        name, slash, rest = word.partition("/")
        words.append(f"{folders[name]}{slash}{rest}" if name in folders else word)
    before = _state(folders)
    environment = {"STEMBUS_PASSPHRASE": PASSPHRASE, "STEMBUS_CLOCK": OPEN, "STEMBUS_DESK_PASSWORD": "a long password"}
    result = CliRunner().invoke(main, words, env=environment)
    told = " ".join(result.output.split())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2, 8), told
    assert re.search(said, told), told
    assert "Traceback" not in told
    assert _state(folders) == before
