"""Workflows that a tested one runs by name, and what compiling it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from minuet.ir.checks_children import KnownWorkflow, Reference, references
from minuet.ir.compile import compile_document
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
        compiler = _Compiler(types)
        for stored in self.documents:
            compiler.store(stored)
        return compiler.program(document)


class _Compiler:
    """As the API does it: a workflow is compiled when it is stored, and again when it is started,
    with the latest versions of what it runs."""

    def __init__(self, types: Mapping[str, NodeType]) -> None:
        self._types = types
        self._plans: dict[str, Plan] = {}
        self._documents: dict[str, Any] = {}
        self._stored: list[tuple[Any, KnownWorkflow]] = []
        self._places: dict[Reference, int] = {}
        self._met: dict[int, KnownWorkflow] = {}

    def store(self, document: Any) -> None:
        """As the next version of its name."""
        known = {each: self._named(each, self._stored[i][1]) for each, i in self._places.items()}
        plan = self._compile(document, known)
        name, version = plan.ir.workflow, 1
        while Reference(name, version) in self._places:
            version += 1
        child = IrChild(plan.digest, digest(canonical_json(document)), name, version)
        self._places[Reference(name)] = self._places[Reference(name, version)] = len(self._stored)
        self._stored.append((document, KnownWorkflow(child, plan.ir.depth)))

    def program(self, document: Any) -> Program:
        return Program(self._start(document), self._plans, self._documents)

    def _start(self, document: Any) -> Plan:
        named = references(document) & self._places.keys()
        known = {each: self._named(each, self._now(self._places[each])) for each in named}
        return self._compile(document, known)

    def _now(self, place: int) -> KnownWorkflow:
        """A stored one as it would be started now; as it was stored where it leads to itself."""
        if place not in self._met:
            document, stored = self._stored[place]
            self._met[place] = stored
            plan = self._start(document)
            child = msgspec.structs.replace(stored.child, ir=plan.digest)
            self._met[place] = KnownWorkflow(child, plan.ir.depth)
        return self._met[place]

    def _named(self, reference: Reference, known: KnownWorkflow) -> KnownWorkflow:
        child = msgspec.structs.replace(known.child, latest=reference.version is None)
        return known._replace(child=child)

    def _compile(self, document: Any, known: Mapping[Reference, KnownWorkflow]) -> Plan:
        compiled = compile_document(document, self._types, known)
        plan = Plan(compiled.require(), digest(compiled.ir_json()))
        self._plans[plan.digest] = plan
        self._documents[digest(canonical_json(document))] = document
        for body in compiled.bodies:
            name = digest(body.ir)
            self._plans[name] = Plan(msgspec.json.decode(body.ir, type=Ir), name)
            self._documents[digest(body.document)] = msgspec.json.decode(body.document)
        return plan


def all_nodes(document: Any) -> Iterator[dict[str, Any]]:
    """Nodes of a document, which may be anything, and of the bodies inside them."""
    nodes = document.get("nodes") if isinstance(document, dict) else None
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, dict):
            yield node
            config = node.get("config")
            yield from all_nodes(config.get("run") if isinstance(config, dict) else None)
