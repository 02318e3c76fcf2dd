"""The table steps and the rules of hosts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.policy.hosts import allows
from minuet.services.agent_runner.tools.http_step import port_of
from minuet.services.agent_runner.tools.pipeline import select
from minuet.services.agent_runner.tools.search import find
from minuet.services.agent_runner.tools.tables import (
    MAX_ROWS,
    rows_of,
    table_filter,
    table_select,
    table_sort,
    top_k,
)
from minuet.services.agent_runner.tools.tool import ToolError

ROWS: list[dict[str, Any]] = [{"n": 2, "t": "b"}, {"n": None}, {"n": 3, "t": "a"}, {"t": "c"}]
tables = st.lists(st.fixed_dictionaries({"n": st.integers() | st.none(), "i": st.integers()}))


def test_a_filter_keeps_what_passes_and_drops_what_cannot_be_compared() -> None:
    assert table_filter(ROWS, "n", "gt", 2) == [ROWS[2]]
    assert table_filter(ROWS, "t", "in", ["a", "c"]) == [ROWS[2], ROWS[3]]
    assert table_filter(ROWS, "n", "contains", "x") == []


def test_columns_are_kept_in_order_and_absent_ones_are_null() -> None:
    assert table_select(ROWS[:2], ["t", "n"]) == [{"t": "b", "n": 2}, {"t": None, "n": None}]


@given(tables, st.booleans())
def test_sorting_orders_known_values_and_leaves_the_rest_last(
    rows: list[dict[str, Any]], descending: bool
) -> None:
    values = [row["n"] for row in table_sort(rows, "n", descending)]
    known = [value for value in values if value is not None]
    assert values == sorted(known, reverse=descending) + [None] * (len(values) - len(known))


@given(tables, st.integers(1, 5))
def test_top_k_is_the_head_of_the_descending_order(rows: list[dict[str, Any]], k: int) -> None:
    known = sorted((row["n"] for row in rows if row["n"] is not None), reverse=True)
    assert [row["n"] for row in top_k(rows, "n", k)] == known[:k]


@pytest.mark.parametrize("value", [None, {}, [1], [{}] * (MAX_ROWS + 1)])
def test_other_values_are_no_tables(value: Any) -> None:
    with pytest.raises(ToolError):
        rows_of(value)


def test_mixed_types_cannot_be_sorted() -> None:
    with pytest.raises(ToolError, match="compared"):
        table_sort([{"n": 1}, {"n": "x"}], "n")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example.com/x", True),
        ("https://API.example.com./x", True),
        ("https://example.com/", False),
        ("https://a.b.example.org/", True),
        ("https://example.org/", False),
        ("https://notexample.org/", False),
        ("http://local.test:8080/", True),
        ("http://local.test/", False),
        ("https://api.example.com@evil.test/", False),
    ],
)
def test_hosts_are_called_by_rule_only(url: str, allowed: bool) -> None:
    rules = ["api.example.com", "*.example.org", "local.test:8080"]
    address = httpx.URL(url)
    assert allows(rules, address.host, port_of(address)) is allowed


def test_select_walks_objects_and_lists() -> None:
    assert select({"a": [{"b": 1}]}, "a.0.b") == 1
    assert select([1], None) == [1]
    with pytest.raises(ToolError, match="nothing at"):
        select({"a": 1}, "a.b")


def test_search_puts_names_before_descriptions() -> None:
    known = [
        {"tool": "one", "description": "sort things"},
        {"tool": "table_sort", "description": "order rows"},
        {"tool": "other", "description": "nothing"},
    ]
    assert [each["tool"] for each in find(known, "Sort!")] == ["table_sort", "one"]
    assert find(known, "") == []
