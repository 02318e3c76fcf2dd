"""Edges: ends, ports, joins, cycles and reachability."""

from __future__ import annotations

from collections import Counter

from minuet.model.document import Edge
from minuet.model.status import APPROVED, ERROR, EXHAUSTED, REJECTED, SUCCESS, TIMEOUT

from .checks_compensations import check_compensations
from .checks_loops import check_loops
from .draft import Draft, EdgeDraft, NodeDraft
from .faults import Faults, pointer, quoted
from .graph import components, find_cycle, reachable


def check_edges(draft: Draft, faults: Faults) -> None:
    """Fills the ends of the edges; then all that needs them."""
    for each in draft.edges:
        each.source = _end(draft, each, "from", each.edge.source, faults)
        each.target = _end(draft, each, "to", each.edge.target, faults)
        if each.edge.loop is not None and each.source is not None:
            draft.nodes[each.source].closes = True
    for each in draft.edges:
        _check_edge(draft, each, faults)
    _check_duplicates(draft, faults)
    _check_otherwise(draft, faults)
    _check_joins(draft, faults)
    _check_cycles(draft, faults)
    check_loops(draft, faults)
    check_compensations(draft, faults)
    _check_reachable(draft, faults)


def _end(draft: Draft, each: EdgeDraft, side: str, name: str, faults: Faults) -> int | None:
    position = draft.by_id.get(name)
    # An end that could not be read is empty too; that was told already.
    if position is None and (name or not faults.errors):
        at = pointer("edges", each.index, side)
        faults.error(at, f"there is no node '{name}'{faults.nearest(name, draft.by_id)}")
    return position


def _check_edge(draft: Draft, each: EdgeDraft, faults: Faults) -> None:
    edge, at = each.edge, pointer("edges", each.index)
    if edge.otherwise and edge.when is not None:
        faults.error(
            f"{at}/otherwise", "an edge has either 'when' or 'otherwise': remove one of them"
        )
    if edge.loop is not None:
        _check_back_edge(edge, at, faults)
    elif each.source is not None and each.source == each.target:
        faults.error(at, f"the edge leads from '{edge.source}' to itself")
    if each.source is not None:
        _check_port(draft.nodes[each.source], each, draft.port_of(each), faults)


def _check_back_edge(edge: Edge, at: str, faults: Faults) -> None:
    for name in ("when", "otherwise"):
        if getattr(edge, name):
            faults.error(f"{at}/{name}", "a back edge is taken by loop.while alone: remove this")


def _check_port(source: NodeDraft, each: EdgeDraft, port: str, faults: Faults) -> None:
    ports = ports_of(source)
    if ports is None or port in ports:
        return
    name = source.node.id
    at = pointer("edges", each.index)
    if each.edge.on is None:
        faults.error(at, f"'{name}' never ends on '{port}': say on: with one of {quoted(ports)}")
    else:
        known = f"its ports are {quoted(ports)}"
        faults.error(
            f"{at}/on", f"'{name}' never ends on '{port}'; {known}{faults.nearest(port, ports)}"
        )


def ports_of(each: NodeDraft) -> list[str] | None:
    """The ports on which the node can end, None if anything goes."""
    own = _own_ports(each)
    return [*own, EXHAUSTED] if own is not None and each.closes else own


def _own_ports(each: NodeDraft) -> list[str] | None:
    if each.kind is None:
        return None
    if each.is_hitl:
        return [APPROVED, REJECTED, TIMEOUT, ERROR]
    if each.kind.ports is not None:
        return [SUCCESS, ERROR, TIMEOUT, *each.kind.ports]
    if each.kind.builtin and each.node.type == "branch":
        return _branch_ports(each)
    if each.kind.builtin and each.node.type == "agent":
        return _agent_ports(each)
    return None


def _branch_ports(each: NodeDraft) -> list[str] | None:
    """None while the config is faulty: other checks say so."""
    cases = each.node.config.get("cases")
    if not isinstance(cases, list):
        return None
    ports = [case.get("port") for case in cases if isinstance(case, dict)]
    ports.append(each.node.config.get("default"))
    named = [port for port in ports if isinstance(port, str)]
    return list(dict.fromkeys([*named, ERROR])) if len(named) == len(ports) else None


def _agent_ports(each: NodeDraft) -> list[str] | None:
    """An agent with ports ends on one of them, one without on success. None if faulty."""
    own = each.node.config.get("ports") or [SUCCESS]
    if not isinstance(own, list) or not all(isinstance(port, str) for port in own):
        return None
    return list(dict.fromkeys([*own, ERROR, TIMEOUT]))


def _check_duplicates(draft: Draft, faults: Faults) -> None:
    first: dict[tuple[object, ...], int] = {}
    for each in draft.edges:
        edge = each.edge
        if each.source is None or each.target is None or edge.loop is not None:
            continue
        key = (each.source, each.target, draft.port_of(each), edge.when, edge.otherwise)
        index = first.setdefault(key, each.index)
        if index != each.index:
            at = pointer("edges", each.index)
            faults.error(at, f"duplicate of the edge at {pointer('edges', index)}: remove one")


def _check_otherwise(draft: Draft, faults: Faults) -> None:
    conditional = {
        (each.source, draft.port_of(each)) for each in draft.edges if each.edge.when is not None
    }
    for each in draft.edges:
        edge = each.edge
        if not edge.otherwise or each.source is None:
            continue
        port = draft.port_of(each)
        if (each.source, port) not in conditional:
            at = pointer("edges", each.index, "otherwise")
            faults.warning(
                at,
                f"no edge from '{edge.source}' on '{port}' has a condition, "
                "so this one is always taken",
            )


def _check_joins(draft: Draft, faults: Faults) -> None:
    incoming = Counter(target for _, target in draft.flow())
    for position, each in enumerate(draft.nodes):
        join = each.node.join
        if isinstance(join, int) and join > incoming[position]:
            at = pointer("nodes", each.index, "join")
            faults.error(
                at, f"waits for {join} taken edges but has {incoming[position]}: it can never run"
            )


def _check_cycles(draft: Draft, faults: Faults) -> None:
    edges = draft.flow()
    for component in sorted(components(len(draft.nodes), edges)):
        if len(component) < 2:
            continue
        cycle = find_cycle(component, edges)
        names = [draft.nodes[position].node.id for position in [*cycle, cycle[0]]]
        shown = names if len(names) <= 12 else [*names[:6], "...", *names[-5:]]
        closing = next(
            each
            for each in draft.edges
            if each.source == cycle[-1] and each.target == cycle[0] and each.edge.loop is None
        )
        at = pointer("edges", closing.index)
        faults.error(at, f"the edges form a cycle: {' -> '.join(shown)}; remove one of them")


def _check_reachable(draft: Draft, faults: Faults) -> None:
    """Only a cycle can cut a node off: without one, going back always ends at a first node."""
    if not draft.nodes:
        return
    seen = reachable(len(draft.nodes), draft.flow())
    for position, each in enumerate(draft.nodes):
        if not seen[position]:
            at = pointer("nodes", each.index)
            faults.error(
                at, f"no first node leads to '{each.node.id}': all ways to it start in a cycle"
            )
