"""One compiled program per text: the library's environment, its limits and its error messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]

from .errors import ExpressionSyntaxError
from .growth import Explosive, Growth, measure_growth
from .paths import Path
from .references import ROOTS, Reference, find_references, plain_path
from .syntax import TooDeep, parse_tree

MAX_SOURCE_BYTES = 8 * 1024

_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_MIXED_BRANCHES = "found no matching overload for '_?_:_'"
_DEPTH_MARKS = ("recursion depth", "recursion limit")


@dataclass(frozen=True, slots=True)
class Program:
    """What a text compiles to, whatever roots its place allows. `plain`: it only selects."""

    runnable: Any
    references: tuple[Reference, ...]
    plain: Path | None
    growth: Growth


@lru_cache(maxsize=4096)
def compile_program(text: str) -> Program:
    """Raises ExpressionSyntaxError. Cached: the same text gives the same program."""
    _check_size(text)
    unchecked = _compile(text, disable_check=True)
    try:
        tree = parse_tree(unchecked.serialize())
        growth = measure_growth(tree.root)
    except (TooDeep, Explosive) as exc:
        raise ExpressionSyntaxError(text, str(exc)) from exc
    runnable = _check_types(text, unchecked)
    return Program(runnable, find_references(tree), plain_path(tree), growth)


def nearest(name: str, known: Any) -> str:
    """ "; did you mean 'x'?" or nothing, for the end of a message."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _check_size(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as exc:
        reason = "the expression holds a lone surrogate"
        raise ExpressionSyntaxError(text, reason, offset=exc.start) from exc
    if size > MAX_SOURCE_BYTES:
        reason = f"the expression has {size} bytes; the limit is {MAX_SOURCE_BYTES}"
        raise ExpressionSyntaxError(text, reason)


def _compile(text: str, *, disable_check: bool) -> Any:
    try:
        return _ENV.compile(text, disable_check=disable_check)
    except RuntimeError as exc:
        raise _syntax_error(text, str(exc)) from exc


def _check_types(text: str, unchecked: Any) -> Any:
    """The checked program, or the unchecked one if all that differs is the type of branches.

    The checker wants both branches of `?:` to have one type; JSON has no such rule.
    """
    try:
        return _ENV.compile(text)
    except RuntimeError as exc:
        faults = _PLACE.findall(str(exc))
        if faults and all(_MIXED_BRANCHES in reason for _, _, reason in faults):
            return unchecked
        raise _syntax_error(text, str(exc)) from exc


def _syntax_error(text: str, raw: str) -> ExpressionSyntaxError:
    if any(mark in raw for mark in _DEPTH_MARKS):
        return ExpressionSyntaxError(text, "the expression is nested too deeply (limit 32)")
    match = _PLACE.search(raw)
    if match is None:
        return ExpressionSyntaxError(text, raw.removesuffix(" [INVALID_ARGUMENT]"))
    line, column = int(match[1]), int(match[2])
    offset = sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column - 1
    raw_reason = match[3].removesuffix(" [INVALID_ARGUMENT]")
    unknown = _UNDECLARED.search(raw_reason)
    if unknown is None:
        return ExpressionSyntaxError(text, raw_reason, offset=offset)
    return _unknown_name(text, unknown[1], offset)


def _unknown_name(text: str, dotted: str, offset: int) -> ExpressionSyntaxError:
    """The library names the whole chain and the place of its last dot."""
    name = dotted.split(".", maxsplit=1)[0]
    start = max(text.rfind(name, 0, offset + len(name)), 0)
    return ExpressionSyntaxError(text, f"unknown name '{name}'{nearest(name, ROOTS)}", offset=start)


def _divide(left: float, right: float) -> float:
    if right == 0:
        raise ZeroDivisionError("divide by zero")
    return left / right


def _mixed(function: str, name: str, operation: Any) -> Any:
    """int op double and double op int, which CEL lacks: JSON does not tell 80 from 80.0."""
    pairs = [(cel.Type.INT, cel.Type.DOUBLE), (cel.Type.DOUBLE, cel.Type.INT)]
    overloads = [
        cel.Overload(
            id=f"minuet_{name}_{position}",
            return_type=cel.Type.DOUBLE,
            parameters=list(pair),
            is_member=False,
            impl=lambda left, right: operation(float(left), float(right)),
        )
        for position, pair in enumerate(pairs)
    ]
    return cel.FunctionDecl(function, overloads)


def _new_env() -> Any:
    functions = [
        _mixed("_+_", "add", lambda left, right: left + right),
        _mixed("_-_", "subtract", lambda left, right: left - right),
        _mixed("_*_", "multiply", lambda left, right: left * right),
        _mixed("_/_", "divide", _divide),
    ]
    return cel.NewEnv(
        variables=dict.fromkeys(sorted(ROOTS), cel.Type.DYN),
        extensions=[cel.CelExtension("minuet_mixed_numbers", functions)],
    )


_ENV = _new_env()
