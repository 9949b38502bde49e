"""Voters and their services in one process that kills itself, as `kill -9` would, at a chosen line.

    python -m tests.ballot.killed ROOT WORK MOMENT LINES vote|close

ROOT holds an open referendum, WORK what the voters' devices keep: each file is written before the request
that it is for. MOMENT is the time in Unix seconds; the process dies when the services have run LINES lines
of their code (0: never). A line in WORK/acknowledged is a promise that a voter has seen.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from stembus.audit.durable import write_durably
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.issuance.token import VotingPass, make_request, new_pass, take_answer
from stembus.ballot.voter.encrypt import prepare, sign_ballot
from stembus.scripts.rehearsal.referendum import Rehearsal

RECORD = ("/ballot/issuance/issuance_record.py", "/ballot/issuance/issuance_slot.py")
WATCHED = (
    "/ballot/box/",
    "/ballot/issuance/registrar.py",
    "/ballot/issuance/letter_changes.py",
    "/ballot/log_operator/",
    "/audit/witness/",
    *RECORD,
)


def die_after(lines: int, watched: Sequence[str] = WATCHED) -> None:
    """Counts lines of the services' code and dies without any last word."""
    left = lines

    def local(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return local

    def trace(frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        return local if any(part in frame.f_code.co_filename for part in watched) else None

    sys.settrace(trace)


def vote(rehearsal: Rehearsal, work: Path, voter: int, code: str, factor: str) -> None:
    """One voter, from where the device's files say that it was; every third voter votes twice."""
    office = rehearsal.office
    context = office.context()
    kept = work / f"{voter}.pass"
    if not kept.exists():
        write_durably(kept, new_pass(context).to_json().encode())
    voting_pass = VotingPass.from_json(kept.read_text())
    if not voting_pass.complete:
        key = credential_key(parse_code(code), office.referendum)
        answer = office.registrar().issue(make_request(voting_pass, 1, key, factor))
        voting_pass = take_answer(context, voting_pass, 1, answer)
        write_durably(kept, voting_pass.to_json().encode())
    for seq in range(2 if voter % 3 == 0 else 1):
        ballot = work / f"{voter}.{seq}.ballot"
        if not ballot.exists():
            prepared = prepare(context, voting_pass, [[(voter + seq) % 2]])
            write_durably(ballot, sign_ballot(context, voting_pass, prepared, seq))
        promise = office.box.cast(ballot.read_bytes())
        with (work / "acknowledged").open("a") as file:
            file.write(f"{promise.cast_hash} {promise.batch}\n")
    write_durably(work / f"{voter}.done", b"")


def main(root: Path, work: Path, moment: int, lines: int, what: str) -> None:
    rehearsal = Rehearsal(root)
    rehearsal.clock.move_to(moment)
    if lines:
        die_after(lines)
    if what == "close":
        rehearsal.close()
        return
    letters = [line.split() for line in (work / "letters").read_text().splitlines()]
    for voter, (code, factor) in enumerate(letters):
        if not (work / f"{voter}.done").exists():
            vote(rehearsal, work, voter, code, factor)
        if voter % 4 == 3:
            rehearsal.seal()
            rehearsal.clock.move_to(rehearsal.clock.now() + 600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
