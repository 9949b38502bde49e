"""What has become of letters since the last statement to the log, apart from the letters themselves.

While people vote, nothing writes to or locks a row of `voter`: its versions would tell in which order. A ready letter
that somebody asks with gets a row in `letter_change`, which stands for it from then on. `fold` writes these rows into
the letters, in key order and in one transaction, and leaves nothing of them: so the letters tell at most before which
batch something became of them. What a device acknowledges goes the same way, by a table of its own.

Decides how the two are read together: what a letter has become in `voter`, issued,
struck or replaced, is never undone by a change. Leaves what a letter may become to `letter_state` and `registrar`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Table, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stembus.ballot.errors import TableInUse
from stembus.ballot.resting_order import empty, lock, shed_wal
from stembus.ballot.storage import acknowledgements, letter_changes, voters

_READY = voters.c.state == "ready"
_changed = letter_changes.c
# Every letter as it is now, with the columns of `voter`.
letters = (
    select(
        voters.c.credential,
        voters.c.number,
        voters.c.factor,
        case((_READY, func.coalesce(_changed.state, "ready")), else_=voters.c.state).label("state"),
        case((_READY, func.coalesce(_changed.tries, voters.c.tries)), else_=voters.c.tries).label("tries"),
        case((_READY, _changed.request_hash), else_=voters.c.request_hash).label("request_hash"),
        case((_READY, _changed.signature), else_=voters.c.signature).label("signature"),
        func.coalesce(voters.c.acknowledgement, acknowledgements.c.signature).label("acknowledgement"),
    )
    .select_from(
        voters.outerjoin(letter_changes, voters.c.credential == _changed.credential).outerjoin(
            acknowledgements, voters.c.credential == acknowledgements.c.credential
        )
    )
    .subquery("letter")
)


def hold(db: Connection, credential: bytes) -> Any:
    """The letter as it is now, or None; nobody else changes it until the transaction ends."""
    ready = select(voters.c.credential, voters.c.state, voters.c.tries).where(voters.c.credential == credential, _READY)
    fresh = _insert(db, letter_changes).from_select(["credential", "state", "tries"], ready)
    db.execute(fresh.on_conflict_do_nothing())
    db.execute(select(_changed.credential).where(_changed.credential == credential).with_for_update()).one_or_none()
    return db.execute(select(letters).where(letters.c.credential == credential)).one_or_none()


def change(db: Connection, credential: bytes, **values: object) -> bool:
    """Changes a letter that is held; False, and nothing is changed, unless it is ready."""
    this = (_changed.credential == credential) & (_changed.state == "ready")
    return db.execute(update(letter_changes).where(this).values(**values)).rowcount == 1


def acknowledge(db: Connection, credential: bytes, signature: bytes) -> None:
    """Keeps what the credential's device said first."""
    db.execute(
        _insert(db, acknowledgements).values(credential=credential, signature=signature).on_conflict_do_nothing()
    )


def _insert(db: Connection, table: Table) -> Any:
    insert = postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def fold(engine: Engine) -> bool:
    """Leaves no change apart from its letter; False, and nothing is changed, while somebody reads for long: then the
    next statement does it. Those who ask for tokens wait meanwhile: a moment for some thousand letters."""
    try:
        with engine.begin() as db:
            fold_within(db)
    except TableInUse:
        return False
    shed_wal(engine)
    return True


def fold_within(db: Connection) -> None:
    """The same in the caller's transaction. Raises TableInUse."""
    lock(db, letter_changes)
    lock(db, acknowledgements)
    changes = select(letter_changes).order_by(_changed.credential).subquery("changes")
    values = {name: changes.c[name] for name in ("state", "tries", "request_hash", "signature")}
    db.execute(update(voters).where(voters.c.credential == changes.c.credential, _READY).values(values))
    said = select(acknowledgements).order_by(acknowledgements.c.credential).subquery("said")
    unsaid = (voters.c.credential == said.c.credential) & voters.c.acknowledgement.is_(None)
    db.execute(update(voters).where(unsaid).values(acknowledgement=said.c.signature))
    empty(db, letter_changes, acknowledgements)
