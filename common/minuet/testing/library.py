"""Workflows that a tested one runs by name, and what compiling it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from minuet.ir.checks_children import KnownWorkflow, Reference
from minuet.ir.compile import Compiled, compile_document
from minuet.ir.keep_children import keep_children
from minuet.ir.plan import Plan
from minuet.model.canonical import canonical_json, digest
from minuet.model.ir import Ir, IrChild
from minuet.model.node_type import NodeType


class Program(NamedTuple):
    """A compiled workflow. `plans` holds, by IR digest, all that it may run, itself included;
    `documents` what they were made of, by the digest of the document."""

    plan: Plan
    plans: dict[str, Plan]
    documents: dict[str, Any]

    def after(self, ir: Ir) -> Program:
        """The same, for a run that is on `ir`: its nodes go on running what they do."""
        kept = keep_children(ir, self.plan.ir)
        plan = Plan(kept, digest(canonical_json(kept)))
        return self._replace(plan=plan, plans={**self.plans, plan.digest: plan})


class Library:
    """Stored workflows, in the order in which they were stored: each may run those before it."""

    def __init__(self) -> None:
        self.documents: list[Any] = []

    def compile(self, document: Any, types: Mapping[str, NodeType]) -> Program:
        """Raises InvalidDocument, for the document or a stored one."""
        plans: dict[str, Plan] = {}
        documents: dict[str, Any] = {}
        known: dict[Reference, KnownWorkflow] = {}
        for stored in self.documents:
            compiled = compile_document(stored, types, known)
            plan = _keep(stored, compiled, plans, documents)
            _make_known(plan, digest(canonical_json(stored)), known)
        plan = _keep(document, compile_document(document, types, known), plans, documents)
        return Program(plan, plans, documents)


def all_nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Nodes of a document, which may be anything, and of the bodies inside them."""
    nodes = document.get("nodes") if isinstance(document, dict) else None
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, dict):
            yield node
            config = node.get("config")
            yield from all_nodes(config.get("run") if isinstance(config, dict) else None)


def _keep(
    document: Any, compiled: Compiled, plans: dict[str, Plan], documents: dict[str, Any]
) -> Plan:
    ir = compiled.require()
    for body in compiled.bodies:
        plans[digest(body.ir)] = Plan(msgspec.json.decode(body.ir, type=Ir), digest(body.ir))
        documents[digest(body.document)] = msgspec.json.decode(body.document)
    plan = Plan(ir, digest(compiled.ir_json()))
    plans[plan.digest] = plan
    documents[digest(canonical_json(document))] = document
    return plan


def _make_known(plan: Plan, document: str, known: dict[Reference, KnownWorkflow]) -> None:
    """As the next version of its name, which is the latest from now on."""
    name = plan.ir.workflow
    version = sum(each.name == name and each.version is not None for each in known) + 1
    for reference in (Reference(name), Reference(name, version)):
        child = IrChild(plan.digest, document, name, version, latest=reference.version is None)
        known[reference] = KnownWorkflow(child, plan.ir.depth)
