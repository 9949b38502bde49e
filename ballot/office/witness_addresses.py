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
from stembus.audit.log.verifier_key import VerifierKey
from stembus.audit.witness.requests import PATH as ADD_CHECKPOINT
from stembus.ballot.errors import WitnessAddressesInvalid

_HERE = ("localhost", "127.0.0.1")


def parse_witnesses(path: str, data: bytes) -> Policy:
    """Of the file at `path`. Raises WitnessAddressesInvalid."""
    try:
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
    places: dict[str, str] = {}
    for witness in policy.witnesses:
        if witness.url is not None:
            _demand_address(path, witness.key.name, witness.url)
            other = places.setdefault(witness.url.rstrip("/"), witness.key.name)
            if other != witness.key.name:
                raise WitnessAddressesInvalid(f"{path}: {other} and {witness.key.name} have the same address")
    return policy


def _demand_address(path: str, name: str, url: str) -> None:
    try:
        parse_address(url)
    except AuditError as error:
        raise WitnessAddressesInvalid(f"{path}: witness {name}: {error}") from None
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _HERE:
        raise WitnessAddressesInvalid(f"{path}: witness {name}: write https://, so that it is this witness who answers")
    if url.rstrip("/").endswith(ADD_CHECKPOINT):
        raise WitnessAddressesInvalid(f"{path}: witness {name}: leave {ADD_CHECKPOINT} out of its address")


def witness_addresses(path: Path, manifest: Manifest) -> dict[str, str]:
    """By the witness's name; empty without the file. Raises WitnessAddressesInvalid where it is not the manifest's."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        data = file.read(POLICY_BYTES + 1)
    return demand_witnesses(str(path), parse_witnesses(str(path), data), manifest)


def demand_witnesses(path: str, policy: Policy, manifest: Manifest) -> dict[str, str]:
    """Where the manifest's witnesses answer, as far as the policy says. Raises WitnessAddressesInvalid."""
    expected = policy_of(manifest)
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
            f"{path}: its quorum is {policy.quorum}, and in this referendum {expected.quorum} witnesses must cosign; "
            "before define, witness_quorum in the draft can change, later only this file"
        )
    return {witness.key.name: witness.url for witness in policy.witnesses if witness.url is not None}


def policy_of(manifest: Manifest, addresses: dict[str, str] | None = None) -> Policy:
    """For tools that know no referendum: what makes a checkpoint of this log valid."""
    log = manifest.log.verifier_key
    keys = [
        VerifierKey(member.name, cosignature_algorithm(member.public), member.public)
        for member in manifest.witnesses.members
    ]
    urls = addresses or {}
    witnesses = tuple(Listed(key, urls.get(key.name)) for key in keys)
    return Policy((Listed(log, None),), witnesses, manifest.witnesses.quorum)
