"""Compile: from the parsed document to the IR, or to diagnostics that say how to mend it.

Pure: the same document and node types give the same bytes in every process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from minuet.model.canonical import canonical_json, digest
from minuet.model.diagnostic import Diagnostic
from minuet.model.document import Workflow
from minuet.model.errors import InvalidDocument
from minuet.model.ir import Ir
from minuet.model.json import MAX_BYTES, MAX_DEPTH, is_too_deep
from minuet.model.node_type import NodeType

from .builtin import builtin_node_types
from .checks_children import Body, CompileBody, Workflows, check_children
from .checks_concurrency import check_concurrency
from .checks_config import Configs
from .checks_graph import check_edges
from .checks_inputs import check_inputs_schema, validate_inputs
from .checks_nodes import check_nodes
from .checks_reads import Reads, check_conditions, check_outputs
from .draft import Draft, read_draft
from .emit import emit_ir
from .faults import Faults

__all__ = ["Compiled", "compile_document", "document_digest", "validate_inputs"]


NO_WORKFLOWS: Workflows = {}


class CompiledBody(NamedTuple):
    """Canonical JSON of a document inside a node, and of its IR."""

    document: bytes
    ir: bytes


@dataclass(frozen=True, slots=True)
class Compiled:
    """`ir` and `document` are None if any diagnostic is an error. `digest` is the document's,
    without `ui`, "" if the document is too deep or too large to be read at all. `bodies` are the
    documents that stand inside its nodes, at any depth: they must be stored with it."""

    ir: Ir | None
    digest: str
    diagnostics: list[Diagnostic]
    document: Workflow | None
    bodies: tuple[CompiledBody, ...] = ()

    @property
    def valid(self) -> bool:
        return self.ir is not None

    def ir_json(self) -> bytes:
        """Canonical JSON of the IR; `digest()` of it is the IR's key in the store.

        Raises InvalidDocument if there is no IR.
        """
        return canonical_json(self.require())

    def require(self) -> Ir:
        """The IR. Raises InvalidDocument."""
        if self.ir is None:
            raise InvalidDocument(self.diagnostics)
        return self.ir


def compile_document(
    document: object,
    node_types: Mapping[str, NodeType],
    workflows: Workflows = NO_WORKFLOWS,
) -> Compiled:
    """`document` is parsed JSON (`minuet.model.json` refuses what JSON cannot say).

    `node_types` are those that workers told; the built-in ones are always known and win.
    `workflows` are the stored ones that its nodes name (see `references`). Never raises for a bad
    document: every fault found is in `diagnostics`.
    """
    faults = Faults()
    if is_too_deep(document, MAX_DEPTH):
        faults.error("", f"the document is nested deeper than {MAX_DEPTH} levels")
        return Compiled(None, "", faults.listed(), None)
    size_bytes = len(canonical_json(document))
    if size_bytes > MAX_BYTES:
        faults.error("", f"the document has {size_bytes} bytes; the limit is {MAX_BYTES}")
        return Compiled(None, "", faults.listed(), None)
    draft = read_draft(document, faults)
    bodies: list[CompiledBody] = []

    def compile_body(body: Any) -> Body:
        compiled = compile_document(body, node_types, workflows)
        if compiled.ir is None:
            return Body(None, "", compiled.diagnostics)
        text = compiled.ir_json()
        bodies.extend(compiled.bodies)
        bodies.append(CompiledBody(canonical_json(body), text))
        return Body(compiled.ir, digest(text), compiled.diagnostics)

    _check(draft, {**node_types, **builtin_node_types()}, faults, workflows, compile_body)
    name = document_digest(document)
    if faults.errors or draft.workflow is None:
        return Compiled(None, name, faults.listed(), None)
    ir = emit_ir(draft, draft.workflow, name)
    return Compiled(ir, name, faults.listed(), draft.workflow, tuple(bodies))


def _check(
    draft: Draft,
    types: Mapping[str, NodeType],
    faults: Faults,
    workflows: Workflows,
    compile_body: CompileBody,
) -> None:
    """The order matters: each check fills in what the next ones read."""
    check_inputs_schema(draft.inputs, faults)
    check_nodes(draft, types, faults)
    check_edges(draft, faults)
    Configs(draft, faults).check()
    check_children(draft, workflows, faults, compile_body)
    check_conditions(draft, faults)
    check_outputs(draft, faults)
    check_concurrency(draft, faults)
    Reads(draft, faults).check()


def document_digest(document: Any) -> str:
    """sha256 of the canonical JSON without the `ui` of the document and of its nodes."""
    if not isinstance(document, dict):
        return digest(canonical_json(document))
    bare = {key: value for key, value in document.items() if key != "ui"}
    if isinstance(nodes := bare.get("nodes"), list):
        bare["nodes"] = [
            {key: value for key, value in node.items() if key != "ui"}
            if isinstance(node, dict)
            else node
            for node in nodes
        ]
    return digest(canonical_json(bare))
