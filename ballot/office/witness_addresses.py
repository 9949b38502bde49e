"""Where the witnesses of a referendum answer: DIR/witnesses.policy, a C2SP tlog-policy file.

The manifest says who the witnesses are and how many must cosign; this file adds where they answer, which may change.
Decides that the two agree, and which addresses may stand there.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from stembus.audit.errors import AuditError
from stembus.audit.formats.address import parse_address
from stembus.audit.formats.manifest import Manifest
from stembus.audit.log.note import cosignature_algorithm
from stembus.audit.log.policy import POLICY_BYTES, Listed, Policy, parse_policy
from stembus.audit.log.verifier_key import ED25519, VerifierKey
from stembus.ballot.errors import WitnessAddressesInvalid

_HERE = ("localhost", "127.0.0.1")


def read_policy(path: Path) -> Policy:
    """Raises WitnessAddressesInvalid."""
    try:
        with path.open("rb") as file:
            data = file.read(POLICY_BYTES + 1)
        if len(data) > POLICY_BYTES:
            raise WitnessAddressesInvalid(f"{path} is longer than {POLICY_BYTES} bytes")
        policy = parse_policy(data)
    except AuditError as error:
        raise WitnessAddressesInvalid(f"{path}: {error}") from None
    names = [witness.key.name for witness in policy.witnesses]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise WitnessAddressesInvalid(
            f"{path}: two keys have the name {twice[0]}; choose one of them: in a referendum each witness has one key"
        )
    for witness in policy.witnesses:
        if witness.url is not None:
            _demand_address(path, witness.key.name, witness.url)
    return policy


def _demand_address(path: Path, name: str, url: str) -> None:
    try:
        parse_address(url)
    except AuditError as error:
        raise WitnessAddressesInvalid(f"{path}: witness {name}: {error}") from None
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _HERE:
        raise WitnessAddressesInvalid(f"{path}: witness {name}: write https://, so that it is this witness who answers")


def witness_addresses(path: Path, manifest: Manifest) -> dict[str, str]:
    """By the witness's name; empty without the file. Raises WitnessAddressesInvalid where it is not the manifest's."""
    if not path.exists():
        return {}
    policy, expected = read_policy(path), policy_of(manifest)
    for log in policy.logs:
        if log.key != expected.logs[0].key:
            raise WitnessAddressesInvalid(f"{path}: {log.key.name}, with this key, is not the log of this referendum")
    known = {listed.key for listed in expected.witnesses}
    for witness in policy.witnesses:
        if witness.key not in known:
            raise WitnessAddressesInvalid(
                f"{path}: {witness.key.name}, with this key, is no witness of this referendum"
            )
    if policy.quorum != expected.quorum:
        raise WitnessAddressesInvalid(
            f"{path}: its quorum is {policy.quorum}, and in this referendum {expected.quorum} witnesses must cosign"
        )
    return {witness.key.name: witness.url for witness in policy.witnesses if witness.url is not None}


def policy_of(manifest: Manifest, addresses: dict[str, str] | None = None) -> Policy:
    """For tools that know no referendum: what makes a checkpoint of this log valid."""
    log = VerifierKey(manifest.log.origin, ED25519, bytes.fromhex(manifest.log.key))
    keys = [
        VerifierKey(member.name, cosignature_algorithm(member.public), member.public)
        for member in manifest.witnesses.members
    ]
    urls = addresses or {}
    witnesses = tuple(Listed(key, urls.get(key.name)) for key in keys)
    return Policy((Listed(log, None),), witnesses, manifest.witnesses.quorum)
