"""One party: its folder, and, where root runs this, a user of its own who can read no other party's folder.

Decides as whom its commands and programs run. Leaves to `run` what they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stembus.scripts.develop.faults import clock
from stembus.scripts.develop.faults.processes import Ended, Service, run_stembus
from stembus.scripts.rehearsal.referendum import PASSPHRASE

_FIRST_USER = 61_000  # no user of a Debian system has these numbers


class NotApart(Exception):
    """Something did not go as this script expects; the text says what."""


def users_apart() -> bool:
    """Whether parties can be users of their own here: as root, where any user may run this program."""
    if os.geteuid() != 0:
        return False
    # Twice: the first program after setpriv is still started with the rights of root.
    tried = [*_as_user(_FIRST_USER), "env", sys.executable, "-c", "import stembus.scripts.cli.main"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


def _as_user(number: int) -> list[str]:
    return ["setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups", "--no-new-privs", "--"]


class Party:
    """`number` is from 1; `apart` as `users_apart` says. Its folder is made; whatever is put there is its own after
    `own`."""

    def __init__(self, name: str, root: Path, number: int, apart: bool) -> None:
        self.name = name
        self._clock = root / "clock"
        self.folder = root / name
        self.folder.mkdir()
        self.log = root / f"{name}.log"
        self._user = _FIRST_USER + number if apart else None
        self.own()

    def own(self, mode: int = 0o700) -> None:
        """All of its folder belongs to it, and nobody else can enter, unless `mode` says so."""
        self.folder.chmod(mode)
        if self._user is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, self._user, self._user)

    def give(self, path: Path, content: bytes) -> None:
        """Puts a file into its folder, as somebody who hands it over."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if self._user is not None:
            os.chown(path, self._user, self._user)

    def run(self, *arguments: str, expect: int = 0, **settings: str) -> Ended:
        """A command. Raises NotApart unless it ends with the status that is expected."""
        ended = run_stembus(self._environment(settings), arguments, user=self._as_itself)
        if ended.status != expect or "Traceback" in ended.stderr:
            told = ended.stderr.strip() or ended.stdout.strip()
            raise NotApart(f"{self.name}: stembus {' '.join(arguments)} ended with {ended.status}: {told}")
        return ended

    def service(self, port: int, command: Sequence[str], **settings: str) -> Service:
        return Service(self.name, port, self._environment(settings), self.log, self._as_itself(command))

    def _as_itself(self, command: Sequence[str]) -> list[str]:
        return list(command) if self._user is None else [*_as_user(self._user), *command]

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("STEMBUS_")}
        told = {f"STEMBUS_{name}": value for name, value in settings.items()}
        return (
            own
            | told
            | {
                "HOME": str(self.folder),
                "STEMBUS_PASSPHRASE": PASSPHRASE,
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": os.pathsep.join([str(Path(clock.__path__[0])), *filter(None, [own.get("PYTHONPATH")])]),
                "FAULTS_CLOCK": str(self._clock),
            }
        )
