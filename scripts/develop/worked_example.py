"""The worked example of docs/protocol.md: one small referendum with fixed keys, byte by byte.

    python -m stembus.scripts.develop.worked_example                          print it as markdown
    python -m stembus.scripts.develop.worked_example --full                   nothing abbreviated
    python -m stembus.scripts.develop.worked_example --check docs/protocol.md exit 1 unless that file contains it

Decides what is shown, and nothing else: all bytes come from the packages that a real referendum uses, and from
`example_referendum`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
from pathlib import Path

from stembus.audit.formats.ballot_shape import SECOND
from stembus.audit.formats.canonical import encode
from stembus.audit.formats.cast_ballot import parse_ballot, promise_digest
from stembus.audit.formats.ceremony import drill_randomness
from stembus.audit.formats.entries import entry_digest
from stembus.audit.formats.lists import acknowledgement_digest, request_digest
from stembus.audit.formats.receipt import encode_promise, make_promise
from stembus.audit.formats.tally_record import decryption_context, sums_digest
from stembus.audit.log.merkle import leaf_hash, root_of
from stembus.audit.log.note import Checkpoint, checkpoint_text, cosign, sign_checkpoint, verifier_key
from stembus.ballot.eligibility.letter_code import credential_key, format_code
from stembus.ballot.office.paper import ballot_seed, paper_entries, paper_header
from stembus.ballot.voter.encrypt import build_body
from stembus.crypto.blind_rsa import blind, finalize
from stembus.crypto.group import ORDER, generator_times, scalar_to_bytes
from stembus.crypto.signing import SchnorrKey
from stembus.crypto.threshold import partial_decrypt
from stembus.crypto.transcript import frame
from stembus.scripts.develop.example_referendum import Example, make_example, scalar, secret, signing_key
from stembus.scripts.develop.markdown_page import Page
from stembus.scripts.develop.worked_ballots import show_ballot, show_budget_ballot

CODE = "0123456789ABCDEFGHJK"
COSIGNED_AT = 1571036400


def write_page(full: bool = False) -> str:
    page, example = Page(full), make_example()
    _secrets(page)
    _framing(page, example)
    _entry(page, example)
    _drill(page, example)
    _checkpoint(page, example)
    raw = show_ballot(page, example, *_token(page, example))
    show_budget_ballot(page, example)
    _promise(page, example, raw)
    _decryption(page, example, raw)
    _paper(page, example)
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


def _drill(page: Page, example: Example) -> None:
    page.say(
        "**A drill.** Entry 4: the trustee decrypts a ciphertext whose randomness follows from the root of the four "
        "entries before it."
    )
    drill, root = example.drill, bytes.fromhex(example.drill.root)
    randomness = drill_randomness(example.referendum, 1, root)
    page.block(
        [
            f"root        {root.hex()}",
            f"randomness  {scalar_to_bytes(randomness).hex()}",
            f"A           {generator_times(randomness).to_bytes().hex()}",
            f"point       {drill.point}",
            f"challenge   {drill.challenge}",
            f"response    {drill.response}",
        ]
    )


def _checkpoint(page: Page, example: Example) -> None:
    page.say(
        "**A checkpoint.** The log after its six entries (manifest, commit, reveal, confirm, drill, election-key). "
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
        ("and by its tag `acknowledgement`", acknowledgement_digest(example.referendum, 1, request).hex()),
        ("unblinded signature, 384 bytes", page.hex(signature)),
    ]
    page.table(("what", "value"), [(what, f"`{value}`") for what, value in rows])
    return token, signature


def _promise(page: Page, example: Example, raw: bytes) -> None:
    page.say("**A promise** for batch 1, canonical JSON on one line (broken here for reading), and its signed digest:")
    ballot = parse_ballot(example.context, raw)
    promise = make_promise(example.referendum, ballot.cast_hash, ballot.ballot_id, 1, signing_key("box"))
    text = encode_promise(promise).decode("ascii")
    digest = promise_digest(example.referendum, ballot.cast_hash, ballot.ballot_id, 1)
    page.block([*(text[i : i + 110] for i in range(0, len(text), 110)), "", f"promise digest  {digest.hex()}"])


def _decryption(page: Page, example: Example, raw: bytes) -> None:
    page.say(
        "**A partial decryption.** As if this ballot alone were the sum, and the six entries above the tree "
        "that is counted; the proof's nonce is fixed. The sum decrypts to 2^32 * G: no vote for option 1, one for "
        "option 2."
    )
    ciphertexts = parse_ballot(example.context, raw).ciphertexts
    root, total = root_of(example.entries), ciphertexts[0]
    point, nonce = partial_decrypt(example.share, total), scalar("decryption nonce")
    context = decryption_context(example.referendum, root, 1, 0, 0)
    points = [generator_times(example.share), total.nonce_point, point, generator_times(nonce)]
    points.append(total.nonce_point * nonce)
    for label, item in zip(("public", "base", "image", "first", "second"), points, strict=True):
        context.add(label, item.to_bytes())
    challenge = context.scalar()
    assert total.blinded - point == generator_times(SECOND)
    page.block(
        [
            f"root       {root.hex()}  ({base64.b64encode(root).decode()})",
            f"sums       {sums_digest(example.referendum, ciphertexts).hex()}",
            f"point      {point.to_bytes().hex()}",
            f"challenge  {scalar_to_bytes(challenge).hex()}",
            f"response   {scalar_to_bytes((nonce + challenge * example.share) % ORDER).hex()}",
        ]
    )


def _paper(page: Page, example: Example) -> None:
    page.say(
        "**A few paper ballots.** Two, one for each option, from one paper seed; both stand in the log by ascending id."
    )
    context, seed = example.context, secret("paper seed")
    entries = paper_entries(context, 2, [[1, 1]], seed)
    own = [ballot_seed(context, seed, number) for number in (0, 1)]
    bodies = [build_body(context, context.paper_commitment, [[number]], own[number]) for number in (0, 1)]
    assert sorted(b"\2" + body for body in bodies) == sorted(entries)
    rows = [
        ("paper seed", seed.hex()),
        ("paper commitment", context.paper_commitment.hex()),
        ("seed of ballot 0, option 1", own[0].hex()),
        ("its ballot id", context.ballot_id(bodies[0]).hex()),
        ("seed of ballot 1, option 2", own[1].hex()),
        ("its ballot id", context.ballot_id(bodies[1]).hex()),
        (f"root over the two entries of {len(entries[0])} bytes each", paper_header(entries).root),
    ]
    page.table(("what", "value"), [(what, f"`{value}`") for what, value in rows])


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
