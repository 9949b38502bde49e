"""A verified log comes from the engine, and is there only when nothing takes the ground from under it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stembus.audit.errors import CannotRead
from stembus.audit.log.source import MemoryPlace
from stembus.audit.verify import verify
from stembus.audit.verify.verified_log import LogNotVerified, _Seal
from tests.tampered.forge import Forge


def test_nobody_else_makes_one(forge: Forge) -> None:
    log = verify(forge.build(), forge.referendum).demand_log()
    with pytest.raises(TypeError, match="only a verification"):
        replace(log, seal=_Seal())


def test_it_is_there_with_faults_that_leave_the_result(forge: Forge) -> None:
    forge.files_hook = lambda files: files.update({"notes.txt": b""})
    report = verify(forge.build(), forge.referendum)
    assert report.exit_status == 5
    assert report.demand_log().referendum == forge.referendum


def test_it_is_not_there_after_a_breach(forge: Forge) -> None:
    forge.files_hook = lambda files: files.pop("spares") and None
    report = verify(forge.build(), forge.referendum)
    assert report.log is None
    with pytest.raises(LogNotVerified, match="V1 spares"):
        report.demand_log()


def test_where_nothing_could_be_read_nothing_is_called_false(forge: Forge) -> None:
    report = verify(MemoryPlace({}), forge.referendum)
    with pytest.raises(CannotRead, match="no log is published there"):
        report.demand_log()


def test_without_an_id_nobody_may_rest_on_it(forge: Forge) -> None:
    report = verify(forge.build(), None)
    assert report.log is not None
    with pytest.raises(LogNotVerified, match="nobody said which referendum"):
        report.demand_log()


def test_its_tree_gives_the_roots_of_every_size(forge: Forge) -> None:
    from stembus.audit.log.merkle import root_of

    log = verify(forge.build(), forge.referendum).demand_log()
    entries = [raw for _, raw in log.tree.all()]
    assert len(entries) == log.head.size
    for size in range(1, log.head.size + 1):
        assert log.tree.root_at(size) == root_of(entries[:size])
    for size in (0, log.head.size + 1):
        with pytest.raises(Exception, match="entries, not"):
            log.tree.root_at(size)
