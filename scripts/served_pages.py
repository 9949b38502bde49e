"""What a site serves, held against the pages, scripts and styles that the log names by their hashes.

Decides when a file is the one that is named: its bytes, and for a page the policy that keeps it to its own scripts, and
no header that leads elsewhere. A server can show one visitor something else than another: look from several places.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from stembus.audit.errors import CannotRead
from stembus.audit.formats.entry_bodies import Client
from stembus.audit.formats.manifest import Manifest
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.webvote.csp import voting_policy

FILE_BYTES = 4 * 1024 * 1024
_SECONDS = 30
_UNDER_STATIC = ("static/", "theme/")


@dataclass(frozen=True, slots=True)
class ServedFile:
    """`found` is the hash of what is served, or in brackets what is wrong with it; empty where nothing could be read,
    and then `problem` says why. `data` is what came, if it is another file than the named one."""

    path: str
    expected: str
    found: str
    problem: str = ""
    data: bytes = b""

    @property
    def differs(self) -> bool:
        return bool(self.found) and self.found != self.expected


def newest_release(log: VerifiedLog) -> Client | None:
    """What the log names last, if it names any."""
    bodies = [entry.body for _, _, entry in log.entries() if isinstance(entry.body, Client)]
    return bodies[-1] if bodies else None


def look_at_site(manifest: Manifest, release: Client) -> Iterator[ServedFile]:
    """Each file of the release, as the manifest's address serves it now."""
    for file in release.files:
        page = not file.path.startswith(_UNDER_STATIC) and not file.path.endswith("/save")
        policy = voting_policy(manifest) if page else None
        try:
            found, data = _fetch(f"{manifest.client.url.rstrip('/')}/{file.path}", policy)
        except CannotRead as error:
            yield ServedFile(file.path, file.sha256, "", str(error))
            continue
        yield ServedFile(file.path, file.sha256, found, data=b"" if found == file.sha256 else data)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _fetch(url: str, policy: str | None) -> tuple[str, bytes]:
    """Raises CannotRead when nothing is served."""
    try:
        with urllib.request.build_opener(_NoRedirect).open(url, timeout=_SECONDS) as response:
            data = response.read(FILE_BYTES)
            if len(data) < FILE_BYTES and response.length:
                raise CannotRead(f"only {len(data)} bytes came, {response.length} are lacking")
            if policy is not None and response.headers.get_all("Content-Security-Policy") != [policy]:
                return "(served with another content security policy)", data
            if "Refresh" in response.headers or "Link" in response.headers:
                return "(served with a header that leads elsewhere)", data
            return hashlib.sha256(data).hexdigest(), data
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500 or error.code in (408, 425, 429):
            raise CannotRead(f"{error.code} {error.reason}") from None
        return f"(not served: {error})", b""
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CannotRead(f"{getattr(error, 'reason', None) or error or type(error).__name__}") from None
