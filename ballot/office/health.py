"""What makes a referendum's folder fit to go on: each check a small function of what was found.

Decides what is right, what is to be looked at, and what must not stay, in one sentence that says what to do. Reads no
file, asks nobody and knows no voter: `examination` finds what is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from stembus.audit.witness.followed_logs import FollowedLog
from stembus.ballot.errors import TAKE_A_COPY
from stembus.ballot.issuance.record_comparison import Kind

MIB = 1024 * 1024
ROOM_LEAST, ROOM_ENOUGH = 200 * MIB, 2048 * MIB
CERTIFICATE_DAYS = 14
_SHOWN = 10  # paths that are named one by one
_VOTING = ("rolled", "open")  # phases before and in which people vote


class Verdict(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIPPED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is a name that stays the same for monitoring; `text` one sentence for people."""

    check: str
    verdict: Verdict
    text: str


def ok(check: str, text: str) -> Finding:
    return Finding(check, Verdict.OK, text)


def warn(check: str, text: str) -> Finding:
    return Finding(check, Verdict.WARN, text)


def fail(check: str, text: str) -> Finding:
    return Finding(check, Verdict.FAIL, text)


def skipped(check: str, text: str) -> Finding:
    return Finding(check, Verdict.SKIPPED, text)


@dataclass(frozen=True, slots=True)
class Mode:
    """The permission bits that a file or folder has, and the most that it may have."""

    path: Path
    bits: int
    most: int


def permissions(modes: Sequence[Mode]) -> list[Finding]:
    """One finding for each that others may use, up to ten."""
    wide = [mode for mode in modes if mode.bits & 0o777 & ~mode.most]
    found = [
        fail(
            "permissions",
            f"{mode.path} has mode {mode.bits & 0o777:04o}, so that others may use it; "
            f"run: chmod {mode.bits & mode.most:o} {mode.path}",
        )
        for mode in wide[:_SHOWN]
    ]
    if len(wide) > _SHOWN:
        found.append(fail("permissions", f"so have {len(wide) - _SHOWN} more files and folders"))
    return found or [ok("permissions", f"{len(modes)} files and folders are for their owner only")]


def room(check: str, place: Path, free: int) -> Finding:
    """`free` is in bytes."""
    told = f"{free // MIB} MiB are free where {place} lies"
    if free < ROOM_LEAST:
        return fail(check, f"{told}; make room before anything is written there again")
    if free < ROOM_ENOUGH:
        return warn(check, f"{told}; make room, {ROOM_ENOUGH // MIB} MiB are enough")
    return ok(check, told)


def clock(now: int, signed: int, synchronised: bool | None) -> Finding:
    """`signed` is when the witnesses last signed, in Unix seconds; `synchronised` is None where nobody knows."""
    if now < signed:
        return fail("clock", "the clock shows an earlier time than the witnesses signed last; set it right")
    if synchronised is False:
        return warn("clock", "the system says that its clock follows no time service; see that chrony or the like runs")
    return ok("clock", "the clock is not behind the log")


def certificate(address: str, ends: int, needed: int, now: int) -> Finding:
    """`ends`, `needed` (the end of the voting) and `now` are in Unix seconds."""
    day = datetime.fromtimestamp(ends, UTC).date().isoformat()
    if ends <= max(now, needed):
        return fail(f"certificate {address}", f"it ends on {day}, before the voting does; renew it, and reload nginx")
    if ends - now < CERTIFICATE_DAYS * 86_400:
        return warn(f"certificate {address}", f"it ends on {day}, in less than {CERTIFICATE_DAYS} days; renew it")
    return ok(f"certificate {address}", f"it is valid until {day}")


def published(size: int, waiting: bool, witnesses_here: int, quorum: int) -> Finding:
    """`size` is the number of entries; `waiting` says that the newest lack their quorum."""
    if witnesses_here < quorum:
        return fail(
            "log",
            f"{quorum} witnesses must sign each step, and {witnesses_here} are known here; bring back their folders or "
            "the file witnesses.policy with: stembus log witnesses DIR POLICY",
        )
    if waiting:
        return warn("log", "the newest step waits for its witnesses; run its command again, or see that they run")
    return ok("log", f"{size} entries, all of them published")


def witness(name: str, seen: FollowedLog, size: int, root: bytes | None) -> Finding:
    """`root` is that of the log's first `seen.size` entries; None if it has fewer, or `seen` none."""
    if not seen.size and size > 1:
        return forgetful_witness(name)
    if seen.size > size:
        return _log_is_older(name, seen.size, size)
    if root is not None and seen.head is not None and root != seen.head.root:
        return fail(f"witness {name}", "it signed another log than this one; bring back the one that belongs here")
    return ok(f"witness {name}", f"it has seen {seen.size} of {size} entries")


def forgetful_witness(name: str) -> Finding:
    return fail(f"witness {name}", "what it has seen is lost; bring back the newest copy of its folder logs")


def silent_witness(name: str, url: str, reason: str, others_suffice: bool) -> Finding:
    text = f"it does not sign, at {url}: {reason}; call whoever runs it"
    return warn(f"witness {name}", f"{text}; the others suffice") if others_suffice else fail(f"witness {name}", text)


def witness_elsewhere(name: str, seen: int, size: int) -> Finding:
    """`seen` is the size that it has seen."""
    if seen > size:
        return _log_is_older(name, seen, size)
    return ok(f"witness {name}", f"it answers, and has seen {seen} of {size} entries")


def _log_is_older(name: str, seen: int, size: int) -> Finding:
    return fail(
        f"witness {name}",
        f"it signed {seen} entries and the log has {size}: the log came back from an older copy; bring back "
        f"the newest copy of public/ and log/, or {TAKE_A_COPY}",
    )


def letters(
    check: str, differing: Mapping[Kind, int], halted: str, enrolled: bool, phase: str | None, number: int = 1
) -> Finding:
    """Of registrar `number`. `differing` is how many letters database and issuance record tell apart; `phase` is None
    where no log is."""
    remedy = "stop its service and the help desk, and run: stembus registrar recover DIR"
    if halted == "behind" or differing.get(Kind.BEHIND) or differing.get(Kind.AHEAD):
        count = differing.get(Kind.BEHIND, 0) + differing.get(Kind.AHEAD, 0)
        return fail(check, f"its database and issuance record differ in {count} letters: one is older; {remedy}")
    if count := differing.get(Kind.CONFLICT, 0):
        return fail(check, f"its database and issuance record exclude each other in {count} letters; give out no token")
    if not enrolled and phase == "open":
        return fail(check, f"it has no letters although the voting is open: its database is another; {remedy}")
    if not enrolled:
        if number > 1:
            return fail(check, "it has no letters yet; once they are made: stembus registrar enrol DIR --log LOG")
        return warn(check, "it has no letters yet; run: stembus credentials make DIR")
    if count := differing.get(Kind.UNKNOWN, 0):
        return warn(
            check, f"{count} letters get no token and are not struck for paper, for its issuance record cannot say "
            "whether they had one: bring back a newer copy of database or record; if you are sure that no token was "
            "given out that its database lacks, see `registrar recover` in the official's guide"
        )  # fmt: skip
    return ok(check, "its database and issuance record say the same of every letter")


def record_device(check: str, binding: bool, database: int | None, record: int, number: int = 1) -> Finding:
    """`st_dev` of both; `database` is None for PostgreSQL."""
    if database is None:
        return skipped(check, "the database is PostgreSQL's: see yourself that the record is on another disk than that")
    if database != record:
        return ok(check, "the issuance record is on another disk than the database")
    told = "the issuance record is on the same disk as the database, and would be lost with it; move it, and write its "
    told += f"place into settings.toml as registrar_{number}_record"
    return fail(check, told) if binding else warn(check, told)


def codes(left: Sequence[str], phase: str | None, binding: bool) -> Finding:
    """`left` are the files with codes that still lie here."""
    if not left:
        return ok("codes", "no letter's code lies here")
    names = " and ".join(left)
    if binding and phase not in ("ceremony", "keyed", "rolled"):
        return fail(
            "codes", f"{names} still lie here, and anybody can vote with them; run: stembus credentials destroy DIR"
        )
    return warn("codes", f"{names} lie here; once all is printed, run: stembus credentials destroy DIR")


def pages(logged: bool, binding: bool, phase: str) -> Finding:
    if logged:
        return ok("pages", "the log names the pages that voters are served")
    if phase not in _VOTING:
        return skipped("pages", "they are logged before the opening")
    told = "the log names no client: nobody could tell whether voters get the right pages; run: stembus client log DIR"
    return fail("pages", told) if binding else warn("pages", told)


def documents(missing: Sequence[str]) -> Finding:
    if not missing:
        return ok("documents", "every document that the log names is published")
    return fail("documents", f"the log names {missing[0]}, and it is not published; run: stembus minutes DIR FILE")


def readable(public: Path, closed: int) -> Finding:
    """`closed` is how many published files and folders only their owner can read."""
    if not closed:
        return ok("published files", "none of them is for its owner only")
    return warn(
        "published files", f"only their owner can read {closed} files and folders in {public}; if the website runs as "
        f"another user, run: chmod -R g+rX {public}"
    )  # fmt: skip


def accounts(count: int) -> Finding:
    if count:
        return ok("desk accounts", f"{count} officers can sign in")
    return warn("desk accounts", "no officer can sign in at the help desk; run: stembus desk add DIR NAME")


def apart(binding: bool, box: bool, registrar: bool) -> Finding:
    """Whether the two organisations' services lie in one folder."""
    if box and registrar and binding:
        return warn("separation", "ballot box and registrar lie in one folder; move registrar-1 to its own machine")
    return ok(
        "separation", "ballot box and registrar are apart" if binding else "a rehearsal may have all in one place"
    )


def is_go(findings: Sequence[Finding]) -> bool:
    """Warnings alone do not stop anything."""
    return all(finding.verdict is not Verdict.FAIL for finding in findings)
