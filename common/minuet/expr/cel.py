"""Expressions: bare CEL over a context of JSON values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ExpressionError, ExpressionSyntaxError
from .growth import MAX_BUILT
from .paths import MISSING, Path, build_context, extract, format_path, minimal
from .program import Program, compile_program, nearest
from .references import Reference
from .result import NotRepresentable, ResultReader

_STATUS = re.compile(r"^[A-Z_]+: ")
_STATUS_TAIL = re.compile(r" \[[A-Z_]+\]$")
_WITHHELD = "the evaluation failed (details are withheld: the expression reads secrets)"


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; safe to share between threads.

    `paths` are the parts of the context that it reads, sorted, none extending another.
    """

    text: str
    paths: tuple[Path, ...]
    _program: Program = field(repr=False, compare=False)

    def evaluate(self, context: Mapping[str, Any]) -> Any:
        """A JSON value; a plain selection is handed on by reference, so do not write to it.

        Only `paths` are looked at: a context with more gives the same answer. The context must
        come from a JSON reader that bounds nesting: the library recurses over it. Raises
        ExpressionError, also for results that JSON cannot hold.
        """
        plain = self._program.plain
        if plain is not None:
            value = extract(context, plain)
            if value is MISSING:
                raise self._error(context, "")
            return value
        value = self._run(context)
        try:
            return ResultReader().read(value)
        except NotRepresentable as exc:
            raise ExpressionError(self.text, str(exc)) from exc

    def evaluate_bool(self, context: Mapping[str, Any]) -> bool:
        """Like `evaluate`, and anything but true or false is an ExpressionError."""
        value = self.evaluate(context)
        if isinstance(value, bool):
            return value
        raise ExpressionError(self.text, f"expected true or false, got {_kind(value)}")

    def _run(self, context: Mapping[str, Any]) -> Any:
        data = build_context({path: extract(context, path) for path in self.paths})
        growth = self._program.growth
        if growth.is_risky and growth.estimate(data, len(self.text)) > MAX_BUILT:
            raise ExpressionError(self.text, "the expression would build too much text")
        try:
            value = self._program.runnable.eval(data=data)
        except (RuntimeError, UnicodeError) as exc:
            raise self._error(context, str(exc)) from exc
        if value.type().name() == "ERROR":
            raise self._error(context, str(value.value()))
        return value

    def _error(self, context: Mapping[str, Any], raw: str) -> ExpressionError:
        for reference in self._program.references:
            missing = _missing(reference.path, context)
            if missing is not None and _blames(raw, missing[0][-1]):
                path, reason = missing
                return ExpressionError(self.text, reason, offset=reference.offset, path=path)
        if any(path[0] == "secrets" for path in self.paths):
            return ExpressionError(self.text, _WITHHELD)
        return ExpressionError(self.text, _STATUS_TAIL.sub("", _STATUS.sub("", raw)))


def compile_expression(
    text: str, *, allowed_roots: frozenset[str], node_ids: frozenset[str] | None = None
) -> Expression:
    """Raises ExpressionSyntaxError with the place of the first fault.

    `node_ids` None means that `nodes.x` is accepted for any x.
    """
    program = compile_program(text)
    for reference in program.references:
        reason = _refusal(reference, allowed_roots, node_ids)
        if reason is not None:
            raise ExpressionSyntaxError(text, reason, offset=reference.offset)
    paths = frozenset(_handed_over(reference.path) for reference in program.references)
    return Expression(text, minimal(paths), program)


def _handed_over(path: Path) -> Path:
    """A secret is fetched whole, by its name."""
    return path[:2] if path[0] == "secrets" else path


def _refusal(
    reference: Reference, allowed_roots: frozenset[str], node_ids: frozenset[str] | None
) -> str | None:
    root, *rest = reference.path
    if root not in allowed_roots:
        return f"'{root}' cannot be used here; allowed: {', '.join(sorted(allowed_roots))}"
    if root == "secrets" and not rest:
        return "write secrets.<name>: secrets can only be read by a constant name"
    if root == "nodes":
        return _node_refusal(rest, node_ids)
    return None


def _node_refusal(rest: list[str], node_ids: frozenset[str] | None) -> str | None:
    if not rest:
        return "write nodes.<id>.output: nodes can only be read by a constant id"
    node = rest[0]
    if node_ids is not None and node not in node_ids:
        return f"there is no node '{node}'{nearest(node, node_ids)}"
    if len(rest) < 2 or rest[1] != "output":
        return f"only the output of a node can be read: write nodes.{node}.output"
    return None


def _missing(path: Path, context: Mapping[str, Any]) -> tuple[Path, str] | None:
    """The first segment of `path` that `context` lacks, and a sentence about it."""
    value: Any = context
    for position, segment in enumerate(path):
        if not isinstance(value, Mapping):
            owner = format_path(path[:position])
            return path[: position + 1], f"{owner} is {_kind(value)}, so it has no '{segment}'"
        if segment not in value:
            return path[: position + 1], _absence(path, position, value)
        value = value[segment]
    return None


def _absence(path: Path, position: int, owner: Mapping[str, Any]) -> str:
    if position == 0:
        return f"'{path[0]}' has no value here"
    name = path[position]
    return f"{format_path(path[:position])} has no '{name}'{nearest(name, owner)}"


def _blames(raw: str, segment: str) -> bool:
    """Whether the library's message is about this absence and not about something else.

    A parent that is absent reaches the library as an empty object, so it names a later segment.
    """
    if not raw or "No value with name" in raw or "SELECT" in raw:
        return True
    return "Key not found in map" in raw or f'"{segment}"' in raw


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "an object"
        case _:
            return "a list"
