"""Certificates are looked at as a browser would, all at once, and nobody is waited for longer than was said."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stembus.audit.formats.manifest import Manifest
from stembus.audit.formats.manifest_rules import parse_manifest
from stembus.ballot.office.certificates import addresses, certificates
from stembus.ballot.office.health import Verdict
from tests.conftest import Finished

Serve = Callable[[int], int]


def _certificate(folder: Path, days: int) -> tuple[Path, Path]:
    """For localhost, signed by itself, valid from a hundred days ago for `days` from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days, minutes=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(key.private_bytes(*plain))
    return folder / "tls.pem", folder / "tls.key"


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A server on this machine, whose certificate the system trusts; returns its port."""
    listeners: list[socket.socket] = []

    def start(days: int) -> int:
        chain, key = _certificate(tmp_path, days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer() -> None:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                pass

        threading.Thread(target=answer, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture
def manifest(opened: Finished) -> Manifest:
    """Its voting ended in 2019."""
    return parse_manifest((opened.root / "manifest.json").read_bytes())


def at(manifest: Manifest, url: str) -> Manifest:
    service = msgspec.structs.replace
    registrars = [service(registrar, url=f"{url}/registrar") for registrar in manifest.registrars]
    return service(
        manifest,
        client=service(manifest.client, url=url),
        box=service(manifest.box, url=f"{url}/box"),
        registrars=registrars,
    )


def test_each_address_is_asked_once(manifest: Manifest) -> None:
    assert addresses(at(manifest, "https://vote.example.org")) == [("vote.example.org", 443)]
    assert addresses(at(manifest, "https://vote.example.org:8443")) == [("vote.example.org", 8443)]
    assert addresses(at(manifest, "http://127.0.0.1:8750")) == []


def test_without_https_there_is_nothing_to_look_at(manifest: Manifest) -> None:
    assert [finding.verdict for finding in certificates(at(manifest, "http://127.0.0.1:8750"))] == [Verdict.SKIPPED]


@pytest.mark.parametrize(("days", "verdict"), [(90, Verdict.OK), (10, Verdict.WARN), (-1, Verdict.FAIL)])
def test_the_end_of_a_certificate_is_told(manifest: Manifest, serve: Serve, days: int, verdict: Verdict) -> None:
    found = certificates(at(manifest, f"https://localhost:{serve(days)}"))
    assert [finding.verdict for finding in found] == [verdict], found


def test_a_certificate_that_ends_before_the_voting_is_told(manifest: Manifest, serve: Serve) -> None:
    later = (datetime.now(UTC) + timedelta(days=100)).replace(microsecond=0).isoformat()
    longer = msgspec.structs.replace(at(manifest, f"https://localhost:{serve(90)}"), closes=later)
    assert "before the voting does" in certificates(longer)[0].text


def test_a_certificate_that_nobody_trusts_is_told(
    manifest: Manifest, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = serve(90)
    monkeypatch.delenv("SSL_CERT_FILE")
    found = certificates(at(manifest, f"https://localhost:{port}"))
    assert found[0].verdict is Verdict.FAIL
    assert "browsers do not trust it" in found[0].text


def test_nobody_who_answers_is_told(manifest: Manifest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "cannot be seen" in certificates(at(manifest, f"https://localhost:{port}"))[0].text


def test_a_server_that_never_says_a_word_is_not_waited_for(manifest: Manifest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = certificates(at(manifest, f"https://localhost:{silent.getsockname()[1]}"), seconds=0.3)
    assert found[0].verdict is Verdict.FAIL


def test_a_name_server_that_never_answers_is_not_waited_for(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait() and [])
    found = certificates(at(manifest, "https://vote.example.org"), seconds=0.3)
    released.set()
    assert "no answer within 0.3 seconds" in found[0].text
