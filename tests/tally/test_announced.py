"""A trustee announces one tree, and decrypts only its sums, whatever history it is shown next.

The logs here are signed by everybody: by a log operator, and witnesses, who show one trustee this and another that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

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
from stembus.tally.errors import KeyFileInvalid, OtherTreeAnnounced, StepDone, StepOutOfTurn
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
def files(opened_crowd: Finished) -> dict[int, TrusteeKey]:
    """The secret files of the three trustees."""
    office = ServedOffice(Path(opened_crowd.root), lambda _: "rehearsal")
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


ENDS = (b'"type":"close"}', b'"type":"paper-result"}')  # of paper ballots, see tests/tampered


def tree(forge: Forge, entries: Sequence[bytes]) -> AnnouncedTree:
    """What an honest trustee announces of this log: up to the close, or the paper result."""
    sums = verified(forge, list(entries)).sums
    named = entries[: max(i + 1 for i, raw in enumerate(entries) if raw.endswith(ENDS))]
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


def test_what_is_logged_after_the_close_changes_nothing_of_what_is_announced(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    """So trustees who look at different moments agree, and nobody else's intent leads them."""
    entries = closed(forge)
    expected = tree(forge, entries)
    entries += [incident(forge), intent(forge, 3, other(expected, size=len(entries) + 1)), incident(forge, number=2)]
    for number in (1, 2):
        made = machines[number].shown(forge.bundle(entries)).intent()
        assert made == intent(forge, number, expected)
        entries += [made, incident(forge, number=number + 2)]
    for number in (1, 2):
        entries.append(machines[number].shown(forge.bundle(entries)).decrypt())
    assert make_result_body(verified(forge, entries)).questions[0].online == [8, 4]


@pytest.mark.parametrize("counts", [[8, 0], [0, 8]])
def test_the_paper_result_belongs_to_the_tree(forge: Forge, machines: dict[int, Machine], counts: list[int]) -> None:
    """One history with these paper votes and one with those have the same sums, and other results."""
    forge.struck = [key.public for key in forge.keys.credentials[20:30]]
    forge.paper = {"ballots": 8, "counts": [counts]}
    entries = closed(forge)
    made = [machines[number].shown(forge.bundle(entries)).intent() for number in (1, 2)]
    assert made == [intent(forge, number, tree(forge, entries)) for number in (1, 2)]
    forge.paper = {"ballots": 8, "counts": [[4, 4]]}
    second = closed(forge)
    assert tree(forge, second).sums == tree(forge, entries).sums
    for step in (Trustee.intent, Trustee.decrypt):
        with pytest.raises(OtherTreeAnnounced):
            step(machines[1].shown(forge.bundle([*second, *made])))
    machines[1].shown(forge.bundle([*entries, *made])).decrypt()


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
    with pytest.raises(OtherTreeAnnounced, match="announced another tree, or other sums, before"):
        machines[1].shown(forge.bundle(second)).decrypt()
    machines[1].shown(forge.bundle(first)).decrypt()


@pytest.mark.parametrize("field", ["size", "root", "sums"])
def test_nothing_is_decrypted_that_the_file_did_not_announce(
    forge: Forge, machines: dict[int, Machine], field: str
) -> None:
    """Somebody else holds the trustee's key and announced for it."""
    entries = announced(forge, machines)
    named = machines[1].file.announced
    assert named is not None
    value: Any = {"size": 5, "root": "00" * 32, "sums": "00" * 32}[field]
    machines[1].file = msgspec.structs.replace(machines[1].file, announced=other(named, **{field: value}))
    for step in (Trustee.decrypt, Trustee.intent):
        with pytest.raises(OtherTreeAnnounced, match="announced another tree, or other sums, before"):
            step(machines[1].shown(forge.bundle(entries)))


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


def test_a_file_from_a_backup_never_announces_another_tree_than_its_first_intent_in_the_log(
    forge: Forge, machines: dict[int, Machine]
) -> None:
    before = machines[1].file
    first = announced(forge, machines)
    second = [*with_other_ballots(forge), *first[-2:]]
    for step in (Trustee.intent, Trustee.decrypt):
        machines[1].file = before
        with pytest.raises(OtherTreeAnnounced, match="announced another tree, or other sums, before"):
            step(machines[1].shown(forge.bundle(second)))
        assert machines[1].file == before


@pytest.mark.parametrize("changes", [{"size": 5}, {"root": "00" * 32}, {"sums": "00" * 32}])
def test_another_trustee_agrees_only_on_size_root_and_sums(
    forge: Forge, machines: dict[int, Machine], changes: dict[str, Any]
) -> None:
    entries = closed(forge)
    named = tree(forge, entries)
    entries.append(machines[1].shown(forge.bundle(entries)).intent())
    with pytest.raises(StepOutOfTurn, match="1 more trustees must announce the same tree"):
        machines[1].shown(forge.bundle(entries)).decrypt()
    entries.append(intent(forge, 2, other(named, **changes)))
    with pytest.raises(StepOutOfTurn, match="1 more trustees must announce the same tree"):
        machines[1].shown(forge.bundle(entries)).decrypt()
    entries.append(intent(forge, 3, named))
    machines[1].shown(forge.bundle(entries)).decrypt()


def test_a_decryption_that_is_not_valid_is_made_anew(forge: Forge, machines: dict[int, Machine]) -> None:
    entries = announced(forge, machines)
    body = body_of(machines[1].shown(forge.bundle(entries)).decrypt())
    entries.append(forge.entry("partial-decryption", msgspec.structs.replace(body, root="00" * 32)))
    assert verified(forge, entries).tally.partials == {}
    entries.append(machines[1].shown(forge.bundle(entries)).decrypt())
    assert verified(forge, entries).tally.partials.keys() == {1}


def test_who_announces_opens_the_share_first(
    forge: Forge, machines: dict[int, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the others would learn only at the decryption that this trustee cannot help."""
    entries = closed(forge)
    with monkeypatch.context() as patch:
        patch.setattr("stembus.tally.key_file._COEFFICIENTS", b"another version")
        with pytest.raises(StepOutOfTurn, match="was not made from this key file"):
            machines[1].shown(forge.bundle(entries)).intent()
    assert machines[1].file.announced is None


def test_a_trustee_that_announced_nothing_decrypts_nothing(forge: Forge, machines: dict[int, Machine]) -> None:
    entries = announced(forge, machines)
    with pytest.raises(StepOutOfTurn, match="announce first"):
        machines[3].shown(forge.bundle(entries)).decrypt()


@pytest.mark.parametrize("what", ["other ballots", "other text", "fewer ballots"])
def test_a_lost_intent_is_made_anew_for_the_same_tree_alone(
    forge: Forge, machines: dict[int, Machine], what: str
) -> None:
    """`other text` has the same sums, and another tree of the same size."""
    forge.between.append(incident(forge))
    first = closed(forge)
    made = machines[1].shown(forge.bundle(first)).intent()
    if what == "other ballots":
        second = with_other_ballots(forge)
    elif what == "other text":
        forge.between[:] = [incident(forge, "brand")]
        second = closed(forge)
        assert tree(forge, second).sums == body_of(made).sums
    else:
        forge.batches = forge.batches[:1]
        second = closed(forge)
    with pytest.raises(OtherTreeAnnounced, match="announced another tree, or other sums, before"):
        machines[1].shown(forge.bundle(second)).intent()
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
