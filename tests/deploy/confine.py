"""Runs a command as systemd would run it for a unit: its user and groups, its umask, and no more rights.

A program of its own, started by root inside a new mount namespace (`unshare --mount`), or by anybody without one. Its
argument is JSON. With a namespace every file system is read-only but for the unit's ReadWritePaths, as with
ProtectSystem=strict. Leaves out the rest of systemd's walls: system calls, devices, addresses, a private /tmp.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

NO_NEW_PRIVILEGES, DENY_WRITE_EXECUTE = 38, 65  # of prctl(2); the second since Linux 6.3


def main(asked: dict[str, Any]) -> None:
    if asked["user"] is not None:
        open_closed_homes([Path(path) for path in asked["read"]], Path(asked["scratch"]))
        protect_system(asked["write"])
        os.setgroups(asked["groups"])
        os.setgid(asked["group"])
        os.setuid(asked["user"])
    os.umask(int(asked["umask"], 8))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    libc.prctl(DENY_WRITE_EXECUTE, 1, 0, 0, 0)  # refused by an older kernel
    os.execv(asked["command"][0], asked["command"])


def mount(*arguments: str, check: bool = True) -> None:
    subprocess.run(["mount", *arguments], check=check, stderr=None if check else subprocess.DEVNULL)


def open_closed_homes(trees: list[Path], scratch: Path) -> None:
    """A developer's Python and checkout may lie in a home that nobody else may enter: here everybody may, and finds
    these trees there and nothing else."""
    closed: dict[Path, list[Path]] = {}
    for tree in trees:
        shut = next((path for path in reversed(tree.parents) if not path.stat().st_mode & 0o001), None)
        if shut is not None:
            closed.setdefault(shut, []).append(tree)
    for number, (home, inside) in enumerate(closed.items()):
        copies = [(scratch / f"{number}-{k}", tree) for k, tree in enumerate(inside)]
        for copy, tree in copies:
            copy.mkdir(exist_ok=True)
            mount("--bind", str(tree), str(copy))
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(home))
        for copy, tree in copies:
            tree.mkdir(parents=True, exist_ok=True)
            mount("--bind", str(copy), str(tree))


def protect_system(writable: list[str]) -> None:
    for path in writable:
        mount("--bind", path, path)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in points:
        if point not in writable and not point.startswith(("/dev", "/proc", "/sys")):
            mount("-o", "remount,bind,ro", point, check=point == "/")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
