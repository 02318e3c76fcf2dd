"""What an agent may not do to the approvals of its run: remove one, change one, lead around one.

Edges out of an approval give *guards*: it was asked, and perhaps it said yes. A node has the guards
that every way to it has. What an approval protects may be entered anew only with the guards of one
of the guarded ways there were, and no loop may run it again unless the approval is in the loop, so
that it is asked again. Nodes from which it is reached *beside* the approval decide whether that is
asked at all: they, and the edges out of them, stay as they are.

A node with child runs counts as an approval, passed by its success, if these may ask: a `map` with
an approval in its body, and whatever runs a stored workflow (what that holds is not known here).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from minuet.ir.checks_children import SPAWNING
from minuet.ir.edge_keys import EdgeKey, edge_key, edge_keys
from minuet.model.ir import Ir, IrNode
from minuet.model.status import SUCCESS

APPROVAL: Final = "hitl"
APPROVED: Final = "approved"
Guards = frozenset[tuple[str, str]]
UNGUARDED: Final[Guards] = frozenset()
DECIDES: Final = "decides whether an approval is asked: it may not be changed"


def approval_faults(old: Ir, new: Ir) -> list[str]:
    """Why `new` would weaken an approval of `old`. O((nodes + edges) * approvals)."""
    gates = {node.id for node in old.nodes if _asks(node.type, node.config)}
    if not gates:
        return []
    before, after = Graph(old, gates), Graph(new, gates)
    behind = {node for gate in gates for node in before.protected(gate)}
    beside = before.beside(behind) - gates
    return [
        *_changed_gates(before, after),
        *_opened(before, after, behind),
        *_led_around(before, after, behind, beside),
        *_run_again(before, after),
        *_other_decisions(before, after, beside),
    ]


class Graph:
    """One document, with the guards of every node. `gates` are ids of approvals."""

    def __init__(self, ir: Ir, gates: set[str]) -> None:
        self.gates = gates
        self.nodes = {node.id: node for node in ir.nodes}
        self.edges = [edge_key(ir.nodes, each) for each in ir.edges]
        self.keys = Counter(edge_keys(ir))
        self.entering: dict[str, list[EdgeKey]] = {}
        # A loop leads back to where everything on it came from, and adds no way.
        for edge in (edge_key(ir.nodes, each) for each in ir.edges if not each.loop):
            self.entering.setdefault(edge.target, []).append(edge)
        self._guards: dict[str, Guards] = {}
        for node in self.nodes:  # topological: sources come first
            ways = [self.guards(edge) for edge in self.entering.get(node, [])]
            self._guards[node] = frozenset.intersection(*ways) if ways else UNGUARDED

    def guards(self, edge: EdgeKey) -> Guards:
        """What must have happened when this edge is taken."""
        guards = self._guards[edge.source]
        if edge.source in self.gates:
            guards |= {("asked", edge.source)}
            if edge.on == (APPROVED if self.nodes[edge.source].type == APPROVAL else SUCCESS):
                guards |= {(APPROVED, edge.source)}
        return guards

    def protected(self, gate: str) -> set[str]:
        """Nodes behind the approval, without those that run anyway whenever it is asked."""
        behind = closure(((edge.source, edge.target) for edge in self.edges), {gate}) - {gate}
        sure = [
            (edge.source, edge.target)
            for edge in self.edges
            if edge.on == SUCCESS
            and edge.source not in self.gates
            and edge.when is None
            and not edge.otherwise
            and self.nodes[edge.target].join <= 1
        ]
        return behind - closure(sure, self._before(gate))

    def _before(self, gate: str) -> set[str]:
        """Nodes that certainly ended when the approval is asked, as far as ways do not merge."""
        found: set[str] = set()
        while len(ways := self.entering.get(gate, [])) == 1:
            gate = ways[0].source
            found.add(gate)
        return found

    def round(self, edge: EdgeKey) -> set[str]:
        """The nodes that this loop edge runs again."""
        steps = [(e.source, e.target) for ways in self.entering.values() for e in ways]
        back = [(target, source) for source, target in steps]
        return closure(steps, {edge.target}) & closure(back, {edge.source})

    def beside(self, behind: set[str]) -> set[str]:
        """Nodes from which a way that passes no approval leads to one in `behind`."""
        back = [(edge.target, edge.source) for edge in self.edges if edge.source not in self.gates]
        return closure(back, behind) - behind


def closure(steps: Iterable[tuple[str, str]], start: set[str]) -> set[str]:
    """`start`, and everything that steps lead to from it."""
    following: dict[str, list[str]] = {}
    for source, target in steps:
        following.setdefault(source, []).append(target)
    found, open_ = set(start), list(start)
    while open_:
        fresh = set(following.get(open_.pop(), ())) - found
        found |= fresh
        open_ += fresh
    return found


def _changed_gates(before: Graph, after: Graph) -> list[str]:
    faults = []
    for gate in sorted(before.gates):
        kept = after.nodes.get(gate)
        if kept is None:
            faults.append(f"the approval '{gate}' may not be removed")
        elif not _same(kept, before.nodes[gate]):
            faults.append(f"the approval '{gate}' may not be changed")
    return faults


def _opened(before: Graph, after: Graph, behind: set[str]) -> list[str]:
    """Nodes that would start by themselves, or at fewer edges than before."""
    faults = []
    for id in sorted(behind & after.nodes.keys()):
        if not after.entering.get(id):
            faults.append(f"node '{id}' would no longer wait for an approval")
        elif after.nodes[id].join != before.nodes[id].join:
            faults.append(f"node '{id}' is behind an approval: its join may not change")
    return faults


def _led_around(before: Graph, after: Graph, behind: set[str], beside: set[str]) -> list[str]:
    faults = []
    for edge in after.keys - before.keys:
        arrow = f"the new edge from '{edge.source}' to '{edge.target}'"
        if edge.target in beside:
            faults.append(f"{arrow} would lead around an approval")
        elif edge.target in behind and before.nodes[edge.target].join > 1:
            faults.append(f"{arrow} would count among the approvals that '{edge.target}' waits for")
        elif edge.target in behind and not _is_guarded(before, after, edge):
            faults.append(f"{arrow} would lead around an approval")
    return sorted(faults)


def _run_again(before: Graph, after: Graph) -> list[str]:
    """An approval that was given holds for one round."""
    faults = []
    for edge in after.keys - before.keys:
        round_ = after.round(edge) if edge.loop else set()
        again = {gate for gate in before.gates - round_ if before.protected(gate) & round_}
        faults += [
            f"the new loop from '{edge.source}' to '{edge.target}' would run again what the "
            f"approval '{gate}' protects, without asking"
            for gate in again
        ]
    return sorted(faults)


def _asks(type: str, config: msgspec.Raw | Mapping[str, Any]) -> bool:
    """Whether what the node runs may ask people."""
    if type not in SPAWNING:
        return type == APPROVAL
    given = msgspec.json.decode(config) if isinstance(config, msgspec.Raw) else config
    inner = given.get("run", {}).get("nodes")
    if inner is None:
        return True
    return any(_asks(node["type"], node.get("config", {})) for node in inner)


def _is_guarded(before: Graph, after: Graph, edge: EdgeKey) -> bool:
    """Whether this new edge has every guard of one of the guarded edges that its target had."""
    ways = [before.guards(each) for each in before.entering[edge.target]]
    guards = after.guards(edge)
    return any(way != UNGUARDED and way <= guards for way in ways)


def _other_decisions(before: Graph, after: Graph, beside: set[str]) -> list[str]:
    faults = []
    for id in sorted(beside):
        kept = after.nodes.get(id)
        if kept is None or not _same(kept, before.nodes[id]):
            faults.append(
                f"node '{id}' decides whether an approval is asked: it may not be changed"
            )
    lost = {edge for edge in before.keys - after.keys if edge.source in beside}
    faults += [
        f"the edge from '{edge.source}' to '{edge.target}' {DECIDES}"
        for edge in sorted(lost, key=str)
    ]
    return faults


def _same(one: IrNode, other: IrNode) -> bool:
    """But for what their readers want of them."""
    bare = [
        msgspec.structs.replace(node, returns=[], config=msgspec.Raw(bytes(node.config)))
        for node in (one, other)
    ]
    return bare[0] == bare[1]
