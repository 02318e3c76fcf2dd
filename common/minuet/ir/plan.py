"""An IR made ready to run: its router, and its expressions compiled when first needed."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from minuet.expr.cel import Expression, compile_expression
from minuet.expr.paths import Path, parse_path
from minuet.expr.template import Template, compile_template
from minuet.model.ir import Ir, IrEdge, IrNode
from minuet.model.node_type import Effect

from .routing import Router

EDGE_ROOTS = frozenset({"inputs", "nodes", "output", "run", "iteration"})
CONFIG_ROOTS = frozenset({"inputs", "nodes", "run", "iteration"})
ITEM_ROOTS = CONFIG_ROOTS | {"item", "index"}
OUTPUT_ROOTS = frozenset({"inputs", "nodes", "run"})


class OutEdge:
    """An edge as its source sees it: `position` among the out-edges of the node."""

    __slots__ = ("edge", "position", "when")

    def __init__(self, position: int, edge: IrEdge) -> None:
        self.position = position
        self.edge = edge
        self.when = compile_expression(edge.when, allowed_roots=EDGE_ROOTS) if edge.when else None


class BackEdge:
    """The back edge of a node that closes a loop."""

    __slots__ = ("max_iterations", "on", "while_")

    def __init__(self, edge: IrEdge) -> None:
        assert edge.loop is not None
        self.on = edge.on
        self.while_ = compile_expression(edge.loop.while_, allowed_roots=EDGE_ROOTS)
        self.max_iterations = edge.loop.max_iterations


class BranchCase(NamedTuple):
    when: Expression
    port: str


class NodePlan:
    """One node of the plan; what is costly to derive is derived at first use."""

    def __init__(
        self, index: int, node: IrNode, edges: list[IrEdge], back: IrEdge | None = None
    ) -> None:
        self.index = index
        self.node = node
        self.id = node.id
        self.inline = node.inline or node.unknown
        self.asks = node.type == "hitl"
        self.spawns = node.child is not None
        self.maps = self.spawns and node.type == "map"
        self.effect: Effect = node.effect  # type: ignore[assignment]
        self._edges = edges
        self._back = back
        self.closes = back is not None
        self.is_guarded = node.when is not None
        self.is_undone = node.compensate is not None
        self.decides = self.closes or any(edge.when or edge.otherwise for edge in edges)
        self.conditional = any(edge.when or edge.otherwise for edge in edges)

    @cached_property
    def out_edges(self) -> list[OutEdge]:
        return [OutEdge(position, edge) for position, edge in enumerate(self._edges)]

    @cached_property
    def back(self) -> BackEdge:
        """Only of a node that closes a loop."""
        assert self._back is not None
        return BackEdge(self._back)

    @cached_property
    def guard(self) -> Expression:
        """Only of a node that has one."""
        assert self.node.when is not None
        return compile_expression(self.node.when, allowed_roots=CONFIG_ROOTS)

    @cached_property
    def awaits(self) -> str | None:
        """Name of the message that a `wait` node waits for."""
        return self.config.get("message") if self.node.type == "wait" else None

    @cached_property
    def reads(self) -> list[tuple[str, Path]]:
        """Paths that a task token of this node brings along; secrets are the worker's."""
        paths = [(text, parse_path(text)) for text in self.node.reads]
        return [(text, path) for text, path in paths if path[0] != "secrets"]

    @cached_property
    def config(self) -> Any:
        return msgspec.json.decode(self.node.config)

    @cached_property
    def template(self) -> Template:
        """The config as a template; only inline nodes render it here."""
        return compile_template(self.config, allowed_roots=CONFIG_ROOTS)

    @cached_property
    def items(self) -> Expression:
        """What a `map` runs over."""
        return compile_expression(self.config["items"], allowed_roots=CONFIG_ROOTS)

    @cached_property
    def child_inputs(self) -> Template:
        """Inputs of the child runs of a `map` or `workflow` node."""
        return compile_template(child_inputs(self.node.type, self.config), allowed_roots=ITEM_ROOTS)

    @cached_property
    def cases(self) -> list[BranchCase]:
        """Cases of a `branch` node, in order."""
        return [
            BranchCase(compile_expression(case["when"], allowed_roots=CONFIG_ROOTS), case["port"])
            for case in self.config["cases"]
        ]


class Plan:
    """One compiled document, shared by all runs of it. Building costs O(nodes + edges)."""

    def __init__(self, ir: Ir, digest: str, router: type[Router] = Router) -> None:
        self.ir = ir
        self.digest = digest
        self.index = {node.id: i for i, node in enumerate(ir.nodes)}
        self.router = router(
            [node.join for node in ir.nodes],
            [edge.source for edge in ir.edges],
            [edge.target for edge in ir.edges],
            [edge.on for edge in ir.edges],
            [edge.loop is not None for edge in ir.edges],
        )
        back = {edge.source: edge for edge in ir.edges if edge.loop is not None}
        self.nodes = [
            NodePlan(i, node, [ir.edges[edge] for edge in self.router.out_edges(i)], back.get(i))
            for i, node in enumerate(ir.nodes)
        ]

    @cached_property
    def kept(self) -> frozenset[str]:
        """Ids of nodes whose output anything reads later: the rest needs no copy in memory."""
        texts = [text for node in self.ir.nodes for text in node.reads]
        read = {path[1] for path in map(parse_path, texts) if path[0] == "nodes"}
        return frozenset(read | {node.id for node in self.ir.nodes if node.returns})

    @cached_property
    def outputs(self) -> dict[str, Template] | Template | None:
        """One template an output name, so that one failing name does not hide the others."""
        value = msgspec.json.decode(self.ir.outputs)
        if value is None:
            return None
        if not isinstance(value, dict):
            return compile_template(value, allowed_roots=OUTPUT_ROOTS)
        return {
            name: compile_template(part, allowed_roots=OUTPUT_ROOTS) for name, part in value.items()
        }


def child_inputs(type: str, config: Any) -> Any:
    """The template of the inputs of child runs, from the config of their node."""
    if type == "workflow":
        return config.get("inputs", {})
    return config["run"].get("inputs", {"item": "${item}", "index": "${index}"})
