"""Names of files that people choose mean one file everywhere."""

from __future__ import annotations

import pytest

from stembus.audit.formats.file_name import is_client_path, is_document_name, is_release


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("a", True),
        ("nl/vote", True),
        ("a" * 200, True),
        ("a" * 201, False),
        ("a/" * 99 + "aa", True),
        ("a/" * 100 + "a", False),
        ("", False),
        ("/a", False),
        ("a/", False),
        ("a//b", False),
        ("a/./b", False),
        ("../a", False),
        ("a/..", False),
        ("a/...", True),
        ("a b", False),
        ("a\n", False),
        ("\u00e9", False),
    ],
)
def test_a_client_path_has_plain_parts_and_at_most_200_characters(path: str, good: bool) -> None:
    assert is_client_path(path) is good


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True),
        ("a" * 100, True),
        ("a" * 101, False),
        (".a", False),
        ("a.", False),
        ("a.b", True),
        ("con", False),
        ("CON.txt", False),
        ("com1", False),
        ("lpt9.pdf", False),
        ("console", True),
        ("com10", True),
        ("a/b", False),
        ("a\n", False),
        ("", False),
    ],
)
def test_a_documents_name_is_one_that_every_system_can_keep(name: str, good: bool) -> None:
    assert is_document_name(name) is good


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("1.0+b", True),
        ("a" * 100, True),
        ("a" * 101, False),
        (".1", False),
        ("1 0", False),
        ("1\n", False),
        ("", False),
    ],
)
def test_a_release_has_a_plain_name(name: str, good: bool) -> None:
    assert is_release(name) is good
