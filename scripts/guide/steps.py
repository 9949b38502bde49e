"""The steps of a referendum as officials go through them: what is done, what is next, who acts, and by which command.

Decides that from the folder and the log alone, without a key. Every action is a command of `stembus`, so that the page
and the terminal do the same. Leaves the words to the page's template: here are only names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stembus.audit.errors import AuditError
from stembus.audit.formats.entry_bodies import Client
from stembus.audit.state_machine import Order, Phase
from stembus.ballot.errors import BallotError
from stembus.ballot.office.office import Office

STEPS = ("draft", "keys", "define", "ceremony", "register", "letters", "open", "voting", "close", "count", "after")
# Whom a step needs beside the official at this machine.
WITH = {"keys": "trustees", "define": "officer", "ceremony": "trustees", "count": "trustees", "after": "officer"}
_CAN_BE_CANCELLED = ("ceremony", "register", "letters", "open", "voting", "close", "count")
OWN_PARTIES = ("officer-1", "registrar-1", "box", "log", "client")


@dataclass(frozen=True, slots=True)
class Field:
    """`kind` is text, number, file or check. What is typed goes in the place of {name}."""

    name: str
    kind: str = "text"
    value: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """`words` follow `stembus`; {name} is replaced by what was typed, and left out with its option where that is empty.
    `final` actions cannot be undone: the page asks before it runs them."""

    name: str
    words: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    final: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """`state` is done, now or later. `facts` are names of sentences with their values."""

    name: str
    state: str
    actions: tuple[Action, ...] = ()
    facts: tuple[tuple[str, dict[str, object]], ...] = ()


@dataclass
class _Seen:
    """What the folder shows."""

    root: Path
    office: Office
    order: Order | None
    log_has_client: bool
    keys: list[str] = field(default_factory=list)

    @property
    def phase(self) -> Phase | None:
        return None if self.order is None else self.order.phase


def look(root: Path) -> list[Step]:
    """All steps, in order. Reads, and writes nothing."""
    office = Office(root, _no_passphrase)
    seen = _Seen(root, office, *_log(office))
    seen.keys = sorted(path.stem for path in office.public_keys.glob("*.json"))
    now = _current(seen)
    made = []
    for place, name in enumerate(STEPS):
        state = "done" if place < STEPS.index(now) else "now" if name == now else "later"
        offered = (
            tuple(_ACTIONS[name](seen)) if state == "now" or (name in ("voting", "after") and state != "later") else ()
        )
        if state == "now" and name in _CAN_BE_CANCELLED and seen.order is not None and not seen.order.intents:
            offered += (_told(seen, "cancel", "--yes"),)
        made.append(Step(name, state, offered, tuple(_facts(name, seen)) if state == "now" else ()))
    return made


def _no_passphrase(party: str) -> str:
    raise AssertionError(f"the key of {party} is not needed to look")


def _log(office: Office) -> tuple[Order | None, bool]:
    if not office.manifest_file.exists():
        return None, False
    try:
        reading = office.reading()
        return reading.order, any(isinstance(entry.body, Client) for entry in reading.entries())
    except (AuditError, BallotError, OSError):
        return None, False


_BY_PHASE = {
    Phase.CEREMONY: "ceremony",
    Phase.OPEN: "voting",
    Phase.CLOSED: "count",
    Phase.TALLIED: "after",
    Phase.CANCELLED: "after",
    Phase.ABANDONED: "after",
}


def _current(seen: _Seen) -> str:
    root = seen.root
    if seen.order is None:
        if not seen.office.draft.exists():
            return "draft"
        return "keys" if _missing(seen) else "define"
    if seen.phase is Phase.KEYED:
        return "register"
    if seen.phase is Phase.ROLLED:
        return "letters" if (root / "authority" / "codes.csv").exists() or not seen.log_has_client else "open"
    if seen.phase is Phase.OPEN and seen.office.clock.now() >= seen.office.manifest.closes_at:
        return "close"
    return _BY_PHASE[seen.phase]  # type: ignore[index]


def _missing(seen: _Seen) -> list[str]:
    """Parties without a public key: at least two trustees and officers, a witness, and what every office has."""
    wanted = [*OWN_PARTIES, "officer-2", "trustee-1", "trustee-2", "witness-1"]
    if seen.office.witness_policy.exists():
        wanted.remove("witness-1")
    return [party for party in wanted if party not in seen.keys]


def _facts(name: str, seen: _Seen) -> Iterator[tuple[str, dict[str, object]]]:
    order = seen.order
    if name in ("keys", "define"):
        yield "keys", {"there": ", ".join(seen.keys) or "-", "missing": ", ".join(_missing(seen)) or "-"}
    if order is None:
        return
    if name == "ceremony":
        done = (order.committed, order.revealed, order.confirmed, order.drilled)
        yield (
            "ceremony",
            {"attempt": order.attempt, "done": " / ".join(str(len(one)) for one in done), "of": order.trustees},
        )
    if name in ("voting", "close"):
        yield "ballots", {"ballots": order.ballots, "batches": order.batches}
    if name == "count":
        yield "count", {"intents": len(order.intents), "partials": len(order.partials), "of": order.threshold}
        if order.paper_due and not order.paper_stated:
            yield "paper", {}


def _told(seen: _Seen, command: str, *more: str) -> Action:
    """A command that says something for good, in each language of the referendum."""
    languages = seen.office.manifest.languages
    texts = [word for code in languages for word in ("--text", f"{code}={{text-{code}}}")]
    return Action(command, (command, "{dir}", *texts, *more), tuple(Field(f"text-{c}") for c in languages), final=True)


def _draft(_: _Seen) -> Sequence[Action]:
    return (Action("new", ("new", "{dir}")),)


def _keys(seen: _Seen) -> Sequence[Action]:
    witnesses = () if seen.office.witness_policy.exists() else ("witness-1", "witness-2")
    mine = [party for party in (*OWN_PARTIES, *witnesses) if party not in seen.keys]
    made = [Action(f"key {party}", ("key", "make", "{dir}", party)) for party in mine]
    return (*made, Action("take-key", ("key", "take", "{dir}", "{file}"), (Field("file", "file"),)))


def _define(_: _Seen) -> Sequence[Action]:
    return (
        Action("take-key", ("key", "take", "{dir}", "{file}"), (Field("file", "file"),)),
        Action("check", ("check", "{dir}")),
        Action("define", ("define", "{dir}", "--yes"), final=True),
    )


def _ceremony(_: _Seen) -> Sequence[Action]:
    return (
        Action("services", ("services", "create", "{dir}")),
        Action("board", ("board", "{dir}")),
        Action("status", ("status", "{dir}")),
    )


def _register(_: _Seen) -> Sequence[Action]:
    file = Field("file", "file")
    return (
        Action("services", ("services", "create", "{dir}")),
        Action("preview", ("roll", "import", "{dir}", "{file}", "--dry-run"), (file,)),
        Action("import", ("roll", "import", "{dir}", "{file}"), (file,), final=True),
        Action("credentials", ("credentials", "make", "{dir}"), final=True),
    )


def _letters(_: _Seen) -> Sequence[Action]:
    theme, printed = Field("theme", value="theme"), (Field("printed", "number"),)
    return (
        Action("theme", ("theme", "new", "{theme}"), (theme,)),
        Action("proof", ("letters", "proof", "{dir}", "--theme", "{theme}"), (theme,)),
        Action("letters", ("letters", "make", "{dir}", "--theme", "{theme}"), (theme,)),
        Action("destroy", ("credentials", "destroy", "{dir}", "--printed", "{printed}"), printed, final=True),
        Action("client", ("client", "log", "{dir}", "--release", "1", "--theme", "{theme}"), (theme,)),
    )


def _open(_: _Seen) -> Sequence[Action]:
    return (Action("doctor", ("doctor", "{dir}")), Action("open", ("open", "{dir}", "--yes"), final=True))


def _voting(seen: _Seen) -> Sequence[Action]:
    words = (Field("words"), Field("officer"))
    swap = (Field("number"), Field("spare", value="spare-00001"))
    return (
        Action("status", ("status", "{dir}")),
        Action("seal", ("seal", "{dir}")),
        Action("find", ("roll", "find", "{dir}", "{words}", "--officer", "{officer}"), words),
        Action("replace", ("credentials", "replace", "{dir}", "{number}", "{spare}"), swap, final=True),
        Action("strike", ("roll", "strike", "{dir}", "{number}"), (Field("number"),), final=True),
        _told(seen, "incident"),
        Action("close", ("close", "{dir}"), final=True),
    )


def _close(_: _Seen) -> Sequence[Action]:
    return (Action("close", ("close", "{dir}"), final=True),)


def _count(seen: _Seen) -> Sequence[Action]:
    made = [Action("status", ("status", "{dir}"))]
    if seen.order is not None and seen.order.paper_due and not seen.order.paper_stated:
        counted = (Field("ballots", "number"), Field("counts"), Field("again"))
        words = ("paper", "{dir}", "--ballots", "{ballots}", "--counts", "{counts}", "--again", "{again}", "--yes")
        made.append(Action("paper", words, counted, final=True))
    return (
        *made,
        Action("board", ("board", "{dir}")),
        Action("tally", ("tally", "{dir}", "--yes"), final=True),
        _told(seen, "incident"),
        _told(seen, "abandon", "--yes"),
    )


def _after(seen: _Seen) -> Sequence[Action]:
    identity = seen.office.referendum.hex()
    public, folder = str(seen.office.public), Field("folder", value="minutes")
    return (
        Action("minutes", ("minutes", "write", public, "--referendum", identity, "--to", "{folder}"), (folder,)),
        Action("minutes-log", ("minutes", "log", "{dir}", "{file}"), (Field("file", "file"),), final=True),
        Action("texts", ("texts", "{dir}", "result")),
        Action("publish", ("publish", "{dir}", "--to", "{zip}"), (Field("zip", value="bundle.zip"),)),
        Action("verify", ("verify", public, "--referendum", identity)),
        Action("archive", ("archive", "{dir}", "--to", "{folder}"), (Field("folder", value="archive"),)),
        Action("purge", ("purge", "{dir}", "--yes"), final=True),
    )


_ACTIONS = {
    "draft": _draft, "keys": _keys, "define": _define, "ceremony": _ceremony, "register": _register,
    "letters": _letters, "open": _open, "voting": _voting, "close": _close, "count": _count, "after": _after,
}  # fmt: skip


def words_of(action: Action, typed: dict[str, str], directory: Path) -> list[str]:
    """The command. An option whose value was not typed is left out, with its name."""
    known = typed | {"dir": str(directory)}
    words: list[str] = []
    for word in action.words:
        filled = word.format_map(known)
        if filled == "" or (filled.endswith("=") and filled != word):
            if words and words[-1].startswith("--"):
                words.pop()
            continue
        words += filled.split() if word == "{words}" else [filled]
    return words
