"""The rows of the fault suite, by name, and those of its short form.

Decides on which databases a row runs and which refusal it must meet. What happens in each is in the other files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stembus.scripts.develop.faults import rows_databases, rows_files, rows_machine, rows_processes
from stembus.scripts.develop.faults.ending import Outcome
from stembus.scripts.develop.faults.poll import Poll

SQLITE, POSTGRESQL = "sqlite", "postgresql"


@dataclass(frozen=True)
class Row:
    """`said` are words that somebody must have said: the refusal that this fault should meet."""

    name: str
    run: Callable[[Poll, Outcome], None]
    said: tuple[str, ...] = ()
    databases: tuple[str, ...] = (SQLITE, POSTGRESQL)
    letters: int = 8
    mounts: bool = False


_EMPTY = "and one was made for this folder"
ROWS: tuple[Row, ...] = (
    Row("kills", rows_processes.kills, letters=24),
    Row("casts-across-the-close", rows_processes.casts_across_the_close, letters=12),
    Row("two-boxes", rows_processes.two_boxes),
    Row("copied-box", rows_processes.copied_box),
    Row("registrar-hung", rows_processes.registrar_hung, ("does not answer",)),
    Row("registrar-dripping", rows_processes.registrar_dripping),
    Row("postgresql-restarts", rows_machine.postgresql_restarts, databases=(POSTGRESQL,)),
    Row("disk-full", rows_machine.disk_full, mounts=True),
    Row("read-only", rows_machine.read_only_folders, ("Permission denied",)),
    Row("clocks", rows_machine.clocks, ("NotOpenYet",)),
    Row("clock-past-the-close", rows_machine.clock_past_the_close),
    Row("old-box-database", rows_databases.old_box_database, ("came back from an older copy",)),
    Row("lost-box-database", rows_databases.lost_box_database, (_EMPTY,)),
    Row("old-registrar-database", rows_databases.old_registrar_database),
    Row("lost-registrar-database", rows_databases.lost_registrar_database, (_EMPTY,)),
    # An address of another kind of database is refused before anybody looks there.
    *(
        Row(
            "wrong-settings", rows_databases.wrong_settings, ("is no address", "was made in", _EMPTY, said), (database,)
        )
        for database, said in ((SQLITE, "belongs to another folder"), (POSTGRESQL, "does not answer"))
    ),
    Row("old-log-folder", rows_files.old_log_folder, ("came back from an older copy",)),
    Row("lost-pepper", rows_files.lost_pepper, ("restore it from a backup",)),
    Row("lost-checkpoint", rows_files.lost_checkpoint, ("is missing although the log was begun",)),
)
SHORT_ROWS = {
    SQLITE: ("kills", "old-box-database", "casts-across-the-close"),
    POSTGRESQL: ("postgresql-restarts",),
}
