"""Load for ten minutes with a kill a minute: nothing is lost, and memory stays flat."""

from __future__ import annotations

import os
import random
import time

import pytest

from .conftest import FleetFactory
from .faults.documents import PATIENT_NODES, patient
from .faults.memory import MIB, Memory, growth, sampled, used_bytes
from .fleet import SERVICES, Fleet
from .judge import judge
from .load import LEDGER_NODES, Load, load
from .proof import Proof, Scenario
from .recovery import recovery

SOAK_S = float(os.environ.get("MINUET_SOAK_S", "600"))
SEED = int(os.environ.get("MINUET_SOAK_SEED", "20261121"))
KILL_EVERY_S = 60.0
REST_S = 150.0
"""Ended runs leave Redis a minute after they were recorded."""

pytestmark = [
    pytest.mark.prove,
    pytest.mark.slow,
    pytest.mark.timeout(int(SOAK_S) + 600),
]

VICTIMS = [*SERVICES, "coordinator-2", "worker", "worker-2", "valkey", "postgres"]
WORKERS = {"MINUET_WORKER_LEASE_MS": "10000", "MINUET_WORKER_HEARTBEAT_MS": "2000"}
# Between the middles of the two quarters lies half of the time, with a thousand runs or so: a leak
# of a few kilobytes a run shows.
GROWTH_SHARE = 0.10
GROWTH_BYTES = 8 * MIB
# Redis: entries of trimmed streams and hashes leave some free room in what is counted.
REDIS_SHARE = 0.25
REDIS_BYTES = 2 * MIB


def test_soak(fleet: FleetFactory, proof: Proof) -> None:
    made = fleet(env=WORKERS)
    made.start_all("coordinator-2", "worker-2")
    with (
        load(made, patient(3, "1s")) as work,
        proof.scenario("soak with a kill a minute", seed=SEED, soak_s=SOAK_S) as scenario,
    ):
        warm = work.start(30) + work.start(10, "prove-patient") + work.start(10, "prove-chain")
        work.until_ended(warm)
        time.sleep(REST_S / 2)  # until these have left Redis
        base = used_bytes(made.redis_url)
        with sampled(made) as memory:
            runs, killed_at = soak(made, work, scenario)
            work.until_ended(runs)
        for at in killed_at:
            scenario.recovery_s += recovery(made, at, runs)
        scenario.violations += not_flat(memory)
        scenario.violations += not_back(made, base)
        scenario.figures |= figures(memory, base, made)
        nodes = [*LEDGER_NODES, *PATIENT_NODES]
        scenario.take(judge(made, [*warm, *runs], ledger_nodes=nodes, expected="succeeded"))


def soak(fleet: Fleet, work: Load, scenario: Scenario) -> tuple[list[str], list[float]]:
    """The runs that were accepted, and when something was killed. The last minute is without."""
    dice = random.Random(SEED)
    killed_at: list[float] = []
    ends_at = time.monotonic() + SOAK_S
    with (
        work.going_on(at_once=3, pause_s=1.0) as mixed,
        work.going_on("prove-patient", at_once=2, pause_s=2.0) as patient_runs,
        work.going_on("prove-chain", at_once=1, pause_s=1.0) as chains,
    ):
        while ends_at - time.monotonic() > 2 * KILL_EVERY_S:
            time.sleep(KILL_EVERY_S * dice.uniform(0.9, 1.1))
            victim = dice.choice(VICTIMS)
            killed_at.append(time.time())
            pid = fleet.kill(victim)
            at_s = SOAK_S - (ends_at - time.monotonic())
            print(f"{at_s:5.0f} s: killed {victim}", flush=True)
            fleet.until_restarted(victim, pid)
            scenario.kills += 1
        time.sleep(max(0.0, ends_at - time.monotonic()))
    return [*mixed, *patient_runs, *chains], killed_at


def not_flat(memory: Memory) -> list[str]:
    """Processes that lived for a third of the time or longer, and Redis under the load."""
    lived = memory.long_lived(SOAK_S / 3)
    assert lived, "no process lived long enough to be judged"
    found = [
        f"{name} grew: {grown}"
        for name, grown in lived.items()
        if grown.exceeds(GROWTH_SHARE, GROWTH_BYTES)
    ]
    held = growth(memory.redis)
    if held.exceeds(REDIS_SHARE, REDIS_BYTES):
        found.append(f"the data of Redis grew under a steady load: {held}")
    return found


def not_back(fleet: Fleet, base: int) -> list[str]:
    """Redis must come down to what it held before the load, once that has been forgotten."""
    deadline = time.monotonic() + REST_S
    limit = base + REDIS_BYTES
    while (now := used_bytes(fleet.redis_url)) > limit and time.monotonic() < deadline:
        time.sleep(1.0)
    if now <= limit:
        return []
    return [f"Redis holds {now / MIB:.1f} MiB after the load, {base / MIB:.1f} before it"]


def figures(memory: Memory, base: int, fleet: Fleet) -> dict[str, object]:
    return {
        "memory_of_processes": {k: str(v) for k, v in memory.long_lived(SOAK_S / 3).items()},
        "redis_under_load": str(growth(memory.redis)),
        "redis_before_mib": round(base / MIB, 2),
        "redis_after_mib": round(used_bytes(fleet.redis_url) / MIB, 2),
    }
