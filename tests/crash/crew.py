"""A suite, a Python worker and an HTTP service beside it, and the judge of what they did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from minuet.model.status import RunStatus
from tests.suite import Suite
from tests.support.starts import Starter

from .history import History
from .ledger import Execution, keys_by_execution, read_ledger
from .nodes import LEDGER_VARIABLE

# Of every worker: what a killed one had in hand is taken up after seconds, not after half a minute.
QUICK_LEASES = {"MINUET_WORKER_LEASE_MS": "3000", "MINUET_WORKER_HEARTBEAT_MS": "500"}
CHAIN = ["first", "left", "right", "last"]

DOCUMENT: dict[str, Any] = {
    "apiVersion": "minuet/v1",
    "name": "crash",
    "nodes": [
        {"id": "first", "type": "crash.note", "config": {"sleep_ms": 5}},
        {"id": "left", "type": "crash.note", "config": {"sleep_ms": 5}},
        {
            "id": "right",
            "type": "http",
            "config": {
                "method": "POST",
                "url": "${inputs.url}/note",
                "query": {"execution": "${run.id}/right/0"},
            },
        },
        {"id": "last", "type": "crash.note"},
    ],
    "edges": [
        {"from": "first", "to": "left"},
        {"from": "first", "to": "right"},
        {"from": "left", "to": "last"},
        {"from": "right", "to": "last"},
    ],
    "outputs": {"node": "${nodes.last.output.node}"},
}


class Crew:
    """A suite, a Python worker and an HTTP service beside it, and what they did."""

    def __init__(self, suite: Suite, ledger: Path, service_url: str) -> None:
        self.suite = suite
        self.ledger = ledger
        self.client = httpx.Client(
            base_url=f"{suite.url}/api/v1",
            headers={"Authorization": f"Bearer {suite.api_key}"},
            timeout=30,
        )
        self.starter = Starter(suite.url, suite.api_key, inputs={"url": service_url})
        self.worker = self.start_worker()

    def start_worker(self) -> subprocess.Popen[bytes]:
        env = {
            **os.environ,
            LEDGER_VARIABLE: str(self.ledger),
            "MINUET_REDIS_URL": self.suite.redis_url,
            **QUICK_LEASES,
            "MINUET_WORKER_SLOTS": "8",
        }
        command = [sys.executable, "-m", "minuet.cli.main", "worker", "tests.crash.nodes"]
        with (self.ledger.parent / "worker.log").open("ab") as log:
            return subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)

    def has_type(self) -> bool:
        types = self.client.get("/node-types").json()
        return any(each["name"] == "crash.note" for each in types["items"])

    def start_runs(self, count: int) -> list[str]:
        return self.starter.start("crash", count, key="run")

    def stop(self) -> None:
        self.client.close()
        self.worker.terminate()
        self.worker.wait(20)


def check(crew: Crew, runs: list[str], history: History) -> None:
    """Section by section what is promised: ended, once, recorded once, nothing lost."""
    assert len(set(runs)) == len(runs)
    assert history.count_not(RunStatus.SUCCEEDED, runs) == 0
    executions = read_ledger(crew.ledger)
    history = history.keep()
    for run in runs:
        assert history.ends(run) == 1
        assert history.executions(run) == dict.fromkeys(CHAIN, 1)
        history.check_sequence(run)
        assert all(executions[Execution(run, node)] >= 1 for node in CHAIN)
    keys = keys_by_execution(crew.ledger)
    assert all(len(each) == 1 for each in keys.values())
