"""The proof's own tools: a load without any fault passes the judge."""

from __future__ import annotations

import pytest

from .conftest import FleetFactory
from .judge import judge
from .load import LEDGER_NODES, load
from .proof import Proof

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(180)]


def test_without_faults_nothing_is_violated(fleet: FleetFactory, proof: Proof) -> None:
    made = fleet()
    made.start_all(proxied=True)
    with load(made) as work, proof.scenario("no fault, every process behind proxies") as scenario:
        runs = work.start(40)
        work.until_ended(runs)
        scenario.take(judge(made, runs, ledger_nodes=LEDGER_NODES))
