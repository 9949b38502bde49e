"""The referendum of the worked example, up to its election key, with fixed keys.

Every secret is the SHA-256 of a printed name, and every nonce is fixed, so nothing ever changes while the protocol
stays the same. Needs the `server` extra, for the registrar's side of the blind signature. Protects nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import gmpy2
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from stembus.audit.formats.cast_ballot import BallotContext
from stembus.audit.formats.ceremony import (
    Attempt,
    commitment_hash,
    drill_context,
    drill_randomness,
    possession_context,
)
from stembus.audit.formats.entries import encode_entry, sign_entry
from stembus.audit.formats.entry_bodies import Commit, Confirm, Drill, ElectionKey, Reveal
from stembus.audit.formats.manifest import Manifest, referendum_id
from stembus.audit.formats.manifest_rules import encode_manifest
from stembus.audit.log.merkle import root_of
from stembus.crypto.blind_rsa import EXPONENT
from stembus.crypto.blind_signer import BlindSigner
from stembus.crypto.group import ORDER, generator_times, scalar_to_bytes
from stembus.crypto.sealed import box_public
from stembus.crypto.signing import SigningKey


def secret(name: str) -> bytes:
    """32 bytes that everyone can recompute."""
    return hashlib.sha256(b"stembus worked example: " + name.encode("ascii")).digest()


def scalar(name: str) -> int:
    return int.from_bytes(secret(name), "big") % ORDER


def signing_key(name: str) -> SigningKey:
    return SigningKey(secret(name))


def blind_signer() -> BlindSigner:
    """A 3072-bit key whose primes are the first ones above two printed numbers. Never a real key."""
    primes: list[int] = []
    for name in ("rsa p", "rsa q"):
        start = int.from_bytes(hashlib.shake_256(secret(name)).digest(192), "big") | 3 << 1534
        prime = gmpy2.next_prime(start)
        while gmpy2.gcd(prime - 1, EXPONENT) != 1:
            prime = gmpy2.next_prime(prime)
        primes.append(int(prime))
    p, q = primes
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    parts = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return BlindSigner(rsa.RSAPrivateNumbers(p, q, d, *parts, rsa.RSAPublicNumbers(EXPONENT, p * q)).private_key())


def manifest(signer: BlindSigner) -> Manifest:
    def text(nl: str, en: str) -> dict[str, str]:
        return {"nl": nl, "en": en}

    def party(name: str) -> dict[str, str]:
        return {"name": name, "key": signing_key(name).public.hex()}

    options = [{"text": text("Nee", "No"), "cost": None}, {"text": text("Ja", "Yes"), "cost": None}]
    question = {"kind": "yes-no", "text": text("Autovrij?", "Car-free?"), "options": options}
    data = {
        "type": "manifest",
        "version": 1,
        "binding": False,
        "clock": "simulated",
        "languages": ["nl", "en"],
        "title": text("Voorbeeld", "Example"),
        "questions": [question | {"max_choices": 1, "accepts": 1, "budget": None, "unit": None, "funding": None}],
        "opens": "2019-10-14T09:00:00+02:00",
        "closes": "2019-10-20T18:00:00+02:00",
        "grace_seconds": 300,
        "complaint_seconds": 0,
        "sample_size": 10,
        "eligibility": {
            "description": text("Iedereen", "Everyone"),
            "minimum_age": 16,
            "age_date": "2019-10-14",
            "residence_date": "2019-10-01",
            "postcodes": ["8500"],
            "official_count": 100,
        },
        "rules": {"minimum_participants": 10, "minimum_margin_permille": 25, "count_below_minimum": True},
        "privacy_floor": {"online": 1, "paper": 1},
        "max_casts": 5,
        "batching": {"minimum_seconds": 600, "minimum_tokens": 1, "quiet_seconds": 3600, "healing_seconds": 0},
        "second_factor": {"kind": "birth-date", "memory_kib": 8, "passes": 1},
        "trustees": {"threshold": 1, "members": [party("trustee-1")]},
        "registrars": [
            party("registrar-1") | {"blind_key": signer.public.to_spki().hex(), "url": "https://registrar.example.org"}
        ],
        "box": {"key": signing_key("box").public.hex(), "url": "https://box.example.org"},
        "log": {"origin": "stembus.example.org/example", "key": signing_key("log").public.hex()},
        "witnesses": {"quorum": 1, "members": [party("witness-1")]},
        "officers": [party("officer-1"), party("officer-2")],
        "client": {"key": signing_key("client").public.hex(), "url": "https://vote.example.org"},
    }
    return msgspec.convert(data, Manifest, strict=True)


def make_drill(referendum: bytes, share: int, root: bytes) -> Drill:
    """With a fixed nonce; a real one draws it."""
    base, nonce = generator_times(drill_randomness(referendum, 1, root)), scalar("trustee 1 drill nonce")
    point = base * share
    context = drill_context(referendum, 1, root, 1)
    points = [generator_times(share), base, point, generator_times(nonce), base * nonce]
    for label, item in zip(("public", "base", "image", "first", "second"), points, strict=True):
        context.add(label, item.to_bytes())
    challenge = context.scalar()
    return Drill(
        attempt=1,
        trustee=1,
        root=root.hex(),
        point=point.to_bytes().hex(),
        challenge=scalar_to_bytes(challenge).hex(),
        response=scalar_to_bytes((nonce + challenge * share) % ORDER).hex(),
    )


@dataclass(frozen=True)
class Example:
    """The referendum up to its election key: entry 0 and the five entries of a ceremony of one."""

    signer: BlindSigner
    manifest: Manifest
    referendum: bytes
    entries: tuple[bytes, ...]
    confirm: Confirm
    share: int
    drill: Drill
    context: BallotContext


def make_example() -> Example:
    signer = blind_signer()
    definition = manifest(signer)
    raw = encode_manifest(definition)
    referendum = referendum_id(raw)
    share = scalar("trustee 1 coefficient 0")
    coefficients = [generator_times(share).to_bytes()]
    key, by = signing_key("trustee-1"), "trustee/1"
    attempt = Attempt(1)
    commit = Commit(
        attempt=1,
        trustee=1,
        commitment=commitment_hash(referendum, 1, 1, coefficients).hex(),
        receiving_keys=[box_public(secret("trustee 1 receiving key")).hex()],
    )
    # A Schnorr proof with a fixed nonce; a real one draws it.
    nonce = scalar("trustee 1 possession nonce")
    context = possession_context(referendum, 1, 1, coefficients)
    context.add("public", coefficients[0]).add("commitment", generator_times(nonce).to_bytes())
    challenge = context.scalar()
    reveal = Reveal(
        attempt=1,
        trustee=1,
        coefficients=[point.hex() for point in coefficients],
        proof_challenge=scalar_to_bytes(challenge).hex(),
        proof_response=scalar_to_bytes((nonce + challenge * share) % ORDER).hex(),
    )
    attempt.take(commit)
    attempt.take(reveal)
    election: ElectionKey = attempt.election_key(referendum, 1)
    confirm = Confirm(attempt=1, trustee=1, joint_key=election.joint_key, transcript=election.transcript)
    signed = [encode_entry(body, [sign_entry(referendum, body, by, key)]) for body in (commit, reveal, confirm)]
    drill = make_drill(referendum, share, root_of([raw, *signed]))
    signed.append(encode_entry(drill, [sign_entry(referendum, drill, by, key)]))
    last = encode_entry(election)
    ballots = BallotContext.of(definition, referendum, last, election)
    return Example(signer, definition, referendum, (raw, *signed, last), confirm, share, drill, ballots)
