"""From a sound draft to the IR."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from minuet.expr.paths import Path, format_path, minimal
from minuet.model.canonical import canonical_json
from minuet.model.document import Concurrency, Loop, Retry, Workflow
from minuet.model.duration import duration_ms
from minuet.model.ir import (
    JOIN_ALL,
    JOIN_NEVER,
    Ir,
    IrConcurrency,
    IrEdge,
    IrLoop,
    IrNode,
    IrRetry,
)
from minuet.model.node_type import NodeType

from .draft import Draft, EdgeDraft, NodeDraft
from .graph import topological_order

UNKNOWN = NodeType(name="")
NO_OUTPUTS = msgspec.Raw(b"null")


def emit_ir(draft: Draft, workflow: Workflow, digest: str) -> Ir:
    """The draft must have passed every check; `digest` is that of the document."""
    order = topological_order(len(draft.nodes), draft.order_edges())
    place = {position: index for index, position in enumerate(order)}
    returns = _returns(draft)
    settings = workflow.settings
    return Ir(
        workflow=workflow.name,
        nodes=[_node(draft.nodes[i], returns[draft.nodes[i].node.id]) for i in order],
        edges=[_edge(each, draft.port_of(each), place) for each in draft.edges],
        document=digest,
        outputs=NO_OUTPUTS if draft.outputs is None else msgspec.Raw(canonical_json(draft.outputs)),
        output_reads=_texts(draft.output_reads),
        input_reads=_texts(path for path in _inline_reads(draft) if path[0] == "inputs"),
        inputs_schema=workflow.inputs,
        deadline_ms=None if settings.deadline is None else duration_ms(settings.deadline),
        max_parallel=settings.max_parallel,
        priority=settings.priority,
        compensate_on=sorted(settings.compensate_on),
        concurrency=_concurrency(workflow.concurrency),
        depth=draft.depth,
    )


def _concurrency(given: Concurrency | None) -> IrConcurrency | None:
    if given is None:
        return None
    return IrConcurrency(key=given.key, limit=given.limit, on_limit=given.on_limit)


def _node(each: NodeDraft, returns: set[Path]) -> IrNode:
    node, kind = each.node, each.kind or UNKNOWN
    return IrNode(
        id=node.id,
        type=node.type,
        config=msgspec.Raw(canonical_json(node.config)),
        effect=kind.effect,
        inline=kind.inline,
        unknown=each.kind is None,
        join=_join(node.join) if each.undoes is None else JOIN_NEVER,
        reads=_texts(each.reads) if each.kind is not None else [],
        returns=_texts(returns),
        timeout_ms=kind.timeout_ms if node.timeout is None else duration_ms(node.timeout),
        retry=_retry(node.retry),
        on_error_continue=node.on_error == "continue",
        when=node.when,
        compensate=node.compensate,
        child=each.child,
    )


def _join(join: str | int) -> int:
    if isinstance(join, int):
        return join
    return JOIN_ALL if join == "all" else 1


def _retry(retry: Retry | None) -> IrRetry:
    if retry is None:
        return IrRetry()
    return IrRetry(
        max_attempts=retry.max_attempts,
        initial_ms=duration_ms(retry.initial),
        multiplier=retry.multiplier,
        max_ms=duration_ms(retry.max),
    )


def _edge(each: EdgeDraft, port: str, place: dict[int, int]) -> IrEdge:
    assert each.source is not None
    assert each.target is not None
    return IrEdge(
        source=place[each.source],
        target=place[each.target],
        on=port,
        when=each.edge.when,
        otherwise=each.edge.otherwise,
        loop=_loop(each.edge.loop),
    )


def _loop(loop: Loop | None) -> IrLoop | None:
    return None if loop is None else IrLoop(loop.while_, loop.max_iterations)


def _texts(paths: Iterable[Path]) -> list[str]:
    """Sorted, without paths below another."""
    return sorted(format_path(path) for path in minimal(frozenset(paths)))


def _inline_reads(draft: Draft) -> Iterator[Path]:
    """All paths that the owner of a run reads itself; `output` is spelled out."""
    for each in draft.edges:
        for path in (*each.reads, *each.loop_reads):
            own = path[0] == "output"
            yield ("nodes", each.edge.source, *path) if own else path
    for node in draft.nodes:
        yield from node.guard_reads
        if node.inline:
            yield from node.reads
    yield from draft.output_reads


def _returns(draft: Draft) -> dict[str, set[Path]]:
    """By node id: the paths of its output that are read inline, as ("output", ...)."""
    found: dict[str, set[Path]] = defaultdict(set)
    for path in _inline_reads(draft):
        if path[0] == "nodes":
            found[path[1]].add(path[2:])
    return found
