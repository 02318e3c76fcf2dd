"""Everything is restarted, one process after the other, while runs are started and go on."""

from __future__ import annotations

import signal
import time

import pytest

from tests.support.waiting import until

from .conftest import FleetFactory
from .faults.caller import calling
from .faults.documents import PATIENT_NODES, patient
from .judge import judge
from .load import LEDGER_NODES, load
from .proof import Proof

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(360)]

# As docs/operating.md has it, the servers last.
ORDER = [
    "recorder", "fanout", "worker", "http_worker", "hitl_worker", "agent_runner", "coordinator",
    "coordinator-2", "orchestrator", "valkey", "postgres",
]  # fmt: skip
# To Postgres SIGTERM means: wait until everybody has gone by himself.
SIGNALS = {"postgres": signal.SIGINT}


def test_rolling_restart(fleet: FleetFactory, proof: Proof) -> None:
    """Nothing is lost, and a start is never answered other than 2xx or a clean 503."""
    made = fleet()
    made.start_all("coordinator-2")
    with (
        load(made, patient(4, "1s")) as work,
        proof.scenario("rolling restart of everything under load") as scenario,
    ):
        runs = work.start(100, "prove-patient")
        with (
            calling(made, "prove-mixed", work.inputs, callers=3) as answers,
            work.going_on(at_once=5, pause_s=1.0) as more,
        ):
            for name in ORDER:
                stopped_at = time.time()
                pid = made.kill(name, SIGNALS.get(name, signal.SIGTERM))
                made.until_restarted(name, pid)
                made.until_ready(name)
                scenario.recovery_s.append(time.time() - stopped_at)
                scenario.kills += 1
                known = len(answers.runs)
                until(lambda known=known: len(answers.runs) > known, "starts go on", 60)  # type: ignore[misc]
        runs += [*answers.runs, *more]
        work.until_ended(runs)
        codes = [what for _, name, what in made.deaths if "ended with code 0" in what]
        scenario.violations += answers.faults
        if len(codes) != len(ORDER):
            scenario.violations.append(f"not all stopped cleanly: {made.deaths}")
        scenario.figures["answers"] = {str(status): n for status, n in answers.statuses.items()}
        nodes = [*LEDGER_NODES, *PATIENT_NODES]
        scenario.take(judge(made, runs, ledger_nodes=nodes, expected="succeeded"))
