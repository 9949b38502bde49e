"""What a sound draft may still have wrong is said before it is frozen, and a binding one is read back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from stembus.audit.formats.manifest import Manifest
from stembus.ballot.office.draft_doubts import draft_doubts
from stembus.ballot.office.office import Office
from stembus.scripts.cli import setup
from stembus.scripts.cli.main import main
from tests.conftest import Finished

BRUSSELS = "Europe/Brussels"


@pytest.fixture
def office(opened: Finished, tmp_path: Path) -> Office:
    return opened.rehearsal(tmp_path / "office").office


def doubts(office: Office, manifest: Manifest) -> str:
    return "\n".join(draft_doubts(manifest, office, BRUSSELS))


def own(manifest: Manifest, **changes: object) -> Manifest:
    """Of a city that wrote everything itself."""
    replace = msgspec.structs.replace
    made = replace(
        manifest,
        client=replace(manifest.client, url="https://stem.kortrijk.be"),
        box=replace(manifest.box, url="https://bus.kortrijk.be"),
        log=replace(manifest.log, origin="kortrijk.be/2027"),
        registrars=[replace(one, url="https://register.kortrijk.be") for one in manifest.registrars],
    )
    return replace(made, **changes)


def test_each_address_of_the_example_is_named(office: Office) -> None:
    assert doubts(office, own(office.manifest)) == ""
    told = doubts(office, office.manifest)
    for name in ("client_url", "box_url", "log_origin", "registrar_urls 1"):
        assert f"{name} is still an example" in told


@pytest.mark.parametrize(
    ("opens", "closes", "named"),
    [
        ("2027-10-01T09:00:00+02:00", "2027-10-10T18:00:00+02:00", []),
        ("2027-10-25T09:00:00+02:00", "2027-11-05T18:00:00+02:00", ["closes"]),
        ("2027-01-25T09:00:00+02:00", "2027-02-05T18:00:00+01:00", ["opens"]),
        ("2027-01-25T08:00:00+00:00", "2027-02-05T18:00:00+01:00", ["opens"]),
    ],
)
def test_a_time_in_another_offset_than_the_citys_clocks_is_named(
    office: Office, opens: str, closes: str, named: list[str]
) -> None:
    told = doubts(office, own(office.manifest, opens=opens, closes=closes)).splitlines()
    assert [line.split()[0] for line in told] == named


def test_secrets_of_several_in_one_folder_are_named_where_a_decision_binds(office: Office) -> None:
    binding = own(office.manifest, binding=True)
    assert "trustees lie in this one folder" in doubts(office, binding)
    assert "officers lie in this one folder" in doubts(office, binding)
    for party in ("trustee-1", "trustee-2", "officer-2"):
        office.key_path(party).unlink()
    assert doubts(office, binding) == ""
    assert "folder" not in doubts(office, own(office.manifest))


@pytest.mark.parametrize(("answer", "frozen"), [("n\n", False), ("\n", False), ("y\n", True)])
def test_a_binding_referendum_is_read_back_and_frozen_only_on_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, office: Office, answer: str, frozen: bool
) -> None:
    asked: list[Path] = []
    (tmp_path / "new").mkdir()
    monkeypatch.setattr(setup, "check_draft", lambda _: own(office.manifest, binding=True))
    monkeypatch.setattr(setup, "_look_at_time", lambda _: None)
    monkeypatch.setattr(Office, "define", lambda self: asked.append(self.root) or (office.manifest, b""))
    monkeypatch.setattr(Office, "start_log", lambda _: office.log())
    monkeypatch.setattr(Office, "referendum", b"x" * 32)
    result = CliRunner().invoke(main, ["define", str(tmp_path / "new")], input=answer)
    assert "Nothing of this can be changed afterwards" in result.stderr
    assert "people may vote, in postcodes" in result.stderr
    assert "2 of 3 trustees decrypt" in result.stderr
    assert bool(asked) == frozen
    assert (result.exit_code == 0) == frozen
