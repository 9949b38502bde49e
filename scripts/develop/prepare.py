"""What a machine needs besides Python packages, before `make` does anything: looked for, and installed where possible.

Decides where a browser and a database server are looked for (the tests ask here too), which Debian package brings
what is missing, and what is said when it may not be installed. Run by the system's own Python before any environment
exists, so it uses the standard library alone. Python packages are `install.py`'s business.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST = (3, 11)
CHROMIUM, POSTGRES = "STEMBUS_CHROMIUM", "STEMBUS_POSTGRES_BIN"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_PLACES = ("/usr/bin/chromium", "/usr/lib/chromium/chromium", "/snap/bin/chromium", "/opt/google/chrome/chrome")
SERVER_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
NGINX_PLACES = ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/nginx/sbin/nginx")
GO_LIBRARIES = Path("/usr/share/gocode/src")
FONT_PLACES = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


class Unprepared(Exception):
    """Something is missing and cannot be installed; the message says what, and what to do."""


def find_chromium() -> Path | None:
    """The browser of the tests. Raises Unprepared when STEMBUS_CHROMIUM names no program."""
    if named := os.environ.get(CHROMIUM):
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise Unprepared(f"{CHROMIUM} names {named}, which is not a program")
        return Path(named)
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    found += [place for place in BROWSER_PLACES if os.access(place, os.X_OK)]
    return Path(found[0]) if found else None


def find_postgres() -> Path | None:
    """The folder of the server's programs, of the newest version. Raises Unprepared when STEMBUS_POSTGRES_BIN names
    another folder."""
    if named := os.environ.get(POSTGRES):
        if not _serves(Path(named)):
            raise Unprepared(f"{POSTGRES} names {named}, which holds no initdb and postgres")
        return Path(named)
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for place in SERVER_PLACES:
        folders += sorted(Path("/").glob(place[1:]), key=_version, reverse=True)
    return next((folder for folder in folders if _serves(folder)), None)


def find_firefox() -> Path | None:
    """A second engine for the tests."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    return Path(found) if found else None


def find_nginx() -> Path | None:
    """The proxy of `deploy/`. It is often beside the path of those who are not root."""
    found = shutil.which("nginx") or next((place for place in NGINX_PLACES if os.access(place, os.X_OK)), None)
    return Path(found) if found else None


def _serves(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))


def _version(folder: Path) -> int:
    number = re.search(r"([0-9]+)[0-9.]*/bin$", str(folder))
    return int(number[1]) if number else 0


def _font() -> bool:
    # Path.expanduser raises for a user without a home.
    folders = [Path(os.path.expanduser(place)) for place in FONT_PLACES]  # noqa: PTH111
    return any(path.suffix in (".ttf", ".otf", ".ttc") for folder in folders for path in folder.rglob("*"))


def _library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return not sys.platform.startswith("linux")
    return True


@dataclass(frozen=True)
class Need:
    """Something outside Python, the Debian package that brings it, and what is to be done elsewhere."""

    what: str
    why: str
    package: str
    elsewhere: str
    there: Callable[[], bool]


VENV = Need(
    "Python's venv module", "Stembus lives in an environment of its own", "python3-venv",
    "install a Python with ensurepip", lambda: importlib.util.find_spec("ensurepip") is not None,
)  # fmt: skip
TESTS = (
    Need(
        "PostgreSQL", "the stores are tested on a real server", "postgresql",
        f"install PostgreSQL, or let {POSTGRES} name the folder of its programs", lambda: find_postgres() is not None,
    ),
    Need(
        "Chromium", "whole votes are cast in a real browser", "chromium",
        f"install Chromium, or let {CHROMIUM} name the program", lambda: find_chromium() is not None,
    ),
    Need(
        "Firefox", "a vote is cast in it, too", "firefox-esr", "install Firefox", lambda: find_firefox() is not None,
    ),
    Need(
        "WebKit's driver", "a vote is cast in WebKit, too", "webkit2gtk-driver",
        "install WebKitGTK's WebDriver", lambda: shutil.which("WebKitWebDriver") is not None,
    ),
    Need(
        "Xvfb", "WebKit needs a screen, if only such a one", "xvfb", "install Xvfb",
        lambda: shutil.which("Xvfb") is not None,
    ),
    Need(
        "nginx", "votes are cast through the proxy of deploy/; Debian starts it, too", "nginx",
        "install nginx", lambda: find_nginx() is not None,
    ),
    Need(
        "systemd-analyze", "it checks the units of deploy/", "systemd",
        "use a system with systemd", lambda: shutil.which("systemd-analyze") is not None,
    ),
    Need("a font", "the browser draws letters", "fonts-dejavu-core", "install a TrueType font", _font),
    Need(
        "libatomic", "the program that drives the browser is linked to it", "libatomic1",
        "install libatomic", lambda: _library("libatomic.so.1"),
    ),
    Need(
        "Go", "a test runs the Go program of the documents", "golang-go",
        "install Go", lambda: shutil.which("go") is not None,
    ),
    Need(
        "Go's x/mod", "that program reads a transparency log with it", "golang-golang-x-mod-dev",
        f"put golang.org/x/mod below {GO_LIBRARIES}", lambda: (GO_LIBRARIES / "golang.org/x/mod/sumdb").is_dir(),
    ),
)  # fmt: skip
NEEDS = {"base": (VENV,), "test": (VENV, *TESTS)}


@dataclass(frozen=True)
class Machine:
    """What may be done here. `right` is what stands before a command that needs root's right, None without it; `run`
    returns what a failed command complained about."""

    apt: bool
    right: list[str] | None
    run: Callable[[list[str]], str | None]
    say: Callable[[str], None]


def prepare(purpose: str, needs: Sequence[Need], look_around: Callable[[], Machine]) -> None:
    """Installs what is missing. Raises Unprepared with one sentence when that cannot be done."""
    missing = [need for need in needs if not need.there()]
    if not missing:
        return
    machine = look_around()
    names = ", ".join(need.what for need in missing)
    if not machine.apt:
        raise Unprepared(f"{purpose} needs {names}: {'; '.join(need.elsewhere for need in missing)}")
    packages = [need.package for need in missing]
    install = ["apt-get", "install", "--no-install-recommends", *packages]
    if machine.right is None:
        raise Unprepared(f"{purpose} needs {names}; run: sudo {' '.join(install)}")
    for need in missing:
        machine.say(f"installing the Debian package {need.package} ({need.what}): {need.why}")
    quiet = [*machine.right, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Acquire::Retries=1"]
    # A list of packages that cannot be renewed may still be good enough; installing tells.
    stale = machine.run([*quiet, "update"])
    if trouble := machine.run([*quiet, "-o", "DPkg::Lock::Timeout=120", *install[1:], "--yes"]):
        cause = ", then ".join(told for told in (stale, trouble) if told)
        raise Unprepared(f"{purpose} needs {names}, and apt-get failed ({cause}); check the network, then run it again")
    if still := [need.what for need in missing if not need.there()]:
        raise Unprepared(f"{purpose} needs {', '.join(still)}, which is not found although its package is installed")


def run_quietly(command: list[str]) -> str | None:
    """None when it succeeded, else its last complaint."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith(("E:", "Err:"))]
    return (complaints or lines or [f"exit status {done.returncode}"])[-1].strip()


def this_machine() -> Machine:
    right: list[str] | None = None
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        right = []
    elif shutil.which("sudo") and run_quietly(["sudo", "-n", "true"]) is None:
        right = ["sudo", "-n"]
    return Machine(shutil.which("apt-get") is not None, right, run_quietly, say)


def say(line: str) -> None:
    print(f"stembus: {line}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> str | None:
    """The sentence to end with, None when all is there. The argument is `base` or `test`."""
    purpose = arguments[0]
    if sys.version_info < OLDEST:
        return f"stembus: error: Stembus needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}"
    try:
        prepare("Stembus" if purpose == "base" else f"make {purpose}", NEEDS[purpose], this_machine)
    except Unprepared as error:
        return f"stembus: error: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
