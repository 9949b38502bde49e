"""A whole referendum, step by step, with the real parts on one folder and a simulated clock.

This is the shortest complete account of how Stembus is used; the demo, the benchmarks and most tests
drive it. Each method is one arrow of the way of a vote. Decides only who does what when.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

from stembus.audit.clock import SimulatedClock
from stembus.audit.durable import write_durably
from stembus.audit.formats.entry_bodies import Open, PaperResult
from stembus.audit.formats.manifest import parse_time
from stembus.audit.formats.receipt import Promise
from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.eligibility.credential_authority import (
    CODED_COLUMNS,
    Made,
    make_credentials,
    publish_lists,
)
from stembus.ballot.eligibility.letter_code import credential_key, parse_code
from stembus.ballot.eligibility.own_csv import read_csv
from stembus.ballot.eligibility.register import RollReading, read_register
from stembus.ballot.eligibility.roll_import import import_roll
from stembus.ballot.issuance.token import (
    Acknowledgement,
    VotingPass,
    make_acknowledgement,
    make_requests,
    new_pass,
    take_answer,
)
from stembus.ballot.office.closing import StillHealing, close_voting
from stembus.ballot.office.definition import DRAFT
from stembus.ballot.office.paper import SEED_BYTES, paper_entries, paper_header
from stembus.ballot.office.services import ServedOffice
from stembus.ballot.voter.encrypt import Choice, prepare, sign_ballot
from stembus.scripts.parties import new_secret, public_part
from stembus.tally.combine import make_result_body
from stembus.tally.errors import StepDone
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import Trustee, make_election_key

OPENS = "2019-10-14T09:00:00+02:00"
CLOSES = "2019-10-20T18:00:00+02:00"
REFERENCE_DATE = "2019-10-14"
PASSPHRASE = "rehearsal"  # noqa: S105 - a rehearsal's passphrase is stated in the open
Progress = Callable[[int, int], None]


def demo_draft(eligible: int, minimum: int, **changes: object) -> str:
    """The car-free Sunday of 2019, as a rehearsal with a simulated clock and a cheap second factor."""
    values: dict[str, object] = {
        "binding": "false",
        "clock": "simulated",
        "opens": OPENS,
        "closes": CLOSES,
        "reference_date": REFERENCE_DATE,
        "official_count": eligible,
        "sample_size": 0,
        "minimum_participants": minimum,
        "floor": 30,
        "batch_seconds": 600,
        "batch_tokens": 50,
        "quiet_seconds": 3600,
        "healing_seconds": 0,
        "memory_kib": 8,
        "passes": 1,
        "threshold": 2,
        "quorum": 2,
        "origin": "stembus.example.org/2019-autovrije-zondag",
    }
    return DRAFT.format(**(values | changes))


def make_party(office: ServedOffice, party: str) -> None:
    """One party makes its own key: a secret file, and a public one for the definition."""
    role = party.partition("-")[0]
    content = office.secret(party) if office.key_path(party).exists() else new_secret(role)
    office.make_key(party, content, public_part(role, party, content))


class Rehearsal:
    """`root` is an empty folder. Steps are called in the order in which they stand here."""

    def __init__(
        self,
        root: Path,
        executor: Executor | None = None,
        office: ServedOffice | None = None,
        start: int = parse_time(OPENS) - 7 * 86_400,
    ) -> None:
        self.clock = SimulatedClock(start)
        self.office = office or ServedOffice(root, lambda _: PASSPHRASE, self.clock)
        self.executor = executor
        # What each voter's device says to each registrar after the first cast, by token.
        self._unsaid: dict[bytes, list[Acknowledgement]] = {}

    # Before the opening

    def keys(self, trustees: int = 3, witnesses: int = 2, officers: int = 2, registrars: int = 1) -> None:
        parties = [f"trustee-{k + 1}" for k in range(trustees)] + [f"witness-{k + 1}" for k in range(witnesses)]
        parties += [f"officer-{k + 1}" for k in range(officers)] + [f"registrar-{k + 1}" for k in range(registrars)]
        for party in [*parties, "box", "log", "client"]:
            make_party(self.office, party)

    def define(self, draft: str) -> bytes:
        """Freezes the manifest, starts the log, makes the services' databases; returns the referendum id."""
        write_durably(self.office.draft, draft.encode("utf-8"))
        self.office.define()
        self.office.start_log()
        self.create_services()
        return self.office.referendum

    def create_services(self) -> None:
        for number in self.office.registrars_here():
            self.office.create(f"registrar-{number}")
        self.office.create("box")
        self.office.create("desk")

    def trustee(self, number: int) -> Trustee:
        party = f"trustee-{number}"
        return Trustee(
            parse_trustee_key(self.office.secret(party)),
            lambda key: self.office.save_secret(party, key.to_bytes()),
            self.verified(),
            self.clock,
        )

    def verified(self) -> VerifiedLog:
        """Raises LogNotVerified."""
        return verify(FolderPlace(self.office.public), self.office.referendum, self.executor).demand_log()

    def _each_trustee(self, step: Callable[[Trustee], bytes | list[bytes]]) -> None:
        for number in range(1, len(self.office.manifest.trustees.members) + 1):
            made = step(self.trustee(number))
            self.office.log().append(made if isinstance(made, list) else [made])

    def ceremony(self) -> None:
        self._each_trustee(Trustee.commit)
        self._each_trustee(Trustee.reveal)
        if len(self.office.manifest.trustees.members) > 1:
            self._each_trustee(Trustee.share)
        self._each_trustee(Trustee.confirm)
        self.elect()

    def elect(self) -> None:
        """What is left once all have confirmed: the drills, and the election key."""
        for number in range(1, len(self.office.manifest.trustees.members) + 1):
            with suppress(StepDone):
                self.office.log().append([self.trustee(number).drill()])
        self.office.log().append([make_election_key(self.verified())])

    def import_roll(self, register: Path, progress: Progress | None = None) -> RollReading:
        manifest, folder = self.office.manifest, self.office.make_folder("importer")
        reading = read_register(register, manifest.eligibility, manifest.languages)
        import_roll(reading, manifest.eligibility, manifest.second_factor, self.office.pepper(), folder, progress)
        return reading

    def credentials(self, progress: Progress | None = None) -> Made:
        """Codes for the print house, lists for everybody, enrolment for the registrars, the roll in the log."""
        office, authority = self.office, self.office.make_folder("authority")
        made = make_credentials(office.folder("importer") / "letters.csv", authority, office.referendum, progress)
        if office.log().order.phase.value == "keyed":
            office.log().append([office.officers_sign(publish_lists(authority, office.log().publish))])
        self.office.enrol_all()
        return made

    def open(self) -> None:
        self.clock.move_to(self.office.manifest.opens_at)
        digest = self.office.context().election_key.hex()
        self.office.log().append([self.office.officers_sign(Open(election_key=digest))])

    # Voting

    def letters(self, register: Path) -> list[tuple[str, str]]:
        """(code, birth date) of every voter, as if read from their letters and memory."""
        reading = {p.letter: p.birth_date for p in self.import_roll(register).accepted}
        rows = read_csv(self.office.folder("authority") / "codes.csv", CODED_COLUMNS)
        return [(row[7], reading[tuple(row[1:7])]) for row in rows]

    def token(self, code: str, factor: str) -> VotingPass:
        office = self.office
        context = office.box.context
        voting_pass = new_pass(context)
        credential = credential_key(parse_code(code), office.referendum)
        numbers = range(1, len(context.registrars) + 1)
        unsaid = [make_acknowledgement(voting_pass, number, credential) for number in numbers]
        self._unsaid[voting_pass.token_key.public] = unsaid
        requests = make_requests(voting_pass, credential, factor, office.registrar().check)
        for number in reversed(numbers):
            answer = office.registrar(number).issue(requests[number])
            voting_pass = take_answer(context, voting_pass, number, answer)
        return voting_pass

    def cast(self, voting_pass: VotingPass, choice: Choice, seq: int = 0) -> tuple[bytes, Promise]:
        context = self.office.box.context
        raw = sign_ballot(context, voting_pass, prepare(context, voting_pass, choice), seq)
        promise = self.office.box.cast(raw)
        for number, said in enumerate(self._unsaid.pop(voting_pass.token_key.public, []), 1):
            self.office.registrar(number).acknowledge(said)
        return raw, promise

    def seal(self) -> int | None:
        return self.office.box.seal(self.office.count_statements)

    # After the close

    def close(self) -> None:
        """Registrars stop and sign, the box seals its last batch, officers close the log."""
        manifest = self.office.manifest
        self.clock.move_to(max(self.clock.now(), manifest.closes_at + manifest.grace_seconds))
        try:
            close_voting(self.office)
        except StillHealing as wait:
            self.clock.move_to(wait.until)
            close_voting(self.office)

    def paper(self, ballots: int, counts: Sequence[Sequence[int]]) -> None:
        """The count of the paper ballots; encrypted where they are too few to be shown apart."""
        office = self.office
        if 0 < ballots < office.manifest.privacy_floor.paper:
            entries = paper_entries(office.context(), ballots, counts, secrets.token_bytes(SEED_BYTES))
            office.log().append([office.officers_sign(paper_header(entries)), *entries])
        else:
            body = PaperResult(ballots=ballots, counts=[list(c) for c in counts])
            office.log().append([office.officers_sign(body)])

    def intents(self, trustees: Sequence[int] = (1, 2)) -> None:
        for number in trustees:
            self.office.log().append([self.trustee(number).intent()])

    def decrypt(self, trustees: Sequence[int] = (1, 2)) -> None:
        for number in trustees:
            self.office.log().append([self.trustee(number).decrypt()])

    def result(self) -> None:
        self.office.log().append([self.office.officers_sign(make_result_body(self.verified()))])

    def tally(self, trustees: Sequence[int] = (1, 2)) -> None:
        self.intents(trustees)
        self.decrypt(trustees)
        self.result()
