"""`pip install` into an environment, calm and quick to fail: a network that stands in the way is named in one sentence.

Decides which of pip's complaints end the installation at once, because waiting does not mend them. How pip reaches its
index (proxies, certificates, time limits) is the user's own configuration. Runs under the system's Python: standard
library only.

    python3 scripts/develop/install.py .venv --require-hashes -r requirements/server.lock
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

CERTIFICATE = (
    "the network's certificate is not trusted, as on networks that look into TLS; let PIP_CERT and NODE_EXTRA_CA_CERTS "
    "name a file with the certificate of this network, then run the same command again"
)
UNREACHABLE = "the package index cannot be reached; check the network or its proxy, then run the same command again"
# (what pip says about an attempt, the sentence, how many such attempts are enough)
CAUSES = (
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError", CERTIFICATE, 1),
    (r"ConnectTimeoutError|ProxyError", UNREACHABLE, 1),
    (r"NewConnectionError|NameResolutionError|Network is unreachable|Connection refused", UNREACHABLE, 2),
    (r"ReadTimeoutError|ProtocolError|Connection reset", UNREACHABLE, 5),
)
UNINTERESTING = re.compile(r"\s*$|WARNING: Location |\[notice\]")


class InstallFailed(Exception):
    """The message is the one sentence."""


def follow(lines: Iterable[str]) -> list[str]:
    """Reads what pip complains about and returns it. Raises InstallFailed as soon as the cause is one that stays."""
    read: list[str] = []
    counts = dict.fromkeys((pattern for pattern, _, _ in CAUSES), 0)
    for line in lines:
        read.append(line.rstrip())
        for pattern, sentence, enough in CAUSES:
            if re.search(pattern, line):
                counts[pattern] += 1
                if counts[pattern] >= enough:
                    raise InstallFailed(sentence)
                break
    return read


def install(venv: Path, arguments: Sequence[str]) -> None:
    """Raises InstallFailed."""
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", *arguments]
    try:
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        raise InstallFailed(f"{python} cannot be run ({error.strerror}); remove {venv} and run it again") from None
    with started as pip:
        assert pip.stderr
        try:
            complaints = follow(pip.stderr)
        except BaseException:
            pip.kill()
            raise
    if pip.returncode:
        told = [line for line in complaints if not UNINTERESTING.match(line)]
        raise InstallFailed("pip could not install this:\n" + "\n".join(told))


def main(arguments: Sequence[str]) -> str | None:
    """The sentence to end with, None when everything is installed."""
    venv, *rest = arguments
    print(f"stembus: installing {rest[-1]} into {venv} ...", file=sys.stderr, flush=True)
    try:
        install(Path(venv), rest)
    except InstallFailed as error:
        return f"stembus: error: {error}"
    except KeyboardInterrupt:
        return "stembus: stopped"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
