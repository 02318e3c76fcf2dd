"""Runs that last: what a fault meets in flight does not depend on how fast the machine is."""

from __future__ import annotations

import itertools
from typing import Any

Json = dict[str, Any]
MOST_ROUNDS = 40


def patient(rounds: int, pause: str = "2s") -> Json:
    """A step, a wait, a step, a wait, ...: each run takes `rounds` waits at the least."""
    assert rounds <= MOST_ROUNDS
    nodes: list[Json] = []
    for i in range(rounds):
        nodes.append({"id": f"p{i}", "type": "prove.step", "config": {"ms": 10}})
        nodes.append({"id": f"w{i}", "type": "wait", "config": {"for": pause}})
    nodes.append({"id": f"p{rounds}", "type": "prove.step"})
    return {
        "apiVersion": "minuet/v1",
        "name": "prove-patient",
        "nodes": nodes,
        "edges": [{"from": a["id"], "to": b["id"]} for a, b in itertools.pairwise(nodes)],
        "outputs": {"node": f"${{nodes.p{rounds}.output.node}}"},
    }


PATIENT_NODES = [f"p{i}" for i in range(MOST_ROUNDS + 1)]
"""Ids of its nodes that write into the ledger."""
