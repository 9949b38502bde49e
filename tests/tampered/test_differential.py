"""Two verifiers, in two languages, of one document: they say the same of bundles that were damaged at random.

STEMBUS_MUTANTS says how many bundles; `make differential` sets it to thousands.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stembus.audit.log.source import MemoryPlace
from stembus.audit.log.zip_file import ZipPlace
from stembus.audit.verify import verify
from tests.tampered.catalogue import BUDGET, PROJECTS, YES_NO
from tests.tampered.forge import Forge, judge, new_forge
from tests.tampered.mutated import entries_of, mutant
from tests.tampered.paper import few, letters
from tests.tampered.second_verifier import SecondVerifier, assert_both_say_the_same

MUTANTS = int(os.environ.get("STEMBUS_MUTANTS", "300"))
SHARES = 12
SAMPLES = Path(__file__).parents[2] / "docs" / "samples"


def _bases(request: pytest.FixtureRequest) -> list[tuple[Forge, MemoryPlace]]:
    made = [new_forge(request.getfixturevalue(base)) for base in (YES_NO, PROJECTS, BUDGET)]
    on_paper, a_few = new_forge(request.getfixturevalue(YES_NO)), new_forge(request.getfixturevalue(YES_NO))
    on_paper.struck = letters(20, 24)(on_paper)
    on_paper.paper = {"ballots": 4, "counts": [[1, 2]]}
    few(letters(20, 24))(a_few)
    return [(forge, forge.build()) for forge in (*made, on_paper, a_few)]


@pytest.mark.parametrize("share", range(SHARES))
def test_of_bundles_damaged_at_random_both_verifiers_say_the_same(
    share: int, request: pytest.FixtureRequest, second: SecondVerifier
) -> None:
    bases = [(forge, place, entries_of(place)) for forge, place in _bases(request)]
    for number in range(share, MUTANTS, SHARES):
        random = Random(f"mutant {number}")
        forge, place, entries = random.choice(bases)
        damaged = mutant(forge, place, entries, random)
        try:
            assert_both_say_the_same(second.judge(damaged, forge.referendum), judge(forge, damaged))
        except AssertionError as error:
            pytest.fail(f"mutant {number}: {error}")


def test_of_a_published_sample_both_say_that_it_holds(second: SecondVerifier) -> None:
    for path in sorted(SAMPLES.glob("*.zip")):
        identity = bytes.fromhex(path.with_suffix(".id").read_text().strip())
        for asked in (identity, None, bytes(32)):
            with ZipPlace(path) as place:
                assert_both_say_the_same(second.ask(path, asked), verify(place, asked))


def test_a_difference_is_noticed(second: SecondVerifier, parts: dict[str, Any]) -> None:
    """This very comparison can fail."""
    forge = new_forge(parts)
    place = forge.build()
    damaged = MemoryPlace({name: data for name, data in place.files.items() if name != "log.vkey"})
    with pytest.raises(AssertionError):
        assert_both_say_the_same(second.judge(damaged, forge.referendum), judge(forge, place))
