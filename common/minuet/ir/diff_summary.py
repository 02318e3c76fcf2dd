"""What changed between two documents, short enough for a list of patches and for a canvas."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec

from minuet.model.canonical import canonical_json

_LISTED: Final = ("nodes", "edges", "ui")


class DiffSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Node ids in the order of their document; edges whole: an edge that changed is one removed
    and one added. `fields` are other members of the document. `ui` counts for nothing."""

    nodes_added: list[str] = []
    nodes_removed: list[str] = []
    nodes_changed: list[str] = []
    edges_added: list[Any] = []
    edges_removed: list[Any] = []
    fields: list[str] = []


def diff_summary(old: Any, new: Any) -> DiffSummary:
    """Cheap where `new` shares the unchanged parts of `old`, as `apply_patch` makes it.

    Never raises for a document that is no workflow: what cannot be read is absent.
    """
    before, after = _nodes(old), _nodes(new)
    left, right = _edges(old), _edges(new)
    return DiffSummary(
        nodes_added=[name for name in after if name not in before],
        nodes_removed=[name for name in before if name not in after],
        nodes_changed=[
            name for name, node in after.items() if name in before and _differ(before[name], node)
        ],
        edges_added=_beyond(right, left),
        edges_removed=_beyond(left, right),
        fields=_fields(old, new),
    )


def _member(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, dict) else None


def _list(document: Any, name: str) -> list[Any]:
    found = _member(document, name)
    return found if isinstance(found, list) else []


def _nodes(document: Any) -> dict[str, dict[str, Any]]:
    return {
        node["id"]: node
        for node in _list(document, "nodes")
        if isinstance(node, dict) and isinstance(node.get("id"), str)
    }


def _differ(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return old is not new and canonical_json(_bare(old)) != canonical_json(_bare(new))


def _bare(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "ui"}


def _edges(document: Any) -> list[Any]:
    return _list(document, "edges")


def _beyond(edges: list[Any], others: list[Any]) -> list[Any]:
    """Edges that stand here more often than there."""
    if edges is others:
        return []
    # Most edges are the very same object on both sides: these are paired off before any encoding.
    here, there = _unpaired(edges, others), _unpaired(others, edges)
    counts = Counter(map(canonical_json, there))
    beyond = []
    for edge in here:
        key = canonical_json(edge)
        if counts[key] > 0:
            counts[key] -= 1
        else:
            beyond.append(edge)
    return beyond


def _unpaired(edges: list[Any], others: list[Any]) -> list[Any]:
    counts = Counter(map(id, others))
    unpaired = []
    for edge in edges:
        if counts[id(edge)] > 0:
            counts[id(edge)] -= 1
        else:
            unpaired.append(edge)
    return unpaired


def _fields(old: Any, new: Any) -> list[str]:
    names = [*(old if isinstance(old, dict) else ()), *(new if isinstance(new, dict) else ())]
    return [
        name
        for name in dict.fromkeys(names)
        if name not in _LISTED and _is_other(_member(old, name), _member(new, name))
    ]


def _is_other(old: Any, new: Any) -> bool:
    return old is not new and canonical_json(old) != canonical_json(new)
