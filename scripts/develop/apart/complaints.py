"""A complaint of each kind, as somebody brings it, and what the command says of it: `stembus judge`, `stembus letter`.

Decides which words an answer must have. Leaves how the wrong came about to those who cheat: the host, its ballot box,
its officers, a site.
"""

from __future__ import annotations

import hashlib
import urllib.request
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql

from stembus.audit.formats.cast_ballot import parse_ballot
from stembus.audit.formats.entry_bodies import Abandon, Incident, PartialDecryption
from stembus.audit.formats.receipt import make_receipt
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.errors import BallotRejected
from stembus.ballot.storage import waiting_ballots
from stembus.scripts.develop.apart.another_log import AnotherLog
from stembus.scripts.develop.apart.party import NotApart, Party
from stembus.scripts.develop.apart.referendum import Referendum
from stembus.scripts.develop.apart.refusing_box import REFUSE_ALL
from stembus.scripts.develop.apart.voting import Devices
from stembus.tally.combine import make_result_body

THIRTY_ONE_DAYS = 31 * 86_400


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - of this machine
        return bytes(answer.read())


class Complainant:
    """Somebody with a folder and the published log, and nothing else."""

    def __init__(self, referendum: Referendum, party: Party) -> None:
        self._referendum, self.party = referendum, party

    def judge(self, *files: Path, words: str, expect: int = 0, place: str = "") -> str:
        """What is said of the first. Raises NotApart unless the judgment has these words."""
        identity = self._referendum.referendum.hex()
        arguments = ["judge", *map(str, files), "--referendum", identity, "--log", place or self._referendum.log_url]
        ended = self.party.run(*arguments, expect=expect)
        if words not in ended.stdout + ended.stderr:
            raise NotApart(f"{files[0].name}: the judgment lacks {words!r}: {ended.stdout}{ended.stderr}")
        return ended.stdout.strip().partition(": ")[2].splitlines()[0]

    def keep(self, name: str, data: bytes) -> Path:
        path = self.party.folder / "complaints" / name
        self.party.give(path, data)
        return path


def refused_ballot(referendum: Referendum, devices: Devices, number: int) -> bytes:
    """The box refuses the ballot of device `number`, now and whoever brings it. Returns the ballot."""
    referendum.refused.write_text(REFUSE_ALL)
    device = devices.device(number)
    try:
        device.vote()
    except BallotRejected:
        pass
    else:
        raise NotApart("the box did not refuse")
    [raw] = (path.read_bytes() for path in (referendum.root / "devices" / str(number)).glob("*.ballot"))
    referendum.refused.write_text(parse_ballot(referendum.setup.context, raw).token_key.hex())
    return raw


def broken_promise(referendum: Referendum, devices: Devices, number: int) -> bytes:
    """The host takes a promised ballot out of its database; nothing is sealed meanwhile. Returns the promise."""
    devices.vote([number])
    folder = referendum.root / "devices" / str(number)
    [raw] = (path.read_bytes() for path in folder.glob("*.ballot"))
    [promise] = (path.read_bytes() for path in folder.glob("*.promise"))
    url = referendum.box_database.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        question = sql.SQL("DELETE FROM {} WHERE cast_hash = %s")
        tables = [question.format(sql.Identifier(table.name)) for table in waiting_ballots]
        taken = sum(connection.execute(table, [hashlib.sha256(raw).digest()]).rowcount for table in tables)
    if taken != 1:
        raise NotApart(f"{taken} ballots were taken out of the box's database, not one")
    return promise


def show_another_log(referendum: Referendum, folder: Path) -> AnotherLog:
    """The host and two witnesses' people go on with a copy by themselves."""
    other = AnotherLog(referendum, folder)
    texts = dict.fromkeys(referendum.setup.manifest.languages, "Nothing happened.")
    other.officers_say(Incident(number=1, text=texts))
    return other


def receipt_of(other: AnotherLog) -> bytes:
    """For the manifest, in the other log."""
    return make_receipt(0, other.writer.published().inclusion(0), other.writer.head()).to_bytes()


def altered_page(referendum: Referendum) -> tuple[bytes, bytes]:
    """A voting page as the site serves it, and with a script in it that nobody released."""
    page = fetched(f"{referendum.url('site')}/en/vote")
    return page, page.replace(b"</body>", b"<script src=/other.js></script></body>")


def end_without_result(referendum: Referendum, folder: Path) -> AnotherLog:
    """Officers and two witnesses' people leave out what trustees decrypted, and end it a month later."""
    other = AnotherLog(referendum, folder, later=THIRTY_ONE_DAYS)
    other.officers_say(Abandon(text=dict.fromkeys(referendum.setup.manifest.languages, "Too few decrypted.")))
    return other


def decryptions(referendum: Referendum) -> list[bytes]:
    """Each trustee's, as it stands in the log."""
    log = verify(FolderPlace(referendum.public), referendum.referendum).demand_log()
    return [raw for _, raw, entry in log.entries() if isinstance(entry.body, PartialDecryption)]


def false_count(referendum: Referendum, folder: Path) -> AnotherLog:
    """Officers sign a result in which the first question's first answer has a vote more."""
    other = AnotherLog(referendum, folder)
    body = make_result_body(verify(FolderPlace(other.public), referendum.referendum).demand_log())
    first = body.questions[0]
    more = msgspec.structs.replace(first, total=[first.total[0] + 1, *first.total[1:]])
    other.officers_say(msgspec.structs.replace(body, questions=[more, *body.questions[1:]]))
    return other
