"""What changed between two documents."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from minuet.ir import DiffSummary, apply_patch, diff_summary
from minuet.model.errors import PatchError

from .random_patches import documents_and_patches

DOCUMENT: dict[str, Any] = {
    "name": "x",
    "nodes": [
        {"id": "a", "type": "http", "ui": {"x": 1}},
        {"id": "b", "type": "http"},
        {"id": "c", "type": "http"},
    ],
    "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "c"}],
    "settings": {"deadline": "1h"},
}


def test_tells_nodes_edges_and_fields() -> None:
    patched = apply_patch(
        DOCUMENT,
        [
            {"op": "add", "path": "/nodes/-", "value": {"id": "d", "type": "join"}},
            {"op": "replace", "path": "/nodes/by-id/b/type", "value": "join"},
            {"op": "remove", "path": "/nodes/by-id/c"},
            {"op": "add", "path": "/edges/1/on", "value": "error"},
            {"op": "replace", "path": "/settings/deadline", "value": "2h"},
            {"op": "add", "path": "/labels", "value": {"k": "v"}},
        ],
    )
    assert diff_summary(DOCUMENT, patched) == DiffSummary(
        nodes_added=["d"],
        nodes_removed=["c"],
        nodes_changed=["b"],
        edges_added=[{"from": "b", "to": "c", "on": "error"}],
        edges_removed=[{"from": "b", "to": "c"}],
        fields=["settings", "labels"],
    )


def test_moved_boxes_and_order_are_no_change() -> None:
    patched = apply_patch(
        DOCUMENT,
        [
            {"op": "replace", "path": "/nodes/0/ui/x", "value": 2},
            {"op": "move", "from": "/nodes/0", "path": "/nodes/-"},
            {"op": "move", "from": "/edges/0", "path": "/edges/-"},
            {"op": "add", "path": "/ui", "value": {"zoom": 2}},
        ],
    )
    assert diff_summary(DOCUMENT, patched) == DiffSummary()


def test_repeated_edges_are_counted() -> None:
    edge = {"from": "a", "to": "b"}
    once, twice = {"edges": [edge]}, {"edges": [dict(edge), dict(edge)]}
    assert diff_summary(once, twice) == DiffSummary(edges_added=[edge])
    assert diff_summary(twice, once) == DiffSummary(edges_removed=[edge])
    same_twice = {"edges": [edge, edge]}
    assert diff_summary(once, same_twice) == DiffSummary(edges_added=[edge])


@pytest.mark.parametrize("odd", [None, [], "x", {"nodes": 5, "edges": {}}, {"nodes": [1, {}]}])
def test_documents_that_are_none_do_not_raise(odd: Any) -> None:
    assert diff_summary(odd, DOCUMENT).nodes_added == ["a", "b", "c"]
    assert diff_summary(DOCUMENT, odd).edges_removed == DOCUMENT["edges"]


@given(documents_and_patches())
def test_sharing_makes_no_difference(case: tuple[Any, list[Any]]) -> None:
    document, patch = case
    try:
        patched = apply_patch(document, patch)
    except PatchError:
        return
    assert diff_summary(document, document) == DiffSummary()
    assert diff_summary(document, patched) == diff_summary(document, copy.deepcopy(patched))
