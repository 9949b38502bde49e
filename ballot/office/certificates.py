"""Until when the certificates of the manifest's addresses are valid, as a voter's browser would find out.

Decides that all addresses are asked at once, and that one that does not answer within the time for all of them is a
finding: nothing waits longer, not even for a name server. Sends nothing but the greeting of TLS.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from stembus.audit.formats.manifest import Manifest
from stembus.ballot.office import health
from stembus.ballot.office.health import Finding, fail, skipped

SECONDS = 20


def addresses(manifest: Manifest) -> list[tuple[str, int]]:
    """Host and port of every https address, each once."""
    urls = [manifest.client.url, manifest.box.url, *(registrar.url for registrar in manifest.registrars)]
    parts = [urlsplit(url) for url in urls]
    found = [(part.hostname, part.port or 443) for part in parts if part.scheme == "https" and part.hostname]
    return list(dict.fromkeys(found))


def certificates(manifest: Manifest, seconds: float = SECONDS) -> list[Finding]:
    """One finding for each address, within `seconds` altogether."""
    asked = addresses(manifest)
    if not asked:
        return [skipped("certificates", "the manifest has no https address")]
    answers: queue.Queue[tuple[int, Finding]] = queue.Queue()
    for number, (host, port) in enumerate(asked):
        arguments = (number, host, port, seconds, manifest.closes_at, answers)
        # A thread that waits for a name server cannot be stopped; as a daemon it keeps nobody.
        threading.Thread(target=_ask, args=arguments, daemon=True).start()
    found: dict[int, Finding] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(asked):
        try:
            number, finding = answers.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[number] = finding
    return [
        found.get(number)
        or fail(f"certificate {host}:{port}", f"no answer within {seconds:g} seconds; see that it runs")
        for number, (host, port) in enumerate(asked)
    ]


def _ask(
    number: int, host: str, port: int, seconds: float, needed: int, answers: queue.Queue[tuple[int, Finding]]
) -> None:
    address = f"{host}:{port}"
    try:
        context = ssl.create_default_context()
        with (
            socket.create_connection((host, port), timeout=seconds) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            told = secured.getpeercert() or {}
        ends = int(ssl.cert_time_to_seconds(str(told["notAfter"])))
        answers.put((number, health.certificate(address, ends, needed, int(time.time()))))
    except ssl.SSLCertVerificationError as error:
        reason = f"browsers do not trust it: {error.verify_message}; renew or replace it"
        answers.put((number, fail(f"certificate {address}", reason)))
    except (OSError, ValueError, KeyError) as error:
        reason = f"it cannot be seen ({type(error).__name__}); see that the address answers"
        answers.put((number, fail(f"certificate {address}", reason)))
