"""A sealed box opens for its receiver only, a sealed secret for its passphrase only."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stembus.crypto.sealed as sealed_module
from stembus.crypto.errors import EncodingInvalid, PassphraseWrong
from stembus.crypto.sealed import (
    box_public,
    new_box_key,
    open_sealed,
    open_with_passphrase,
    seal_to,
    seal_with_passphrase,
)


def test_a_sealed_secret_opens_for_its_passphrase_only() -> None:
    sealed = seal_with_passphrase(b"geheim", "vijf fietsen")
    assert b"geheim" not in sealed
    assert open_with_passphrase(sealed, "vijf fietsen") == b"geheim"
    with pytest.raises(PassphraseWrong):
        open_with_passphrase(sealed, "vijf fietsen ")
    for damaged in (b"", b"{}", b"[]", sealed[:-3], sealed.replace(b"-v1", b"-v2"), b"\xff" + sealed):
        with pytest.raises(EncodingInvalid):
            open_with_passphrase(damaged, "vijf fietsen")


@pytest.mark.parametrize(
    ("passes", "memory", "reasonable"),
    [
        (0, 8192, False),
        (1, 8192, True),
        (64, 8192, True),
        (65, 8192, False),
        (1, 8191, False),
        (1, 2**30, True),
        (1, 2**30 + 1, False),
    ],
)
def test_a_sealed_secret_states_a_cost_within_its_bounds(
    passes: int, memory: int, reasonable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may not ask for the memory of the whole machine, and not for a key that costs nothing."""
    asked: list[tuple[int, int]] = []

    def key(passphrase: str, salt: bytes, passes: int, memory: int) -> bytes:
        asked.append((passes, memory))
        return bytes(32)

    record = json.loads(seal_with_passphrase(b"geheim", "vijf fietsen"))
    record["argon2id"] |= {"passes": passes, "memory_bytes": memory}
    monkeypatch.setattr(sealed_module, "_key", key)
    with pytest.raises(PassphraseWrong if reasonable else EncodingInvalid):
        open_with_passphrase(json.dumps(record).encode(), "vijf fietsen")
    assert asked == ([(passes, memory)] if reasonable else [])


@given(st.binary(max_size=80))
def test_a_sealed_box_opens_for_its_receiver_only(message: bytes) -> None:
    (private, public), (other, _) = new_box_key(), new_box_key()
    box = seal_to(public, message)
    assert len(box) == len(message) + 48
    assert box_public(private) == public
    assert open_sealed(private, box) == message
    with pytest.raises(EncodingInvalid):
        open_sealed(other, box)


@given(st.integers(0, 95), st.integers(1, 255))
def test_an_altered_or_cut_box_does_not_open(place: int, mask: int) -> None:
    private, public = new_box_key()
    box = bytearray(seal_to(public, bytes(48)))
    with pytest.raises(EncodingInvalid):
        open_sealed(private, bytes(box[:place]))
    box[place] ^= mask
    # X25519 ignores the top bit of a key, but the box's nonce is a hash of all of it.
    with pytest.raises(EncodingInvalid):
        open_sealed(private, bytes(box))


@pytest.mark.parametrize("private", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_opens_nothing(private: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        open_sealed(private, bytes(80))
    with pytest.raises(EncodingInvalid):
        box_public(private)
