"""What expressions read: conditions of edges, the outputs, and whether a read can ever succeed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from minuet.expr import (
    ExpressionSyntaxError,
    TemplateSyntaxError,
    compile_expression,
    compile_template,
)
from minuet.expr.paths import Path

from .checks_config import bare_fault
from .draft import Draft
from .faults import Faults, pointer, quoted
from .graph import ancestors
from .plan import CONFIG_ROOTS, EDGE_ROOTS, OUTPUT_ROOTS


def check_conditions(draft: Draft, faults: Faults) -> None:
    """Fills the `reads` and `loop_reads` of edges and the `guard_reads` of nodes."""
    for each in draft.edges:
        at = pointer("edges", each.index)
        each.reads = _paths(each.edge.when, EDGE_ROOTS, f"{at}/when", faults)
        if each.edge.loop is not None:
            text = each.edge.loop.while_
            each.loop_reads = _paths(text, EDGE_ROOTS, f"{at}/loop/while", faults)
    for node in draft.nodes:
        at = pointer("nodes", node.index, "when")
        node.guard_reads = _paths(node.node.when, CONFIG_ROOTS, at, faults)


def _paths(text: str | None, roots: frozenset[str], at: str, faults: Faults) -> tuple[Path, ...]:
    """What an expression reads; nothing if there is none or it is reported as faulty."""
    if text is None:
        return ()
    try:
        return compile_expression(text, allowed_roots=roots).paths
    except ExpressionSyntaxError as exc:
        faults.error(at, bare_fault(exc))
        return ()


def check_outputs(draft: Draft, faults: Faults) -> None:
    """Fills `draft.output_reads`."""
    if draft.outputs is None:
        return
    try:
        draft.output_reads = compile_template(draft.outputs, allowed_roots=OUTPUT_ROOTS).paths
    except TemplateSyntaxError as exc:
        for fault in exc.faults:
            faults.error(f"/outputs{fault.pointer}", fault.message)


class Reads:
    """Checks every read against the graph and the inputs. Runs after all `reads` are filled."""

    def __init__(self, draft: Draft, faults: Faults) -> None:
        self._draft = draft
        self._faults = faults

    def check(self) -> None:
        for at, reader, paths in self._readers():
            for path in paths:
                if path[0] == "nodes":
                    self._check_node(at, reader, path[1])
                elif path[0] == "inputs":
                    self._check_input(at, path)

    def _readers(self) -> Iterator[tuple[str, int | None, Iterable[Path]]]:
        """(where, the position that must come after what is read, paths)."""
        for position, node in enumerate(self._draft.nodes):
            if node.reads:
                yield pointer("nodes", node.index, "config"), position, node.reads
            if node.guard_reads:
                yield pointer("nodes", node.index, "when"), position, node.guard_reads
        for edge in self._draft.edges:
            if edge.source is None:
                continue
            at = pointer("edges", edge.index)
            if edge.reads:
                yield f"{at}/when", -1 - edge.source, edge.reads
            if edge.loop_reads:
                yield f"{at}/loop/while", -1 - edge.source, edge.loop_reads
        if self._draft.output_reads:
            yield "/outputs", None, self._draft.output_reads
        if self._draft.key_reads:
            yield "/concurrency/key", None, self._draft.key_reads

    def _check_node(self, at: str, reader: int | None, name: str) -> None:
        read = self._draft.by_id.get(name)
        if read is None:
            self._faults.error(
                at, f"there is no node '{name}'{self._faults.nearest(name, self._draft.by_id)}"
            )
            return
        if reader is None:
            return
        position, from_edge = (reader, False) if reader >= 0 else (-1 - reader, True)
        undone = self._draft.nodes[position].undoes
        if undone is not None:  # reads what the node that it undoes could, and that node's output
            position, from_edge = undone, True
        if (from_edge and read == position) or self._draft.share_loop(position, read):
            return
        if not self._ancestors[position] >> read & 1 or read == position:
            self._faults.error(at, self._not_upstream(position, read))

    def _not_upstream(self, reader: int, read: int) -> str:
        name, other = self._draft.nodes[reader].node.id, self._draft.nodes[read].node.id
        if reader == read:
            return f"'{name}' reads its own output, which is not there yet"
        return (
            f"'{name}' reads the output of '{other}', but no edges lead from '{other}' to "
            f"'{name}', so it need not be there: add an edge or read another node"
        )

    @cached_property
    def _ancestors(self) -> list[int]:
        return ancestors(len(self._draft.nodes), self._draft.flow())

    def _check_input(self, at: str, path: Path) -> None:
        known = self._input_names
        if known is None or len(path) < 2 or path[1] in known:
            return
        fix = self._faults.nearest(path[1], known) or f"; known are {quoted(known)}"
        self._faults.warning(at, f"the inputs declare no property '{path[1]}'{fix}")

    @cached_property
    def _input_names(self) -> list[str] | None:
        """Declared properties of the inputs, None if the schema leaves others open on purpose."""
        schema = self._draft.inputs
        if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
            return None
        if schema.keys() & {"patternProperties", "additionalProperties", "$ref", "allOf", "anyOf"}:
            return (
                list(schema["properties"]) if schema.get("additionalProperties") is False else None
            )
        return list(schema["properties"])
