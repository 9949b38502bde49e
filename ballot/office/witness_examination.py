"""Examines the witnesses of a folder: those whose files lie in it, and those that answer elsewhere.

Decides how each is looked at. Leaves the judging to `health`, and to `examination` that what fails becomes a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stembus.audit.log.source import FolderPlace
from stembus.audit.log.tile_reader import TileReader
from stembus.audit.witness.refusals import LogUnknown
from stembus.ballot.log_operator.cosigning import Reasons, sizes_seen
from stembus.ballot.log_operator.log_reading import LogReading
from stembus.ballot.log_operator.remote_witness import RemoteWitness
from stembus.ballot.office import health
from stembus.ballot.office.health import Finding, fail, skipped
from stembus.ballot.office.office import Office
from stembus.ballot.office.witness_addresses import witness_addresses


@dataclass(frozen=True)
class Witnesses:
    """`here` are the numbers of those whose folders lie here."""

    here: tuple[int, ...]
    elsewhere: tuple[RemoteWitness, ...]

    @classmethod
    def of(cls, office: Office) -> Witnesses:
        """Raises WitnessAddressesInvalid."""
        members = office.manifest.witnesses.members
        here = [k for k in range(1, len(members) + 1) if office.folder(f"witness-{k}").is_dir()]
        addresses = witness_addresses(office.witness_policy, office.manifest)
        names = [member.name for k, member in enumerate(members, 1) if k not in here and member.name in addresses]
        return cls(tuple(here), tuple(RemoteWitness(name, addresses[name]) for name in names))

    def __len__(self) -> int:
        return len(self.here) + len(self.elsewhere)


def examine_here(office: Office, log: LogReading, number: int) -> Finding:
    """Raises RecordInvalid for what is damaged."""
    party, member = f"witness-{number}", office.manifest.witnesses.members[number - 1]
    if not office.key_path(party).exists():
        return fail(f"witness {member.name}", f"{office.key_path(party)} is missing; restore it from a backup")
    try:
        seen = office.followed_logs(party).read(office.manifest.log.origin)
    except LogUnknown:
        return health.forgetful_witness(member.name)
    if seen.size > log.size:
        log.refresh()  # it may have grown since it was read
    root = log.root(seen.size) if 0 < seen.size <= log.size else None
    return health.witness(member.name, seen, log.size, root)


def examine_elsewhere(
    office: Office, log: LogReading, witnesses: tuple[RemoteWitness, ...], here: int
) -> Iterator[Finding]:
    """All are asked at once. One that has seen nothing signs what is published, as it would at the next step;
    `here` is how many others lie in this folder."""
    head, reasons = log.head(), Reasons()
    reader = TileReader(FolderPlace(office.public), head.size if head else 0)
    found = sizes_seen(office.manifest, witnesses, head, reader, reasons, all_of_them=True)
    seen = {name: size for size, name in found}
    if max(seen.values(), default=0) > log.size:
        log.refresh()
    for witness in witnesses:
        if head is None:
            yield skipped(f"witness {witness.name}", "nothing is published yet that it could be asked about")
        elif witness.name in seen:
            yield health.witness_elsewhere(witness.name, seen[witness.name], log.size)
        else:
            needed = office.manifest.witnesses.quorum - here
            yield health.silent_witness(witness.name, witness.url, reasons[witness.name], len(seen) >= needed)
