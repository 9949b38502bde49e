"""A wheel without its client, or with files of its own in site-packages, is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

from stembus.scripts.develop.wheel import faults, main
from stembus.webvote.static_files import CLIENT_FILES

GOOD = [
    "stembus/__init__.py", "stembus-0.1.0.dist-info/RECORD", *(f"stembus/webvote/{path}" for path in CLIENT_FILES),
]  # fmt: skip


def test_each_file_of_the_client_is_needed() -> None:
    assert faults(GOOD) == []
    assert len(CLIENT_FILES) == 11
    for path in CLIENT_FILES:
        name = f"stembus/webvote/{path}"
        assert faults([other for other in GOOD if other != name]) == [f"{name} is missing"]


def test_nothing_lies_beside_the_package() -> None:
    for name in ("crypto/__init__.py", "stembus.py", "other-1.dist-info/RECORD", "stembus-0.1.0.data/scripts/x"):
        assert faults([*GOOD, name]) == [f"{name} lies outside stembus/"]


def test_the_newest_wheel_is_looked_at(tmp_path: Path) -> None:
    assert "there is no wheel" in (main([str(tmp_path)]) or "")
    path = tmp_path / "stembus-0.1.0-py3-none-any.whl"
    for names in (GOOD, GOOD[:-1]):
        with zipfile.ZipFile(path, "w") as wheel:
            for name in names:
                wheel.writestr(name, "")
        assert (main([str(tmp_path)]) is None) == (names is GOOD)
