"""Each party's place takes that party's key, of this version, and no key is ever shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from stembus.ballot.errors import SecretFileError
from stembus.ballot.office.key_ring import KeyRing
from stembus.ballot.office.party_key import parse_party_key
from stembus.scripts.parties import new_secret, public_part
from stembus.tally.errors import KeyFileInvalid
from stembus.tally.key_file import parse_trustee_key

PARTIES = ["trustee-1", "officer-1", "registrar-1", "witness-1", "box", "log", "client"]


def ring(folder: Path) -> KeyRing:
    return KeyRing(folder, lambda _: "rehearsal")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    for party in PARTIES:
        role = party.partition("-")[0]
        content = new_secret(role)
        ring(tmp_path).make_key(party, content, public_part(role, party, content))
    return tmp_path


@pytest.mark.parametrize("party", PARTIES)
def test_a_key_is_read_in_its_own_place_only(keys: Path, party: str) -> None:
    assert ring(keys).signing_key(party).public.hex() in (keys / "keys" / f"{party}.json").read_text()
    for other in PARTIES:
        if other != party:
            shutil.copy(ring(keys).key_path(party), ring(keys).key_path(other))
            with pytest.raises(SecretFileError, match=f"{other.partition('-')[0]}.key opens, but it holds the key of"):
                ring(keys).secret(other)


def test_a_key_of_an_earlier_form_is_refused_in_a_sentence(keys: Path) -> None:
    for party in PARTIES:
        content = msgspec.json.decode(ring(keys).secret(party))
        del content["version"]
        ring(keys).save_secret(party, msgspec.json.encode(content))
        with pytest.raises(SecretFileError, match="opens, but it holds no key of this version"):
            ring(keys).secret(party)


def test_a_registrars_key_without_its_blind_part_gets_no_public_part(keys: Path) -> None:
    content = msgspec.json.decode(ring(keys).secret("registrar-1")) | {"blind_key": None}
    with pytest.raises(SecretFileError, match="signs blindly"):
        public_part("registrar", "registrar-1", msgspec.json.encode(content))


def test_no_key_is_shown(keys: Path) -> None:
    trustee = parse_trustee_key(ring(keys).secret("trustee-1"))
    officer = parse_party_key(ring(keys).secret("officer-1"))
    for key in (trustee, officer):
        assert key.seed not in repr(key)
    with pytest.raises(KeyFileInvalid) as refused:
        parse_trustee_key(msgspec.json.encode({"version": 1, "role": "trustee", "seed": "secret" * 4}))
    assert "secretsecret" not in str(refused.value)
