"""Nodes that run other workflows: which one, over what, and how deep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from minuet.expr import (
    ExpressionSyntaxError,
    TemplateSyntaxError,
    compile_expression,
    compile_template,
)
from minuet.expr.paths import Path
from minuet.model.canonical import canonical_json, digest
from minuet.model.diagnostic import Diagnostic
from minuet.model.ir import Ir, IrChild

from .checks_config import bare_fault
from .draft import Draft, NodeDraft
from .faults import Faults, pointer
from .plan import CONFIG_ROOTS, ITEM_ROOTS, child_inputs

Json = Any
MAX_DEPTH = 10
SPAWNING = frozenset({"map", "workflow"})


class Reference(NamedTuple):
    """A workflow that a node names; without a version the latest is meant."""

    name: str
    version: int | None = None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"


class KnownWorkflow(NamedTuple):
    """A stored workflow that a document may run. `depth` is that of its own child runs."""

    child: IrChild
    depth: int


class Body(NamedTuple):
    """A workflow that stands inside a `map` node, compiled."""

    ir: Ir | None
    ir_digest: str
    diagnostics: list[Diagnostic]


CompileBody = Callable[[Json], Body]
Workflows = Mapping[Reference, KnownWorkflow]


def references(document: Json) -> set[Reference]:
    """Stored workflows that the document's nodes name, at any depth. It may be anything."""
    return set(_references(document))


def _references(document: Json) -> Iterator[Reference]:
    nodes = document.get("nodes") if isinstance(document, dict) else None
    for node in nodes if isinstance(nodes, list) else ():
        config = node.get("config") if isinstance(node, dict) else None
        if not isinstance(config, dict):
            continue
        if node.get("type") == "workflow":
            yield from _reference(config.get("name"), config.get("version"))
        elif node.get("type") == "map" and isinstance(run := config.get("run"), dict):
            yield from _reference(run.get("workflow"), run.get("version"))
            yield from _references(run)


def _reference(name: Json, version: Json) -> Iterator[Reference]:
    if isinstance(name, str) and (version is None or isinstance(version, int)):
        yield Reference(name, version)


def check_children(
    draft: Draft, workflows: Workflows, faults: Faults, compile_: CompileBody
) -> None:
    """Fills each spawning node's `child`, its reads, and `draft.depth`."""
    for each in draft.nodes:
        if each.kind is None or not each.kind.builtin or each.node.type not in SPAWNING:
            continue
        at = pointer("nodes", each.index, "config")
        found = _known(draft, each, at, workflows, faults, compile_)
        if found is not None:
            each.child = found.child
            depth = found.depth + 1
            draft.depth = max(draft.depth, depth)
            if depth > MAX_DEPTH:
                faults.error(at, f"child runs are nested {depth} deep, the limit is {MAX_DEPTH}")
        _check_reads(each, at, faults)


def _known(
    draft: Draft, each: NodeDraft, at: str, workflows: Workflows, faults: Faults,
    compile_: CompileBody,
) -> KnownWorkflow | None:  # fmt: skip
    config, place = each.node.config, "name"
    if each.node.type == "map":
        run = config.get("run")
        if not isinstance(run, dict):
            return None  # the schema says so
        if "nodes" in run:
            return _body(draft, each, run, f"{at}/run", faults, compile_)
        config, place = {"name": run.get("workflow"), "version": run.get("version")}, "run/workflow"
    name = config.get("name")
    if not isinstance(name, str):
        return None
    wanted = Reference(name, config.get("version"))
    found = workflows.get(wanted)
    if found is None:
        fix = faults.nearest(name, {known.name for known in workflows})
        which = "workflow" if wanted.version is None else f"version {wanted.version} of a workflow"
        faults.error(f"{at}/{place}", f"there is no {which} '{name}'{fix}: save it first")
    return found


def _body(
    draft: Draft, each: NodeDraft, run: dict[str, Json], at: str, faults: Faults,
    compile_: CompileBody,
) -> KnownWorkflow | None:  # fmt: skip
    """A body that stands in the node is a document of its own."""
    name = f"{draft.workflow.name if draft.workflow else 'unnamed'}.{each.node.id}"[:128]
    document: dict[str, Json] = {"apiVersion": "minuet/v1", "name": name}
    document.update({key: run[key] for key in ("nodes", "edges", "outputs") if key in run})
    body = compile_(document)
    for fault in body.diagnostics:
        report = faults.error if fault.severity == "error" else faults.warning
        report(f"{at}{fault.path}", fault.message)
    if body.ir is None:
        return None
    whole = digest(canonical_json(document))
    latest = any(node.child is not None and node.child.latest for node in body.ir.nodes)
    return KnownWorkflow(IrChild(body.ir_digest, whole, name, latest=latest), body.ir.depth)


def _check_reads(each: NodeDraft, at: str, faults: Faults) -> None:
    paths: set[Path] = set()
    config = each.node.config
    if each.node.type == "map" and isinstance(items := config.get("items"), str) and items:
        try:
            paths.update(compile_expression(items, allowed_roots=CONFIG_ROOTS).paths)
        except ExpressionSyntaxError as exc:
            faults.error(f"{at}/items", bare_fault(exc))
    place, roots = f"{at}/inputs", CONFIG_ROOTS
    if each.node.type == "map":
        place, roots = f"{at}/run/inputs", ITEM_ROOTS
        if not isinstance(config.get("run"), dict):
            return
    try:
        template = compile_template(child_inputs(each.node.type, config), allowed_roots=roots)
        paths.update(path for path in template.paths if path[0] not in ("item", "index"))
    except TemplateSyntaxError as exc:
        for fault in exc.faults:
            faults.error(place + fault.pointer, fault.message)
    each.reads = sorted(paths)
