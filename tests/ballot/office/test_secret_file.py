"""Secret files open for their passphrase only, unaltered, and are never overwritten."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stembus.audit.durable
from stembus.ballot.errors import SecretFileError
from stembus.ballot.office.secret_file import create_secret_file, read_secret_file, replace_secret_file

CONTENT = ('{"role":"trustee","seed":"' + "00ff" * 16 + '","name":"Zoë"}').encode()
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
    replace_secret_file(secret, b"new", PASSPHRASE)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_secret_file_is_never_overwritten(secret: Path) -> None:
    before = secret.read_bytes()
    with pytest.raises(SecretFileError, match="exists already"):
        create_secret_file(secret, b"other", "other")
    assert secret.read_bytes() == before
    assert [path.name for path in secret.parent.iterdir()] == [secret.name]


def test_replacing_a_secret_file_leaves_the_new_content_alone(secret: Path) -> None:
    replace_secret_file(secret, b"new", "another passphrase")
    assert read_secret_file(secret, "another passphrase") == b"new"
    with pytest.raises(SecretFileError):
        read_secret_file(secret, PASSPHRASE)
    assert [path.name for path in secret.parent.iterdir()] == [secret.name]


def test_a_crash_while_replacing_leaves_the_old_file(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(stembus.audit.durable.os, "fsync", crash)
    with pytest.raises(OSError, match="no space"):
        replace_secret_file(secret, b"new", PASSPHRASE)
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
