"""Loops under a patch: one that is going on stays as it is.

What a round has done decides what the next one may do: were its nodes or edges exchanged meanwhile,
counts and held decisions of the round would belong to another graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from minuet.model.ir import Ir
from minuet.model.status import NodeStatus

from .edge_keys import EdgeKey, edge_key
from .loops import loops_of

Statuses = Mapping[str, NodeStatus]


class LoopGraph(NamedTuple):
    """`inside` are the edges between nodes of the body, the back edges included; `leaving` those
    that lead out."""

    source: str
    body: frozenset[str]
    inside: frozenset[EdgeKey]
    leaving: frozenset[EdgeKey]


def loop_faults(old: Ir, new: Ir, status: Statuses) -> list[str]:
    """Why `new` may not replace `old` as far as loops go."""
    before, after = loop_graphs(old), loop_graphs(new)
    running = [loop for loop in before if _is_running(loop, before, status)]
    faults = [fault for loop in running for fault in _changes(loop, after, status)]
    kept = {loop.body for loop in before}
    for loop in after:
        begun = sorted(node for node in loop.body if _has_begun(node, status))
        if begun and loop.body not in kept:
            faults.append(f"node '{begun[0]}' has run or runs: no new loop may hold it")
    return faults


def loop_graphs(ir: Ir) -> list[LoopGraph]:
    """In the order of their back edges."""
    graphs = []
    for loop in loops_of(ir).loops:
        body = frozenset(loop.body)
        out = [edge for edge in ir.edges if edge.source in body]
        graphs.append(
            LoopGraph(
                source=ir.nodes[loop.source].id,
                body=frozenset(ir.nodes[i].id for i in body),
                inside=frozenset(edge_key(ir.nodes, edge) for edge in out if edge.target in body),
                leaving=frozenset(
                    edge_key(ir.nodes, edge) for edge in out if edge.target not in body
                ),
            )
        )
    return graphs


def _is_running(loop: LoopGraph, loops: list[LoopGraph], status: Statuses) -> bool:
    """Whether its nodes have begun and may run again: it, or a loop around it, is not over."""
    if not any(_has_begun(node, status) for node in loop.body):
        return False
    around = (each for each in loops if loop.body <= each.body)
    return any(not status.get(each.source, NodeStatus.PENDING).ended for each in around)


def _changes(loop: LoopGraph, after: list[LoopGraph], status: Statuses) -> list[str]:
    now = next((each for each in after if each.body == loop.body), None)
    if now is None or now.inside != loop.inside:
        return [f"the loop that '{loop.source}' closes is going on: it may not be changed"]
    return [
        f"'{key.source}' ended in a loop that is going on: no new edge may lead out of it"
        for key in sorted(now.leaving - loop.leaving, key=lambda key: key[:3])
        if status.get(key.source, NodeStatus.PENDING).ended
    ]


def _has_begun(node: str, status: Statuses) -> bool:
    return status.get(node, NodeStatus.PENDING) is not NodeStatus.PENDING
