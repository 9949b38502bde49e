"""The small faults that `make mutants` plants: which there are, and what each is called.

Decides what is changed and what is not, and the sample. Leaves the judging to `mutants`.

Changed: comparisons, also by one at a boundary; conditions, to always and never; parts of `and` and `or`; arithmetic;
numbers; truth values; names and byte strings; items of lists, tables and calls; loops; slices; statements that only
act. Not changed, because no test should notice: docstrings, imports, assertions, decorators, the names `slots` and
`frozen`, annotations (except the bounds in a `Meta`), type aliases, the names of encodings, and text for people: what
is raised, and every string with a space in it.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = "stembus mutants 1"
SAMPLE_SIZE = 600

_COMPARISONS: dict[type[ast.cmpop], list[ast.cmpop]] = {
    ast.Lt: [ast.LtE(), ast.GtE()],
    ast.LtE: [ast.Lt(), ast.Gt()],
    ast.Gt: [ast.GtE(), ast.LtE()],
    ast.GtE: [ast.Gt(), ast.Lt()],
    ast.Eq: [ast.NotEq()],
    ast.NotEq: [ast.Eq()],
    ast.In: [ast.NotIn()],
    ast.NotIn: [ast.In()],
    ast.Is: [ast.IsNot()],
    ast.IsNot: [ast.Is()],
}
_ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Add(),
    ast.FloorDiv: ast.Mult(),
    ast.Mod: ast.FloorDiv(),
    ast.Pow: ast.Mult(),
    ast.LShift: ast.RShift(),
    ast.RShift: ast.LShift(),
    ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(),
    ast.BitXor: ast.BitOr(),
}
_OTHER_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_UNWRAPPED = {"sorted", "set", "abs", "reversed", "enumerate"}
_TYPE_ALIASES = {"Literal", "Callable", "Mapping", "Sequence", "TypeVar", "NewType", "cast"}
_UNSEEN_NAMES = {"slots", "frozen"}
_ENCODINGS = {"ascii", "utf-8", "big", "little"}


@dataclass(frozen=True)
class Mutant:
    """One changed place. `name` stays the same when other lines of the file change."""

    path: str
    line: int
    name: str
    source: str

    @property
    def rank(self) -> str:
        return hashlib.sha256(f"{SEED}\n{self.name}".encode()).hexdigest()


def mutants(root: Path, rooms: tuple[str, ...]) -> Iterator[Mutant]:
    """Every mutant of every file in these folders."""
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")):
            yield from mutants_of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))


def sample(all_mutants: list[Mutant]) -> list[Mutant]:
    """The same ones each time: a change elsewhere in the code takes none away and shifts none."""
    return sorted(all_mutants, key=lambda mutant: mutant.rank)[:SAMPLE_SIZE]


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    for place, holder, key, node in list(_places(tree, "")):
        for other in _variants(node, holder):
            if ast.dump(node) == ast.dump(other):
                continue
            said = f"{path} {place or 'module'}: {_short(node)} -> {_short(other)}"
            seen[said] += 1
            _put(holder, key, other)
            line = node.iter.lineno if isinstance(node, ast.comprehension) else getattr(node, "lineno", 0)
            yield Mutant(path, line, f"{said} #{seen[said]}", ast.unparse(tree))
            _put(holder, key, node)


_Key = tuple[str, int | None]


def _put(holder: ast.AST, key: _Key, node: ast.AST) -> None:
    field, index = key
    if index is None:
        setattr(holder, field, node)
    else:
        getattr(holder, field)[index] = node


def _short(node: ast.AST) -> str:
    """One line of source. A long one is cut in the middle and marked with its hash."""
    text = " ".join(ast.unparse(node).split())
    if len(text) <= 90:
        return text
    return f"{text[:50]} [{hashlib.sha256(text.encode()).hexdigest()[:8]}] {text[-25:]}"


def _places(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST, _Key, ast.AST]]:
    """Every node that may be changed: function, holder, where the holder has it, node."""
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_left(node, field, child):
                inner = isinstance(child, ast.FunctionDef | ast.ClassDef)
                below = f"{name}.{child.name}".lstrip(".") if inner else name  # type: ignore[attr-defined]
                if field not in ("annotation", "returns"):
                    yield name, node, (field, index), child
                    yield from _places(child, below)
                else:
                    for part in ast.walk(child):
                        if isinstance(part, ast.Call) and ast.unparse(part.func).endswith("Meta"):
                            yield from _places(part, name)


def _is_left(holder: ast.AST, field: str, node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.FormattedValue():
            return True
        case ast.JoinedStr():
            return any(" " in str(part.value) for part in node.values if isinstance(part, ast.Constant))
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.keyword(arg=name) if name in _UNSEEN_NAMES:
            return True
        case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
            return True
        case ast.Subscript(value=ast.Name(id=name)) | ast.Call(func=ast.Name(id=name)) if name in _TYPE_ALIASES:
            return True
        case ast.Constant(value=str() as text) if " " in text or text in _ENCODINGS:
            return True
    return field == "decorator_list" or isinstance(holder, ast.Raise)


def _without(node: ast.AST, field: str, index: int) -> ast.AST:
    shorter = copy.copy(node)
    setattr(shorter, field, [item for at, item in enumerate(getattr(node, field)) if at != index])
    return shorter


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for field, value in fields.items():
        setattr(changed, field, value)
    return changed


def _variants(node: ast.AST, holder: ast.AST) -> Iterator[ast.AST]:
    """What this node is replaced by, one at a time."""
    if isinstance(node, ast.expr) and getattr(holder, "test", None) is node:
        yield from (ast.Constant(True), ast.Constant(False))
    match node:
        case ast.Compare(ops=[operator]):
            yield from (_with(node, ops=[other]) for other in _COMPARISONS[type(operator)])
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                other = _COMPARISONS[type(operator)][0]
                yield _with(node, ops=[*node.ops[:at], other, *node.ops[at + 1 :]])
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            yield from (
                _without(node, "values", at) if len(node.values) > 2 else node.values[1 - at]
                for at in range(len(node.values))
            )
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=inner):
            yield inner
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _ARITHMETIC:
            yield _with(node, op=_ARITHMETIC[type(operator)])
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value - 1)
        case ast.Constant(value=str() as text) if not isinstance(holder, ast.JoinedStr):
            yield ast.Constant(text + "X")
        case ast.Constant(value=bytes() as data):
            yield ast.Constant(data + b"X")
        case ast.Call():
            yield from _calls(node)
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set() if len(node.elts) > 1:
            yield from (_without(node, "elts", at) for at in range(len(node.elts)))
        case ast.Dict():
            for at in range(len(node.keys)):
                yield _without(_without(node, "keys", at), "values", at)
        case ast.Slice():
            for field in ("lower", "upper", "step"):
                if getattr(node, field) is not None:
                    yield _with(node, **{field: None})
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.comprehension():
            yield from (_without(node, "ifs", at) for at in range(len(node.ifs)))
            yield _with(node, iter=ast.parse(f"list({ast.unparse(node.iter)})[:-1]", mode="eval").body)
        case ast.For():
            yield _with(node, iter=ast.List([], ast.Load()))
            yield _with(node, iter=ast.parse(f"list({ast.unparse(node.iter)})[1:]", mode="eval").body)
            yield _with(node, iter=ast.parse(f"list({ast.unparse(node.iter)})[:-1]", mode="eval").body)
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    """A call without one of its named arguments, with its opposite, or with what it was called on alone."""
    yield from (
        _without(node, "keywords", at) for at, item in enumerate(node.keywords) if item.arg not in _UNSEEN_NAMES
    )
    match node.func:
        case ast.Name(id=name) if name in _OTHER_CALLS:
            yield _with(node, func=ast.Name(_OTHER_CALLS[name], ast.Load()))
        case ast.Name(id=name) if name in _UNWRAPPED and len(node.args) == 1:
            yield node.args[0]
        case ast.Attribute(attr="add" | "add_int" | "copy" | "strip" | "lower" | "casefold", value=inner):
            yield inner
