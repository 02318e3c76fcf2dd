"""Kill each process in turn while 500 runs are in flight: all end, exactly once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite import Suite
from tests.support.waiting import until

from .crew import DOCUMENT, QUICK_LEASES, Crew, check
from .history import History
from .service import note_service

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

RUNS = 500
MUST_BE_UNFINISHED = 100
VICTIMS = ["orchestrator", "coordinator", "http_worker", "recorder", "valkey", "postgres"]


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    ledger = tmp_path / "ledger"
    ledger.touch()
    with Suite(tmp_path / "data", env=QUICK_LEASES) as suite, note_service(ledger) as service_url:
        made = Crew(suite, ledger, service_url)
        try:
            until(made.has_type, "the worker's type is known")
            answer = made.client.post("/workflows", json={"document": DOCUMENT})
            assert answer.status_code == 201, answer.text
            yield made
        finally:
            made.stop()


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
    assert len(runs) == RUNS
    check(crew, runs, history)


def test_killed_worker_loses_nothing(crew: Crew) -> None:
    history = History(crew.suite.database_url)
    runs = crew.start_runs(RUNS)
    assert unfinished(history, runs) >= MUST_BE_UNFINISHED
    crew.worker.send_signal(signal.SIGKILL)
    crew.worker.wait(10)
    crew.worker = crew.start_worker()
    until(lambda: history.count_ended() >= RUNS, "all runs ended", 120)
    assert len(runs) == RUNS
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
    assert len(runs) == RUNS
    check(crew, runs, history)
