"""How a monitor looks again and again: what it remembers from one look to the next, and what it keeps on the disk.

Decides that what could not be verified is held against what was verified last, that a place which is ahead for long is
named, and that nothing a host shows can fill the disk. Leaves what is seen to `audit.monitor`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import write_durably
from stembus.audit.errors import AuditError
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.note import Checkpoint
from stembus.audit.log.snapshot import folder_name
from stembus.audit.log.tiles import HEAD
from stembus.audit.monitor.hand_in import Parties
from stembus.audit.monitor.handed import DECRYPTIONS, files_in, logged_ballots, read_pile
from stembus.audit.monitor.memory import Earlier, settle
from stembus.audit.monitor.vantage import Vantage, Word, signed_head
from stembus.audit.monitor.watch import EVIDENCE, Page, Relayed, Round, is_held_back, keep_served, watch
from stembus.audit.state_machine import Phase
from stembus.audit.verify.handed_decryptions import are_proven, check_decryptions
from stembus.audit.verify.promised_ballot import ballot_context
from stembus.audit.verify.report import Report
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.scripts.judging import decryptions_in
from stembus.scripts.published import verified
from stembus.scripts.relay import relay
from stembus.scripts.served_pages import look_at_site, newest_release

_COPIES, _VERIFIED, _LARGER, _EARLIER = "copies", "verified", "heads", "earlier.json"
_HEADS = 100  # larger heads that are remembered


class Watching:
    """`last` is what was seen last; with `pages`, what the site serves to voters is looked at, too, while they vote.
    `parties` is of the log that was verified last; with `taking`, it knows which ballots need not be handed in."""

    def __init__(
        self,
        address: str,
        referendum: bytes,
        folder: Path,
        vantages: Sequence[Vantage],
        workers: int,
        pages: bool = False,
        taking: bool = False,
    ) -> None:
        self._address, self._referendum, self._folder = address, referendum, folder
        self._copies = folder / _COPIES
        self._vantages = vantages
        self._workers = workers
        self._pages, self._taking = pages, taking
        self._earlier = Earlier(folder / _EARLIER)
        self._manifest: Manifest | None = None
        self._heads: dict[bytes, Checkpoint] = {}
        self._ahead: dict[str, float] = {}
        self._unanswered: tuple[str, float] | None = None
        self.last: Round | None = None
        self.parties: Parties | None = None

    def look(self) -> Round:
        """Raises nothing that a host, a place or a file could cause."""
        seen = self._look()
        self._remember(seen)
        now = time.monotonic()
        late = tuple(place for place, since in self._ahead.items() if is_held_back(since, now))
        silent = self._unanswered is not None and is_held_back(self._unanswered[1], now)
        seen = replace(seen, ended=int(time.time()), ahead=late, unanswered=silent)
        self.last = replace(seen, earlier=self._earlier.add(seen))
        return self.last

    def _look(self) -> Round:
        try:
            with verified(self._address, self._referendum, self._workers, self._copies) as report:
                if report.log is None:
                    seen = Round(report)
                else:
                    write_durably(self._folder / _VERIFIED, folder_name(report.log.head).encode("ascii"))
                    seen = self._look_at(report, report.log, self._vantages, self._larger_heads())
                    if self._pages:
                        seen = replace(seen, pages=tuple(self._look_at_site(report.log)))
        except (AuditError, OSError) as error:
            seen = Round(_unchecked(error))
        if seen.report.log is None:
            seen = self._compare_with_kept(seen)
        self._tidy()
        return seen

    def _look_at(
        self, report: Report, log: VerifiedLog, vantages: Sequence[Vantage], heads: Sequence[Checkpoint]
    ) -> Round:
        """Raises CannotRead or OSError."""
        self._manifest = log.manifest
        context = ballot_context(log)
        logged = dict(logged_ballots(log, context)) if self._taking and context is not None else {}
        self.parties = Parties(log.manifest, log.referendum, context, logged)
        decrypted = self._look_at_decryptions(report, log)
        pile = read_pile(log, self._folder)
        after = "" if self._unanswered is None else self._unanswered[0]
        seen = watch(report, vantages, self._folder, heads, pile)
        seen = replace(seen, brought=tuple(relay(log, self._folder, pile, after)), decrypted=decrypted)
        return replace(seen, settled=settle(self._folder, seen))

    def _look_at_decryptions(self, report: Report, log: VerifiedLog) -> str:
        """How many trustees have decrypted, in words, if somebody handed a decryption in. What is none of what is
        counted is no finding: anybody may put a file there. Raises CannotRead."""
        handed = decryptions_in(files_in(self._folder / DECRYPTIONS))
        if not handed:
            return ""
        proven = [raw for raw, is_one in zip(handed, are_proven(log, handed), strict=True) if is_one]
        told = check_decryptions(report, proven)
        others = len(handed) - len(proven)
        return told + (f"; {others} files are of nothing that is counted in the log as it is shown now" * bool(others))

    def _look_at_site(self, log: VerifiedLog) -> Iterator[Page]:
        """Keeps what is served in another file's place. Raises CannotRead or OSError."""
        release = newest_release(log)
        if release is None or log.phase is not Phase.OPEN:
            return
        unread = {file.path: Page(file.path, None) for file in release.files}
        for file in look_at_site(log.manifest, release):
            if not file.found:
                break  # a site that does not answer must not stop the watching
            if file.differs and file.data:
                keep_served(self._folder / EVIDENCE, file.data)
            del unread[file.path]
            yield Page(file.path, file.differs)
        yield from unread.values()

    def _kept(self) -> Path | None:
        """The copy that was verified last."""
        try:
            path = self._copies / (self._folder / _VERIFIED).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None
        return path if path.parent == self._copies and path.is_dir() else None

    def _compare_with_kept(self, seen: Round) -> Round:
        """What is wrong with the log that is shown now may be that another one was shown before: both are signed."""
        kept = self._kept()
        if kept is None:
            return seen
        try:
            with verified(str(kept), self._referendum, self._workers) as report:
                if report.log is None:
                    return seen
                self._manifest = report.log.manifest
                heads = [*self._larger_heads(), *self._heads_on_disk()]
                before = self._look_at(report, report.log, [Vantage(self._address), *self._vantages], heads)
        except (AuditError, OSError):
            return seen
        known = {name: getattr(before, name) for name in ("sights", "handed", "brought", "decrypted", "settled")}
        return replace(seen, **known)

    def _heads_on_disk(self) -> list[Checkpoint]:
        """Of copies that did not verify, those that the log signed."""
        assert self._manifest is not None
        found = []
        for path in self._copies.glob(f"*-*/{HEAD}"):
            with path.open("rb") as file:
                head = signed_head(self._manifest, file.read(bounds.CHECKPOINT_BYTES))
            if head is not None:
                found.append(head)
        return found

    def _remember(self, seen: Round) -> None:
        """Larger heads, until the log has grown so far; and since when a place is ahead."""
        size = seen.report.log.head.size if seen.report.log is not None else 0
        self._heads = {text: head for text, head in self._heads.items() if head.size > size}
        ahead = [sight for sight in seen.sights if sight.word is Word.AHEAD and sight.head is not None]
        for sight in ahead:
            if sight.head is not None and len(self._heads) < _HEADS:
                self._heads[sight.head.text] = sight.head
        self._keep_heads()
        now = time.monotonic()
        silent = next((one.name for one in seen.brought if one.state is Relayed.UNANSWERED), None)
        since = now if self._unanswered is None else self._unanswered[1]
        self._unanswered = None if silent is None else (silent, since)
        self._ahead = {sight.vantage.address: self._ahead.get(sight.vantage.address, now) for sight in ahead}

    def _larger_heads(self) -> list[Checkpoint]:
        """What was seen in this process, or by an earlier one."""
        if self._manifest is not None and not self._heads:
            for path in sorted((self._folder / _LARGER).glob("*"))[:_HEADS]:
                head = signed_head(self._manifest, path.read_bytes()[: bounds.CHECKPOINT_BYTES])
                if head is not None:
                    self._heads[head.text] = head
        return list(self._heads.values())

    def _keep_heads(self) -> None:
        """Beside the copies, for the next process."""
        folder, known = self._folder / _LARGER, {sha256(text).hexdigest(): head for text, head in self._heads.items()}
        try:
            for path in folder.glob("*"):
                if path.name not in known:
                    path.unlink()
            for name, head in known.items():
                if not (folder / name).exists():
                    folder.mkdir(parents=True, exist_ok=True)
                    write_durably(folder / name, head.to_bytes())
        except OSError:
            return  # they are remembered while this process runs

    def _tidy(self) -> None:
        """The copy that was verified last continues all before it. Of what did not verify nothing stays: its head, if
        the log signed it, is in the evidence by now."""
        kept = self._kept()
        for path in self._copies.glob("*-*"):
            if path.is_dir() and path != kept:
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                path.unlink(missing_ok=True)


def _unchecked(error: Exception) -> Report:
    report = Report(anchored=True)
    report.unchecked("place", str(error) or type(error).__name__)
    return report
