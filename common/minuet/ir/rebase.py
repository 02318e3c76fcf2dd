"""Moving a live run onto a changed document: what may change, and the frontier afterwards.

The past cannot be rewritten: nodes that ended or hold a token stay as they are, and so do the edges
that were resolved when their source ended. Everything else may change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from minuet.model.ir import Ir, IrNode
from minuet.model.status import NodeStatus

from .edge_keys import edge_key, edge_keys
from .plan import Plan
from .rebase_loops import loop_faults


def patch_faults(old: Ir, new: Ir, status: Mapping[str, NodeStatus]) -> list[str]:
    """Why `new` may not replace `old` in a run whose nodes are in `status` (absent: pending).

    An empty list means that it may. The agent runner and the API ask this before the owner of the
    run decides with the state of that moment.
    """
    return [
        *_changed_settings(old, new),
        *_changed_nodes(old, new, status),
        *_lost_edges(old, new, status),
        *_late_edges(old, new, status),
        *loop_faults(old, new, status),
    ]


def new_edges_of_ended(
    old: Plan, new: Plan, status: Mapping[str, NodeStatus]
) -> dict[str, list[int]]:
    """Positions, among a node's out-edges in `new`, of the edges that `old` did not have, for
    every node that ended: they are resolved when the patch is applied."""
    had = Counter(edge_keys(old.ir))
    found: dict[str, list[int]] = {}
    for node in new.nodes:
        if not status.get(node.id, NodeStatus.PENDING).ended:
            continue
        for edge in node.out_edges:
            key = edge_key(new.ir.nodes, edge.edge)
            if had[key]:
                had[key] -= 1
            else:
                found.setdefault(node.id, []).append(edge.position)
    return found


def _changed_settings(old: Ir, new: Ir) -> list[str]:
    faults = []
    if old.workflow != new.workflow:
        faults.append("the name of the workflow may not change in a run")
    if old.inputs_schema != new.inputs_schema:
        faults.append("the schema of the inputs may not change: they were accepted by the old one")
    if old.deadline_ms != new.deadline_ms:
        faults.append("the deadline may not change: its timer is running")
    return faults


def _changed_nodes(old: Ir, new: Ir, status: Mapping[str, NodeStatus]) -> list[str]:
    ahead = {node.id: node for node in new.nodes}
    faults = []
    for node in old.nodes:
        state = status.get(node.id, NodeStatus.PENDING)
        if state is NodeStatus.PENDING:
            continue
        if node.id not in ahead:
            faults.append(f"node '{node.id}' is {state.word} and may not be removed")
        elif _essence(node) != _essence(ahead[node.id]):
            faults.append(f"node '{node.id}' is {state.word} and may not be changed")
    return faults


def _essence(node: IrNode) -> IrNode:
    """The node without what follows from its readers."""
    return msgspec.structs.replace(node, returns=[], config=msgspec.Raw(bytes(node.config)))


def _lost_edges(old: Ir, new: Ir, status: Mapping[str, NodeStatus]) -> list[str]:
    """Edges of ended nodes were resolved: they must all be there still."""
    lost = Counter(edge_keys(old)) - Counter(edge_keys(new))
    return [
        f"the edge from '{key.source}' to '{key.target}' is resolved and may not be changed"
        for key in lost
        if status.get(key.source, NodeStatus.PENDING).ended
    ]


def _late_edges(old: Ir, new: Ir, status: Mapping[str, NodeStatus]) -> list[str]:
    added = Counter(edge_keys(new)) - Counter(edge_keys(old))
    faults = []
    for key in added:
        state = status.get(key.target, NodeStatus.PENDING)
        if state is not NodeStatus.PENDING:
            faults.append(
                f"node '{key.target}' is {state.word}: no new edge (from '{key.source}') may enter"
            )
    return faults
