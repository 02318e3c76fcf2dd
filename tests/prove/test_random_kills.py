"""Kill processes at random moments under a load that goes on; the seed decides whom and when."""

from __future__ import annotations

import os
import random
import time

import pytest

from .conftest import FleetFactory
from .crew import QUICK_LEASES
from .fleet import SERVICES
from .judge import judge
from .load import LEDGER_NODES, OUTPUTS, load
from .proof import Proof
from .recovery import recovery

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 20
PAUSE_S = (0.2, 3.0)
MORE = ("coordinator-2", "worker-2")
SERVERS = ("valkey", "postgres")
SEEDS = [int(each) for each in os.environ.get("MINUET_PROVE_SEEDS", "20260").split(",")]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_kills(fleet: FleetFactory, proof: Proof, seed: int) -> None:
    """MINUET_PROVE_SEEDS, with commas, replays others. Servers die as well as services: Redis may
    lose the last second of what it acknowledged."""
    draw = random.Random(seed)
    made = fleet(env=QUICK_LEASES)
    made.start_all(*MORE)
    victims = [name for name in (*SERVICES, "worker", *MORE, *SERVERS) if name in made.names]
    with (
        load(made) as work,
        proof.scenario(f"random kills, seed {seed}", seed, victims=victims) as scenario,
    ):
        killed: list[tuple[float, str]] = []
        with work.going_on(at_once=3) as runs:
            while len(killed) < KILLS:
                time.sleep(draw.uniform(*PAUSE_S))
                victim = draw.choice(victims)
                try:
                    made.kill(victim)
                except ProcessLookupError:
                    continue  # it died a moment ago and is not back yet
                killed.append((time.time(), victim))
        scenario.kills = len(killed)
        scenario.figures["killed"] = [victim for _, victim in killed]
        work.until_ended(runs)
        for at, _ in killed:
            scenario.recovery_s += recovery(made, at, runs)
        scenario.take(judge(made, runs, ledger_nodes=LEDGER_NODES, expected="succeeded"))
        scenario.violations += work.wrong_outputs(runs, OUTPUTS["prove-mixed"])
