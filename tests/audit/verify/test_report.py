"""What a report says of itself before anything was found, and of the referendum that it is about."""

from __future__ import annotations

import msgspec
import pytest

from stembus.audit.log.source import FolderPlace, MemoryPlace
from stembus.audit.verify import Report, verify
from tests.conftest import Finished


def test_of_a_place_that_holds_nothing_no_figure_is_said() -> None:
    report = verify(MemoryPlace({}), None)
    assert (report.figures.entries, report.figures.root, report.figures.phase) == (0, b"", "empty")
    assert (report.rehearsal, report.simulated_clock) == (False, False)


@pytest.mark.parametrize("binding", [True, False])
@pytest.mark.parametrize("clock", ["real", "simulated"])
def test_a_report_knows_a_rehearsal_and_its_clock(finished: Finished, binding: bool, clock: str) -> None:
    manifest = verify(FolderPlace(finished.public), None).manifest
    assert manifest is not None
    report = Report(manifest=msgspec.structs.replace(manifest, binding=binding, clock=clock))
    assert (report.rehearsal, report.simulated_clock) == (not binding, clock == "simulated")
