"""Applying a patch to a run in memory: the frontier, outputs and ports move to the new plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minuet.model.status import NodeStatus

from .edge_keys import edge_key
from .edges import taken_edges
from .plan import Plan
from .rebase import new_edges_of_ended
from .run_state import RunState
from .values import Values


def statuses(state: RunState) -> dict[str, NodeStatus]:
    """Status of every node of the run."""
    return {node.id: NodeStatus(state.frontier.cell(node.index)[0]) for node in state.plan.nodes}


def resolve_fresh(state: RunState, plan: Plan, values: Values) -> dict[str, list[int]]:
    """For each ended node with new out-edges in `plan`: positions of those that are taken.

    Raises ExpressionFailed if a condition cannot be evaluated.
    """
    status = statuses(state)
    resolved: dict[str, list[int]] = {}
    for node, positions in new_edges_of_ended(state.plan, plan, status).items():
        if status[node] in (NodeStatus.SKIPPED, NodeStatus.CANCELLED):
            continue  # nothing goes on from there
        before = state.plan.index[node]
        iteration = state.frontier.cell(before)[3]
        taken = taken_edges(plan.nodes[plan.index[node]], state.ports[before], values, iteration)
        resolved[node] = [position for position in positions if position in taken]
    return resolved


def move_to_plan(
    state: RunState, plan: Plan, resolved: Mapping[str, Sequence[int]]
) -> tuple[list[int], list[int]]:
    """Put the run on `plan`; (armed, skipped) nodes of the new plan, ascending.

    `resolved` names, for each ended node, the positions of those among its *new* out-edges that
    are taken; its other new edges are dead. The caller has checked `patch_faults`.
    Counts of resolved edges are carried over: such edges cannot have been removed.
    """
    old, before = state.plan, state.frontier
    fresh = new_edges_of_ended(old, plan, statuses(state))
    frontier = plan.router.frontier()
    due: dict[int, int] = {}
    ports: dict[int, str] = {}
    for node in plan.nodes:
        index = old.index.get(node.id)
        if index is None:
            continue
        frontier.load(node.index, *before.cell(index))
        if exits := before.exits(index):
            frontier.load_exits(node.index, _moved(old, index, exits, plan, node.index))
        if index in state.due:
            due[node.index] = state.due[index]
        if index in state.ports:
            ports[node.index] = state.ports[index]
    state.plan, state.frontier, state.due, state.ports = plan, frontier, due, ports
    for source, positions in fresh.items():
        taken = set(resolved.get(source, ()))
        edges = plan.nodes[plan.index[source]].out_edges
        for position in positions:
            frontier.count(edges[position].edge.target, position in taken, position not in taken)
    state.collect_armed()
    return frontier.settle()


def _moved(old: Plan, before: int, positions: Sequence[int], new: Plan, after: int) -> list[int]:
    """Positions of the same out-edges of a node in the new plan; none of them was removed."""
    keys = [edge_key(new.ir.nodes, each.edge) for each in new.nodes[after].out_edges]
    edges = old.nodes[before].out_edges
    return [keys.index(edge_key(old.ir.nodes, edges[position].edge)) for position in positions]
