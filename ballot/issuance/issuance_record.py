"""The issuance record: a registrar's second record of its letters, a file on another disk than the database.

Decides that no letter has two tokens, whatever happens to the database: a token's answer leaves only when the letter's
slot says *issued*, is on the disk, and had not said anything else before. Leaves the bytes to `issuance_slot`, and what
database and record say of each other to `record_comparison`.

Opening never creates: a record that is missing is not replaced by an empty one. The file is opened anew for each slot,
so that a disk that was unmounted, or a file that was moved away, is noticed at once. One process at a time checks and
writes; nothing else is ever locked by it. The file is as long at the end as at the beginning, and each slot has its
place by the order of the credentials, so it shows neither times nor an order.

Known limits. A copy of the whole machine that is put back takes database and record back together: hence the other
disk. The file's time of change is that of the last token. A file system that writes elsewhere instead of in place
(btrfs, ZFS), or keeps data in its journal, may show an order of its own; ext4 and XFS, as usually set up, do not.
"""

from __future__ import annotations

import errno
import fcntl
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from stembus.audit.durable import create_durably, remove_leftovers
from stembus.ballot.errors import IssuanceRecordUnusable, IssuanceUnknown, RollInvalid
from stembus.ballot.issuance.issuance_slot import (
    CREDENTIAL_SIZE,
    HEADER_SIZE,
    READY,
    SLOT_SIZE,
    UNKNOWN,
    Header,
    Slot,
    SlotCode,
    State,
    follow,
    parse_header,
    roll_hash,
)

_NONE: Mapping[bytes, Slot] = MappingProxyType({})
_NO_LOCK = fcntl.LOCK_UN


class IssuanceRecord:
    """An open record. Holds no file open: safe to share between threads, and with processes forked later."""

    def __init__(self, path: Path, header: Header, table: bytes) -> None:
        """For `create_record` and `open_record`, which check that these belong together."""
        self.path = path
        self.header = header
        self._table = table
        self._start = header.encode()
        self._code = SlotCode(header)

    def number(self, credential: bytes) -> int:
        """The credential's slot, from 0. Raises IssuanceRecordUnusable for one that is not in this record."""
        number = bisect_left(range(self.header.count), credential, key=self.credential)
        if number == self.header.count or self.credential(number) != credential:
            raise IssuanceRecordUnusable("the issuance record does not know this letter: it is of another roll")
        return number

    def credential(self, number: int) -> bytes:
        """Of slot `number`."""
        return self._table[number * CREDENTIAL_SIZE : (number + 1) * CREDENTIAL_SIZE]

    def slot(self, credential: bytes) -> Slot:
        """What is recorded of a letter. Raises IssuanceUnknown or IssuanceRecordUnusable."""
        number = self.number(credential)
        with self._opened(os.O_RDONLY, _NO_LOCK) as file:
            slot = self._read(file, number)
            if slot is None:  # damaged, or half written by another process at this moment
                fcntl.flock(file, fcntl.LOCK_SH)
                slot = self._read(file, number)
        return _known(number, slot)

    def write(self, credential: bytes, slot: Slot) -> None:
        """Records what becomes of a letter; when this returns, it is on the disk. The same once more changes nothing.

        Raises TokenAlreadyIssued or LetterStruck for a letter that is not ready and has become something else,
        IssuanceUnknown, or IssuanceRecordUnusable.
        """
        number = self.number(credential)
        with self._opened(os.O_RDWR, fcntl.LOCK_EX) as file:
            self._write(file, number, follow(_known(number, self._read(file, number)), slot))

    def restore(self, credential: bytes, slot: Slot) -> None:
        """Writes over a slot that is damaged or unknown, and over no other: the word of somebody who knows.

        Raises as `write` does, for slots that can be read.
        """
        number = self.number(credential)
        with self._opened(os.O_RDWR, fcntl.LOCK_EX) as file:
            old = self._read(file, number)
            if old is not None and old.state is not State.UNKNOWN:
                slot = follow(old, slot)
            self._write(file, number, slot)

    def slots(self) -> Iterator[tuple[bytes, Slot]]:
        """All letters in the order of their credentials, as of one moment; damaged slots are `unknown`."""
        with self._opened(os.O_RDONLY, fcntl.LOCK_SH) as file:
            raw = _read_whole(file, self.header.slots_at, self.header.count * SLOT_SIZE)
        for number in range(self.header.count):
            slot = self._code.decode(number, raw[number * SLOT_SIZE : (number + 1) * SLOT_SIZE])
            yield self.credential(number), slot or UNKNOWN

    @contextmanager
    def _opened(self, flags: int, lock: int) -> Iterator[int]:
        """A descriptor, opened for this one use: flock then holds between threads as well as processes."""
        try:
            file = os.open(self.path, flags | os.O_CLOEXEC)
            try:
                fcntl.flock(file, lock)
                if os.pread(file, HEADER_SIZE, 0) != self._start or os.fstat(file).st_size != self.header.size:
                    raise IssuanceRecordUnusable(
                        "the issuance record was changed or exchanged while it was in use; put it back and start again"
                    )
                yield file
            finally:
                os.close(file)
        except OSError as error:
            raise IssuanceRecordUnusable(
                f"the issuance record cannot be read or written: {error.strerror}; see whether its disk is mounted"
            ) from None

    def _read(self, file: int, number: int) -> Slot | None:
        return self._code.decode(number, os.pread(file, SLOT_SIZE, self._position(number)))

    def _write(self, file: int, number: int, slot: Slot) -> None:
        # Also when the same stands there: whoever wrote it may have been killed, or refused by the disk, before it
        # was on the disk, and only bytes that are written again are sure to be synced.
        if os.pwrite(file, self._code.encode(number, slot), self._position(number)) != SLOT_SIZE:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(file)

    def _position(self, number: int) -> int:
        return self.header.slots_at + number * SLOT_SIZE


def create_record(
    path: Path, referendum: bytes, registrar: int, credentials: Iterable[bytes], slots: Mapping[bytes, Slot] = _NONE
) -> IssuanceRecord:
    """Makes the file whole, readable by its owner only, or not at all; all letters are ready, but those in `slots`.

    `credentials` are those of all letters, spare ones included. Raises RollInvalid, or IssuanceRecordUnusable when
    there is a file already, or no folder for it.
    """
    roll = sorted(credentials)
    if len(set(roll)) != len(roll) or any(len(credential) != CREDENTIAL_SIZE for credential in roll):
        raise RollInvalid("two letters have the same credential, or one is not 32 bytes; make the credentials again")
    if not slots.keys() <= set(roll):
        raise RollInvalid("the state of a letter is given that is not on the roll; nothing was made")
    table = b"".join(roll)
    header = Header(referendum, registrar, len(roll), roll_hash(table))
    code = SlotCode(header)
    body = b"".join(code.encode(number, slots.get(credential, READY)) for number, credential in enumerate(roll))
    remove_leftovers(path)
    try:
        create_durably(path, (header.encode() + table).ljust(header.slots_at, b"\0") + body)
    except FileExistsError:
        raise IssuanceRecordUnusable(f"{path} is there already; use it: a new one would not know the tokens") from None
    except OSError as error:
        raise IssuanceRecordUnusable(
            f"{path} cannot be made: {error.strerror}; its folder must be there, on a disk that is mounted"
        ) from None
    return IssuanceRecord(path, header, table)


def open_record(path: Path, referendum: bytes, registrar: int, enrolled: Iterable[bytes]) -> IssuanceRecord:
    """Opens what is there. `enrolled` are letters that must be in it, those of the database.

    Raises IssuanceRecordUnusable for a file that is missing, damaged outside its slots, or of another referendum,
    registrar or roll. Damaged slots do not keep it from being opened.
    """
    record = read_record(path)
    if record.header.referendum != referendum:
        raise IssuanceRecordUnusable(f"{path} belongs to another referendum; set the path of this one's record")
    if record.header.registrar != registrar:
        raise IssuanceRecordUnusable(
            f"{path} is the record of registrar {record.header.registrar}, not {registrar}; set its own"
        )
    known = {record.credential(number) for number in range(record.header.count)}
    if missing := sum(credential not in known for credential in enrolled):
        raise IssuanceRecordUnusable(
            f"{path} is of another roll: it lacks {missing} letters of the database; set the path of this roll's record"
        )
    return record


def read_record(path: Path) -> IssuanceRecord:
    """Whoever it belongs to. Raises IssuanceRecordUnusable for a file that is missing, or damaged outside its slots."""
    try:
        with path.open("rb") as file:
            header = parse_header(file.read(HEADER_SIZE))
            if os.fstat(file.fileno()).st_size != header.size:
                raise IssuanceRecordUnusable(f"has not the {header.size} bytes of its {header.count} slots; restore it")
            table = file.read(header.count * CREDENTIAL_SIZE)
    except FileNotFoundError:
        raise IssuanceRecordUnusable(
            f"there is no issuance record {path}; mount its disk, or rebuild it: no token is given out without it"
        ) from None
    except OSError as error:
        raise IssuanceRecordUnusable(f"the issuance record {path} cannot be read: {error.strerror}") from None
    except IssuanceRecordUnusable as error:
        raise IssuanceRecordUnusable(f"{path} {error}") from None
    if roll_hash(table) != header.roll:
        raise IssuanceRecordUnusable(f"{path} is damaged: its list of letters was altered; restore it")
    return IssuanceRecord(path, header, table)


def _known(number: int, slot: Slot | None) -> Slot:
    if slot is None:
        raise IssuanceUnknown(number, "is damaged: its letter gets no token until the slot is restored")
    if slot.state is State.UNKNOWN:
        raise IssuanceUnknown(number, "is unknown: its letter may have had a token from the record that was lost")
    return slot


def _read_whole(file: int, position: int, size: int) -> bytes:
    parts = []
    while size and (part := os.pread(file, size, position)):
        parts.append(part)
        position, size = position + len(part), size - len(part)
    return b"".join(parts)
