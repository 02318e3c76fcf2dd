"""What is different for a new run: its document and its inputs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from minuet.expr.cel import compile_expression
from minuet.expr.paths import MISSING, Path, extract, parse_path
from minuet.ir.edge_keys import edge_keys
from minuet.ir.plan import CONFIG_ROOTS, EDGE_ROOTS
from minuet.model.ir import Ir, IrEdge, IrNode

IsChanged = Callable[[Path], bool]


def changed_nodes(old: Ir, new: Ir) -> set[str]:
    """Nodes of `new` that do something else than in `old`, or did not exist there.

    How often and how long a node is tried (`retry`, `timeout`), what follows its failure and what
    undoes it do not change its result.
    """
    before = {node.id: _essence(node) for node in old.nodes}
    return {node.id for node in new.nodes if before.get(node.id) != _essence(node)}


def _essence(node: IrNode) -> tuple[object, ...]:
    return node.type, bytes(node.config), node.when, node.join, node.unknown


def changed_targets(old: Ir, new: Ir) -> set[str]:
    """Nodes to which other edges lead than in `old`, or to which an `otherwise` leads whose
    siblings are others."""
    before, after = Counter(edge_keys(old)), Counter(edge_keys(new))
    differing = [*(before - after), *(after - before)]
    sources = {key.source for key in differing if key.when or key.otherwise}
    return {key.target for key in differing} | {
        new.nodes[edge.target].id
        for edge in new.edges
        if edge.otherwise and new.nodes[edge.source].id in sources
    }


def input_readers(new: Ir, is_changed: IsChanged) -> set[str]:
    """Nodes whose config or guard reads an input that changed."""
    return {node.id for node in new.nodes if any(map(is_changed, _node_inputs(node)))}


def input_targets(new: Ir, is_changed: IsChanged) -> set[str]:
    """Nodes to which conditions lead that read an input that changed, with all to which their
    siblings lead; a back edge leads to the header of its loop."""
    sources = {
        edge.source for edge in new.edges if any(map(is_changed, _inputs(_edge_reads(edge))))
    }
    return {
        new.nodes[edge.target].id
        for edge in new.edges
        if edge.source in sources and (edge.when or edge.otherwise or edge.loop)
    }


def inputs_differ(old: Any, new: Any) -> IsChanged:
    """Tells whether a path below `inputs` leads to another value."""
    known: dict[Path, bool] = {}

    def is_changed(path: Path) -> bool:
        if path not in known:
            known[path] = is_different(extract(old, path[1:]), extract(new, path[1:]))
        return known[path]

    return is_changed


def is_different(one: Any, other: Any) -> bool:
    """As JSON: 1, 1.0 and true are three values."""
    if one is MISSING or other is MISSING:
        return one is not other
    return _text(one) != _text(other)


def _text(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _node_inputs(node: IrNode) -> Iterator[Path]:
    yield from _inputs(map(parse_path, node.reads))
    if node.when is not None:
        yield from _inputs(compile_expression(node.when, allowed_roots=CONFIG_ROOTS).paths)


def _edge_reads(edge: IrEdge) -> Iterator[Path]:
    for text in (edge.when, edge.loop and edge.loop.while_):
        if text:
            yield from compile_expression(text, allowed_roots=EDGE_ROOTS).paths


def _inputs(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path[0] == "inputs")
