"""What a run of 10,000 nodes costs the runs beside it.

Method: one worker with eight slots, tasks of five milliseconds. Short runs of three tasks are
started one after another over four connections, first alone, then while the large run goes on;
their time is from acceptance to the commit of their end.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.suite import Suite
from tests.support.waiting import until

from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(300)]
WIDTH = 9_998
SHORT_RUNS = 150


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    folder = tmp_path_factory.mktemp("fairness")
    with Suite(folder / "data", env={"MINUET_LOG_LEVEL": "warning"}, fresh=True) as made:
        env = {
            **os.environ, "MINUET_REDIS_URL": made.redis_url, "MINUET_WORKER_SLOTS": "8",
            "MINUET_BENCH_STAMPS": str(folder / "stamps"),
        }  # fmt: skip
        command = [sys.executable, "-m", "minuet.cli.main", "worker", "tests.bench.nodes"]
        with (folder / "worker.log").open("ab") as log:
            worker = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield made
        finally:
            worker.terminate()
            worker.wait(20)


@pytest.fixture
def client(suite: Suite) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {suite.api_key}"}
    with httpx.Client(base_url=f"{suite.url}/api/v1", headers=headers, timeout=60) as made:
        until(lambda: "bench.short" in _types(made), "the worker serves")
        yield made


def _types(client: httpx.Client) -> set[str]:
    return {name for each in client.get("/workers").json()["items"] for name in each["types"]}


def document(name: str, ids: list[str], edges: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "apiVersion": "minuet/v1",
        "name": name,
        "nodes": [{"id": id, "type": "bench.short"} for id in ids],
        "edges": [{"from": source, "to": target} for source, target in edges],
    }


def apply_both(client: httpx.Client) -> None:
    middle = [f"m{i}" for i in range(WIDTH)]
    edges = [("a", each) for each in middle] + [(each, "z") for each in middle]
    for each in (
        document("large", ["a", *middle, "z"], edges),
        document("short", ["a", "b", "c"], [("a", "b"), ("b", "c")]),
    ):
        answer = client.post("/workflows", json={"document": each})
        assert answer.status_code in (200, 201), answer.text


def time_of_one(client: httpx.Client) -> float:
    """Milliseconds."""
    answer = client.post("/runs", json={"workflow": "short"}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    run = answer.json()
    began, ended = (datetime.fromisoformat(run[at]) for at in ("accepted_at", "ended_at"))
    return (ended - began).total_seconds() * 1000


def p95_of_short_runs(client: httpx.Client) -> float:
    with ThreadPoolExecutor(4) as pool:
        times = list(pool.map(lambda _: time_of_one(client), range(SHORT_RUNS)))
    return statistics.quantiles(times, n=20)[-1]


def test_a_large_run_beside_short_ones(client: httpx.Client, figures: Figures) -> None:
    apply_both(client)
    p95_of_short_runs(client)  # warm
    alone = p95_of_short_runs(client)
    large = client.post("/runs", json={"workflow": "large"}).json()["id"]
    until(lambda: client.get(f"/runs/{large}").json()["seq"] > 100, "the large run goes on")
    beside = p95_of_short_runs(client)
    still = client.get(f"/runs/{large}").json()["status"]
    until(lambda: client.get(f"/runs/{large}").json()["ended_at"], "the large run ended", 120)
    run = client.get(f"/runs/{large}").json()
    began, ended = (datetime.fromisoformat(run[at]) for at in ("started_at", "ended_at"))
    figures.add("fairness: p95 of a short run alone", alone, "ms", "3 tasks of 5 ms, 8 slots")
    figures.add("fairness: p95 beside 10,000 nodes", beside, "ms", f"the large run then: {still}")
    figures.add("fairness: ratio", beside / alone, "", "")
    figures.add("fairness: the large run", (ended - began).total_seconds(), "s", "")
