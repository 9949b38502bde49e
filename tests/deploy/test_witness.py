"""A witness as its unit starts it, behind TLS."""

from __future__ import annotations

import pytest

from stembus.audit.bounds import CHECKPOINT_BYTES
from stembus.audit.log.note import Checkpoint, NoteSignature, cosignatures, parse_checkpoint
from stembus.audit.log.verifier_key import parse_verifier_key
from stembus.audit.witness.refusals import SizeDiffers
from stembus.ballot.log_operator.remote_witness import RemoteWitness
from tests.deploy.city import NAMES, City


def test_it_cosigns_the_citys_log_also_with_all_the_lines_that_a_checkpoint_may_have(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(city.certificate))
    key = parse_verifier_key(city.witness_key)
    head = parse_checkpoint((city.office / "public" / "checkpoint").read_bytes())
    line = NoteSignature("stranger.example/w", b"abcd", bytes(2428))
    lines = [line] * ((CHECKPOINT_BYTES - len(head.to_bytes())) // len(line.line().encode()))
    whole = Checkpoint(head.origin, head.size, head.root, (*head.signatures, *lines))
    assert CHECKPOINT_BYTES - 4096 < len(whole.to_bytes()) <= CHECKPOINT_BYTES
    witness = RemoteWitness(NAMES["witness"], city.url("witness"))
    signed = witness.add_checkpoint(whole, 0, [])
    cosigned = Checkpoint(head.origin, head.size, head.root, tuple(signed))
    assert [one.witness for one in cosignatures(cosigned, [(key.name, key.public)])[0]] == [NAMES["witness"]]
    with pytest.raises(SizeDiffers):
        witness.add_checkpoint(whole, 0, [])
    status, headers, body = city.get("witness", "/")
    assert (status, city.witness_key in body.decode()) == (200, True)
    assert "server" not in headers or "waitress" not in headers["server"]


def test_what_it_has_seen_only_its_user_reads(city: City) -> None:
    folder = city.root / "srv" / "witness"
    modes = {path.name: path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*")) if path.is_file()}
    assert folder.stat().st_mode & 0o077 == 0
    assert set(modes.values()) == {0}, modes
