"""What a ballot box asks of a registrar elsewhere: the signed count for a batch, the final lists; and that the
referendum is cancelled.

Decides who may ask: only the box of this referendum, by its key. A count that anybody could ask for at any moment would
tell when tokens are issued.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import msgspec

from stembus.audit.formats.canonical import Hash
from stembus.audit.formats.entry_bodies import Issuance, IssuedCount
from stembus.audit.formats.lists import Issued, parse_issued
from stembus.ballot.errors import RequestInvalid
from stembus.crypto.errors import CryptoError
from stembus.crypto.signing import SigningKey, verify_ed25519
from stembus.crypto.transcript import Transcript

What = Literal["count", "close", "cancel"]


class Statements(Protocol):
    """A registrar as the box's side sees it, on this machine or elsewhere."""

    def count_statement(self, batch: int, at_least: int) -> IssuedCount: ...

    def close(self, at_least: int) -> FinalLists: ...

    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FinalLists:
    """The signed statement at the close, and the lists that it is about: tokens given out, and credentials struck for
    paper, both ascending."""

    statement: Issuance
    issued: list[Issued]
    struck: list[bytes]


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`batch` and `at_least` are 0 where they say nothing: at_least is how many tokens the log says were given out."""

    what: What
    batch: Annotated[int, msgspec.Meta(ge=0)]
    at_least: Annotated[int, msgspec.Meta(ge=0)]
    signature: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]


def _digest(referendum: bytes, registrar: int, what: What, batch: int, at_least: int) -> bytes:
    transcript = Transcript("box-asks").add("referendum", referendum).add_int("registrar", registrar)
    transcript.add("what", what.encode("ascii")).add_int("batch", batch).add_int("at-least", at_least)
    return transcript.digest()


def ask(referendum: bytes, registrar: int, what: What, batch: int, at_least: int, box_key: SigningKey) -> bytes:
    signature = box_key.sign(_digest(referendum, registrar, what, batch, at_least)).hex()
    return msgspec.json.encode(Asking(what, batch, at_least, signature))


def parse_asking(data: bytes, referendum: bytes, registrar: int, box_key: bytes) -> Asking:
    """Raises RequestInvalid unless this referendum's box asks this registrar."""
    try:
        asking = msgspec.json.decode(data, type=Asking)
        digest = _digest(referendum, registrar, asking.what, asking.batch, asking.at_least)
        verify_ed25519(box_key, digest, bytes.fromhex(asking.signature))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, CryptoError):
        raise RequestInvalid("only the ballot box of this referendum may ask for this") from None
    return asking


class Closing(msgspec.Struct, frozen=True):
    """The answer to `close`: the final statement, the lines of the issuance list, and who was struck."""

    issuance: Issuance
    lines: list[str]
    struck: list[Hash]

    @classmethod
    def of(cls, final: FinalLists) -> Closing:
        return cls(final.statement, [line.line() for line in final.issued], [key.hex() for key in final.struck])

    def parse(self) -> FinalLists:
        """Raises RecordInvalid."""
        issued = parse_issued(line.encode("utf-8", "replace") for line in self.lines)
        return FinalLists(self.issuance, list(issued), [bytes.fromhex(key) for key in self.struck])
