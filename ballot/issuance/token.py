"""A voter's token: a fresh key that every registrar signs without seeing it.

The voting pass is what the voter's device keeps, written before the first request, so a crash or a lost
answer costs nothing. Decides request and unblinding; the registrar's side is in `registrar`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.lists import acknowledgement_digest, request_digest
from stembus.ballot.errors import RequestInvalid
from stembus.crypto.blind_rsa import Blinding, blind, finalize
from stembus.crypto.errors import CryptoError
from stembus.crypto.signing import SchnorrKey


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What goes to one registrar: to the first with the second factor, to another with the first one's voucher."""

    credential: bytes
    blinded: bytes
    signature: bytes
    factor: str = ""
    voucher: bytes = b""

    @property
    def request_hash(self) -> bytes:
        return hashlib.sha256(self.blinded).digest()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What goes to the same registrar once the ballot is promised. It is signed with the request, while the letter's
    code is at hand, and shows nothing of token or ballot."""

    credential: bytes
    request_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class VotingPass:
    """Token key, blindings, and the registrars' signatures as they come in. Secret."""

    referendum: bytes
    token_key: SchnorrKey
    blindings: tuple[Blinding, ...]
    signatures: tuple[bytes | None, ...]
    casts: int = 0

    @property
    def complete(self) -> bool:
        return all(signature is not None for signature in self.signatures)

    def to_json(self) -> str:
        """Without the blindings once all signatures are there: the hash of a blinded message stands beside the
        letter's key in the issuance list, and would tie whoever finds the pass to the letter."""
        blindings = [
            ["00", "0"] if self.complete else [b.blinded_message.hex(), f"{b.inverse:x}"] for b in self.blindings
        ]
        return json.dumps(
            {
                "format": "stembus-voting-pass-v1",
                "referendum": self.referendum.hex(),
                "token_key": self.token_key.secret.hex(),
                "blindings": blindings,
                "signatures": [s.hex() if s else None for s in self.signatures],
                "casts": self.casts,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> VotingPass:
        """Raises RequestInvalid."""
        try:
            data = json.loads(text)
            if data["format"] != "stembus-voting-pass-v1":
                raise ValueError
            voting_pass = cls(
                bytes.fromhex(data["referendum"]),
                SchnorrKey(bytes.fromhex(data["token_key"])),
                tuple(Blinding(bytes.fromhex(blinded), int(inverse, 16)) for blinded, inverse in data["blindings"]),
                tuple(bytes.fromhex(s) if s else None for s in data["signatures"]),
                int(data["casts"]),
            )
            if len(voting_pass.blindings) != len(voting_pass.signatures) or voting_pass.casts < 0:
                raise ValueError
            return voting_pass
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError, CryptoError):
            raise RequestInvalid("this file is not a voting pass, or it is damaged") from None


def new_pass(context: BallotContext) -> VotingPass:
    token_key = SchnorrKey.generate()
    message = context.token_message(token_key.public)
    blindings = tuple(blind(key, message) for key in context.registrars)
    return VotingPass(context.referendum, token_key, blindings, (None,) * len(blindings))


def make_request(voting_pass: VotingPass, registrar: int, credential: SchnorrKey, factor: str) -> TokenRequest:
    """`registrar` counts from 1; the first alone is told the factor, and the others ask for its voucher."""
    blinded = voting_pass.blindings[registrar - 1].blinded_message
    digest = request_digest(voting_pass.referendum, registrar, hashlib.sha256(blinded).digest())
    return TokenRequest(credential.public, blinded, credential.sign(digest), factor if registrar == 1 else "")


def make_requests(
    voting_pass: VotingPass,
    credential: SchnorrKey,
    factor: str,
    check: Callable[[TokenRequest, list[bytes]], list[bytes]],
) -> dict[int, TokenRequest]:
    """One for each registrar, by number. Where there are several, registrar 1 is asked by `check` for its vouchers."""
    requests = {k: make_request(voting_pass, k, credential, factor) for k in range(1, len(voting_pass.signatures) + 1)}
    if len(requests) > 1:
        vouchers = check(requests[1], [requests[k].request_hash for k in requests if k > 1])
        requests |= {k: replace(requests[k], voucher=voucher) for k, voucher in enumerate(vouchers, 2)}
    return requests


def make_acknowledgement(voting_pass: VotingPass, registrar: int, credential: SchnorrKey) -> Acknowledgement:
    """While the pass has no signature of registrar number `registrar` yet."""
    blinded = voting_pass.blindings[registrar - 1].blinded_message
    request = hashlib.sha256(blinded).digest()
    digest = acknowledgement_digest(voting_pass.referendum, registrar, request)
    return Acknowledgement(credential.public, request, credential.sign(digest))


def take_answer(context: BallotContext, voting_pass: VotingPass, registrar: int, answer: bytes) -> VotingPass:
    """Unblinds and checks one registrar's answer. Raises SignatureInvalid; a bad answer is never kept."""
    key, blinding = context.registrars[registrar - 1], voting_pass.blindings[registrar - 1]
    signature = finalize(key, context.token_message(voting_pass.token_key.public), answer, blinding)
    signatures = list(voting_pass.signatures)
    signatures[registrar - 1] = signature
    return replace(voting_pass, signatures=tuple(signatures))
