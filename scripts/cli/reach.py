"""How a voter's commands reach a referendum: the services of a folder, or those that an address names.

Decides nothing but where to ask. The setup is checked before anything is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stembus.audit.log.places import ADDRESSES
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify.setup import Setup, load_setup
from stembus.ballot.errors import RequestInvalid
from stembus.ballot.voter.remote import RemoteBox, RemoteRegistrar
from stembus.ballot.voter.session import BoxService, RegistrarService
from stembus.scripts.published import opened, referendum_id
from stembus.scripts.shell import serve_office


@dataclass(frozen=True)
class Referendum:
    """Where a voter votes: the checked setup, the services, and how to verify."""

    setup: Setup
    registrars: list[RegistrarService]
    box: BoxService
    published: str
    keep: Path


def reach(place: str, referendum: str | None) -> Referendum:
    """A folder holds its own services; an address says in its manifest where they are."""
    if not place.startswith(ADDRESSES):
        office = serve_office(Path(place))
        setup = load_setup(FolderPlace(office.public), office.referendum)
        here = office.registrars_here()
        registrars: list[RegistrarService] = [
            office.registrar(k) if k in here else RemoteRegistrar(registrar.url)
            for k, registrar in enumerate(setup.manifest.registrars, 1)
        ]
        return Referendum(setup, registrars, office.box, str(office.public), Path(place) / "voters")
    if referendum is None:
        raise RequestInvalid("say which referendum it should be: --referendum and the id on the letter")
    published = place.rstrip("/") + "/log"
    with opened(published) as source:
        setup = load_setup(source, referendum_id(referendum))
    remote: list[RegistrarService] = [RemoteRegistrar(registrar.url) for registrar in setup.manifest.registrars]
    return Referendum(setup, remote, RemoteBox(setup.manifest.box.url), published, Path("stembus-voters"))
