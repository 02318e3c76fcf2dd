"""A process that stands still past its lease, and then goes on as if nothing had been."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import Any

import pytest
import redis

from tests.support.waiting import until

from .conftest import FleetFactory
from .faults.frozen import frozen, is_at_work
from .faults.held import held_tokens
from .faults.metrics import metric
from .faults.owned import Leased, changes, connect, leases, owned_state, server_ms, settled_state
from .fleet import Fleet
from .judge import History, judge, read_history
from .load import LEDGER_NODES, load
from .proof import Proof

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(360)]

OWNED = "minuet_partitions_owned"
PARTITIONS = 8
RUNS = 150
MOST_STALLS = 10
WORKERS: dict[str, Any] = {"MINUET_WORKER_LEASE_MS": "3000", "MINUET_WORKER_HEARTBEAT_MS": "500"}


def owned(fleet: Fleet, name: str) -> int:
    return int(metric(fleet, name, OWNED))


def until_shared(fleet: Fleet) -> None:
    half = PARTITIONS // 2
    until(
        lambda: (owned(fleet, "coordinator"), owned(fleet, "coordinator-2")) == (half, half),
        "two coordinators share the partitions",
    )


def lost_by(fleet: Fleet, name: str) -> list[str]:
    """Why this coordinator gave partitions up so far."""
    lines = (json.loads(line) for line in fleet.log(name).splitlines() if line.startswith("{"))
    return [line["cause"] for line in lines if line["action"] == "partition_lost"]


class Stall:
    """One stall of `coordinator` past its lease, and what it did when it went on."""

    def __init__(self, fleet: Fleet, client: redis.Redis) -> None:
        self.fleet, self.client = fleet, client
        self.before: dict[int, Leased] = {}
        self.takeover_s = 0.0

    def run(self) -> bool:
        """Whether the other's lease held until the last look: only then it proves anything."""
        pid = self.fleet.pid("coordinator")
        # In the middle of a batch: the commit that it was about to send is sent after the stall.
        until(lambda: is_at_work(pid), "the coordinator has something to do")
        with frozen(pid):
            started = time.monotonic()
            self._until_taken_over()
            self.takeover_s = time.monotonic() - started
            taken = sorted(self.before)
            other = self.fleet.pid("coordinator-2")
            os.kill(other, signal.SIGSTOP)
            state = settled_state(self.client, taken)
            known = len(lost_by(self.fleet, "coordinator"))
        try:
            self._until_lost(known + len(taken))
            after = owned_state(self.client, taken)
            changed = changes(state, after, server_ms(self.client))
            assert not changed, f"the fenced coordinator wrote {changed[:5]}"
            return all(each.left_ms > 0 for each in leases(self.client).values())
        finally:
            os.kill(other, signal.SIGCONT)

    def _until_taken_over(self) -> None:
        """All it had belongs to others: the lease of each of its partitions has a new owner."""
        time.sleep(0.1)  # what it had written before it was frozen arrives
        at_first = leases(self.client)
        until(
            lambda: owned(self.fleet, "coordinator-2") == PARTITIONS, "the other one took over", 30
        )
        now = leases(self.client)
        self.before = {p: each for p, each in at_first.items() if now[p].owner != each.owner}
        assert len(self.before) == PARTITIONS // 2

    def _until_lost(self, count: int) -> None:
        """It has given up every partition, whether refused at a commit or at a renewal."""
        until(
            lambda: len(lost_by(self.fleet, "coordinator")) >= count,
            "the stalled coordinator knows that it is fenced",
            5,
        )


def written_later(history: History, stalls: list[Stall]) -> list[str]:
    """Recorded commits of owners that had been frozen before they made them."""
    last = {lease.owner: lease.commit for stall in stalls for lease in stall.before.values()}
    return [
        f"{run}: commit {each.commit} by an owner that was frozen at {last[owner]}"
        for run, transitions in history.transitions.items()
        for each in transitions
        for owner, _, number in [each.commit.partition("/")]
        if owner in last and int(number) > last[owner]
    ]


def test_stalled_coordinator_is_fenced(fleet: FleetFactory, proof: Proof) -> None:
    """While the coordinator that took over is frozen too, nobody but the fenced one could change
    what an owner writes: it must be the same before and after."""
    made = fleet()
    made.start_all("coordinator-2")
    name = "coordinator stalled past its lease, a second one there"
    stalls: list[Stall] = []
    with load(made) as work, proof.scenario(name) as scenario, connect(made.redis_url) as client:
        until_shared(made)
        with work.going_on(at_once=20, pause_s=0.3) as runs:
            while len(stalls) < MOST_STALLS and "fenced" not in lost_by(made, "coordinator"):
                until_shared(made)
                until(lambda: len(work.unended(runs)) >= 20, "runs are in flight")
                stall = Stall(made, client)
                if stall.run():
                    stalls.append(stall)
                    scenario.recovery_s.append(stall.takeover_s)
            until_shared(made)  # the fenced one takes part again
        work.until_ended(runs)
        causes = lost_by(made, "coordinator")
        assert "fenced" in causes, "no commit of the stalled coordinator came to be refused"
        scenario.kills = len(stalls)
        scenario.figures["given_up_by_cause"] = {each: causes.count(each) for each in set(causes)}
        history = asyncio.run(read_history(made.database_url, runs))
        scenario.violations += written_later(history, stalls)
        scenario.take(judge(made, runs, ledger_nodes=LEDGER_NODES, expected="succeeded"))


def ended_at(history: History, token: str) -> float | None:
    """When the execution that this token is for ended; None if it has not."""
    run, node, gen, _ = token.split("/")
    for each in history.transitions.get(run, []):
        for event in each.events:
            if (event.type, event.node, event.gen) == ("node.ended", node, int(gen)):
                return each.at
    return None


@pytest.mark.serial
def test_late_results_of_a_stalled_worker_are_dropped(fleet: FleetFactory, proof: Proof) -> None:
    made = fleet(env=WORKERS)
    made.start_all("worker-2")
    name = "worker stalled past its lease, its results come late"
    with load(made) as work, proof.scenario(name, **WORKERS) as scenario:
        runs = work.start(RUNS // 2) + work.start(RUNS // 2, "prove-chain")
        with connect(made.redis_url) as client:
            stalled, held = stall_with_tokens(made, client)
            with frozen(stalled):
                at = time.time()
                until(lambda: not held_tokens(client, stalled), "another worker claimed them", 30)
                work.until_ended(runs)
        until(lambda: "entry_lost" in made.log("worker"), "the stalled worker knows")
        scenario.kills = 1
        history = asyncio.run(read_history(made.database_url, runs))
        ends = [ended_at(history, token) for token in held]
        assert None not in ends
        scenario.recovery_s = [end - at for end in ends if end is not None]
        scenario.take(judge(made, runs, ledger_nodes=LEDGER_NODES, expected="succeeded"))
        assert scenario.duplicates > 0, "nothing was executed twice: no result came late"


def stall_with_tokens(fleet: Fleet, client: redis.Redis) -> tuple[int, set[str]]:
    """Freeze `worker` at a moment when it has tokens in hand; its pid, and these tokens."""
    pid = fleet.pid("worker")

    def stalled() -> set[str] | None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)  # what it had sent before arrives
        if held := held_tokens(client, pid):
            return held
        os.kill(pid, signal.SIGCONT)
        return None

    return pid, until(stalled, "the worker has tokens in hand")
