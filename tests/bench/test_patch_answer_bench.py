"""Patches of a live run with 1,000 nodes: from the request to the definite answer.

Method: a whole suite and one run that waits, 999 nodes still before it. One client, one request at
a time over one kept connection; each patch adds a node and the edge to it, so the document grows by
a tenth on the way. The answer comes when Postgres holds that the patch was applied.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.suite import Suite
from tests.support.waiting import until

from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(300)]

NODES = 1_000
PATCHES = 100
WARM_UP = 5


def document() -> dict[str, Any]:
    """A wait, and chains of ten transforms behind it."""
    nodes: list[dict[str, Any]] = [{"id": "gate", "type": "wait", "config": {"for": "1h"}}]
    nodes += [
        {"id": f"n{i}", "type": "transform", "config": {"value": {"step": i, "of": "a chain"}}}
        for i in range(1, NODES)
    ]
    edges = [
        {"from": "gate" if i % 10 == 1 else f"n{i - 1}", "to": f"n{i}"} for i in range(1, NODES)
    ]
    return {"apiVersion": "minuet/v1", "name": "wide", "nodes": nodes, "edges": edges}


def operations(number: int) -> list[dict[str, Any]]:
    id = f"added{number}"
    node = {"id": id, "type": "transform", "config": {"value": number}}
    return [
        {"op": "add", "path": "/nodes/-", "value": node},
        {"op": "add", "path": "/edges/-", "value": {"from": f"n{number + 1}", "to": id}},
    ]


def timed(api: httpx.Client, run: str, number: int) -> float:
    """Milliseconds until the patch is recorded as applied."""
    started = time.perf_counter()
    answer = api.post(f"/runs/{run}/patches", json={"operations": operations(number)})
    taken = (time.perf_counter() - started) * 1000
    assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.text
    return taken


def test_patch_of_a_live_run(tmp_path: Path, figures: Figures) -> None:
    with Suite(tmp_path / "data", env={"MINUET_LOG_LEVEL": "warning"}, fresh=True) as suite:
        headers = {"Authorization": f"Bearer {suite.api_key}"}
        with httpx.Client(
            base_url=f"{suite.url}/api/v1", headers=headers, timeout=60, trust_env=False
        ) as api:
            run = api.post("/runs", json={"document": document()}).json()["id"]
            until(lambda: api.get(f"/runs/{run}").json()["status"] == "waiting", "the run waits")
            times = [timed(api, run, number) for number in range(WARM_UP + PATCHES)][WARM_UP:]
            shown = api.get(f"/runs/{run}").json()
    assert shown["patches"] == WARM_UP + PATCHES
    times.sort()
    note = f"{NODES:,} nodes, request to recorded"
    figures.add("patch of a live run, p50", statistics.median(times), "ms", note)
    figures.add("patch of a live run, p99", times[int(len(times) * 0.99)], "ms")
