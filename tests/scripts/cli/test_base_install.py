"""Auditors and trustees need no server library, and nothing that only Unix has: no file locks, no hard links."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Finished

SERVER = ["flask", "flask_babel", "flask_limiter", "gunicorn", "sqlalchemy", "psycopg", "gmpy2", "argon2", "stdnum"]
SERVER += ["confusable_homoglyphs"]
# What Windows lacks is hidden, and what a FAT stick refuses is refused, before anything of ours is loaded.
BARE = f"""
import errno, os, sys
for name in {["fcntl", "pwd", "grp", "resource", *SERVER]!r}:
    sys.modules[name] = None
opened = os.open
def no_folder(path, flags, mode=0o777, **options):
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, "no folder is opened here", path)
    return opened(path, flags, mode, **options)
def no_link(*_, **__):
    raise PermissionError(errno.EPERM, "no links on this file system")
os.open = no_folder
if {{links}} == "refused":
    os.link = no_link
else:
    del os.link
for name in ("fchmod", "fchown", "chown", "getuid", "umask"):
    delattr(os, name)
from stembus.scripts.cli.main import main
main()
"""


@pytest.fixture(params=["refused", "missing"])
def links(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(links: str, folder: Path, *arguments: str, status: int = 0) -> str:
    program = [sys.executable, "-c", BARE.replace("{links}", repr(links)), *arguments]
    environment = os.environ | {"STEMBUS_PASSPHRASE": "rehearsal", "STEMBUS_CLOCK": "2019-10-21T00:00:00+02:00"}
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_bundle_is_verified_and_shown(finished: Finished, links: str) -> None:
    identity = finished.referendum.hex()
    for workers in ("1", "2"):
        said = run(links, finished.root, "verify", "public", "--referendum", identity, "--workers", workers)
        assert "HOLDS" in said
    assert json.loads(run(links, finished.root, "show", "public", "0"))["type"] == "manifest"


def test_a_trustee_makes_a_key_and_takes_its_steps(opened: Finished, tmp_path: Path, links: str) -> None:
    shutil.copytree(opened.root / "public", tmp_path / "public")
    shutil.copytree(opened.root / "trustee-1", tmp_path / "home" / "trustee-1")
    published = ("--place", "public", "--referendum", opened.referendum.hex())
    assert "fits the election key" in run(links, tmp_path, "trustee", "rehearse", "home", *published)
    assert "the ceremony is complete" in run(links, tmp_path, "trustee", "commit", "home", *published)
    assert "voting is not closed" in run(links, tmp_path, "trustee", "intent", "home", *published, status=1)
    assert "a folder of their own" in run(links, tmp_path, "trustee", "identity", "home", "--number", "2", status=1)
    assert "trustee-2" in run(links, tmp_path, "trustee", "identity", "other", "--number", "2")
    assert "already done" in run(links, tmp_path, "trustee", "identity", "other", "--number", "2")


def test_a_trustee_takes_part_in_a_ceremony(tmp_path: Path, links: str) -> None:
    """Its secrets are created, replaced and read again; the signed entry goes into a file to send."""
    from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft

    rehearsal = Rehearsal(tmp_path / "office")
    rehearsal.keys(trustees=1)
    rehearsal.define(demo_draft(10, 1, threshold=1))
    shutil.copytree(tmp_path / "office" / "trustee-1", tmp_path / "home" / "trustee-1")
    for step in ("commit", "reveal"):
        place = ("--place", "office/public", "--referendum", rehearsal.office.referendum.hex())
        said = run(links, tmp_path, "trustee", step, "home", *place)
        entry = tmp_path / "home" / "outbox" / f"trustee-1-{step}.json"
        assert str(entry.relative_to(tmp_path)) in said
        rehearsal.office.log().append([entry.read_bytes()])


def test_who_writes_a_log_without_locks_is_told_so(opened: Finished, tmp_path: Path) -> None:
    shutil.copytree(opened.root, tmp_path / "office")
    said = run("missing", tmp_path, "incident", "office", "--text", "nl=x", status=1)
    assert "no file locks" in said
