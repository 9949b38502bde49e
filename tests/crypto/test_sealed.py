"""Secret files open for their passphrase only, unaltered, and are never overwritten; sealed boxes likewise."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stembus.crypto.sealed
from stembus.crypto.errors import EncodingInvalid, SecretFileError
from stembus.crypto.sealed import (
    box_public,
    create_secret_file,
    new_box_key,
    open_sealed,
    read_secret_file,
    replace_secret_file,
    seal_to,
)

CONTENT = {"role": "trustee", "seed": "00ff" * 16, "shares": {"1": "ab"}, "name": "Zoë"}
PASSPHRASE = "vijf fietsen op zondag"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "trustee.json"
    create_secret_file(path, CONTENT, PASSPHRASE)
    return path


def test_a_secret_file_gives_back_its_content(secret: Path) -> None:
    assert read_secret_file(secret, PASSPHRASE) == CONTENT
    assert "00ff" not in secret.read_text()


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE + " ", PASSPHRASE.upper(), PASSPHRASE[:-1]])
def test_a_wrong_passphrase_opens_nothing(secret: Path, passphrase: str) -> None:
    with pytest.raises(SecretFileError, match="passphrase"):
        read_secret_file(secret, passphrase)


def test_a_secret_file_is_for_its_owner_only(secret: Path) -> None:
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    replace_secret_file(secret, {"new": 1}, PASSPHRASE)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_secret_file_is_never_overwritten(secret: Path) -> None:
    before = secret.read_bytes()
    with pytest.raises(SecretFileError, match="exists already"):
        create_secret_file(secret, {"other": 1}, "other")
    assert secret.read_bytes() == before
    assert [path.name for path in secret.parent.iterdir()] == [secret.name]


def test_replacing_a_secret_file_leaves_the_new_content_alone(secret: Path) -> None:
    replace_secret_file(secret, {"new": 1}, "another passphrase")
    assert read_secret_file(secret, "another passphrase") == {"new": 1}
    with pytest.raises(SecretFileError):
        read_secret_file(secret, PASSPHRASE)
    assert [path.name for path in secret.parent.iterdir()] == [secret.name]


def test_a_crash_while_replacing_leaves_the_old_file(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(stembus.crypto.sealed.os, "fsync", crash)
    with pytest.raises(OSError, match="no space"):
        replace_secret_file(secret, {"new": 1}, PASSPHRASE)
    monkeypatch.undo()
    assert read_secret_file(secret, PASSPHRASE) == CONTENT


def test_two_files_of_one_content_share_no_salt_and_no_box(tmp_path: Path) -> None:
    records = []
    for name in ("one", "two"):
        create_secret_file(tmp_path / name, CONTENT, PASSPHRASE)
        records.append(json.loads((tmp_path / name).read_text()))
    assert records[0]["argon2id"]["salt"] != records[1]["argon2id"]["salt"]
    assert records[0]["box"] != records[1]["box"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="there is no secret file"):
        read_secret_file(tmp_path / "none", PASSPHRASE)
    with pytest.raises(SecretFileError):
        read_secret_file(tmp_path, PASSPHRASE)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(secret: Path, tmp_path: Path, share: float) -> None:
    data = secret.read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SecretFileError):
        read_secret_file(tmp_path / "cut", PASSPHRASE)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_an_altered_file_is_refused_or_says_the_same(secret: Path, tmp_path: Path, place: float, mask: int) -> None:
    data = bytearray(secret.read_bytes())
    data[int(len(data) * place)] ^= mask
    (tmp_path / "altered").write_bytes(data)
    try:
        content = read_secret_file(tmp_path / "altered", PASSPHRASE)
    except SecretFileError:
        return
    assert content == CONTENT


def _set(field: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        (record["argon2id"] if field in record["argon2id"] else record)[field] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("format", "stembus-secret-v2"),
        _set("passes", 0),
        _set("passes", 10**9),
        _set("passes", "1"),
        _set("passes", None),
        _set("passes", 1.5),
        _set("memory_bytes", 2**40),
        _set("memory_bytes", 0),
        _set("memory_bytes", -8192),
        _set("salt", ""),
        _set("salt", "AAAA"),
        _set("salt", 5),
        _set("box", ""),
        _set("box", "AAAA"),
        _set("box", None),
        _set("argon2id", []),
        dict.clear,
    ],
)
def test_a_record_with_an_absurd_field_is_refused(
    secret: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    record = json.loads(secret.read_text())
    change(record)
    (tmp_path / "changed").write_text(json.dumps(record))
    with pytest.raises(SecretFileError):
        read_secret_file(tmp_path / "changed", PASSPHRASE)


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
