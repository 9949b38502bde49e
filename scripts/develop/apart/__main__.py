"""`make apart`: runs it all, and prints a line for each thing that held.

Decides what happens when, and the exit status: 0 when everything held, 1 when something did not.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from stembus.audit.log.note import parse_checkpoint
from stembus.scripts.develop.apart import complaints
from stembus.scripts.develop.apart.complaints import Complainant
from stembus.scripts.develop.apart.party import NotApart, Party, users_apart
from stembus.scripts.develop.apart.referendum import WITNESSES, Referendum
from stembus.scripts.develop.apart.voting import Devices, slow, vote_in_browser
from stembus.scripts.develop.apart.whole_run import BROWSER, conclude, sealing
from stembus.scripts.develop.faults.processes import ServiceRefused, gunicorn, stembus
from stembus.scripts.develop.prepare import Unprepared, find_chromium
from stembus.scripts.develop.private_postgres import private_postgres

_LOOK_SECONDS = 10
_WAIT_SECONDS = 180
SPECIAL = 2  # voters whom the host wrongs


class Run:
    """`browsers` of the `voters` vote in a browser."""

    def __init__(self, referendum: Referendum, browser: Browser, voters: int, browsers: int) -> None:
        self.referendum, self.browser = referendum, browser
        self.voters, self.browsers = voters, browsers
        self.devices = Devices(referendum)
        self.monitors = [referendum.parties[f"monitor-{k}"] for k in (1, 2)]
        self.complainant = Complainant(referendum, self.monitors[0])
        self._begun = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._begun:5.0f} s  {text}", flush=True)

    def everything(self) -> None:
        self.say(f"open: {len(self.referendum.services)} services of {len(self.referendum.parties)} parties answer")
        self.people_vote()
        self.two_are_wronged()
        self.close_and_count()
        self.judge_all()
        self.both_verifiers()

    # While people vote

    def people_vote(self) -> None:
        referendum, third = self.referendum, self.referendum.parties[f"witness-{WITNESSES}"]
        numbers = list(range(SPECIAL + self.browsers, self.voters))
        half = len(numbers) // 2
        seal = partial(referendum.host.run, "seal", str(referendum.host.folder))
        with sealing(seal, 1), slow(referendum.services["registrar-2"]):
            self.devices.vote(numbers[:half])
            referendum.services[third.name].lose()
            self.say(f"{third.name} was killed; {half} devices have voted")
            again = sum(
                vote_in_browser(self.browser, referendum, referendum.letters[number], str(number % 2))
                for number in range(SPECIAL, SPECIAL + self.browsers)
            )
            self.devices.vote(numbers[half:])
        told = ", ".join(f"{name} {count}" for name, count in sorted(self.devices.told.items())) or "nothing"
        self.say(f"everybody voted, with registrar 2 slow; devices were told {told}; browsers pressed again: {again}")
        referendum.serve_witness(third)
        referendum.host.run("seal", str(referendum.host.folder))

    def two_are_wronged(self) -> None:
        """And monitor 2 is shown another log."""
        referendum = self.referendum
        self.ballot = complaints.refused_ballot(referendum, self.devices, 0)
        self.promise = complaints.broken_promise(referendum, self.devices, 1)
        folder = referendum.root / "another"
        folder.mkdir()
        self.another = complaints.show_another_log(referendum, folder)
        # The true log goes on as well; until then, the other one only continues it.
        texts = [word for code in referendum.setup.manifest.languages for word in ("--text", f"{code}=A power cut.")]
        referendum.host.run("incident", str(referendum.host.folder), *texts)
        site = gunicorn("stembus.webvote.run.wsgi:site", referendum.ports["another-site"])
        referendum.start("another-site", referendum.site, site, PUBLIC=str(self.another.public))
        shown = (referendum.log_url, f"{referendum.url('another-site')}/log")
        for monitor, url in zip(self.monitors, shown, strict=True):
            self._monitor(monitor, url)
        self.monitors[0].give(self.monitors[0].folder / "watch" / "ballots" / "refused", self.ballot)
        self.monitors[0].give(self.monitors[0].folder / "watch" / "promises" / "promise", self.promise)
        self._until("monitor 1 says that the box refuses a ballot", lambda: "refuses ballot" in self._page(0))
        self._until("monitor 2 finds another history, and keeps the proof", lambda: bool(self._splits()))
        if "another history" in self._page(0):
            raise NotApart("monitor 1 was shown the log that everybody sees, and calls it split")

    def _monitor(self, party: Party, url: str) -> None:
        watch = party.folder / "watch"
        watch.mkdir()
        party.own()
        arguments = ["--referendum", self.referendum.referendum.hex(), "--keep", str(watch)]
        for number in range(1, WITNESSES + 1):
            arguments += ["--witness", self.referendum.url(f"witness-{number}")]
        arguments += ["--every", str(_LOOK_SECONDS), "--listen", str(self.referendum.ports[party.name])]
        self.referendum.start(party.name, party, stembus("monitor", url, *arguments))

    def _page(self, number: int) -> str:
        return complaints.fetched(self.referendum.url(self.monitors[number].name)).decode()

    def _splits(self) -> list[Path]:
        return sorted((self.monitors[1].folder / "watch" / "evidence").glob("split-log-*.json"))

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + _WAIT_SECONDS
        while not holds():
            if time.monotonic() > until:
                raise NotApart(f"not within {_WAIT_SECONDS} s: {what}")
            time.sleep(1)
        self.say(what)

    # Afterwards

    def close_and_count(self) -> None:
        referendum, office = self.referendum, str(self.referendum.host.folder)
        referendum.move_to_the_close()
        referendum.host.run("close", office)
        for number in ("1", "2"):
            referendum.host.run("trustee", "intent", office, "--number", number)
        folders = [referendum.root / name for name in ("abandoned", "false")]
        for folder in folders:
            folder.mkdir()
        self.abandoned = complaints.end_without_result(referendum, folders[0])
        for number in ("1", "2"):
            referendum.host.run("trustee", "decrypt", office, "--number", number)
        self.false = complaints.false_count(referendum, folders[1])
        referendum.host.run("tally", office)
        killed = referendum.parties[f"witness-{WITNESSES}"]
        followed = killed.run("witness", "show", str(killed.folder))
        size = parse_checkpoint((referendum.public / "checkpoint").read_bytes()).size
        if int(followed.stdout.split()[0]) != size:
            raise NotApart(f"the witness that was killed has not caught up with {size} entries: {followed.stdout}")
        self.say(f"closed and counted; the witness that was killed has caught up with all {size} entries")

    def judge_all(self) -> None:
        judged, keep = self.complainant.judge, self.complainant.keep
        page, altered = complaints.altered_page(self.referendum)
        hidden = complaints.decryptions(self.referendum)
        told = [
            ("promise without entry", judged(keep("promise", self.promise), words="broken")),
            ("refused ballot", judged(keep("ballot", self.ballot), words="a valid ballot that is not in the log")),
            ("split log", judged(keep("split", self._splits()[0].read_bytes()), words="signed two histories")),
            ("receipt", judged(keep("receipt", complaints.receipt_of(self.another)), words="another history")),
            ("page as served", judged(keep("vote.html", page), words="en/vote of release apart")),
            ("altered page", judged(keep("altered.html", altered), words="no page of the referendum", expect=2)),
        ]
        for name, words in told:
            self.say(f"judged: {name}: {words}")
        self._judge_ends(hidden)

    def _judge_ends(self, hidden: list[bytes]) -> None:
        paths = [self.complainant.keep(f"decryption-{number}", raw) for number, raw in enumerate(hidden, 1)]
        place = str(self._readable(self.abandoned.public))
        words = self.complainant.judge(*paths, words="ended without a result, though 2 trustees", place=place)
        self.say(f"judged: suppressed decryptions: {words}")
        place = str(self._readable(self.false.public))
        words = self.complainant.judge(Path(place), words="does not verify", expect=1)
        self.say(f"judged: false count: {words}")
        self._letters()

    def _readable(self, public: Path) -> Path:
        """As whoever complains fetched it."""
        target = self.complainant.party.folder / public.parent.name
        if not target.exists():
            shutil.copytree(public, target)
            self.complainant.party.own()
        return target

    def _letters(self) -> None:
        referendum = self.referendum
        code, asked = referendum.letters[SPECIAL][0], "letter"
        ended = self.monitors[0].run(
            asked, referendum.log_url, "--referendum", referendum.referendum.hex(), "--code", code
        )
        self.say(f"a letter: {(ended.stdout + ended.stderr).strip().splitlines()[0]}")

    def both_verifiers(self) -> None:
        """The command and the page say the same of the published log. Raises NotApart where they do not."""
        referendum = self.referendum
        told = self.monitors[1].run("verify", referendum.log_url, "--referendum", referendum.referendum.hex(), "--json")
        command = json.loads(told.stdout)
        page = self.browser.new_context(accept_downloads=True).new_page()
        page.goto(f"{referendum.url('site')}/en/verify")
        page.locator("#identity").fill(referendum.referendum.hex())
        page.locator("#start").click()
        page.locator("#report").wait_for(timeout=_WAIT_SECONDS * 1000)
        with page.expect_download() as download:
            page.locator("#save-report").click()
        browser = json.loads(Path(download.value.path()).read_text())
        for name in ("outcome", "exit_status", "faults", "result"):
            if command[name] != browser[name]:
                raise NotApart(f"{name}: the command says {command[name]}, and the browser {browser[name]}")
        self.say(f"command and browser say {browser['outcome']}: {browser['figures']['counted']} ballots counted")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make apart")
    parser.add_argument("--voters", type=int, default=200)
    parser.add_argument("--browsers", type=int, default=20, help="of them")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    asked = parser.parse_args(arguments)
    if asked.voters < asked.browsers + SPECIAL + 4:
        parser.error(f"there are at least {SPECIAL + 4} voters more than browsers")
    apart = users_apart()
    print(
        "parties are users of their own"
        if apart
        else "parties have folders of their own, and one user; as root, with a Python that all may run, each its own"
    )
    root = Path(tempfile.mkdtemp(prefix="stembus-apart-"))
    root.chmod(0o711)
    referendum, held = None, False
    try:
        with private_postgres(durable=True) as postgres, sync_playwright() as driver:
            referendum = Referendum(root, asked.voters, postgres.folder, apart)
            browser = driver.chromium.launch(executable_path=find_chromium(), args=BROWSER)
            try:
                Run(referendum, browser, asked.voters, asked.browsers).everything()
                held = True
            finally:
                browser.close()
                referendum.stop()
    except (NotApart, ServiceRefused, Unprepared) as error:
        print(f"stembus: error: {error}", file=sys.stderr)
    return conclude(root, held, asked.keep)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
