"""What a patch of a live run may bring, beyond what would rewrite its past (`minuet.ir.rebase`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from minuet.model.ir import Ir, IrNode

MAX_AGENTS: Final = 5
MAX_AGENT_PATCHES: Final = 20
ALWAYS_ALLOWED: Final = frozenset({"transform", "branch", "wait", "join", "hitl"})


def agent_count_faults(new: Ir, max_agents: int) -> list[str]:
    """Agents already in the document count too: who spawns may not spawn without end."""
    agents = sum(node.type == "agent" for node in new.nodes)
    if agents <= max_agents:
        return []
    return [f"the run would have {agents} agents; at most {max_agents} are allowed"]


def agent_patch_faults(old: Ir, new: Ir) -> list[str]:
    """What an agent may not do to its own run though a person might.

    It may not use a node type or a secret that the document does not use already, and it may not
    remove an approval or lead the way around one.
    """
    return [*_new_types(old, new), *_new_secrets(old, new), *_open_gates(old, new)]


def _new_types(old: Ir, new: Ir) -> list[str]:
    allowed = ALWAYS_ALLOWED | {node.type for node in old.nodes}
    return [
        f"node '{node.id}' has the type '{node.type}', which this run does not use"
        for node in new.nodes
        if node.type not in allowed
    ]


def _new_secrets(old: Ir, new: Ir) -> list[str]:
    known = set(_secrets(old.nodes))
    return [
        f"a node reads '{secret}', which this run does not use"
        for secret in sorted(set(_secrets(new.nodes)) - known)
    ]


def _secrets(nodes: Iterable[IrNode]) -> Iterable[str]:
    return (path for node in nodes for path in node.reads if path.split(".")[0] == "secrets")


def _open_gates(old: Ir, new: Ir) -> list[str]:
    """Approvals that are gone, and nodes that could be reached only through one and now can
    without it."""
    faults = []
    ahead = {node.id: node for node in new.nodes}
    for gate in (node for node in old.nodes if node.type == "hitl"):
        kept = ahead.get(gate.id)
        if kept is None or kept.type != "hitl":
            faults.append(f"the approval '{gate.id}' may not be removed")
            continue
        if bytes(kept.config) != bytes(gate.config):
            faults.append(f"the approval '{gate.id}' may not be changed")
        guarded = {node.id for node in old.nodes} - _reachable_without(old, gate.id)
        freed = (guarded & _reachable_without(new, gate.id)) - {gate.id}
        faults += [
            f"node '{node}' would no longer need the approval '{gate.id}'" for node in sorted(freed)
        ]
    return faults


def _reachable_without(ir: Ir, gate: str) -> set[str]:
    """Nodes that a token could reach without an `approved` end of `gate`."""
    entered = {edge.target for edge in ir.edges}
    reached = {i for i, node in enumerate(ir.nodes) if i not in entered}
    for edge in sorted(ir.edges, key=lambda edge: edge.source):  # topological: one pass
        through_gate = ir.nodes[edge.source].id == gate and edge.on == "approved"
        if edge.source in reached and not through_gate:
            reached.add(edge.target)
    return {ir.nodes[i].id for i in reached}
