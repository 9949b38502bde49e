"""From an empty folder to an open referendum: register, keys, definition, ceremony, letters.

Decides what a city does in which order, and what goes wrong on the way: one trustee sends a faulty share, another one
complains, and all begin anew.
"""

from __future__ import annotations

import csv
import re
import shutil
import time
from datetime import date
from pathlib import Path

import msgspec
from playwright.sync_api import Page

from stembus.audit.formats.ceremony import latest_attempt
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import Share
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.eligibility.credential_authority import CODED_COLUMNS, SPARE_COLUMNS
from stembus.ballot.eligibility.own_csv import read_csv
from stembus.ballot.eligibility.register import read_register
from stembus.ballot.office.office import Office
from stembus.crypto.sealed import seal_to
from stembus.scripts.develop.apart.party import NotApart
from stembus.scripts.develop.rehearse.city import COMPLAINT_SECONDS, IN_PYTHON, THRESHOLD, City
from stembus.scripts.develop.rehearse.trustee_pages import TrusteePage
from stembus.scripts.rehearsal.local import draft_from_now
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import PASSPHRASE
from stembus.scripts.trustee_seat import Seat
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import Trustee
from stembus.webvote.theme import EXAMPLE

REFERENCE = date(2019, 10, 14)
OPEN_HOURS = 24
CHEAT = 2
_STEPS = ("Stap 1", "Stap 2", "Stap 3", "Stap 4", "Stap 5")


def write_population(path: Path, people: int) -> None:
    """As a city's service exports it: Windows-1252, semicolons, dotted national numbers, Belgian dates, other names for
    the columns."""
    plain = path.with_suffix(".utf8")
    write_register(plain, people, REFERENCE, 2)
    head = [
        "Rijksregisternummer",
        "Naam",
        "Voornaam",
        "Geboortedatum",
        "Straat en nummer",
        "Postcode",
        "Gemeente",
        "Taal",
    ]
    with plain.open(encoding="utf-8", newline="") as source, path.open("w", encoding="cp1252", newline="") as target:
        rows = csv.reader(source)
        next(rows)
        writer = csv.writer(target, delimiter=";")
        writer.writerow(head)
        for number, (national, last, first, born, *rest) in enumerate(rows):
            dotted = f"{national[:2]}.{national[2:4]}.{national[4:6]}-{national[6:9]}.{national[9:]}"
            name = f"{last}-Noël" if number % 7 == 0 else last
            writer.writerow([dotted, name, first, "/".join(reversed(born.split("-"))), *rest])
    plain.unlink()


def define(city: City, pages: list[TrusteePage], people: int) -> None:
    """Every party makes its own key, and nobody sees another one's."""
    office, public = city.folder, city.folder / "keys"
    public.mkdir()
    city.run("trustee", "page", office / "trustees.html")
    for page in pages:
        page.make_key(office / "trustees.html", public / f"trustee-{page.number}.json")
    for number in IN_PYTHON:
        laptop = city.trustee(number)
        laptop.run("trustee", "identity", str(laptop.folder), "--number", str(number))
        shutil.copy(laptop.folder / "keys" / f"trustee-{number}.json", public)
        laptop.run("trustee", "copy", str(laptop.folder), str(laptop.folder / "other-stick.key"))
    for party in ("officer-1", "registrar-1", "witness-1", "witness-2", "box", "log", "client"):
        city.run("key", "make", office, party)
    city.laptop.run("key", "make", str(city.laptop.folder), "officer-2")
    shutil.copy(city.laptop.folder / "keys" / "officer-2.json", public)
    draft = draft_from_now(
        int(time.time()), 60 * OPEN_HOURS, people, city.url("site"), [city.url("registrar")], city.url("box"),
        origin="stembus.example.org/rehearsal", threshold=THRESHOLD, floor=10, batch_tokens=5, sample_size=20,
        minimum_margin_permille=0,
    )  # fmt: skip
    before = "complaint_seconds = 0  "
    if before not in draft:
        raise NotApart("the draft has no line about complaints any more")
    (office / "referendum.toml").write_text(draft.replace(before, f"complaint_seconds = {COMPLAINT_SECONDS}"))
    city.run("check", office)
    city.run("define", office)
    city.run("services", "create", office)


def ceremony(city: City, pages: list[TrusteePage]) -> None:
    """Twice: trustee 2 sends a faulty share to trustee 4, who complains; then all goes well, to the drill."""
    for number in IN_PYTHON:
        laptop = city.trustee(number)
        laptop.run("trustee", "join", city.board, str(laptop.folder))
    opened = {page: page.open(city.board) for page in pages}
    for heading in _STEPS[:2]:
        _all_take(city, pages, opened, heading)
    for number in IN_PYTHON:
        if number == CHEAT:
            _cheat(city, pages[0].number)
        else:
            _next(city, number)
    for page in pages:
        page.take(opened[page], _STEPS[2])
    pages[0].complain(opened[pages[0]], CHEAT)
    city.say(f"trustee {pages[0].number} complained in a browser about the share of trustee {CHEAT}; all begin anew")
    for heading in _STEPS:
        _all_take(city, pages, opened, heading)
        if heading == _STEPS[3]:
            _compare(city, pages, opened)
    told = city.run("status", city.folder).stdout
    if "phase       keyed" not in told:
        raise NotApart(f"the ceremony made no key: {told}")


def _all_take(city: City, pages: list[TrusteePage], opened: dict[TrusteePage, Page], heading: str) -> None:
    for number in IN_PYTHON:
        _next(city, number)
    for page in pages:
        page.take(opened[page], heading)


def _next(city: City, number: int) -> None:
    laptop = city.trustee(number)
    copy = ("--copy", str(laptop.folder / "other-stick.key"))
    ended = laptop.run("trustee", "next", str(laptop.folder), *copy)
    if "logged" not in ended.stderr:
        raise NotApart(f"trustee {number} could do nothing: {ended.stdout}{ended.stderr}")


def _compare(city: City, pages: list[TrusteePage], opened: dict[TrusteePage, Page]) -> None:
    """All read the same fingerprint aloud."""
    told = {page.prints(opened[page])[1] for page in pages}
    for number in IN_PYTHON:
        laptop = city.trustee(number)
        shown = laptop.run("trustee", "now", str(laptop.folder)).stdout
        told |= set(re.findall(r"compare     (\S+)  the key", shown))
    if len(told) != 1:
        raise NotApart(f"trustees read different fingerprints aloud: {told}")
    city.say(f"five trustees, two of them in browsers, read the same fingerprint: {told.pop()}")


def _cheat(city: City, victim: int) -> None:
    """What no program of Stembus does: one share is of another polynomial."""
    office = Office(city.trustee(CHEAT).folder, lambda _: PASSPHRASE)
    log = verify(FolderPlace(city.public), bytes.fromhex(city.identity)).demand_log()
    trustee = Trustee(parse_trustee_key(office.secret(f"trustee-{CHEAT}")), lambda _: None, log)
    attempt = latest_attempt(entry.body for _, _, entry in log.entries())
    entries = []
    for raw in trustee.share():
        body = parse_entry(raw).body
        assert isinstance(body, Share)
        if body.receiver == victim:
            key = bytes.fromhex(attempt.commits[victim].receiving_keys[CHEAT - 1])
            raw = trustee._entry(msgspec.structs.replace(body, sealed=seal_to(key, b"\x05" * 32).hex()))
        entries.append(raw)
    Seat(f"{city.url('board')}/", log.referendum).send(entries)


class Letters:
    """What the post brings: for each voter number the code and the date of birth that its reader knows."""

    def __init__(self, city: City, register: Path) -> None:
        manifest, authority = city.manifest, city.folder / "authority"
        reading = read_register(register, manifest.eligibility, manifest.languages)
        born = {person.letter: person.birth_date for person in reading.accepted}
        self.codes = [
            (row[0], row[7], born[tuple(row[1:7])]) for row in read_csv(authority / "codes.csv", CODED_COLUMNS)
        ]
        self.spares = dict(read_csv(authority / "spares.csv", SPARE_COLUMNS))


def letters(city: City, register: Path) -> Letters:
    """The roll, the letters, and no code left behind."""
    office = city.folder
    told = city.run("roll", "import", office, register, "--dry-run").stdout
    city.say(f"preview of the register: {told.strip().splitlines()[0]}")
    city.run("roll", "import", office, register)
    city.together("credentials", "make", office)
    found = Letters(city, register)
    city.run("letters", "proof", office, "--theme", EXAMPLE)
    begun = time.monotonic()
    told = city.run("letters", "make", office, "--theme", EXAMPLE).stdout
    seconds = time.monotonic() - begun
    city.say(f"{told.strip()}, {len(found.codes) / seconds:.0f} letters a second")
    city.run("credentials", "destroy", office, "--printed", len(found.codes) + len(found.spares))
    city.run("client", "log", office, "--release", "1", "--theme", EXAMPLE)
    return found
