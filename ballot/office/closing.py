"""The end of the voting: closed, when registrars, box and log agree, or cancelled.

Decides in which order the services stop, and which contradictions two officers may explain. Leaves to each service how
it stops, and to the log whether the entry may stand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stembus.audit.formats.entry_bodies import Close
from stembus.audit.formats.lists import encode_keys, issuance_path, struck_path
from stembus.audit.formats.manifest import Texts
from stembus.ballot.errors import CountsContradict
from stembus.ballot.http_client import ServiceUnreachable

if TYPE_CHECKING:
    from stembus.ballot.office.services import ServedOffice  # needs the server's parts


@dataclass(frozen=True, slots=True)
class Counts:
    """At the close: tokens of each registrar; of the log, tokens with a ballot, ballots and batches."""

    issued: list[int]
    used: int
    ballots: int
    batches: int


def close_voting(office: ServedOffice, despite: Texts | None = None) -> Counts:
    """Registrars stop and sign, the box takes no more ballots and seals its last batch, two officers close the log.
    Killed anywhere, it can be run again. Raises CountsContradict or DatabaseBehind when registrars, box and log cannot
    all be right: then the log stays open and no list is published, though no token and no ballot is taken any more.
    `despite` is why the box holds other ballots than the log: two officers log it as an incident. No words help where
    fewer tokens were given out than the log uses: no result could rest on that (V22)."""
    log = office.log()
    log.check(Close(batches=log.order.batches, ballots=log.order.ballots, issuance=[]))
    _demand_replacements_logged(office)
    closed = [office.statements(number).close(least) for number, least in enumerate(log.issued, 1)]
    statements = [final.statement for final in closed]
    office.box.finish(office.count_statements)
    order, accepted, missing = log.order, office.box.accepted(), office.box.missing()
    used = office.logged_tokens()
    counts = Counts([statement.count for statement in statements], used, order.ballots, order.batches)
    given = " and ".join(map(str, counts.issued))
    found = (
        f"registrars gave out {given} tokens, the log holds {order.ballots} ballots of {used} tokens, and the box "
        f"{accepted} ballots, of which {missing} are not in the log; the log was not closed, and nothing "
        "is taken any more"
    )
    if min(counts.issued) < used:
        raise CountsContradict(found)
    if missing or accepted != order.ballots:
        if despite is None:
            raise CountsContradict(
                f"{found}; bring back what is missing, or say why: stembus close DIR --despite LANG=TEXT"
            )
        office.tell(despite, officers=2)
    for number, final in enumerate(closed, 1):
        log.publish(issuance_path(number), "".join(line.line() for line in final.issued).encode("ascii"))
        log.publish(struck_path(number), encode_keys(final.struck).encode("ascii"))
    log.append([office.officers_sign(Close(batches=order.batches, ballots=order.ballots, issuance=statements))])
    return counts


def _demand_replacements_logged(office: ServedOffice) -> None:
    """A spare letter that no entry names would be a breach for good (V21), and no entry can come after the close.
    Raises CountsContradict."""
    if not office.key_path("registrar-1").exists():
        return
    for number, spare in office.letters().replacements().items():
        if spare.hex() not in office.log().order.replaced:
            raise CountsContradict(
                f"the letter of voter {number} was replaced, and the log does not say so; run once more: stembus "
                f"credentials replace {office.root} {number} SPARE; nothing was closed"
            )


def stop_registrars(office: ServedOffice) -> None:
    """Once the referendum is cancelled: no registrar gives out anything any more. Those that do not answer keep no
    other from being told; then raises ServiceUnreachable."""
    away = []
    for number in range(1, len(office.manifest.registrars) + 1):
        party = f"registrar-{number}"
        if not office.key_path(party).exists() or office.databases.made(party):
            try:
                office.statements(number).cancel()
            except ServiceUnreachable as error:
                away.append(error)
    if away:
        raise away[0]
