"""Redis loses what it had acknowledged, loses everything, or is full."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.waiting import until

from .conftest import FleetFactory
from .faults.caller import Answers, calling
from .faults.documents import PATIENT_NODES, patient
from .faults.owned import connect, leases
from .faults.slow_disk import SlowDisk
from .fleet import Fleet
from .judge import judge
from .load import LEDGER_NODES, load
from .proof import Proof
from .recovery import recovery

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(300)]

NODES = [*LEDGER_NODES, *PATIENT_NODES]
KILLS = 3
LEAST_LOST = 5
WIPED_LIMIT_S = 120.0
# What nobody remembers is looked for once a run has stood still for a minute.
LOST_LIMIT_S = 180.0


def logged(fleet: Fleet, name: str, action: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in fleet.log(name).splitlines() if line.startswith("{"))
    return [line for line in lines if line["action"] == action]


def acquired(fleet: Fleet) -> list[tuple[int, int]]:
    """Every (partition, commit number) that the coordinator acquired, in order."""
    lines = logged(fleet, "coordinator", "partition_acquired")
    return [(line["partition"], line["commit"]) for line in lines]


class Crash:
    """Redis killed while its disk is busy and it holds back acknowledged commits."""

    def __init__(self, fleet: Fleet, disk: SlowDisk, client: redis.Redis) -> None:
        self._fleet, self._disk, self._client = fleet, disk, client
        self.killed_at = 0.0
        self.before = len(acquired(fleet))
        self._said: dict[int, int] = {}

    def run(self) -> None:
        with self._disk.busy():
            self._until_held_back()
            self._said = {p: each.commit for p, each in leases(self._client).items()}
            pid = self._fleet.kill("valkey")
            self.killed_at = time.time()
        self._fleet.until_restarted("valkey", pid)
        until(lambda: len(acquired(self._fleet)) > self.before, "a partition acquired anew", 30)

    def lost(self, until: int) -> int:
        """How many acknowledged commits are gone, by acquisitions up to number `until`: the first
        of a partition after the kill tells where Redis has it. One that is not acquired anew has
        lost nothing: its owner's next commit was taken."""
        back = dict(reversed(acquired(self._fleet)[self.before : until]))
        return sum(max(0, self._said.get(p, 0) - number) for p, number in back.items())

    def _until_held_back(self) -> None:
        """Redis holds back what it answered: commits passed, and its file did not grow."""

        def progress() -> tuple[int, int]:
            size = self._persistence()["aof_current_size"]
            return int(size), sum(each.commit for each in leases(self._client).values())

        start = progress()

        def held_back() -> bool:
            nonlocal start
            now = progress()
            if now[0] != start[0]:
                start = now
            return now[1] - start[1] >= 2 * LEAST_LOST

        until(held_back, "commits that are not written", 30)

    def _persistence(self) -> Any:
        return self._client.info("persistence")


def test_acknowledged_writes_lost_by_redis(
    fleet: FleetFactory, proof: Proof, tmp_path: Path
) -> None:
    disk = SlowDisk(tmp_path / "disk")
    made = fleet(valkey=disk.valkey)
    made.start_all()
    name = "redis killed while its fsync is slow, acknowledged writes lost"
    with (
        load(made, patient(4, "1s")) as work,
        proof.scenario(name) as scenario,
        connect(made.redis_url) as client,
    ):
        runs: list[str] = []
        crashes: list[Crash] = []
        for _ in range(KILLS):
            with work.going_on(at_once=20, pause_s=0.5) as more:
                runs += work.start(50, "prove-patient")
                crashes.append(Crash(made, disk, client))
                crashes[-1].run()
            runs += more
            scenario.kills += 1
        work.until_ended(runs, LOST_LIMIT_S)
        ends = [*(crash.before for crash in crashes[1:]), len(acquired(made))]
        lost = [crash.lost(end) for crash, end in zip(crashes, ends, strict=True)]
        assert min(lost) >= LEAST_LOST, f"Redis lost {lost} commits: this proves nothing"
        for crash in crashes:
            scenario.recovery_s += recovery(made, crash.killed_at, runs)
        causes = Counter(line["cause"] for line in logged(made, "coordinator", "partition_lost"))
        scenario.figures |= {
            "commits_lost": lost,
            "partitions_given_up_by_cause": dict(causes),
            "forks_refused": len(logged(made, "recorder", "fork_refused")),
            "restores_sent": len(logged(made, "orchestrator", "restore_sent")),
        }
        scenario.take(judge(made, runs, ledger_nodes=NODES, expected="succeeded"))


def empty(fleet: Fleet) -> None:
    with connect(fleet.redis_url) as client:
        client.flushall()


def empty_with_functions(fleet: Fleet) -> None:
    with connect(fleet.redis_url) as client:
        client.pipeline().flushall().function_flush("SYNC").execute()


def replace(fleet: Fleet) -> None:
    """Another server at the same place, with nothing in it."""
    pid = fleet.kill("valkey", signal.SIGSTOP)
    shutil.rmtree(fleet.folder / "valkey" / "appendonlydir")
    os.kill(pid, signal.SIGKILL)
    fleet.until_restarted("valkey", pid)


@pytest.mark.parametrize(
    ("wipe", "what"),
    [
        (empty, "FLUSHALL"),
        (empty_with_functions, "FLUSHALL and FUNCTION FLUSH"),
        (replace, "replaced by an empty server"),
    ],
    ids=["flushall", "functions", "replaced"],
)
def test_wiped_redis(
    fleet: FleetFactory, proof: Proof, wipe: Callable[[Fleet], None], what: str
) -> None:
    made = fleet()
    made.start_all()
    name = f"redis wiped with 200 runs in flight: {what}"
    with load(made, patient(3, "3s")) as work, proof.scenario(name) as scenario:
        runs = work.start(140, "prove-patient", connections=16) + work.start(60, connections=16)
        in_flight = len(work.unended(runs))
        assert in_flight >= 150
        wiped_at = time.time()
        wipe(made)
        work.until_ended(runs, WIPED_LIMIT_S)
        ended_s = time.time() - wiped_at
        scenario.kills = 1
        scenario.recovery_s = recovery(made, wiped_at, runs)
        scenario.figures |= {"in_flight": in_flight, "all_ended_s": round(ended_s, 1)}
        if wipe is empty:
            scenario.figures["summary:redis_emptied_all_ended_s"] = round(ended_s, 1)
        scenario.figures["restores_sent"] = len(logged(made, "orchestrator", "restore_sent"))
        scenario.take(judge(made, runs, ledger_nodes=NODES, expected="succeeded"))


@contextmanager
def without_memory(client: redis.Redis) -> Iterator[None]:
    """Far more is in use than there may be: what asks for memory is refused."""
    had: Any = client.config_get("maxmemory")
    memory: Any = client.info("memory")
    client.config_set("maxmemory", memory["used_memory"] // 2)
    try:
        yield
    finally:
        client.config_set("maxmemory", had["maxmemory"])


def test_redis_out_of_memory(fleet: FleetFactory, proof: Proof) -> None:
    """Starts are refused in order, what was accepted drains, and with room all goes on."""
    made = fleet()
    made.start_all()
    with (
        load(made, patient(3, "3s")) as work,
        proof.scenario("redis at maxmemory with runs in flight") as scenario,
        connect(made.redis_url) as client,
    ):
        runs = work.start(140, "prove-patient", connections=16)
        assert len(work.unended(runs)) >= 100
        with calling(made, "prove-chain", {}) as answers:
            with without_memory(client):
                full_at = time.time()
                until(lambda: answers.statuses[503] > 0, "starts are refused", 10)
                refused_s = time.time() - full_at
                # What was accepted in the second before that waits in Postgres for room.
                work.until_ended(runs)
                drained_s = time.time() - full_at
                accepted = len(answers.runs)
                check_refusal(answers)
            freed_at = time.time()
            until(lambda: len(answers.runs) > accepted, "starts are accepted again", 30)
            scenario.recovery_s.append(time.time() - freed_at)
        runs += answers.runs
        work.until_ended(runs)
        scenario.violations += answers.faults
        scenario.figures |= {
            "refused_after_s": round(refused_s, 1),
            "drained_after_s": round(drained_s, 1),
            "answers": {str(status): n for status, n in answers.statuses.items()},
        }
        scenario.take(judge(made, runs, ledger_nodes=NODES, expected="succeeded"))


def check_refusal(answers: Answers) -> None:
    """Who is refused learns why, and when to come again."""
    last = answers.last
    assert last is not None
    assert last.status_code == 503, last.text
    assert last.json()["type"].endswith("overloaded"), last.text
    assert int(last.headers["Retry-After"]) >= 1
