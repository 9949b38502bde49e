"""The hashes of the client as a manifest for browsers and extensions that hold pages against a log.

Decides the form: that of WAICT (Web Application Integrity, Consistency and Transparency, a draft of 2025 and 2026 that
Firefox tries out), a map from paths to base64 SHA-256, and the address of the log. It says what the `client` entry
says, and nothing else; whoever does not trust the site reads that entry in the log (`stembus client served`).
"""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from stembus.audit.formats.entry_bodies import Client
from stembus.audit.formats.manifest import Manifest


def integrity_manifest(manifest: Manifest, client: Client) -> dict[str, object]:
    """The paths are those of addresses below the client's own."""
    base = manifest.client.url.rstrip("/")
    folder = urlsplit(base).path
    hashes = {f"{folder}/{file.path}": base64.b64encode(bytes.fromhex(file.sha256)).decode() for file in client.files}
    return {"bt-server": f"{base}/log/", "hashes": hashes}
