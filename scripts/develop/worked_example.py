"""The worked example of docs/protocol.md: one small referendum with fixed keys, byte by byte.

    python -m stembus.scripts.develop.worked_example                          print it as markdown
    python -m stembus.scripts.develop.worked_example --full                   nothing abbreviated
    python -m stembus.scripts.develop.worked_example --check docs/protocol.md exit 1 unless that file contains it

Every secret is the SHA-256 of a printed name, and every nonce is fixed, so the output never changes while the
protocol stays the same. Needs the `server` extra, for the registrar's side of the blind signature. Decides
nothing: all bytes come from the packages that a real referendum uses.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import gmpy2
import msgspec
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import rsa

from stembus.audit.formats.canonical import encode
from stembus.audit.formats.cast_ballot import BallotContext, encode_unsigned, parse_ballot, promise_digest
from stembus.audit.formats.ceremony import Attempt, commitment_hash, possession_context
from stembus.audit.formats.entries import encode_entry, entry_digest, sign_entry
from stembus.audit.formats.entry_bodies import Commit, Confirm, ElectionKey, Reveal
from stembus.audit.formats.lists import request_digest
from stembus.audit.formats.manifest import Manifest, referendum_id
from stembus.audit.formats.manifest_rules import encode_manifest
from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.log.merkle import leaf_hash, root_of
from stembus.audit.log.note import Checkpoint, checkpoint_text, cosign, sign_checkpoint, verifier_key
from stembus.audit.verify.ballots import check_ballot
from stembus.ballot.eligibility.letter_code import credential_key, format_code
from stembus.ballot.voter.encrypt import build_body
from stembus.crypto.blind_rsa import EXPONENT, blind, finalize
from stembus.crypto.blind_signer import BlindSigner
from stembus.crypto.derive import scalar_stream
from stembus.crypto.group import ORDER, generator_times, scalar_to_bytes
from stembus.crypto.signing import SchnorrKey, SigningKey
from stembus.crypto.threshold import partial_decrypt
from stembus.crypto.transcript import Transcript, frame

CODE = "0123456789ABCDEFGHJK"
CHOICE = [[1]]
COSIGNED_AT = 1571036400
WIDTH = 118


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

    options = [{"text": text("Nee", "No")}, {"text": text("Ja", "Yes")}]
    question = {"kind": "yes-no", "text": text("Autovrij?", "Car-free?"), "options": options}
    data = {
        "type": "manifest",
        "version": 1,
        "binding": False,
        "clock": "simulated",
        "languages": ["nl", "en"],
        "title": text("Voorbeeld", "Example"),
        "questions": [question | {"max_choices": 1, "accepts": 1}],
        "opens": "2019-10-14T09:00:00+02:00",
        "closes": "2019-10-20T18:00:00+02:00",
        "grace_seconds": 300,
        "eligibility": {
            "description": text("Iedereen", "Everyone"),
            "minimum_age": 16,
            "reference_date": "2019-10-14",
            "postcodes": ["8500"],
            "official_count": 100,
        },
        "rules": {"minimum_participants": 10, "minimum_margin_permille": 25, "count_below_minimum": True},
        "privacy_floor": {"online": 1, "paper": 1},
        "max_casts": 5,
        "batching": {"minimum_seconds": 600, "minimum_tokens": 1, "quiet_seconds": 3600},
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


@dataclass(frozen=True)
class Example:
    """The referendum up to its election key: entry 0 and the four entries of a ceremony of one."""

    signer: BlindSigner
    manifest: Manifest
    referendum: bytes
    entries: tuple[bytes, ...]
    confirm: Confirm
    share: int
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
        receiving_key=secret("trustee 1 receiving key").hex(),
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
    last = encode_entry(election)
    ballots = BallotContext.of(definition, referendum, last, election)
    return Example(signer, definition, referendum, (raw, *signed, last), confirm, share, ballots)


class Page:
    """Collects markdown."""

    def __init__(self, full: bool) -> None:
        self.full = full
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines += [*textwrap.wrap(text, WIDTH, break_on_hyphens=False), ""]

    def block(self, lines: Iterable[str]) -> None:
        self.lines += ["```text", *lines, "```", ""]

    def hex(self, data: bytes) -> str:
        """At most 32 bytes in full; the middle of anything longer is left out."""
        if self.full or len(data) <= 33:
            return data.hex()
        return f"{data[:16].hex()} ... {data[-8:].hex()}"

    def table(self, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        self.lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        self.lines += [f"| {' | '.join(row)} |" for row in rows]
        self.lines.append("")


def write_page(full: bool = False) -> str:
    page, example = Page(full), make_example()
    _secrets(page)
    _framing(page, example)
    _entry(page, example)
    _checkpoint(page, example)
    raw = _ballot(page, example, *_token(page, example))
    _promise(page, example, raw)
    _decryption(page, example, raw)
    return "\n".join(page.lines).strip() + "\n"


def _secrets(page: Page) -> None:
    page.say(
        'Every secret is SHA-256("stembus worked example: " followed by a name). The ballot box, whose name is '
        "`box`, has this Ed25519 seed and key:"
    )
    page.block([f"secret(box)            {secret('box').hex()}", f"public key             {_public('box')}"])


def _public(name: str) -> str:
    return signing_key(name).public.hex()


def _framing(page: Page, example: Example) -> None:
    page.say("**Transcript framing.** The token commitment is a transcript of three fields. Its input, field by field:")
    token_key, nonce = SchnorrKey(secret("token key")).public, secret("nonce")
    fields = [("stembus/v1", b"token-commitment"), ("token-key", token_key), ("nonce", nonce)]
    lines: list[str] = []
    for label, value in fields:
        framed = frame(label, value)
        at = 2 + len(label)
        lines.append(f"{framed[:2].hex()} {framed[2:at].hex()}  label {label!r}")
        shown = f"{value.decode('ascii')!r}" if label == "stembus/v1" else f"the {label}"
        lines.append(f"{framed[at : at + 4].hex()} {framed[at + 4 :].hex()}  {shown}")
    digest = hashlib.sha256(b"".join(frame(*field) for field in fields)).digest()
    assert digest == example.context.token_commitment(token_key, nonce)
    page.block([*lines, f"SHA-256 of all of it: {digest.hex()}"])


def _entry(page: Page, example: Example) -> None:
    page.say(
        "**A canonical JSON entry.** Entry 3 of the example's log, the only trustee's `confirm`, on one line "
        "and without a newline at its end (broken here for reading):"
    )
    raw = example.entries[3]
    text = raw.decode("utf-8")
    page.block(text[i : i + 110] for i in range(0, len(text), 110))
    body = encode(example.confirm)
    rows = [
        ("SHA-256 of the manifest, entry 0: the referendum id", example.referendum.hex()),
        ("bytes of the manifest", str(len(example.entries[0]))),
        ("bytes of the body (the value of `body` above)", str(len(body))),
        ("SHA-256 of the body alone", hashlib.sha256(body).hexdigest()),
        ("signed digest: tag `entry`, `referendum`, `type`, `body`", _digest(example)),
        ("leaf hash of the entry", leaf_hash(raw).hex()),
    ]
    page.table(("what", "value"), [(what, f"`{value}`") for what, value in rows])
    if page.full:
        page.block(entry.decode("utf-8") for entry in example.entries)


def _digest(example: Example) -> str:
    return entry_digest(example.referendum, example.confirm).hex()


def _checkpoint(page: Page, example: Example) -> None:
    page.say(
        "**A checkpoint.** The log after its five entries (manifest, commit, reveal, confirm, election-key). "
        f"The witness cosigned at Unix time {COSIGNED_AT}. The note has an empty line between text and signatures:"
    )
    origin, root = example.manifest.log.origin, root_of(example.entries)
    signed = sign_checkpoint(origin, len(example.entries), root, signing_key("log"))
    line = cosign(signed, "witness-1", signing_key("witness-1"), COSIGNED_AT)
    whole = Checkpoint(origin, signed.size, root, (*signed.signatures, line))
    page.block(whole.to_bytes().decode("utf-8").splitlines())
    text = checkpoint_text(origin, signed.size, root)
    page.say("The log signs the first three lines with their newlines. The witness signs two more lines before them:")
    page.block(["cosignature/v1", f"time {COSIGNED_AT}", *text.decode("ascii").splitlines()])
    page.say("The file `log.vkey`:")
    page.block([verifier_key(origin, signing_key("log").public)])


def _token(page: Page, example: Example) -> tuple[SchnorrKey, bytes]:
    page.say("**Code, credential and token.**")
    context, token = example.context, SchnorrKey(secret("token key"))
    credential = credential_key(CODE, example.referendum)
    message = context.token_message(token.public)
    key = context.registrars[0]
    factor = int.from_bytes(hashlib.shake_256(secret("blinding factor")).digest(384), "big") % key.modulus
    salt = hashlib.shake_256(secret("salt")).digest(48)
    blinding = blind(key, message, salt, factor)
    signature = finalize(key, message, example.signer.sign(blinding.blinded_message), blinding)
    request = hashlib.sha256(blinding.blinded_message).digest()
    rows = [
        ("code as printed", format_code(CODE)),
        ("credential, public key", credential.public.hex()),
        ("SHA-256 of the raw `election-key` entry", context.election_key.hex()),
        ("token key, public", token.public.hex()),
        ("token message: tag `token`", message.hex()),
        ("PSS salt, 48 bytes", salt.hex()),
        ("blinding factor r, 384 bytes", page.hex(factor.to_bytes(384, "big"))),
        ("blinded message, 384 bytes", page.hex(blinding.blinded_message)),
        ("its SHA-256, the request hash", request.hex()),
        ("signed by the credential: tag `token-request`", request_digest(example.referendum, 1, request).hex()),
        ("unblinded signature, 384 bytes", page.hex(signature)),
    ]
    page.table(("what", "value"), [(what, f"`{value}`") for what, value in rows])
    return token, signature


def _ballot(page: Page, example: Example, token: SchnorrKey, signature: bytes) -> bytes:
    context, nonce, seed = example.context, secret("nonce"), secret("seed")
    commitment = context.token_commitment(token.public, nonce)
    body = build_body(context, commitment, CHOICE, seed)
    unsigned = encode_unsigned(body, nonce, token.public, [signature], 0)
    digest = context.cast_digest(unsigned)
    raw = unsigned + PrivateKey(token.secret).sign_schnorr(digest, bytes(32))
    check_ballot(context, raw)
    page.say(
        "**A ballot.** The choice is option 2, *Ja*: encryptions of 0 and of 1. The first two scalars of the "
        "seed's stream are the encryption's randomness."
    )
    info = b"stembus/v1 ballot randomness" + context.election_key + commitment + bytes([0, 1])
    stream = scalar_stream(seed, context.referendum, info)
    rows = [
        ("seed", seed.hex()),
        ("HKDF info", page.hex(info)),
        ("scalar 0", scalar_to_bytes(stream()).hex()),
        ("scalar 1", scalar_to_bytes(stream()).hex()),
        ("joint key", context.joint_key.to_bytes().hex()),
    ]
    page.table(("what", "value"), [(what, f"`{value}`") for what, value in rows])
    page.say(f"The cast ballot has {len(raw)} bytes. Offsets are from its first byte; the body begins at 1.")
    page.table(("offset", "bytes", "field", "value"), _fields(page, raw))
    page.say("Derived from it:")
    ballot = parse_ballot(context, raw)
    challenges = [scalar_to_bytes(s.challenge).hex() for s in ballot.statements]
    last = [s.proof.all_challenges(s.challenge)[-1] for s in ballot.statements]
    statement = _statement(context, body)
    page.block(
        [
            f"ballot id         {ballot.ballot_id.hex()}",
            f"statement digest  {statement.hex()}",
            *(f"challenge {k}       {challenge}" for k, challenge in enumerate(challenges)),
            *(f"  last branch     {scalar_to_bytes(challenge).hex()}" for challenge in last),
            f"cast digest       {digest.hex()}",
            f"cast hash         {ballot.cast_hash.hex()}",
        ]
    )
    if page.full:
        page.block([raw.hex()])
    return raw


def _statement(context: BallotContext, body: bytes) -> bytes:
    transcript = Transcript("ballot-proof").add("referendum", context.referendum)
    transcript.add("election-key", context.election_key).add("joint-key", context.joint_key.to_bytes())
    transcript.add("shape", context.shape).add("token-commitment", body[:32])
    transcript.add("ciphertexts", body[32 : context.commitments_at])
    return transcript.add("commitments", body[context.commitments_at : context.scalars_at]).digest()


def _fields(page: Page, raw: bytes) -> list[tuple[str, ...]]:
    names: list[tuple[int, str]] = [(1, "version"), (32, "token commitment")]
    names += [(66, f"ciphertext of option {k}: A, B") for k in (1, 2)]
    proofs = ("proof 0, option 1", "proof 1, option 2", "proof 2, the sum")
    names += [(66, f"{proof}, branch {v}: a, b") for proof in proofs for v in (0, 1)]
    for proof in proofs:
        names += [(32, f"{proof}: challenge of branch 0")]
        names += [(32, f"{proof}: response of branch {v}") for v in (0, 1)]
    names += [(32, "nonce"), (32, "token key"), (384, "registrar 1's signature"), (4, "seq"), (64, "token's signature")]
    rows: list[tuple[str, ...]] = []
    at = 0
    for size, name in names:
        rows.append((str(at), str(size), name, f"`{page.hex(raw[at : at + size])}`"))
        at += size
    assert at == len(raw)
    return rows


def _promise(page: Page, example: Example, raw: bytes) -> None:
    page.say("**A promise** for batch 1, canonical JSON on one line (broken here for reading), and its signed digest:")
    ballot = parse_ballot(example.context, raw)
    promise = make_promise(example.referendum, ballot.cast_hash, ballot.ballot_id, 1, signing_key("box"))
    text = encode_promise(promise).decode("ascii")
    digest = promise_digest(example.referendum, ballot.cast_hash, ballot.ballot_id, 1)
    page.block([*(text[i : i + 110] for i in range(0, len(text), 110)), "", f"promise digest  {digest.hex()}"])


def _decryption(page: Page, example: Example, raw: bytes) -> None:
    page.say(
        "**A partial decryption.** As if this ballot alone were the sum, and the five entries above the tree "
        "that counts; the proof's nonce is fixed. Option 2:"
    )
    ciphertexts = parse_ballot(example.context, raw).ciphertexts
    root, total = root_of(example.entries), ciphertexts[1]
    point, nonce = partial_decrypt(example.share, total), scalar("decryption nonce")
    context = decryption_context(example.referendum, root, 1, 0, 1)
    points = [generator_times(example.share), total.nonce_point, point, generator_times(nonce)]
    points.append(total.nonce_point * nonce)
    for label, item in zip(("public", "base", "image", "first", "second"), points, strict=True):
        context.add(label, item.to_bytes())
    challenge = context.scalar()
    assert total.blinded - point == generator_times(1)
    page.block(
        [
            f"root       {root.hex()}  ({base64.b64encode(root).decode()})",
            f"sums       {sums_digest(example.referendum, ciphertexts).hex()}",
            f"point      {point.to_bytes().hex()}",
            f"challenge  {scalar_to_bytes(challenge).hex()}",
            f"response   {scalar_to_bytes((nonce + challenge * example.share) % ORDER).hex()}",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the worked example of docs/protocol.md.")
    parser.add_argument("--full", action="store_true", help="abbreviate nothing")
    parser.add_argument("--check", type=Path, metavar="FILE", help="exit 1 unless FILE contains the example")
    options = parser.parse_args()
    if options.check is None:
        print(write_page(options.full), end="")
    elif write_page() not in options.check.read_text(encoding="utf-8"):
        sys.exit(f"{options.check} does not contain the worked example as it is now")


if __name__ == "__main__":
    main()
