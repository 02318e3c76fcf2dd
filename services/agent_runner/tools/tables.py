"""Steps over tables: lists of objects in, lists of objects out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tool import ToolError

MAX_ROWS = 10_000
Row = dict[str, Any]

TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "contains": lambda a, b: b in a,
    "in": lambda a, b: a in b,
}


def rows_of(value: Any) -> list[Row]:
    """Raises ToolError unless the value is a table of at most MAX_ROWS rows."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ToolError("this step needs a list of objects; the step before gave something else")
    if len(value) > MAX_ROWS:
        raise ToolError(f"{len(value):,} rows; at most {MAX_ROWS:,} are taken")
    return value


def table_filter(rows: list[Row], column: str, test: str, value: Any) -> list[Row]:
    """Rows whose column passes. A row without it, or of another type, does not."""
    return [row for row in rows if column in row and passes(row[column], test, value)]


def passes(found: Any, test: str, value: Any) -> bool:
    try:
        return TESTS[test](found, value)
    except TypeError:
        return False


def table_sort(rows: list[Row], by: str, descending: bool = False) -> list[Row]:
    """Stable; rows without the column, or with null there, come last in either order."""
    known = [row for row in rows if row.get(by) is not None]
    rest = [row for row in rows if row.get(by) is None]
    try:
        return sorted(known, key=lambda row: row[by], reverse=descending) + rest
    except TypeError as exc:
        raise ToolError(f"the values of '{by}' cannot be compared: {exc}") from exc


def table_select(rows: list[Row], columns: list[str]) -> list[Row]:
    """These columns alone, in this order; absent ones become null."""
    return [{column: row.get(column) for column in columns} for row in rows]


def top_k(rows: list[Row], by: str, k: int) -> list[Row]:
    """The k rows with the greatest values, greatest first."""
    return table_sort([row for row in rows if row.get(by) is not None], by, descending=True)[:k]
