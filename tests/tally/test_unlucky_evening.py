"""An evening on which much goes wrong for honest people, from the close to a verified result.

Of three trustees one is away, one works from a stale copy of the log and one loses its newest key file; twelve people
were struck for paper and seven came, fewer than may be shown apart; the officers' seed is lost once; the witnesses are
silent for a while, and the last voters of a quiet hour stand in no small batch.
"""

from __future__ import annotations

import secrets
import shutil
from datetime import date
from pathlib import Path

import pytest

from stembus.audit.log.source import FolderPlace
from stembus.audit.verify import verify
from stembus.ballot.errors import WitnessesMissing
from stembus.ballot.office.paper import SEED_BYTES, paper_entries, paper_header
from stembus.scripts.rehearsal.made_up_register import write_register
from stembus.scripts.rehearsal.referendum import Rehearsal, demo_draft
from stembus.tally.errors import StepDone, StepOutOfTurn
from stembus.tally.key_file import parse_trustee_key
from stembus.tally.trustee import Trustee


@pytest.fixture
def evening(tmp_path: Path) -> Rehearsal:
    """60 letters; 21 people vote, two of them in the last hour; 12 are struck; the voting is over."""
    rehearsal = Rehearsal(tmp_path / "office")
    rehearsal.keys()
    rehearsal.define(demo_draft(60, 10, floor=10, batch_tokens=5, minimum_margin_permille=0))
    rehearsal.ceremony()
    write_register(tmp_path / "register.csv", 60, date(2019, 10, 14), 2)
    rehearsal.import_roll(tmp_path / "register.csv")
    rehearsal.credentials()
    rehearsal.open()
    manifest = rehearsal.office.manifest
    letters = rehearsal.letters(tmp_path / "register.csv")
    for number, (code, factor) in enumerate(letters[:19]):
        rehearsal.cast(rehearsal.token(code, factor), [[number % 2]])
        rehearsal.seal()
        rehearsal.clock.move_to(rehearsal.clock.now() + 700)
    rows = (rehearsal.office.folder("authority") / "enrolment.csv").read_text().splitlines()[1:]
    for row in rows[30:42]:
        rehearsal.office.strike(row.partition(",")[0])
    rehearsal.clock.move_to(manifest.closes_at - 60)
    for code, factor in letters[19:21]:
        rehearsal.cast(rehearsal.token(code, factor), [[1]])
    rehearsal.close()
    return rehearsal


def from_copy(rehearsal: Rehearsal, number: int, copy: Path) -> Trustee:
    """A trustee whose machine reads a copy of the log that somebody made."""
    party = f"trustee-{number}"
    return Trustee(
        parse_trustee_key(rehearsal.office.secret(party)),
        lambda key: rehearsal.office.save_secret(party, key.to_bytes()),
        verify(FolderPlace(copy), rehearsal.office.referendum).demand_log(),
    )


def test_an_unlucky_evening_ends_with_a_result_that_anybody_can_verify(
    evening: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = evening.office
    sizes = [size for _, size in office.log().batches]
    assert sizes == [5, 5, 11], "the last two do not stand alone"
    stale = tmp_path / "stale"
    shutil.copytree(office.public, stale)
    key = office.key_path("trustee-1")
    shutil.copy(key, tmp_path / "older.key")

    # Whoever is too early is told so, and nothing is kept that would bind it later.
    for number in (1, 2):
        with pytest.raises(StepOutOfTurn, match="struck for paper"):
            evening.trustee(number).intent()

    # The paper ballots are rebuilt from a new seed after the first was lost, and the witnesses are silent for a while.
    context, counts = office.context(), [[3, 4]]
    lost, seed = secrets.token_bytes(SEED_BYTES), secrets.token_bytes(SEED_BYTES)
    assert paper_header(paper_entries(context, 7, counts, lost)) != paper_header(
        paper_entries(context, 7, counts, seed)
    )
    entries = paper_entries(context, 7, counts, seed)
    with monkeypatch.context() as patch:
        patch.setattr("stembus.ballot.log_operator.log_writer.ask_witnesses", lambda *_: [])
        office.log().append([office.officers_sign(paper_header(entries)), *entries])
        with pytest.raises(WitnessesMissing):
            office.tell({"nl": "De getuigen antwoorden niet."})
    assert office.log().cosign()
    office.tell({"nl": "De getuigen antwoordden een tijd niet."})

    # One trustee reads the copy from before the paper votes; with a newer one it goes on as if nothing had been.
    with pytest.raises(StepOutOfTurn, match="struck for paper"):
        from_copy(evening, 2, stale).intent()
    evening.intents((1, 2))

    # The other one's newest file is lost: what it announced stands in the log, and it never announces anything else.
    shutil.copy(tmp_path / "older.key", key)
    with pytest.raises(StepDone):
        evening.trustee(1).intent()
    evening.decrypt((1, 2))
    evening.result()

    report = verify(FolderPlace(office.public), office.referendum)
    assert (report.exit_status, report.faults) == (0, [])
    result = report.result
    assert result is not None
    assert (result.online_ballots, result.paper_ballots, report.figures.struck) == (21, 7, 12)
    assert (result.questions[0].online, result.questions[0].paper) == (None, None)
    assert result.questions[0].total == [10 + 3, 11 + 4]
