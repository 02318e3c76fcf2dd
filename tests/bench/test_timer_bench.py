"""How late timers are on an idle suite.

Method: runs of one wait each, due at random moments that are spread so that the suite has nothing
else to do. Late is the time of the commit that ends the node (Redis time) after the instant that
the timer was set to, both as the history tells them. Never early is asserted, lateness only shown.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.suite import Suite
from tests.support.waiting import until

from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(300)]

TIMERS = 500
SPREAD_MS = 20_000
LEAST_MS = 5_000
DRAWN = random.Random(6)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with Suite(tmp_path_factory.mktemp("timers") / ".minuet", fresh=True) as suite:
        headers = {"Authorization": f"Bearer {suite.api_key}"}
        base = f"{suite.url}/api/v1"
        with httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as client:
            yield client


def start(api: httpx.Client, delay_ms: int) -> str:
    inputs = {"ms": f"{delay_ms}ms"}
    answer = api.post("/runs", json={"workflow": "bench-wait", "inputs": inputs})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def late_ms(api: httpx.Client, run: str) -> float:
    """Of the run's one timer."""
    events: list[dict[str, Any]] = api.get(f"/runs/{run}/events").json()["items"]
    due = next(e["data"]["due_at"] for e in events if e["type"] == "node.waiting")
    ended = next(e["time"] for e in events if e["type"] == "node.ended")
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(due)).total_seconds() * 1000


def test_timers_on_an_idle_suite(api: httpx.Client, figures: Figures) -> None:
    node = {"id": "w", "type": "wait", "config": {"for": "${inputs.ms}"}}
    applied = {"apiVersion": "minuet/v1", "name": "bench-wait", "nodes": [node], "edges": []}
    assert api.post("/workflows", json={"document": applied}).status_code in (200, 201)
    runs = [start(api, LEAST_MS + DRAWN.randrange(SPREAD_MS)) for _ in range(TIMERS)]
    until(
        lambda: not api.get("/runs", params={"status": ["running", "waiting"]}).json()["items"],
        "all runs ended", 60,
    )  # fmt: skip
    late = sorted(late_ms(api, run) for run in runs)
    p99 = statistics.quantiles(late, n=100)[98]
    figures.add("timers: late, median", statistics.median(late), "ms", f"{TIMERS} on an idle suite")
    figures.add("timers: late, p99", p99, "ms", "aim: under 100")
    figures.add("timers: late, most", late[-1], "ms")
    assert late[0] >= 0, "a timer fired early"
