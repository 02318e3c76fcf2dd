"""How much more than its context an expression can build.

The library bounds iterations (10,000) and nesting (32), but not sizes: macros that bind what they
have built multiply text and lists with every level. Three rules close that at compile time, a
fourth is checked against the real context:

- no value may hold more than MAX_COPIES copies of its parts by literals and `+` alone;
- a macro may not run over elements that were themselves built from built elements;
- inside a macro, built lists may not be compared, searched or joined;
- text and lists joined by `+` stay under MAX_BUILT (`Growth.estimate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .syntax import Call, Const, Fold, Ident, Literal, Node, Select

MAX_COPIES = 10_000
MAX_ITERATIONS = 10_000
MAX_BUILT = 64 * 1024 * 1024
_LIST_SLOT = 16
_COPYING = frozenset({"_+_", "string", "bytes"})
_DEEP = frozenset({"_==_", "_!=_", "@in", "_+_"})
_HANDING_ON = frozenset({"_?_:_", "dyn", "_[_]"})


class Explosive(ValueError):
    """The expression may grow without useful bound."""


@dataclass(frozen=True, slots=True)
class Size:
    """Up to `copies` copies of the context, times the iterations to the power of `level`."""

    copies: int = 1
    level: int = 0
    fields: Mapping[str, Size] | None = None
    """Of a map literal: the size of each value under a constant key."""


@dataclass(slots=True)
class Growth:
    """What one expression copies, by loop depth."""

    copied: dict[int, int] = field(default_factory=dict)
    longest_literal: int = 0

    @property
    def is_risky(self) -> bool:
        """Whether `estimate` is worth its walk over the context."""
        return any(depth > 0 or copies > 64 for depth, copies in self.copied.items())

    def estimate(self, context: Any, source_length: int) -> int:
        """Upper bound of the bytes that `+` can build from this context. O(context)."""
        text, count = _measure(context)
        count = max(count, self.longest_literal, 1)
        unit = max(text, count * _LIST_SLOT, source_length)
        return sum(
            copies * unit * min(MAX_ITERATIONS, count**depth)
            for depth, copies in self.copied.items()
        )


def measure_growth(root: Node) -> Growth:
    """Raises Explosive for an expression that breaks one of the static rules."""
    growth = Growth()
    _size(root, {}, 0, growth)
    return growth


_Scope = Mapping[str, Size]


def _size(node: Node, scope: _Scope, depth: int, growth: Growth) -> Size:
    match node:
        case Ident():
            return scope.get(node.name, Size())
        case Select():
            owner = _size(node.operand, scope, depth, growth)
            return owner if owner.fields is None else owner.fields.get(node.field, Size())
        case Literal():
            return _literal(node, scope, depth, growth)
        case Call():
            return _call(node, scope, depth, growth)
        case Fold():
            return _fold(node, scope, depth, growth)
        case Const():
            return Size()


def _literal(node: Literal, scope: _Scope, depth: int, growth: Growth) -> Size:
    growth.longest_literal = max(growth.longest_literal, len(node.items))
    sizes = [_size(item, scope, depth, growth) for item in node.items]
    total = _sum(sizes)
    keys = [key.value for key in node.items[::2] if isinstance(key, Const)]
    names = [key for key in keys if key is not None]
    if not node.is_map or len(names) * 2 != len(node.items):
        return total
    return Size(total.copies, total.level, dict(zip(names, sizes[1::2], strict=True)))


def _call(node: Call, scope: _Scope, depth: int, growth: Growth) -> Size:
    sizes = [_size(arg, scope, depth, growth) for arg in node.args]
    if depth and node.function in _DEEP and any(size.level for size in sizes):
        raise Explosive("a macro may not compare, search or join lists built in the expression")
    total = _sum(sizes)
    if node.function in _COPYING:
        growth.copied[depth] = growth.copied.get(depth, 0) + total.copies
        return total
    return total if node.function in _HANDING_ON else Size()


def _fold(node: Fold, scope: _Scope, depth: int, growth: Growth) -> Size:
    whole = _size(node.range, scope, depth, growth)
    element = _element(node.range, whole, scope, depth)
    if element.level > 1:
        raise Explosive("too many macros build on each other")
    inner = {**scope, **dict.fromkeys(node.variables, element), node.accumulator: Size(1, 0)}
    _size(node.condition, inner, depth + 1, growth)
    if not isinstance(node.init, Literal):
        _size(node.step, inner, depth + 1, growth)
        return Size()
    for part in _without_append(node.step, node.accumulator):
        _size(part, inner, depth + 1, growth)
    kept = _kept(node)
    size = _size(kept, inner, depth + 1, Growth())
    return Size(size.copies, size.level if isinstance(kept, Fold) else size.level + 1)


def _element(source: Node, whole: Size, scope: _Scope, depth: int) -> Size:
    """The size of what a macro's variable is bound to."""
    if isinstance(source, Fold) and isinstance(source.init, Literal):
        ranged = _element(source.range, _size(source.range, scope, depth, Growth()), scope, depth)
        inner = {**scope, **dict.fromkeys(source.variables, ranged)}
        return _size(_kept(source), inner, depth + 1, Growth())
    return whole


def _kept(node: Fold) -> Node:
    """The element that one iteration of map or filter appends."""
    step = node.step
    while isinstance(step, Call):
        if step.function == "_?_:_":
            step = step.args[1]
        elif _is_append(step, node.accumulator):
            appended = step.args[1]
            return appended.items[0] if isinstance(appended, Literal) else appended
        else:
            break
    return step


def _without_append(step: Node, accumulator: str) -> list[Node]:
    """The parts of a step that a user wrote, without the appending around them."""
    if isinstance(step, Call) and step.function == "_?_:_":
        return [step.args[0], *_without_append(step.args[1], accumulator)]
    if isinstance(step, Call) and _is_append(step, accumulator):
        appended = step.args[1]
        return list(appended.items) if isinstance(appended, Literal) else [appended]
    return [step]


def _is_append(call: Call, accumulator: str) -> bool:
    first = call.args[0] if call.args else None
    return call.function == "_+_" and isinstance(first, Ident) and first.name == accumulator


def _sum(sizes: list[Size]) -> Size:
    copies = sum(size.copies for size in sizes) or 1
    if copies > MAX_COPIES:
        raise Explosive(f"a value may hold at most {MAX_COPIES} copies of its parts")
    return Size(copies, max((size.level for size in sizes), default=0))


def _measure(context: Any) -> tuple[int, int]:
    """Length in bytes of the longest text and number of elements of the longest collection."""
    text = count = 0
    stack = [context]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            text = max(text, 4 * len(item))
        elif isinstance(item, Mapping):
            count = max(count, len(item))
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            count = max(count, len(item))
            stack.extend(item)
    return text, count
