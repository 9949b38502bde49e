"""From the close to the minutes: paper, complaints, a count with one trustee away and one share bad, purge, two judges.

Decides what must come out. A figure in the minutes is compared with both verifiers.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser

from stembus.audit.clock import SimulatedClock
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import PartialDecryption
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.office.office import Office
from stembus.scripts.develop.apart.party import NotApart
from stembus.scripts.develop.rehearse.city import COMPLAINT_SECONDS, City
from stembus.scripts.develop.rehearse.setting_up import CHEAT
from stembus.scripts.develop.rehearse.trustee_pages import TrusteePage
from stembus.scripts.develop.rehearse.voting import ON_PAPER, STRUCK, paper_seed
from stembus.scripts.rehearsal.referendum import PASSPHRASE
from stembus.scripts.trustee_seat import Seat
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import Trustee

PAPER_COUNTS = [4, 3]
_PATIENCE_MS = 180_000


def close(city: City) -> None:
    manifest = city.manifest
    city.move_to(manifest.closes_at + manifest.grace_seconds + 1)
    read = city.together("close", city.folder)
    city.say(f"closed, by two officers on two laptops: {read.strip().splitlines()[0]}")


def paper(city: City) -> None:
    """Fewer ballots than may be shown apart: rebuilt by the second officer from their own count."""
    counted = ("--ballots", ON_PAPER, "--counts", ",".join(map(str, PAPER_COUNTS)))
    first = re.search(r"root (\w+)", city.run("paper", city.folder, *counted).stdout)
    assert first is not None
    seed = city.laptop.folder / "paper.seed"
    city.laptop.give(seed, paper_seed(city).read_bytes())
    own = city.laptop.run(
        "paper-root", str(city.public), "--referendum", city.identity, *map(str, counted), "--seed", str(seed)
    )
    root = str(own.stdout.split()[1])
    city.together("paper", city.folder, *counted, "--root", root, own=("--root", root))
    seed.unlink()
    city.say(f"{ON_PAPER} of {STRUCK} came to paper: counted by two officers apart, with the same root")


def draw(city: City) -> None:
    dice = "".join(secrets.choice("123456") for _ in range(30))
    city.together("sample", city.folder, "--dice", dice)
    city.say("the sample is drawn, with dice")


def count(city: City, pages: list[TrusteePage]) -> None:
    """Trustee 1 is away, trustee 2 sends a wrong decryption, and three others are enough."""
    laptop = city.trustee(3)
    told = laptop.run("trustee", "next", str(laptop.folder))
    if "complaints are heard until" not in told.stdout:
        raise NotApart(f"a trustee may count while complaints are heard: {told.stdout}")
    city.move_to(city.now() + COMPLAINT_SECONDS + 60)
    for number in (CHEAT, 3):
        city.trustee(number).run("trustee", "next", str(city.trustee(number).folder))
    opened = {page: page.open(city.board, city.now()) for page in pages}
    page = pages[0]
    page.announce(opened[page])
    # Enough have announced: the last one comes on another evening, with the new file of the first in mind.
    opened[pages[1]].locator("#act").wait_for()
    _announce_late(pages[1], opened[pages[1]])
    _bad_decryption(city)
    told = laptop.run("trustee", "next", str(laptop.folder))
    for page in pages:
        page.take(opened[page], "stap 2 van 2")
    city.say("trustee 1 is away, the decryption of trustee 2 is not proven; 3, 4 and 5 have decrypted")
    read = city.together("tally", city.folder)
    if "this laptop has computed the same result" not in read:
        raise NotApart(f"the second officer has not computed the result: {read}")
    city.say("the second officer's laptop computed the same result from the log, and signed it")


def _announce_late(page: TrusteePage, opened: Any) -> None:
    with opened.expect_response("**/entries"), opened.expect_download() as download:
        opened.locator("#act").click()
    download.value.save_as(page.key)


def _bad_decryption(city: City) -> None:
    office = Office(city.trustee(CHEAT).folder, lambda _: PASSPHRASE)
    log = verify(FolderPlace(city.public), bytes.fromhex(city.identity)).demand_log()
    trustee = Trustee(
        parse_trustee_key(office.secret(f"trustee-{CHEAT}")), lambda _: None, log, SimulatedClock(int(city.now()))
    )
    body = parse_entry(trustee.decrypt()).body
    assert isinstance(body, PartialDecryption)
    ((first, *_), *_) = body.decryptions
    wrong = msgspec.structs.replace(body, decryptions=[[msgspec.structs.replace(first, challenge="00" * 32)]])
    Seat(f"{city.url('board')}/", log.referendum).send([trustee._entry(wrong)])


def write_down(city: City) -> Path:
    """The minutes, as HTML."""
    folder = city.root / "minutes"
    answers = ("--denied", 1, "--silent", 2)
    city.run("minutes", "write", city.public, "--referendum", city.identity, "--to", folder, *answers)
    city.run("minutes", "log", city.folder, folder / "minutes.pdf")
    return folder / "minutes.html"


def purge(city: City) -> None:
    city.together("purge", city.folder, "--yes")
    city.together("purge", city.folder, "--destroyed", "key files and sticks of all trustees")
    left = sorted({path.relative_to(city.folder).parts[0] for path in city.folder.rglob("*") if path.is_file()})
    city.say(f"purged; in the office's folder are left: {', '.join(left)}")


def judge(city: City, browser: Browser, minutes: Path, expected: list[int]) -> None:
    """The command, the page, and the minutes say the same. Raises NotApart."""
    bundle = city.root / "bundle.zip"
    city.run("publish", city.folder, "--to", bundle)
    told = city.laptop.run("verify", str(bundle), "--referendum", city.identity, "--json")
    command, page = json.loads(told.stdout), _in_browser(city, browser, bundle)
    for name in ("outcome", "exit_status", "faults", "result"):
        if command[name] != page[name]:
            raise NotApart(f"{name}: the command says {command[name]}, and the page {page[name]}")
    if command["exit_status"] != 0:
        raise NotApart(f"the result is not established: {command['faults']}")
    result = command["result"]
    if result["questions"][0]["total"] != expected:
        raise NotApart(f"people voted {expected}, and {result['questions'][0]['total']} was counted")
    text = re.sub(r"<[^>]+>", " ", minutes.read_text(encoding="utf-8"))
    figures = [*expected, result["participants"], command["figures"]["counted"], command["referendum"]]
    missing = [str(figure) for figure in figures if not re.search(rf"(?<!\d){figure}(?!\d)", _joined(text))]
    if missing:
        raise NotApart(f"the minutes lack what both verifiers say: {missing}")
    bad = [fault["message"] for fault in command["faults"] if fault["verdict"] == "passed over"]
    city.say(f"both verifiers say {command['outcome']}: {' and '.join(map(str, expected))}; the minutes say the same")
    city.say(f"named, and without effect: {'; '.join(bad)}")


def _joined(text: str) -> str:
    """Without the spaces that group digits, or break a long number."""
    return re.sub(r"(?<=[0-9a-f])[\s\u202f\u00a0]+(?=[0-9a-f])", "", text) + " " + text


def _in_browser(city: City, browser: Browser, bundle: Path) -> Any:
    page = browser.new_context(accept_downloads=True).new_page()
    page.goto(f"{city.url('site')}/en/verify")
    page.locator("#zip").set_input_files(bundle)
    page.locator("#identity").fill(city.identity)
    page.locator("#start").click()
    page.locator("#report").wait_for(timeout=_PATIENCE_MS)
    with page.expect_download() as download:
        page.locator("#save-report").click()
    return json.loads(Path(download.value.path()).read_text())
