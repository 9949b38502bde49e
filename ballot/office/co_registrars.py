"""What an office keeps to reach the registrars other than the first, and what such a registrar keeps.

    DIR/desk/asks.key       the help desk's key, by which it strikes letters at registrars elsewhere
    DIR/desk/asks.allowed   registrar 1's signature that it may, in hexadecimal
    DIR/registrar-2/roll/   the two public lists of the roll, from the log: all that such a registrar needs

Decides where these lie, and that letters come from a log that was verified. Leaves what is asked to
`issuance.co_registrar`, and in which order to `services`.
"""

from __future__ import annotations

from pathlib import Path

from stembus.audit import bounds
from stembus.audit.durable import write_durably
from stembus.audit.errors import CannotRead, PlaceError, RecordInvalid
from stembus.audit.formats.entry_bodies import Replace, Roll
from stembus.audit.formats.lists import CREDENTIALS, SPARES, encode_keys, parse_keys
from stembus.audit.log.source import FolderPlace, Place
from stembus.audit.verify.verified_lists import keys_of
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.errors import BallotError, RollInvalid, SecretFileError
from stembus.ballot.issuance.co_registrar import DeskKey, desk_digest
from stembus.ballot.issuance.remote_statements import RemoteStatements
from stembus.ballot.office.office import NotReady, Office
from stembus.ballot.office.own_secret import create_own_secret, read_own_secret
from stembus.crypto.signing import SigningKey

# The help desk's key


def make_desk_key(office: Office) -> None:
    """Once, in a folder of the help desk alone; beside registrar 1's key there is no need of another."""
    if not office.key_path("registrar-1").exists():
        create_own_secret(_asks(office))


def desk_public(office: Office) -> bytes:
    """Raises SecretFileError."""
    return SigningKey(read_own_secret(_asks(office))).public


def allow_desk(office: Office, public: bytes) -> bytes:
    """Registrar 1's signature. Raises SecretFileError."""
    return office.signing_key("registrar-1").sign(desk_digest(office.referendum, public))


def desk_key(office: Office) -> DeskKey:
    """Of this folder: registrar 1's own, or the help desk's. Raises SecretFileError where the desk has none, or
    registrar 1 did not allow it."""
    if office.key_path("registrar-1").exists():
        own = office.signing_key("registrar-1")
        return DeskKey(own, allow_desk(office, own.public))
    key = SigningKey(read_own_secret(_asks(office)))
    try:
        return DeskKey(key, bytes.fromhex(_allowed(office).read_text(encoding="ascii")))
    except (OSError, ValueError):
        raise SecretFileError(
            "registrar 1 has not allowed this help desk to strike at other registrars; in its folder run: stembus desk "
            f"allow DIR {key.public.hex()}, and put what it prints into {_allowed(office)}"
        ) from None


def _asks(office: Office) -> Path:
    return office.folder("desk") / "asks.key"


def _allowed(office: Office) -> Path:
    return office.folder("desk") / "asks.allowed"


# Whether they are there


def demand_registrars(office: Office) -> None:
    """Every registrar elsewhere answers, and has its letters: without one of them nobody could vote. Raises NotReady.
    Nothing is asked from a folder without the ballot box's key."""
    if not office.key_path("box").exists():
        return
    voters, key = office.manifest.eligibility.official_count, office.signing_key("box")
    for number, registrar in enumerate(office.manifest.registrars, 1):
        if office.key_path(f"registrar-{number}").exists():
            continue
        try:
            RemoteStatements(registrar.url, office.referendum, number, key, voters).count_statement(1, 0)
        except BallotError as error:
            raise NotReady(
                f"registrar {number} cannot give tokens yet: {error}; without it nobody can vote. Its people give it "
                "its letters (stembus registrar enrol) and start its service; then run this again"
            ) from None


# What such a registrar has of its own


def roll_folder(office: Office, number: int) -> Path:
    return office.folder(f"registrar-{number}") / "roll"


def take_roll(office: Office, number: int, log: VerifiedLog, place: Place) -> list[Replace]:
    """Copies the roll's two lists, as a verified log states them, into the registrar's folder; returns which letters
    were replaced since. Raises CannotRead, and RollInvalid before the letters are made."""
    roll, replaced = _stated(log)
    folder = roll_folder(office, number)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, count, root in (
        (CREDENTIALS, roll.count, roll.credentials_root),
        (SPARES, roll.spares, roll.spares_root),
    ):
        keys = keys_of(place, path, count, root)
        write_durably(folder / path, encode_keys(keys).encode("ascii"), private=True)
    return replaced


def _stated(log: VerifiedLog) -> tuple[Roll, list[Replace]]:
    bodies = [entry.body for _, _, entry in log.entries()]
    rolls = [body for body in bodies if isinstance(body, Roll)]
    if not rolls:
        raise RollInvalid("the letters are not made yet: the log has no roll; run this again when it has")
    return rolls[0], [body for body in bodies if isinstance(body, Replace)]


def own_roll(office: Office, number: int) -> tuple[list[bytes], list[bytes]]:
    """Credentials and spares, as `take_roll` keeps them. Raises RollInvalid."""
    folder, most = roll_folder(office, number), bounds.KEY_LINE_BYTES * office.manifest.eligibility.official_count
    try:
        place = FolderPlace(folder)
        return list(parse_keys(place.lines(CREDENTIALS, most))), list(parse_keys(place.lines(SPARES, most)))
    except (PlaceError, CannotRead, OSError, RecordInvalid) as error:
        raise RollInvalid(
            f"the roll is not in {folder} ({error}); run: stembus registrar enrol {office.root} --log LOG"
        ) from None
