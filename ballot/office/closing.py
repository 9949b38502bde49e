"""The end of the voting: closed, when registrars, box and log agree, or cancelled.

Decides in which order the services stop, and which contradictions two officers may explain. Leaves to each service how
it stops, and to the log whether the entry may stand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stembus.audit import bounds
from stembus.audit.entry_rules import may_vote_on_paper
from stembus.audit.formats.entry_bodies import Close, Replace
from stembus.audit.formats.lists import CREDENTIALS, encode_keys, issuance_path, list_root, parse_keys, struck_path
from stembus.audit.formats.manifest import Texts
from stembus.audit.log.source import FolderPlace
from stembus.ballot.errors import BallotError, CountsContradict, ListsContradict
from stembus.ballot.http_client import ServiceUnreachable
from stembus.ballot.issuance.statements import FinalLists

if TYPE_CHECKING:
    from stembus.ballot.office.services import ServedOffice  # needs the server's parts


class StillHealing(BallotError):
    """The last batch stands in the log, and ballots that it lacks can be handed in `until` then, Unix seconds. Nothing
    else is missing: the same step is to be taken again after it."""

    def __init__(self, until: int) -> None:
        super().__init__("the last batch stands in the log; who misses a promised ballot can still hand it in again")
        self.until = until


@dataclass(frozen=True, slots=True)
class Counts:
    """At the close: tokens of each registrar, and as many as it had stated before; people who may vote on paper; of
    the log, tokens with a ballot, ballots and batches."""

    issued: list[int]
    stated: list[int]
    struck: int
    used: int
    ballots: int
    batches: int


def close_voting(office: ServedOffice, despite: Texts | None = None) -> Counts:
    """Registrars stop and sign, the box takes no more ballots and seals its last batch, two officers close the log.
    Killed anywhere, it can be run again; so it is after StillHealing, which it raises until missing ballots were handed
    in again. Raises CountsContradict, ListsContradict or DatabaseBehind when registrars, box and log cannot all be
    right: then the log stays open and no list is published, though no token and no ballot is taken any more. `despite`
    is why the box holds other ballots than the log: two officers log it as an incident. No words help where fewer
    tokens were given out than the log uses: no result could rest on that (V22)."""
    log = office.log()
    log.check(lambda order: Close(batches=order.batches, ballots=order.ballots, issuance=[]))
    _demand_replacements_logged(office)
    closed = [office.statements(number).close(least) for number, least in enumerate(log.issued, 1)]
    for number, final in enumerate(closed, 1):
        _demand_lists(office, number, final)
    statements = [final.statement for final in closed]
    office.box.finish(office.count_statements)
    if office.box.is_healing() and office.clock.now() < (until := _healed(office)):
        raise StillHealing(until)
    office.box.end(office.count_statements)
    order, accepted, missing = log.order, office.box.accepted(), office.box.missing()
    used = office.logged_tokens()
    signed = [{line.credential for line in final.issued} for final in closed]
    struck = len(may_vote_on_paper(signed, [set(final.struck) for final in closed]))
    issued = [statement.count for statement in statements]
    counts = Counts(issued, list(log.issued), struck, used, order.ballots, order.batches)
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


def _healed(office: ServedOffice) -> int:
    """Until when missing ballots can be handed in again, once the last batch of the voting is in. Unix seconds."""
    log, manifest = office.log(), office.manifest
    over = manifest.closes_at + manifest.grace_seconds
    return max(over, log.time_at(log.batch_end) or 0) + manifest.batching.healing_seconds


def _demand_lists(office: ServedOffice, number: int, final: FinalLists) -> None:
    """What the verifier will ask of a registrar's lists; once the close stands in the log, it is too late. Raises
    ListsContradict."""
    stated = final.statement
    credentials = [line.credential for line in final.issued]
    strangers = {*credentials, *final.struck} - _valid_credentials(office)
    problem = None
    if list_root(line.leaf() for line in final.issued) != (stated.count, bytes.fromhex(stated.root)):
        problem = "its list of tokens is not the one that it states"
    elif list_root(final.struck) != (stated.struck, bytes.fromhex(stated.struck_root)):
        problem = "its list of people struck for paper is not the one that it states"
    elif final.struck != sorted(set(final.struck)) or credentials != sorted(set(credentials)):
        problem = "its lists are not sorted, each credential once"
    elif both := set(credentials) & set(final.struck):
        problem = f"{len(both)} people have a token and are struck for paper"
    elif strangers:
        problem = f"{len(strangers)} credentials of its lists are not on the roll, or were replaced"
    if problem:
        raise ListsContradict(
            f"registrar {number}: {problem}; the log was not closed, and can be once the registrar mends that"
        )


def _valid_credentials(office: ServedOffice) -> set[bytes]:
    """Of the roll, as the log has replaced some by spares."""
    limit = bounds.KEY_LINE_BYTES * office.manifest.eligibility.official_count
    valid = set(parse_keys(FolderPlace(office.public).lines(CREDENTIALS, limit)))
    for _, entry in office.log().entries():
        if isinstance(entry.body, Replace):
            valid.discard(bytes.fromhex(entry.body.struck))
            valid.add(bytes.fromhex(entry.body.replacement))
    return valid


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
