"""What registrar 1 and its help desk ask of the other registrars, which hold credentials and know nobody: that a letter
was struck for paper or replaced, and, by way of the voter's device, that its second factor was right.

Decides who may ask: for a signature, whom registrar 1 vouches for; to strike, a help desk that registrar 1 allows; to
replace, two officers. Leaves what a letter may become to `letter_state`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec

from stembus.audit.errors import AuditError
from stembus.audit.formats.canonical import Hash
from stembus.audit.formats.entries import check_signatures, parse_entry
from stembus.audit.formats.entry_bodies import Replace
from stembus.audit.formats.manifest import Manifest
from stembus.ballot.errors import LetterStruck, RequestInvalid, TokenAlreadyIssued
from stembus.ballot.http_client import foreign_answer, post
from stembus.ballot.issuance.letter_state import Letters
from stembus.crypto.errors import CryptoError
from stembus.crypto.signing import SigningKey, verify_ed25519
from stembus.crypto.transcript import Transcript

_Signature = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]


class CoRegistrar(Protocol):
    """Registrar 2 or a later one, here or elsewhere. Both may be asked again, and change nothing then."""

    def strike(self, credential: bytes) -> bool:
        """Gives this letter no signature any more; False where it had one, which no paper vote contradicts: registrar 1
        strikes or signs, and no token is whole without it."""
        ...

    def replace(self, entry: bytes) -> None:
        """Takes a signed `replace` entry before it stands in the log. Raises TokenAlreadyIssued for a letter that had
        its signature, and LetterStruck."""
        ...


# A voucher: registrar 1 says that a request to another registrar is of somebody whose second factor was right.


def voucher_digest(referendum: bytes, registrar: int, credential: bytes, request_hash: bytes) -> bytes:
    transcript = Transcript("voucher").add("referendum", referendum).add_int("registrar", registrar)
    return transcript.add("credential", credential).add("request", request_hash).digest()


def demand_voucher(
    manifest: Manifest, referendum: bytes, registrar: int, credential: bytes, request_hash: bytes, voucher: bytes
) -> None:
    """Raises RequestInvalid."""
    try:
        digest = voucher_digest(referendum, registrar, credential, request_hash)
        verify_ed25519(bytes.fromhex(manifest.registrars[0].key), digest, voucher)
    except CryptoError:
        raise RequestInvalid("registrar 1 does not vouch for this request; it is to be checked there first") from None


# The help desk: registrar 1 allows its key, once.


@dataclass(frozen=True, slots=True)
class DeskKey:
    """`allowed` is registrar 1's signature that this key's owner may strike."""

    key: SigningKey
    allowed: bytes


def desk_digest(referendum: bytes, desk: bytes) -> bytes:
    return Transcript("desk").add("referendum", referendum).add("key", desk).digest()


def _strike_digest(referendum: bytes, registrar: int, credential: bytes) -> bytes:
    transcript = Transcript("strike").add("referendum", referendum).add_int("registrar", registrar)
    return transcript.add("credential", credential).digest()


class _Strike(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    credential: Hash
    desk: Hash
    allowed: _Signature
    signature: _Signature


def ask_strike(referendum: bytes, registrar: int, credential: bytes, desk: DeskKey) -> bytes:
    signature = desk.key.sign(_strike_digest(referendum, registrar, credential)).hex()
    return msgspec.json.encode(_Strike(credential.hex(), desk.key.public.hex(), desk.allowed.hex(), signature))


def parse_strike(data: bytes, manifest: Manifest, referendum: bytes, registrar: int) -> bytes:
    """The credential to strike. Raises RequestInvalid unless a help desk that registrar 1 allows asks this one."""
    try:
        asked = msgspec.json.decode(data, type=_Strike)
        desk, credential = bytes.fromhex(asked.desk), bytes.fromhex(asked.credential)
        allowed = desk_digest(referendum, desk)
        verify_ed25519(bytes.fromhex(manifest.registrars[0].key), allowed, bytes.fromhex(asked.allowed))
        verify_ed25519(desk, _strike_digest(referendum, registrar, credential), bytes.fromhex(asked.signature))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, CryptoError):
        raise RequestInvalid("only a help desk that registrar 1 allows may ask for this") from None
    return credential


def parse_replacement(entry: bytes, manifest: Manifest, referendum: bytes) -> tuple[bytes, bytes]:
    """(struck, replacement) of an entry that two officers signed. Raises RequestInvalid."""
    try:
        parsed = parse_entry(entry)
        check_signatures(manifest, referendum, parsed)
    except (AuditError, CryptoError):
        raise RequestInvalid("two officers of this referendum sign that a letter is replaced") from None
    if not isinstance(parsed.body, Replace):
        raise RequestInvalid(f"an entry {parsed.type} replaces no letter")
    return bytes.fromhex(parsed.body.struck), bytes.fromhex(parsed.body.replacement)


# What it answers: signed, so that no other page at its address passes for it.


def done_digest(referendum: bytes, registrar: int, asked: bytes) -> bytes:
    """Of a request to strike or to replace, which was carried out."""
    return Transcript("done").add("referendum", referendum).add_int("registrar", registrar).add("asked", asked).digest()


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    done: _Signature


# Here, and elsewhere.


class OwnLetters:
    """The letters of another registrar, in the same folder or behind its service."""

    def __init__(self, letters: Letters, manifest: Manifest, referendum: bytes) -> None:
        self._letters, self._manifest, self._referendum = letters, manifest, referendum

    def strike(self, credential: bytes) -> bool:
        """Raises LetterStruck too where a replacement was begun: here the voter has the spare letter already, and
        registrar 1 would strike another one."""
        number = self._letters.number_of(credential)
        if self._letters.credential(number) != credential:
            raise LetterStruck(
                "another registrar has replaced this letter already: finish that first, with stembus credentials "
                "replace and the same spare letter; then strike; nothing was changed"
            )
        try:
            self._letters.strike(number)
        except TokenAlreadyIssued:
            return False
        return True

    def replace(self, entry: bytes) -> None:
        struck, spare = parse_replacement(entry, self._manifest, self._referendum)
        number = self._letters.number_of(struck)
        if self._letters.credential(number) not in (struck, spare):
            raise LetterStruck("this letter was replaced by another spare one before; nothing was changed")
        self._letters.replace(number, spare)


class RemoteCoRegistrar:
    """Registrar number `number` at the manifest's address. Raises what it raises, or ServiceUnreachable: then ask
    again."""

    def __init__(self, manifest: Manifest, referendum: bytes, number: int, desk: Callable[[], DeskKey]) -> None:
        registrar = manifest.registrars[number - 1]
        self._url, self._key = registrar.url.rstrip("/"), bytes.fromhex(registrar.key)
        self._referendum, self._number, self._desk = referendum, number, desk

    def strike(self, credential: bytes) -> bool:
        try:
            self._ask("strike", ask_strike(self._referendum, self._number, credential, self._desk()))
        except TokenAlreadyIssued:
            return False
        return True

    def replace(self, entry: bytes) -> None:
        self._ask("replace", entry)

    def _ask(self, what: str, asked: bytes) -> None:
        url = f"{self._url}/{what}"
        answer = post(url, asked, _JSON)
        try:
            done = bytes.fromhex(msgspec.json.decode(answer, type=Done).done)
            verify_ed25519(self._key, done_digest(self._referendum, self._number, asked), done)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, CryptoError):
            raise foreign_answer(url) from None


_JSON = "application/json"
