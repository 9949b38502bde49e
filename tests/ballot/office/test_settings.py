"""Settings come from one file or the environment; whatever cannot be meant is named in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stembus.ballot.office.settings import SettingsInvalid, load_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("STEMBUS_"):
            monkeypatch.delenv(name)
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("STEMBUS_SETTINGS", str(path))
    return path


def test_the_environment_wins_unless_it_is_empty(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('box_database = "sqlite:///a"\nregistrar = 2\nregistrar_3_database = "sqlite:///c"\n')
    monkeypatch.setenv("STEMBUS_REGISTRAR", "3")
    monkeypatch.setenv("STEMBUS_BOX_DATABASE", "")
    settings = load_settings()
    assert settings.get("BOX_DATABASE", "") == "sqlite:///a"
    assert settings.get("REGISTRAR_3_DATABASE", "") == "sqlite:///c"
    assert settings.number("REGISTRAR", 1) == 3
    assert settings.number("OTHER", 1) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"colour = 'red'", "sets colour; known are"),
        (b"BOX_DATABASE = 'sqlite:///a'", "sets BOX_DATABASE; known are"),
        (b"registrar_0_database = 'sqlite:///a'", "sets registrar_0_database"),
        (b"passphrase = true", "passphrase is neither a text nor a number"),
        (b"box_database = ['sqlite:///a']", "box_database is neither"),
        (b"registrar = 1.5", "registrar is neither"),
        (b"box_database =", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_named(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=words):
        load_settings()


def test_a_file_that_is_missing_is_named(file: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"settings\.toml cannot be read"):
        load_settings()


@pytest.mark.parametrize("number", ["0", "x", "-1", "1.0", " 1", "99999"])
def test_a_number_is_a_number_from_1(file: Path, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    file.write_text("")
    monkeypatch.setenv("STEMBUS_REGISTRAR", number)
    with pytest.raises(SettingsInvalid, match="write a number from 1"):
        load_settings().number("REGISTRAR", 1)


def test_settings_do_not_show_what_they_hold(file: Path) -> None:
    file.write_text("passphrase = 'vijf fietsen'")
    settings = load_settings()
    assert settings.need("PASSPHRASE") == "vijf fietsen"
    assert "fietsen" not in repr(settings)
