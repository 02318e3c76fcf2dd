"""Loops of a graph: which nodes a back edge runs again, and which edges wait for its end.

Pure, over node numbers. A loop's *header* is where its back edge leads, its *source* where it
starts; its *body* are the nodes on the way from the one to the other, both included. An edge that
leaves a loop counts for its target only when the loop is over: until then its source may run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minuet.model.ir import Ir

from .graph import Edges, successors


class Loop(NamedTuple):
    """`body` is sorted; `parent` is the place of the loop directly around it in `Loops.loops`, or
    -1."""

    source: int
    header: int
    body: tuple[int, ...]
    parent: int


class Loops(NamedTuple):
    """`loops` are in the order of their back edges. `innermost[node]` and `until[edge]` are places
    in it, or -1: the smallest loop around a node, and the largest that an edge leaves."""

    loops: list[Loop]
    innermost: list[int]
    until: list[int]


class LoopFault(ValueError):
    """The back edge number `edge` closes no sound loop; `nodes` are those that say why."""

    def __init__(self, reason: str, edge: int, *nodes: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.edge = edge
        self.nodes = nodes


def find_loops(n: int, edges: Edges, back: Sequence[bool]) -> Loops:
    """`back` marks the back edges; the others must form no cycle.

    Raises LoopFault with reason "backless" (no way leads from the header to the source), "entered"
    (the body can be entered beside its header, at the node), "crossed" (two loops overlap but
    neither holds the other) or "shared" (two back edges leave one node). O(n + m + the sizes of all
    bodies).
    """
    closing = [edge for edge in range(len(edges)) if back[edge]]
    if not closing:
        return Loops([], [-1] * n, [-1] * len(edges))
    forward = [pair for edge, pair in enumerate(edges) if not back[edge]]
    ahead = successors(n, forward)
    behind = successors(n, [(target, source) for source, target in forward])
    bodies = [_body(edge, *edges[edge], ahead, behind) for edge in closing]
    _check_shared(closing, edges)
    parents, innermost = _nest(n, closing, bodies)
    members = [frozenset(body) for body in bodies]
    loops = [
        Loop(*edges[edge], tuple(sorted(body)), parent)
        for edge, body, parent in zip(closing, bodies, parents, strict=True)
    ]
    until = [
        -1 if back[edge] else _left(innermost[source], target, parents, members)
        for edge, (source, target) in enumerate(edges)
    ]
    return Loops(loops, innermost, until)


def loops_of(ir: Ir) -> Loops:
    """The loops of a compiled document. O(n + m + the sizes of all bodies)."""
    back = [edge.loop is not None for edge in ir.edges]
    return find_loops(len(ir.nodes), [(edge.source, edge.target) for edge in ir.edges], back)


def _body(
    edge: int, source: int, header: int, ahead: list[list[int]], behind: list[list[int]]
) -> set[int]:
    """The natural loop of a back edge. Source: Aho, Lam, Sethi and Ullman, section 9.6.6."""
    body = {header, source}
    todo = [source] if source != header else []
    while todo:
        for before in behind[todo.pop()]:
            if before not in body:
                body.add(before)
                todo.append(before)
    reached, todo = {header}, [header]
    while todo:
        for after in ahead[todo.pop()]:
            if after in body and after not in reached:
                reached.add(after)
                todo.append(after)
    if source not in reached:
        raise LoopFault("backless", edge, source)
    if strangers := body - reached:
        entries = (each for each in reached - {header} if not strangers.isdisjoint(behind[each]))
        raise LoopFault("entered", edge, min(entries))
    return body


def _check_shared(closing: list[int], edges: Edges) -> None:
    seen: set[int] = set()
    for edge in closing:
        source = edges[edge][0]
        if source in seen:
            raise LoopFault("shared", edge, source)
        seen.add(source)


def _nest(n: int, closing: list[int], bodies: list[set[int]]) -> tuple[list[int], list[int]]:
    """(parent of each loop, innermost loop of each node): small loops first, so that what a loop
    finds in its body are the largest loops inside it."""
    parents, innermost, outermost = [-1] * len(bodies), [-1] * n, [-1] * n
    for loop in sorted(range(len(bodies)), key=lambda i: len(bodies[i])):
        body = bodies[loop]
        for inner in {outermost[node] for node in body} - {-1}:
            if not bodies[inner] < body:
                raise LoopFault("crossed", closing[loop], min(bodies[inner] - body or body))
            parents[inner] = loop
        for node in body:
            outermost[node] = loop
            if innermost[node] < 0:
                innermost[node] = loop
    return parents, innermost


def _left(loop: int, target: int, parents: list[int], members: list[frozenset[int]]) -> int:
    """The largest loop, from `loop` outwards, that does not hold `target`."""
    left = -1
    while loop >= 0 and target not in members[loop]:
        left, loop = loop, parents[loop]
    return left
