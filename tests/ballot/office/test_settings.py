"""Settings come from one file or the environment; whatever cannot be meant is named in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stembus.ballot.office.folder_settings import folder_settings
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
    file.write_text('public = "/srv/a"\nregistrar = 2\n')
    monkeypatch.setenv("STEMBUS_REGISTRAR", "3")
    monkeypatch.setenv("STEMBUS_PUBLIC", "")
    settings = load_settings()
    assert settings.get("PUBLIC", "") == "/srv/a"
    assert settings.number("REGISTRAR", 1) == 3
    assert settings.number("OTHER", 1) == 1
    assert settings.source == str(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"colour = 'red'", "sets colour; known are dir, public"),
        (b"PUBLIC = '/srv'", "sets PUBLIC; known are"),
        (b"box_database = 'sqlite:////a'", "stands in DIR/settings.toml"),
        (b"registrar_2_database = 'sqlite:////a'", "stands in DIR/settings.toml"),
        (b"passphrase = true", "passphrase is neither a text nor a number"),
        (b"public = ['/srv']", "public is neither"),
        (b"registrar = 1.5", "registrar is neither"),
        (b"public =", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_named(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=words):
        load_settings()


@pytest.mark.parametrize("name", ["STEMBUS_COLOUR", "STEMBUS_REGISTRARS", "STEMBUS_PASSPHRASE_", "STEMBUS_public"])
def test_an_unknown_name_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "red")
    with pytest.raises(SettingsInvalid, match=f"sets {name}; known are STEMBUS_DIR"):
        load_settings()


@pytest.mark.parametrize("name", ["STEMBUS_PASSPHRASE_OFFICER_1", "STEMBUS_PASSPHRASE_BOX", "STEMBUS_CLOCK"])
def test_what_other_parts_read_is_known(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "red")
    assert "red" not in load_settings().values.values()


@pytest.mark.parametrize("name", ["STEMBUS_BOX_DATABASE", "STEMBUS_REGISTRAR_1_DATABASE", "STEMBUS_DESK_DATABASE"])
def test_no_shell_can_name_another_database(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "sqlite:////srv/other.db")
    with pytest.raises(SettingsInvalid, match=f"the environment sets {name}; .* stands in DIR/settings.toml"):
        load_settings()


def write_folder_settings(root: Path, content: str, mode: int = 0o640) -> None:
    (root / "settings.toml").write_text(content)
    (root / "settings.toml").chmod(mode)


def test_the_databases_of_a_referendum_stand_in_its_folder(tmp_path: Path) -> None:
    assert folder_settings(tmp_path).values == {}
    write_folder_settings(tmp_path, 'box_database = "postgresql+psycopg:///a"\nregistrar_3_database = "sqlite:////c"\n')
    assert folder_settings(tmp_path).values == {
        "BOX_DATABASE": "postgresql+psycopg:///a",
        "REGISTRAR_3_DATABASE": "sqlite:////c",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("public = '/srv'", "sets public; known are box_database"),
        ("BOX_DATABASE = 'sqlite:////a'", "sets BOX_DATABASE; known are box_database"),
        ("registrar_0_database = 'sqlite:////a'", "sets registrar_0_database"),
        ("box_database = 'mysql://a/b'", "box_database is no address of SQLite or PostgreSQL"),
        ("box_database = 'box.db'", "box_database is no address"),
        ("box_database = 7", "box_database is no address"),
        ("box_database = 'sqlite:///box.db'", "write the whole path"),
        ("box_database = 'sqlite://'", "write the whole path"),
        ("box_database = ['sqlite:////a']", "box_database is neither"),
    ],
)
def test_a_folder_setting_that_cannot_be_meant_is_named(tmp_path: Path, content: str, words: str) -> None:
    write_folder_settings(tmp_path, content)
    with pytest.raises(SettingsInvalid, match=words):
        folder_settings(tmp_path)


def test_settings_that_everybody_may_read_are_refused(tmp_path: Path) -> None:
    write_folder_settings(tmp_path, "", 0o644)
    with pytest.raises(SettingsInvalid, match="chmod 640"):
        folder_settings(tmp_path)
    write_folder_settings(tmp_path, "", 0o640)
    assert folder_settings(tmp_path).values == {}


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
