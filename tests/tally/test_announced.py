"""A trustee decrypts only the sums that it announced first, whatever history it is shown next.

The logs here are signed by everybody: by a log operator, and witnesses, who show one trustee this and another that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stembus.audit.bounds import TALLY_TRIES
from stembus.audit.errors import CannotRead
from stembus.audit.formats.entries import parse_entry
from stembus.audit.formats.entry_bodies import PartialDecryption, TallyIntent
from stembus.audit.formats.tally_record import sums_digest
from stembus.audit.log.merkle import Frontier, leaf_hash
from stembus.audit.log.source import MemoryPlace, Place
from stembus.audit.verify import verify
from stembus.audit.verify.tally import check_partial
from stembus.audit.verify.verified_log import VerifiedLog
from stembus.ballot.office.services import ServedOffice
from stembus.crypto.group import Point
from stembus.tally.combine import make_result_body
from stembus.tally.errors import KeyFileInvalid, OtherSumsAnnounced, StepDone, StepOutOfTurn
from stembus.tally.key_file import AnnouncedTree, TrusteeKey, parse_trustee_key
from stembus.tally.trustee import Trustee
from tests.conftest import Finished
from tests.tampered.forge import Forge, new_forge


@pytest.fixture
def forge(parts: dict[str, Any]) -> Forge:
    made = new_forge(parts)
    made.with_tally = False
    return made


@pytest.fixture(scope="module")
def files(opened: Finished) -> dict[int, TrusteeKey]:
    """The secret files of the three trustees."""
    office = ServedOffice(Path(opened.root), lambda _: "rehearsal")
    return {number: parse_trustee_key(office.secret(f"trustee-{number}")) for number in (1, 2, 3)}


def test_what_a_trustee_has_announced_is_read_strictly_and_never_changed(files: dict[int, TrusteeKey]) -> None:
    named = AnnouncedTree(size=1, root="00" * 32, sums="11" * 32)
    kept = msgspec.structs.replace(files[1], announced=named).to_bytes()
    assert parse_trustee_key(kept).announced == named
    with pytest.raises(KeyFileInvalid):
        parse_trustee_key(kept.replace(b'"sums"', b'"more":1,"sums"'))
    with pytest.raises(AttributeError):
        named.size = 2  # type: ignore[misc]


class Machine:
    """A trustee's computer: its secret file outlives the logs that it is shown."""

    def __init__(self, file: TrusteeKey, referendum: bytes) -> None:
        self.file, self._referendum = file, referendum

    def shown(self, place: Place) -> Trustee:
        return Trustee(self.file, self._keep, verify(place, self._referendum).demand_log())

    def _keep(self, file: TrusteeKey) -> None:
        self.file = file


@pytest.fixture
def machines(files: dict[int, TrusteeKey], forge: Forge) -> dict[int, Machine]:
    return {number: Machine(file, forge.referendum) for number, file in files.items()}


def closed(forge: Forge) -> list[bytes]:
    """The entries up to and with the close."""
    taken: list[bytes] = []
    forge.entries_hook = taken.extend
    forge.build()
    forge.entries_hook = None
    return taken


def verified(forge: Forge, entries: list[bytes]) -> VerifiedLog:
    return verify(forge.bundle(entries), forge.referendum).demand_log()


def root_of(entries: Sequence[bytes]) -> str:
    frontier = Frontier()
    for raw in entries:
        frontier.append(leaf_hash(raw))
    return frontier.root().hex()


def tree(forge: Forge, entries: Sequence[bytes], size: int | None = None) -> AnnouncedTree:
    """What an honest trustee announces of this log, or of its first `size` entries."""
    sums = verified(forge, list(entries)).sums
    named = entries[:size] if size else entries
    return AnnouncedTree(size=len(named), root=root_of(named), sums=sums_digest(forge.referendum, sums).hex())


def intent(forge: Forge, trustee: int, named: AnnouncedTree) -> bytes:
    return forge.entry("tally-intent", TallyIntent(trustee=trustee, size=named.size, root=named.root, sums=named.sums))


def other(named: AnnouncedTree, **changes: Any) -> AnnouncedTree:
    return msgspec.structs.replace(named, **changes)


def incident(forge: Forge, text: str = "storing", number: int = 1) -> bytes:
    return forge.entry("incident", {"number": number, "text": {"nl": text}})


def body_of(raw: bytes) -> Any:
    return parse_entry(raw).body


def test_a_trustee_announces_the_tree_before_any_intent_and_decrypts_its_sums(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    entries = closed(forge)
    expected = tree(forge, entries)
    for number in (1, 2):
        made = machines[number].shown(forge.bundle(entries)).intent()
        assert made == intent(forge, number, expected)
        assert machines[number].file.announced == expected
        entries.append(made)
    sums = verified(forge, entries).sums
    body = body_of(machines[1].shown(forge.bundle(entries)).decrypt())
    assert isinstance(body, PartialDecryption)
    key = body_of(forge.setup[forge.find_setup("election-key")])
    public = Point.from_bytes(bytes.fromhex(key.verification_keys[0]))
    check_partial(forge.referendum, [1], sums, public, body)
    assert body.root == expected.root


def test_an_incident_after_the_close_belongs_to_the_tree_that_is_announced(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    entries = [*closed(forge), incident(forge)]
    assert machines[1].shown(forge.bundle(entries)).intent() == intent(forge, 1, tree(forge, entries))


def test_the_tree_of_the_first_sound_intent_is_announced_by_the_others(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    """Trustee 2 was quick: it named the close, and an incident came before its intent."""
    entries = [*closed(forge), incident(forge)]
    early = tree(forge, entries, len(entries) - 1)
    entries += [intent(forge, 2, early), incident(forge, number=2)]
    assert machines[1].shown(forge.bundle(entries)).intent() == intent(forge, 1, early)


@pytest.mark.parametrize("changes", [{"root": "00" * 32}, {"sums": "00" * 32}, {"size": 3}])
def test_an_unsound_intent_is_not_followed(forge: Forge, machines: dict[int, Machine], changes: dict[str, Any]) -> None:
    entries = closed(forge)
    expected = tree(forge, entries)
    entries += [intent(forge, 2, other(expected, **changes)), incident(forge)]
    assert machines[1].shown(forge.bundle(entries)).intent() == intent(forge, 1, expected)


def test_the_first_sound_intent_is_followed_although_an_unsound_one_stands_before(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    entries = [*closed(forge), incident(forge)]
    early = tree(forge, entries, len(entries) - 1)
    entries += [intent(forge, 3, other(early, root="00" * 32)), intent(forge, 2, early)]
    assert machines[1].shown(forge.bundle(entries)).intent() == intent(forge, 1, early)


# A second history


def announced(forge: Forge, machines: dict[int, Machine]) -> list[bytes]:
    """Trustees 1 and 2 announced; their intents stand in the log that is returned."""
    entries = closed(forge)
    for number in (1, 2):
        entries.append(machines[number].shown(forge.bundle(entries)).intent())
    return entries


def with_other_ballots(forge: Forge) -> list[bytes]:
    """A log of the same size, in which one voter voted otherwise."""
    forge.batches = [[forge.ballot(12, 1), *forge.batches[0][1:]], forge.batches[1]]
    return closed(forge)


def test_nothing_is_decrypted_when_the_sums_changed_after_the_intent(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    """The log with other ballots holds the intents that trustees 1 and 2 made for the first one."""
    first = announced(forge, machines)
    second = [*with_other_ballots(forge), *first[-2:]]
    assert len(second) == len(first)
    with pytest.raises(OtherSumsAnnounced, match="the log's sums are not the ones this trustee announced"):
        machines[1].shown(forge.bundle(second)).decrypt()
    machines[1].shown(forge.bundle(first)).decrypt()


def test_nothing_is_decrypted_that_the_file_did_not_announce(forge: Forge, machines: dict[int, Machine]) -> None:
    """Somebody else holds the trustee's key and announced other sums for it."""
    entries = announced(forge, machines)
    named = machines[1].file.announced
    assert named is not None
    machines[1].file = msgspec.structs.replace(machines[1].file, announced=other(named, sums="00" * 32))
    for step in (Trustee.decrypt, Trustee.intent):
        with pytest.raises(OtherSumsAnnounced, match="not the ones this trustee announced"):
            step(machines[1].shown(forge.bundle(entries)))


@pytest.mark.parametrize("field", ["size", "root"])
def test_the_same_sums_may_be_decrypted_under_another_tree(
    forge: Forge, machines: dict[int, Machine], field: str
) -> None:
    """A copy of the file announced them, from another state of the log."""
    entries = announced(forge, machines)
    named = machines[1].file.announced
    assert named is not None
    value: Any = {"size": 5, "root": "00" * 32}[field]
    machines[1].file = msgspec.structs.replace(machines[1].file, announced=other(named, **{field: value}))
    entries.append(machines[1].shown(forge.bundle(entries)).decrypt())
    assert verified(forge, entries).tally.partials.keys() == {1}


def test_a_file_from_a_backup_adopts_what_it_announced_before(forge: Forge, machines: dict[int, Machine]) -> None:
    before = machines[1].file
    entries = announced(forge, machines)
    known, machines[1].file = machines[1].file, before
    with pytest.raises(StepDone):
        machines[1].shown(forge.bundle(entries)).intent()
    assert machines[1].file == known
    machines[1].file = before
    entries.append(machines[1].shown(forge.bundle(entries)).decrypt())
    entries.append(machines[2].shown(forge.bundle(entries)).decrypt())
    assert verified(forge, entries).tally.partials.keys() == {1, 2}


def test_a_file_from_a_backup_never_announces_other_sums_than_its_first_intent_in_the_log(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    before = machines[1].file
    first = announced(forge, machines)
    second = [*with_other_ballots(forge), *first[-2:]]
    for step in (Trustee.intent, Trustee.decrypt):
        machines[1].file = before
        with pytest.raises(OtherSumsAnnounced, match="not the ones this trustee announced"):
            step(machines[1].shown(forge.bundle(second)))
        assert machines[1].file == before


@pytest.mark.parametrize("changes", [{"size": 5}, {"root": "00" * 32}, {"sums": "00" * 32}])
def test_an_intent_that_does_not_count_is_announced_anew_a_few_times(
    forge: Forge, machines: dict[int, Machine], changes: dict[str, Any]
) -> None:
    """It was made for a tree that nobody cosigned, say, or on the wrong day."""
    entries = closed(forge)
    named = tree(forge, entries)
    entries += [intent(forge, 1, other(named, **changes))] * (TALLY_TRIES - 1)
    entries.append(machines[2].shown(forge.bundle(entries)).intent())
    if "sums" in changes:
        with pytest.raises(OtherSumsAnnounced):
            machines[1].shown(forge.bundle(entries)).intent()
        return
    with pytest.raises(StepOutOfTurn, match="run the intent step once more"):
        machines[1].shown(forge.bundle(entries)).decrypt()
    again = machines[1].shown(forge.bundle(entries)).intent()
    assert body_of(again) == body_of(intent(forge, 1, named))
    machines[1].shown(forge.bundle([*entries, again])).decrypt()
    full = [*entries, intent(forge, 1, other(named, **changes))]
    with pytest.raises(StepOutOfTurn, match="holds 4 intents of this trustee, none of which counts"):
        machines[1].shown(forge.bundle(full)).intent()


@pytest.mark.parametrize("changes", [{"size": 5}, {"root": "00" * 32}, {"sums": "00" * 32}])
def test_another_trustee_agrees_only_on_the_sums_and_a_tree_of_the_log(
    forge: Forge, machines: dict[int, Machine], changes: dict[str, Any]
) -> None:
    entries = closed(forge)
    named = tree(forge, entries)
    entries.append(machines[1].shown(forge.bundle(entries)).intent())
    with pytest.raises(StepOutOfTurn, match="1 more trustees must announce the same sums"):
        machines[1].shown(forge.bundle(entries)).decrypt()
    entries += [intent(forge, 2, other(named, **changes)), intent(forge, 1, named)]
    with pytest.raises(StepOutOfTurn, match="1 more trustees must announce the same sums"):
        machines[1].shown(forge.bundle(entries)).decrypt()
    entries.append(intent(forge, 3, named))
    machines[1].shown(forge.bundle(entries)).decrypt()


def test_trustees_who_named_different_trees_count_together(forge: Forge, machines: dict[int, Machine]) -> None:
    """One announced before an incident was logged, the other after it."""
    entries = [*closed(forge), incident(forge)]
    early, late = tree(forge, entries, len(entries) - 1), tree(forge, entries)
    entries += [intent(forge, 3, early), intent(forge, 2, late)]
    for number in (2, 3):
        body = body_of(machines[number].shown(forge.bundle(entries)).decrypt())
        assert body.root == (late.root if number == 2 else early.root)
        entries.append(forge.entry("partial-decryption", body))
    log = verified(forge, entries)
    assert make_result_body(log).questions[0].online == [8, 4]


def test_a_decryption_that_is_not_valid_is_made_anew_a_few_times(forge: Forge, machines: dict[int, Machine]) -> None:
    entries = announced(forge, machines)
    good = machines[1].shown(forge.bundle(entries)).decrypt()
    body = body_of(good)
    bad = forge.entry("partial-decryption", msgspec.structs.replace(body, root="00" * 32))
    entries += [bad] * (TALLY_TRIES - 1)
    again = body_of(machines[1].shown(forge.bundle(entries)).decrypt())
    assert [[part.point for part in parts] for parts in again.decryptions] == [
        [part.point for part in parts] for parts in body.decryptions
    ]
    assert verified(forge, [*entries, good]).tally.partials.keys() == {1}
    with pytest.raises(StepOutOfTurn, match="holds 4 decryptions of this trustee, none of which is valid"):
        machines[1].shown(forge.bundle([*entries, bad])).decrypt()


def test_who_announces_opens_the_share_first(forge: Forge, machines: dict[int, Machine]) -> None:
    """Else the others would learn only at the decryption that this trustee cannot help."""
    entries = closed(forge)
    machines[1].file = msgspec.structs.replace(machines[1].file, share="00" * 31 + "07")
    with pytest.raises(StepOutOfTurn, match="the share in this file does not belong"):
        machines[1].shown(forge.bundle(entries)).intent()
    assert machines[1].file.announced is None


def test_a_trustee_that_announced_nothing_decrypts_nothing(forge: Forge, machines: dict[int, Machine]) -> None:
    entries = announced(forge, machines)
    with pytest.raises(StepOutOfTurn, match="announce first"):
        machines[3].shown(forge.bundle(entries)).decrypt()


@pytest.mark.parametrize("what", ["other ballots", "other text", "shorter"])
def test_a_lost_intent_is_made_anew_for_the_same_sums_alone(
    forge: Forge, machines: dict[int, Machine], what: str
) -> None:
    """`other text` has the same sums, and another tree of the same size."""
    first = [*closed(forge), incident(forge)]
    made = machines[1].shown(forge.bundle(first)).intent()
    shown: dict[str, Callable[[], list[bytes]]] = {
        "other text": lambda: [*first[:-1], incident(forge, "brand")],
        "shorter": lambda: first[:-1],
        "other ballots": lambda: [*with_other_ballots(forge), incident(forge)],
    }
    entries = shown[what]()
    if what == "other ballots":
        with pytest.raises(OtherSumsAnnounced, match="not the ones this trustee announced"):
            machines[1].shown(forge.bundle(entries)).intent()
    else:
        again = machines[1].shown(forge.bundle(entries)).intent()
        assert again == intent(forge, 1, tree(forge, entries))
        assert body_of(again).sums == body_of(made).sums
    assert machines[1].shown(forge.bundle([*first, incident(forge, number=2)])).intent() == made


def test_each_step_of_the_count_is_taken_once(forge: Forge, machines: dict[int, Machine]) -> None:
    entries = announced(forge, machines)
    with pytest.raises(StepDone):
        machines[1].shown(forge.bundle(entries)).intent()
    entries.append(machines[1].shown(forge.bundle(entries)).decrypt())
    with pytest.raises(StepDone):
        machines[1].shown(forge.bundle(entries)).decrypt()
    machines[2].shown(forge.bundle(entries)).decrypt()


class Rewritten(MemoryPlace):
    """Another history of the same size from the second reading of a file on."""

    def __init__(self, first: MemoryPlace, then: MemoryPlace) -> None:
        super().__init__(first.files)
        self._then, self._seen = then, set[str]()

    def read(self, path: str, limit: int) -> bytes:
        place = self._then if path in self._seen and path in self._then.files else super()
        self._seen.add(path)
        return place.read(path, limit)


def test_a_log_that_changes_between_check_and_use_is_not_acted_on(forge: Forge, machines: dict[int, Machine]) -> None:
    first = [*closed(forge), incident(forge)]
    other_text = forge.bundle([*first[:-1], incident(forge, "brand")])
    for step in (Trustee.intent, Trustee.commit):
        with pytest.raises(CannotRead):
            step(machines[1].shown(Rewritten(forge.bundle(first), other_text)))
    assert machines[1].file.announced is None


# From partial decryptions to the result


def test_a_decryption_that_is_passed_over_makes_no_result(forge: Forge, machines: dict[int, Machine]) -> None:
    """Trustee 3 named a tree that does not count, and proved its decryption for the one that does."""
    entries = announced(forge, machines)
    named = tree(forge, entries[:-2])
    sums = verified(forge, entries).sums
    entries.append(intent(forge, 3, other(named, root="00" * 32)))
    third = forge.entry("partial-decryption", forge.partial(3, bytes.fromhex(named.root), sums))
    entries += [third, machines[2].shown(forge.bundle(entries)).decrypt()]
    with pytest.raises(StepOutOfTurn, match="1 more valid partial decryptions are needed"):
        make_result_body(verified(forge, entries))
    entries.append(machines[1].shown(forge.bundle(entries)).decrypt())
    body = make_result_body(verified(forge, entries))
    assert body.trustees == [1, 2]
    assert [question.online for question in body.questions] == [[8, 4]]
    assert (body.online_ballots, body.participants) == (12, 12)


def test_the_first_good_decryptions_by_number_make_the_result(forge: Forge, machines: dict[int, Machine]) -> None:
    entries = announced(forge, machines)
    entries.append(machines[3].shown(forge.bundle(entries)).intent())
    for number in (3, 2):
        entries.append(machines[number].shown(forge.bundle(entries)).decrypt())
    assert make_result_body(verified(forge, entries)).trustees == [2, 3]
    entries.append(machines[1].shown(forge.bundle(entries)).decrypt())
    assert make_result_body(verified(forge, entries)).trustees == [1, 2]


def test_a_result_is_made_once_and_after_the_close(forge: Forge, machines: dict[int, Machine]) -> None:
    with pytest.raises(StepOutOfTurn, match="voting is not closed"):
        make_result_body(verified(forge, forge.setup))
    entries = announced(forge, machines)
    for number in (1, 2):
        entries.append(machines[number].shown(forge.bundle(entries)).decrypt())
    entries.append(forge.entry("result", make_result_body(verified(forge, entries))))
    with pytest.raises(StepDone):
        make_result_body(verified(forge, entries))
