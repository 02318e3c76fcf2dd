"""The whole suite at work: steps, hops and starts a second.

Method: the runs are started while no worker serves their type, so that their first tokens wait;
then one Python worker starts, and the clock runs from its first completion until the last run has
ended (engine: between those two commits, by their recorded times) and is recorded (Postgres holds
its last event). Meanwhile nothing is asked but whether Postgres still holds a live run, over one
open connection: asking the coordinator for its metrics every 20 ms took a quarter of a core.
CPU is what the operating system charged each process until all was recorded.
"""

from __future__ import annotations

import itertools
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.crash.history import History
from tests.suite import Suite
from tests.support.starts import Starter
from tests.support.waiting import until

from .conftest import Figures
from .nodes import STAMPS_VARIABLE
from .processes import cpu_seconds
from .watch import Watch

pytestmark = [pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(600)]

CHAIN_RUNS = int(os.environ.get("MINUET_BENCH_RUNS", "4000"))
FAN_RUNS = 100
LENGTH = 10
HOPS = 100


def chain(name: str, type_: str, length: int) -> dict[str, Any]:
    return {
        "apiVersion": "minuet/v1",
        "name": name,
        "nodes": [{"id": f"n{i}", "type": type_} for i in range(length)],
        "edges": [{"from": f"n{i}", "to": f"n{i + 1}"} for i in range(length - 1)],
    }


def fan(name: str, width: int) -> dict[str, Any]:
    middle = [f"m{i}" for i in range(width)]
    return {
        "apiVersion": "minuet/v1",
        "name": name,
        "nodes": [{"id": each, "type": "bench.noop"} for each in ["a", *middle, "z"]],
        "edges": [{"from": "a", "to": each} for each in middle]
        + [{"from": each, "to": "z"} for each in middle],
    }


def lanes(name: str, width: int) -> dict[str, Any]:
    """Chains side by side, each of LENGTH nodes."""
    parts = [chain(name, "bench.noop", LENGTH) for _ in range(width)]
    return {
        "apiVersion": "minuet/v1",
        "name": name,
        "nodes": [
            {**node, "id": f"l{i}_{node['id']}"}
            for i, part in enumerate(parts)
            for node in part["nodes"]
        ],
        "edges": [
            {"from": f"l{i}_{edge['from']}", "to": f"l{i}_{edge['to']}"}
            for i, part in enumerate(parts)
            for edge in part["edges"]
        ],
    }


class Rig:
    def __init__(self, suite: Suite, folder: Path) -> None:
        self.suite = suite
        self.stamps = folder / "stamps"
        self.history = History(suite.database_url)
        self._folder = folder
        self._worker: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=f"{suite.url}/api/v1", headers=self.headers, timeout=60)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.suite.api_key}"}

    def start_worker(self) -> None:
        env = {
            **os.environ,
            STAMPS_VARIABLE: str(self.stamps),
            "MINUET_REDIS_URL": self.suite.redis_url,
        }
        command = [sys.executable, "-m", "minuet.cli.main", "worker", "tests.bench.nodes"]
        with (self._folder / "worker.log").open("ab") as log:
            self._worker = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)

    def stop_worker(self) -> None:
        if self._worker is not None:
            self._worker.terminate()
            self._worker.wait(20)
            self._worker = None

    def learn_types(self) -> None:
        """Let the registry meet the types once: unknown ones would be skipped."""
        self.start_worker()
        until(self._knows_types, "the types are registered")
        self.stop_worker()

    def _knows_types(self) -> bool:
        names = {each["name"] for each in self.client.get("/node-types").json()["items"]}
        return {"bench.noop", "bench.stamp"} <= names

    def apply(self, document: dict[str, Any]) -> None:
        answer = self.client.post("/workflows", json={"document": document})
        assert answer.status_code in (200, 201), answer.text

    def start_runs(self, workflow: str, count: int) -> float:
        """Start runs over 32 connections; seconds until the last was accepted."""
        starter = Starter(self.suite.url, self.suite.api_key)
        started = time.perf_counter()
        starter.start(workflow, count, key=f"{workflow}-{started}")
        return time.perf_counter() - started

    def metric(self, name: str) -> float:
        """Sum of a coordinator's metric over its labels."""
        port = self.suite.file.services["coordinator"].port
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE)
        return sum(float(value) for value in found)

    def redis_bytes(self) -> int:
        with redis.Redis.from_url(self.suite.redis_url) as client:
            return int(client.info("memory")["used_memory"])

    def cpu(self) -> dict[str, float]:
        pids = self.suite.pids()
        if self._worker is not None:
            pids["worker"] = self._worker.pid
        return {name: cpu_seconds(pid) for name, pid in pids.items()}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("bench")
    with Suite(folder / "data", env={"MINUET_LOG_LEVEL": "warning"}, fresh=True) as suite:
        made = Rig(suite, folder)
        try:
            made.learn_types()
            yield made
        finally:
            made.stop_worker()
            made.client.close()


def measure(rig: Rig, figures: Figures, document: dict[str, Any], runs: int) -> float:
    """Start `runs` runs, then a worker; figures of steps a second and CPU a step. Engine seconds a
    step."""
    workflow = document["name"]
    rig.apply(document)
    recorded_before = rig.history.count_ended()
    steps_before = rig.metric("minuet_steps_total")
    bytes_before = rig.redis_bytes()
    taken_s = rig.start_runs(workflow, runs)
    figures.add(f"{workflow}: run starts", runs / taken_s, "1/s", "accepted, 32 connections")
    until(lambda: rig.metric("minuet_runs_cached") >= runs, "all runs are dispatched", 60)
    until(lambda: rig.history.count_started() - recorded_before >= runs, "all recorded", 60)
    live = (rig.redis_bytes() - bytes_before) / runs
    figures.add(f"{workflow}: Redis memory", live, "B/run", "one token of each in its stream")
    rig.start_worker()
    until(lambda: rig.metric("minuet_steps_total") > steps_before, "the worker serves", 30)
    cpu, started = rig.cpu(), time.perf_counter()
    with Watch(rig.suite.database_url) as watch:
        until(watch.none_live, "all recorded", 300)
        recorded_s = time.perf_counter() - started
        engine_s = watch.engine_seconds(workflow)
    steps = runs * len(document["nodes"])
    figures.add(f"{workflow}: engine", steps / engine_s, "steps/s", f"{runs} runs")
    figures.add(f"{workflow}: recorded", steps / recorded_s, "steps/s")
    for name, seconds in rig.cpu().items():
        figures.add(f"{workflow}: CPU, {name}", (seconds - cpu[name]) / steps * 1e6, "us/step")
    rig.stop_worker()
    return engine_s / steps


def test_chain_of_ten(rig: Rig, figures: Figures) -> None:
    measure(rig, figures, chain("chain", "bench.noop", LENGTH), CHAIN_RUNS)


def test_fan_of_a_hundred(rig: Rig, figures: Figures) -> None:
    measure(rig, figures, fan("fan", 100), FAN_RUNS)


def test_large_graph_against_small_ones(rig: Rig, figures: Figures) -> None:
    """The same number of nodes, in many small runs and in a few large ones."""
    small = measure(rig, figures, lanes("small-graph", 10), 300)
    large = measure(rig, figures, lanes("large-graph", 1000), 3)
    figures.add("a node of 10,000 against one of 100", large / small, "x", "engine time")


def test_hop(rig: Rig, figures: Figures) -> None:
    """One run in flight at a time; a hop is from one node's execution to that of the next."""
    rig.apply(chain("hop", "bench.stamp", LENGTH))
    rig.start_worker()
    rig.stamps.write_text("")
    for _ in range(HOPS // LENGTH + 10):
        answer = rig.client.post(
            "/runs", json={"workflow": "hop", "inputs": {}}, headers={"Prefer": "wait=20"}
        )
        assert answer.json()["status"] == "succeeded", answer.text
    rig.stop_worker()
    stamps = [int(line) for line in rig.stamps.read_text().split()]
    hops = [
        (later - earlier) / 1e6
        for i, (earlier, later) in enumerate(itertools.pairwise(stamps), 1)
        if i % LENGTH
    ]
    hops.sort()
    raw = four_round_trips(rig.suite.redis_url)
    p50 = statistics.median(hops)
    figures.add("four raw Redis round trips, p50", raw, "ms")
    figures.add("hop p50, one run in flight", p50, "ms", f"{p50 / raw:.1f} x four round trips")
    figures.add("hop p99, one run in flight", hops[int(len(hops) * 0.99)], "ms")


def four_round_trips(redis_url: str) -> float:
    """Median ms of four PINGs, one after the other."""
    client = redis.Redis.from_url(redis_url)
    times = []
    for _ in range(300):
        started = time.perf_counter()
        for _ in range(4):
            client.ping()
        times.append((time.perf_counter() - started) * 1000)
    client.close()
    return statistics.median(times)
