"""The materialiser beside `jsonpatch` and beside its own reference, on 10,000 nodes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest

from minuet.ir import apply_patch, diff_summary, materialise, patcher, reference_patch

from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.serial]
NODES = 10_000


def best_us(work: Callable[[], Any], runs: int) -> float:
    """Least wall time of `runs` calls: noise only ever adds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) * 1e6


def document() -> dict[str, Any]:
    nodes = [
        {"id": f"n{i}", "type": "http", "config": {"url": f"http://x/{i}", "headers": {"a": "b"}}}
        for i in range(NODES)
    ]
    edges = [{"from": f"n{i}", "to": f"n{i + 1}"} for i in range(NODES - 1)]
    return {"apiVersion": "minuet/v1", "name": "wide", "nodes": nodes, "edges": edges}


def patch(node: str) -> list[dict[str, Any]]:
    """What an agent does: one node more, an edge to it, a change of another node."""
    return [
        {"op": "add", "path": "/nodes/-", "value": {"id": "new", "type": "http", "config": {}}},
        {"op": "add", "path": "/edges/-", "value": {"from": "n9", "to": "new"}},
        {"op": "replace", "path": f"{node}/config/url", "value": "http://y"},
    ]


def test_apply_patch(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = document()
    by_index, by_id = patch("/nodes/9000"), patch("/nodes/by-id/n9000")
    note = f"3 operations, {NODES:,} nodes"
    for name, module in (("compiled", patcher), ("reference", reference_patch)):
        monkeypatch.setattr(materialise, "Patcher", module.Patcher)
        figures.add(
            f"apply_patch {name}", best_us(lambda: apply_patch(wide, by_index), 50), "us", note
        )
        figures.add(
            f"apply_patch {name}, by id", best_us(lambda: apply_patch(wide, by_id), 50), "us", note
        )
    copying = best_us(lambda: jsonpatch.apply_patch(wide, by_index), 3)
    figures.add("jsonpatch.apply_patch", copying, "us", f"{note}, copies the document")


def test_diff_summary(figures: Figures) -> None:
    wide = document()
    patched = apply_patch(wide, patch("/nodes/9000"))
    figures.add(
        "diff_summary", best_us(lambda: diff_summary(wide, patched), 10), "us", f"{NODES:,} nodes"
    )
