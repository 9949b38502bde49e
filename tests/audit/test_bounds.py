"""The bounds on outside input are those of docs/protocol.md, and are followed to the last byte, entry and second."""

from __future__ import annotations

from pathlib import Path

import pytest

from stembus.audit import bounds

PROTOCOL = " ".join((Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    "statement",
    [
        f"An entry has at most {bounds.ENTRY_BYTES:,} bytes",
        f"at most {bounds.TEXT_CHARACTERS:,}, all of them of this list",
        f"| attempt | an integer from 1 to {bounds.ATTEMPTS} |",
        f"no escape. At most {bounds.ADDRESS_CHARACTERS} characters in all",
        f"| {bounds.TILE_BYTES // 1024} KiB; 256 * {bounds.ENTRY_BYTES + 2:,} bytes |",
        f"the head, signed and cosigned | {bounds.CHECKPOINT_BYTES // 1024} KiB |",
        f"(7.4) and a newline | {bounds.VKEY_BYTES // 1024} KiB |",
        f"| `languages` | 1 to {bounds.LANGUAGES} strings |",
        f"| `questions` | 1 to {bounds.QUESTIONS} objects |",
        f"there are 1 to {bounds.OPTIONS} options",
        f"0 < opens < closes < {bounds.LATEST_TIME}",
        f"| `eligibility.postcodes` | 1 to {bounds.POSTCODES:,} strings |",
        f"| `eligibility.official_count` | 1 to {bounds.ROLL:,} |",
        f"| `max_casts` | 1 to {bounds.CASTS} | a token's `seq` is below this; times `official_count` at most "
        f"{bounds.BALLOTS:,}",
        f"| `trustees.threshold` | 1 to {bounds.TRUSTEES} |",
        f"| `trustees.members` | 1 to {bounds.TRUSTEES} of",
        f"| `registrars` | 1 to {bounds.REGISTRARS} of",
        f"| `witnesses.quorum` | 1 to {bounds.WITNESSES} |",
        f"| `witnesses.members` | 1 to {bounds.WITNESSES} of",
        f"| `officers` | 2 to {bounds.OFFICERS} of",
        f"and has at most {bounds.ORIGIN_CHARACTERS} characters",
        f"a host has at most {bounds.HOST_CHARACTERS} characters",
        f"| `signatures` | {bounds.SIGNATURES} |",
        f"| `coefficients`, `verification_keys`, `trustees` | {bounds.TRUSTEES} |",
        f"| `issued`, `issuance` | {bounds.REGISTRARS} |",
        f"| `counts`, `decryptions`, `questions` | {bounds.QUESTIONS} |",
        f"`ranking` and its groups | {bounds.OPTIONS} |",
        f"| `files` | {bounds.CLIENT_FILES} |",
        f"| `destroyed` | {bounds.DESTROYED} |",
        f"| `credentials`, `spares` | from `roll` on | {bounds.KEY_LINE_BYTES} * `official_count` bytes each |",
        f"| `issuance/K`, each registrar | from `close` on | {bounds.ISSUED_LINE_BYTES} * `official_count` bytes |",
        f"1 to {bounds.ENTRIES:,} entries;",
        f"there are at most {bounds.CHECKPOINTS:,};",
        f"binding: at least {bounds.BINDING_FLOOR} |",
        f"| `batching.minimum_seconds` | 0 to 86,400 | binding: at least {bounds.BINDING_BATCH_SECONDS} |",
        f"| `batching.minimum_tokens` | 0 to 100,000 | binding: at least {bounds.BINDING_BATCH_TOKENS} |",
        f"binding: at least {bounds.BINDING_ARGON2_KIB:,} |",
        f"| `second_factor.passes` | 1 to 64 | binding: at least {bounds.BINDING_ARGON2_PASSES} |",
    ],
)
def test_a_bound_is_the_one_of_the_protocol(statement: str) -> None:
    assert statement in PROTOCOL


def test_tiles_and_bundles_are_as_wide_as_their_parts() -> None:
    assert bounds.TILE_WIDTH == 256
    assert bounds.FILES == 1_000_000
    assert bounds.TILE_BYTES == bounds.TILE_WIDTH * 32 == 8192
    assert bounds.ENTRY_BUNDLE_BYTES == bounds.TILE_WIDTH * (2 + bounds.ENTRY_BYTES)
    assert bounds.CHECKPOINT_BYTES % 1024 == bounds.VKEY_BYTES % 1024 == 0
