"""Kill each process in turn while 500 runs are in flight: all end, exactly once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.suite import Suite
from tests.support.starts import Starter
from tests.support.waiting import until

from .history import History
from .ledger import Execution, keys_by_execution, read_ledger
from .nodes import LEDGER_VARIABLE
from .service import note_service

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(240)]

RUNS = 500
MUST_BE_UNFINISHED = 100
VICTIMS = ["orchestrator", "coordinator", "http_worker", "recorder", "valkey", "postgres"]
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
            "MINUET_WORKER_LEASE_MS": "3000",
            "MINUET_WORKER_HEARTBEAT_MS": "500",
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


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    ledger = tmp_path / "ledger"
    ledger.touch()
    with Suite(tmp_path / "data") as suite, note_service(ledger) as service_url:
        made = Crew(suite, ledger, service_url)
        try:
            until(made.has_type, "the worker's type is known")
            answer = made.client.post("/workflows", json={"document": DOCUMENT})
            assert answer.status_code == 201, answer.text
            yield made
        finally:
            made.stop()


def check(crew: Crew, runs: list[str], history: History) -> None:
    """Section by section what is promised: ended, once, recorded once, nothing lost."""
    assert len(set(runs)) == RUNS
    executions = read_ledger(crew.ledger)
    for run in runs:
        assert history.status(run) == "succeeded"
        assert history.ends(run) == 1
        assert history.executions(run) == dict.fromkeys(CHAIN, 1)
        history.check_sequence(run)
        assert all(executions[Execution(run, node)] >= 1 for node in CHAIN)
    keys = keys_by_execution(crew.ledger)
    assert all(len(each) == 1 for each in keys.values())


def unfinished(history: History, runs: list[str]) -> int:
    return len(runs) - history.count_ended()


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_process_of_the_suite_loses_nothing(crew: Crew, victim: str) -> None:
    history = History(crew.suite.database_url)
    runs = crew.start_runs(RUNS)
    assert unfinished(history, runs) >= MUST_BE_UNFINISHED
    old_pid = crew.suite.kill(victim)
    crew.suite.until_restarted(victim, old_pid)
    until(lambda: history.count_ended() >= RUNS, "all runs ended", 120)
    check(crew, runs, history)


def test_killed_worker_loses_nothing(crew: Crew) -> None:
    history = History(crew.suite.database_url)
    runs = crew.start_runs(RUNS)
    assert unfinished(history, runs) >= MUST_BE_UNFINISHED
    crew.worker.send_signal(signal.SIGKILL)
    crew.worker.wait(10)
    crew.worker = crew.start_worker()
    until(lambda: history.count_ended() >= RUNS, "all runs ended", 120)
    check(crew, runs, history)


def test_starts_accepted_while_services_die_all_end(crew: Crew) -> None:
    """The kill comes in the middle of accepting, too: what got 2xx must end."""
    history = History(crew.suite.database_url)

    async def accept_and_kill() -> list[str]:
        starting = asyncio.create_task(crew.starter.start_async("crash", RUNS, key="run"))
        for victim in ("coordinator", "orchestrator"):
            await asyncio.sleep(0.3)
            crew.suite.kill(victim)
        return await starting

    runs = asyncio.run(accept_and_kill())
    until(lambda: history.count_ended() >= RUNS, "all runs ended", 120)
    check(crew, runs, history)
