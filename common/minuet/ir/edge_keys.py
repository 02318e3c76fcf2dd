"""Telling the edges of two documents apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minuet.model.ir import Ir, IrEdge, IrLoop, IrNode


class EdgeKey(NamedTuple):
    """What makes two edges of two documents the same edge."""

    source: str
    target: str
    on: str
    when: str | None
    otherwise: bool
    loop: IrLoop | None


def edge_key(nodes: Sequence[IrNode], edge: IrEdge) -> EdgeKey:
    source, target = nodes[edge.source].id, nodes[edge.target].id
    return EdgeKey(source, target, edge.on, edge.when, edge.otherwise, edge.loop)


def edge_keys(ir: Ir) -> list[EdgeKey]:
    return [edge_key(ir.nodes, edge) for edge in ir.edges]
