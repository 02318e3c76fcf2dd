"""What a patch of a live run may bring, beyond what would rewrite its past (`minuet.ir.rebase`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from minuet.ir.rebase import patch_faults
from minuet.model.ir import Ir, IrNode
from minuet.model.status import NodeStatus

from .approvals import approval_faults
from .grants import AGENT, Grants

MAX_AGENTS: Final = 5
MAX_AGENT_PATCHES: Final = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reason` is policy, or conflict if the patch would change what happened."""

    reason: str
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Change:
    """A patched document beside the one that the run is on, both compiled. `agent` is the node
    whose agent asks for it, None for everybody else."""

    old: Ir
    new: Ir
    old_document: Mapping[str, Any]
    new_document: Mapping[str, Any]
    agent: str | None = None


def refusal(change: Change, status: Mapping[str, NodeStatus]) -> Refusal | None:
    """Why the run may not take the patch while its nodes are in `status` (absent: pending).

    The agent runner and the API ask the same; the owner of the run asks `patch_faults` again with
    the state of the moment at which it decides.
    """
    faults = agent_count_faults(change.new, _max_agents(change))
    if change.agent is not None:
        faults += agent_patch_faults(change.old, change.new, change.agent)
    if faults:
        return Refusal("policy", faults)
    if faults := patch_faults(change.old, change.new, status):
        return Refusal("conflict", faults)
    return None


def agent_count_faults(new: Ir, max_agents: int) -> list[str]:
    """Agents already in the document count too: who spawns may not spawn without end. One in the
    body of a `map` counts once; those of stored workflows belong to runs of their own."""
    agents = sum(_agents(node.type, msgspec.json.decode(node.config)) for node in new.nodes)
    if agents <= max_agents:
        return []
    return [f"the run would have {agents} agents; at most {max_agents} are allowed"]


def agent_patch_faults(old: Ir, new: Ir, agent: str) -> list[str]:
    """What an agent may not do to its own run though a person might.

    It may not bring a node type, secret, host or workflow that its own node lacks, nor a type that
    nobody knows, and it may not remove an approval or lead the way around one. A node that the
    patch changes is judged as one that it brings.
    """
    known = {node.id: node for node in old.nodes}
    own = known.get(agent)
    if own is None or own.type != AGENT:
        return [f"there is no agent '{agent}' in this run"]
    grants = Grants.of(own)
    faults = []
    for node in new.nodes:
        before = known.get(node.id)
        if before is not None and _does_the_same(before, node):
            continue
        if node.unknown:
            faults.append(f"node '{node.id}' has an unknown type '{node.type}'")
        else:
            faults += grants.faults(node)
    return [*faults, *approval_faults(old, new)]


def agent_of(patch: str, run: str) -> str | None:
    """The node that an agent's patch id, `<run>/<node>/<gen>/<n>`, names; None if it is none."""
    parts = patch.split("/")
    is_id = len(parts) == 4 and parts[0] == run and parts[2].isdecimal() and parts[3].isdecimal()
    return parts[1] if is_id else None


def _agents(type: str, config: dict[str, Any]) -> int:
    if type != "map":
        return int(type == AGENT)
    inner = config["run"].get("nodes", ())
    return sum(_agents(node["type"], node.get("config", {})) for node in inner)


def _does_the_same(one: IrNode, other: IrNode) -> bool:
    return one.type == other.type and bytes(one.config) == bytes(other.config)


def _max_agents(change: Change) -> int:
    """Of both documents, so that an agent cannot raise it; everybody else may."""
    documents = [change.new_document]
    if change.agent is not None:
        documents.append(change.old_document)
    settings = [each.get("settings") or {} for each in documents]
    limits: list[int] = [each.get("max_agents", MAX_AGENTS) for each in settings]
    return min(MAX_AGENTS, *limits)
