"""What can be understood of a document, faults or not: the later checks work on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from minuet.model.document import Concurrency, Edge, Node, Settings, Workflow
from minuet.model.ir import IrChild
from minuet.model.node_type import NodeType
from minuet.model.status import APPROVED, SUCCESS
from minuet.schemas import load

from .faults import Faults, pointer
from .loops import Loops
from .schema_faults import Checker, Path

Json = Any


@dataclass(slots=True)
class NodeDraft:
    """`index` is the place in the document. What is faulty stands at its default.

    `kind` is None for a type that nobody knows. `reads` are the context paths of the config,
    `guard_reads` those of `when`. `undoes` is the position of the node that this one compensates;
    `closes` tells that a back edge leaves it.
    """

    index: int
    node: Node
    kind: NodeType | None = None
    reads: list[tuple[str, ...]] = field(default_factory=list)
    guard_reads: tuple[tuple[str, ...], ...] = ()
    undoes: int | None = None
    closes: bool = False
    child: IrChild | None = None

    @property
    def inline(self) -> bool:
        return self.kind is not None and self.kind.inline

    @property
    def spawns(self) -> bool:
        return self.inline and self.node.type in ("map", "workflow")

    @property
    def is_hitl(self) -> bool:
        return self.kind is not None and self.kind.builtin and self.node.type == "hitl"


@dataclass(slots=True)
class EdgeDraft:
    """`source` and `target` index `Draft.nodes`, or are None where no node has that id."""

    index: int
    edge: Edge
    source: int | None = None
    target: int | None = None
    reads: tuple[tuple[str, ...], ...] = ()
    loop_reads: tuple[tuple[str, ...], ...] = ()

    @property
    def ends(self) -> tuple[int, int]:
        assert self.source is not None
        assert self.target is not None
        return self.source, self.target


@dataclass(slots=True)
class Draft:
    """`workflow` is None if the document has structural faults. `loops` numbers nodes by position
    and edges as `linked` does; it is None if a loop is faulty."""

    workflow: Workflow | None
    nodes: list[NodeDraft]
    edges: list[EdgeDraft]
    settings: Settings
    inputs: Json = None
    outputs: Json = None
    by_id: dict[str, int] = field(default_factory=dict)
    output_reads: tuple[tuple[str, ...], ...] = ()
    concurrency: Concurrency | None = None
    key_reads: tuple[tuple[str, ...], ...] = ()
    loops: Loops | None = None
    depth: int = 0

    def port_of(self, each: EdgeDraft) -> str:
        """The port that the edge listens on: its `on`, or the way on from its source."""
        if each.edge.on is not None:
            return each.edge.on
        is_hitl = each.source is not None and self.nodes[each.source].is_hitl
        return APPROVED if is_hitl else SUCCESS

    def linked(self) -> list[EdgeDraft]:
        """Edges with both ends known; forward edges from a node to itself left out."""
        return [
            each
            for each in self.edges
            if each.source is not None
            and each.target is not None
            and (each.source != each.target or each.edge.loop is not None)
        ]

    def flow(self) -> list[tuple[int, int]]:
        """The forward ones among them, as positions in `nodes`."""
        return [each.ends for each in self.linked() if each.edge.loop is None]

    def order_edges(self) -> list[tuple[int, int]]:
        """`flow`, and from the source of each loop to whatever waits for its end."""
        assert self.loops is not None
        after = [
            (self.loops.loops[until].source, each.ends[1])
            for each, until in zip(self.linked(), self.loops.until, strict=True)
            if until >= 0
        ]
        return [*self.flow(), *after]

    def share_loop(self, one: int, other: int) -> bool:
        """Whether some loop runs both nodes again."""
        if self.loops is None:
            return False
        loop = self.loops.innermost[one]
        while loop >= 0 and other not in self.loops.loops[loop].body:
            loop = self.loops.loops[loop].parent
        return loop >= 0


def read_draft(document: Json, faults: Faults) -> Draft:
    """Check the structure against `schemas/document.json` and read what is sound."""
    found = _document_checker().faults(document)
    for fault in found:
        faults.error(fault.pointer, fault.message)
    if not found:
        workflow = msgspec.convert(document, Workflow)
        return Draft(
            workflow=workflow,
            nodes=[NodeDraft(i, node) for i, node in enumerate(workflow.nodes)],
            edges=[EdgeDraft(i, edge) for i, edge in enumerate(workflow.edges)],
            settings=workflow.settings,
            inputs=workflow.inputs,
            outputs=workflow.outputs,
            concurrency=workflow.concurrency,
        )
    return _salvage(document, [fault.path for fault in found])


@cache
def _document_checker() -> Checker:
    return Checker(load("document"))


def _salvage(document: Json, faulty: Iterable[Path]) -> Draft:
    """The parts that no fault touches; a faulty field counts as absent."""
    bad = {pointer(*path[:size]) for path in faulty for size in range(1, len(path) + 1)}
    whole = document if isinstance(document, dict) else {}
    settings = _convert(whole.get("settings"), "/settings", bad, Settings) or Settings()
    return Draft(
        workflow=None,
        nodes=[
            NodeDraft(i, node)
            for i, raw in enumerate(_items(whole, "nodes"))
            if (node := _convert(raw, f"/nodes/{i}", bad, Node, id="", type="")) is not None
        ],
        edges=[
            EdgeDraft(i, edge)
            for i, raw in enumerate(_items(whole, "edges"))
            if (edge := _convert(raw, f"/edges/{i}", bad, Edge, **{"from": "", "to": ""}))
            is not None
        ],
        settings=settings,
        inputs=None if "/inputs" in bad else whole.get("inputs"),
        outputs=whole.get("outputs"),
        concurrency=_convert(whole.get("concurrency"), "/concurrency", bad, Concurrency),
    )


def _items(document: Mapping[str, Json], name: str) -> list[Json]:
    value = document.get(name)
    return value if isinstance(value, list) else []


# Kept although the schema refuses their form: edges and expressions may name them all the same.
_NAMING = frozenset({"id", "type", "from", "to"})


def _convert(raw: Json, at: str, bad: set[str], target: Any, **defaults: str) -> Any:
    """`raw` without its faulty fields, or None if it cannot be read.

    `bad` holds the pointers of all faults and of what they stand in.
    """
    if not isinstance(raw, dict):
        return None
    sound = {
        name: raw[name]
        for name in _field_names(target) & raw.keys()
        if at + pointer(name) not in bad or (name in _NAMING and isinstance(raw[name], str))
    }
    try:
        return msgspec.convert({**defaults, **sound}, target)
    except msgspec.ValidationError:  # more faults than are listed: this one is not in `bad`
        return None


@cache
def _field_names(target: Any) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(target))
