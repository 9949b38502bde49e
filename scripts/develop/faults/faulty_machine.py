"""What a row does to the machine under a service: no room on its disk, no right to write, a registrar that drips.

Decides how each is made and ended. A small file system of its own needs root; the rest does not.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SERVED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
_DRIP_SECONDS = 1.0


def may_mount() -> bool:
    """Whether this user may make a small file system, to fill it."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
        try:
            mounted = subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode == 0
        except OSError:
            return False
        if mounted:
            subprocess.run(["umount", folder], check=True)
    return mounted


@contextmanager
def disk_of_its_own(folder: Path, megabytes: int) -> Iterator[None]:
    """`folder` lies on a small file system; afterwards its content is back where it was."""
    aside = folder.with_name(f"{folder.name}.aside")
    shutil.copytree(folder, aside)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)], check=True)
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        shutil.rmtree(aside)
        yield
        shutil.copytree(folder, aside)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    shutil.copytree(aside, folder, dirs_exist_ok=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Writes a file until no room is left, and gives `leave` bytes back; remove the file to make room."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(65536))
        with suppress(OSError):
            while True:
                file.write(bytes(512))
        file.truncate(max(0, file.tell() - leave))
    return path


@contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Nothing below them can be written; afterwards all modes are what they were."""
    modes = {}
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            with suppress(FileNotFoundError):  # a file that was being written
                modes[path] = path.stat().st_mode
    try:
        for path in reversed(modes):
            with suppress(FileNotFoundError):
                path.chmod(modes[path] & ~0o222)
        yield
    finally:
        for path, mode in modes.items():
            with suppress(FileNotFoundError):
                path.chmod(mode)


class DrippingServer:
    """Takes every connection at a port, and answers it byte by byte, without end."""

    def __init__(self, port: int) -> None:
        self.asked = 0
        self._ended = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.settimeout(0.2)
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        self._socket.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError):
                connection, _ = self._socket.accept()
                self.asked += 1
                threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(None)
            connection.recv(65536)
            connection.sendall(_SERVED)
            while not self._ended.is_set():
                connection.sendall(b" ")
                time.sleep(_DRIP_SECONDS)
