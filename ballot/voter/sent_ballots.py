"""What a voter's folder keeps of the ballots that left it: the signed ballot, which shows no vote, until it is found.

    ballot                       signed, and not answered yet
    sent-HASH                    promised, and not found yet
    promise-HASH-BATCH.json      what the box signed for it; promise.json is the newest of all
    receipt-HASH.txt             of one that was found
    refused-HASH                 what the box called faulty, or out of its turn

HASH is the beginning of the cast hash. Decides files and the order of writing: what takes a ballot's place is on disk
before the ballot goes. Leaves what became of a ballot to `audit.verify.promised_ballot`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from stembus.audit.durable import write_durably
from stembus.audit.formats.receipt import Promise, Receipt, encode_promise, parse_promise

_NAMED = 16


def _name(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:_NAMED]


class SentBallots:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def unanswered_file(self) -> Path:
        return self._folder / "ballot"

    @property
    def promise_file(self) -> Path:
        return self._folder / "promise.json"

    def unanswered(self) -> bytes | None:
        return self.unanswered_file.read_bytes() if self.unanswered_file.exists() else None

    def keep_signed(self, raw: bytes) -> None:
        """Before it is sent."""
        write_durably(self.unanswered_file, raw, private=True)

    def refuse(self, raw: bytes) -> None:
        """The unanswered ballot is set aside as evidence."""
        self.unanswered_file.replace(self._folder / f"refused-{_name(raw)}")

    def take_promise(self, raw: bytes, promise: Promise) -> None:
        """From now on the ballot waits to be found."""
        data = encode_promise(promise)
        write_durably(self._folder / f"promise-{_name(raw)}-{promise.batch}.json", data, private=True)
        write_durably(self.promise_file, data, private=True)
        if self.unanswered() == raw:
            self.unanswered_file.replace(self._folder / f"sent-{_name(raw)}")

    def promised(self) -> list[bytes]:
        """Those that were not found yet."""
        return [path.read_bytes() for path in sorted(self._folder.glob("sent-*"))]

    def promises(self, raw: bytes) -> list[Promise]:
        """Of this ballot, by batch. They were checked when they came. Raises RecordInvalid for a damaged file."""
        files = self._folder.glob(f"promise-{_name(raw)}-*.json")
        return sorted((parse_promise(path.read_bytes()) for path in files), key=lambda promise: promise.batch)

    def is_own(self, raw: bytes) -> bool:
        """Whether this very ballot was signed here, as far as anything of it is left."""
        return self.unanswered() == raw or any(self._folder.glob(f"*-{_name(raw)}*"))

    def found(self, raw: bytes, receipt: Receipt) -> Path:
        """The receipt takes the ballot's place. Returns its file."""
        path = self._folder / f"receipt-{_name(raw)}.txt"
        write_durably(path, receipt.to_bytes(), private=True)
        self.drop(raw)
        return path

    def drop(self, raw: bytes) -> None:
        """Nothing depends on this ballot any more."""
        (self._folder / f"sent-{_name(raw)}").unlink(missing_ok=True)
        if self.unanswered() == raw:
            self.unanswered_file.unlink()
