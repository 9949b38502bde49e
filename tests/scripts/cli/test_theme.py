"""A city makes its theme, and is told what it leaves unsaid."""

from __future__ import annotations

from pathlib import Path

from tests.scripts.cli.test_client import Run, run

__all__ = ["run"]


def test_a_new_theme_can_be_used_and_is_never_written_over(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "theme"
    run("theme", "new", folder)
    output = run("theme", "check", folder).output
    assert "can be used" in output
    assert "not said: a film in sign language" in output
    assert output.count("not said") == 1
    assert "still the example's: contact.nl.telephone, 056 00 00 00" in output
    assert "still the example's: privacy.contact, privacy@example.org" in output
    (folder / "theme.toml").write_text('name = {nl = "Kortrijk"}\n', encoding="utf-8")
    assert "exists already" in run("theme", "new", folder, status=1).output
    output = run("theme", "check", folder).output
    assert "not said: whom to call, in en, fr, nl" in output
    assert "not said: the accessibility statement, which the law demands" in output
    assert "not said: the city's name" not in output
    assert "not in every language of the pages: name" in output
    assert "still the example's" not in output


def test_a_theme_that_cannot_be_used_is_told_in_one_sentence(run: Run, tmp_path: Path) -> None:
    output = run("theme", "check", tmp_path, status=1).output
    assert "stembus: error: there is no file" in output
    (tmp_path / "theme.toml").write_text('colours = {light = "#eeeeee"}', encoding="utf-8")
    assert "cannot be read on a light page" in run("theme", "check", tmp_path, status=1).output
