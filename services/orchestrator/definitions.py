"""Compiled workflows: made from documents, kept by digest, and judged against their inputs."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from minuet.cas.kept import PLAN_NODES, Kept
from minuet.cas.plans import weight_of
from minuet.ir.checks_children import KnownWorkflow, Reference, Workflows, references
from minuet.ir.compile import Compiled, compile_document
from minuet.model.canonical import canonical_json, digest
from minuet.model.errors import StoreUnavailable
from minuet.model.ir import Ir, IrChild
from minuet.store import workflows as stored
from minuet.store.database import Database
from minuet.store.workflows import VersionRow

from .node_types.service import NodeTypes
from .ports import Cas

KEPT: Final = 512
STORED_S: Final = 300.0
"""For so long a document is known to be stored. Not for ever: nothing may name it meanwhile, and
what nothing names is deleted."""
AT_ONCE_BYTES: Final = 64 * 1024

# By name and version: IR digest and depth of what was met on the way from one document.
Met = dict[tuple[str, int], tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Definition:
    """A compiled document that is stored. `digest` leaves `ui` out, `document_digest` names the
    blob with the whole document, `ir_digest` that with the compiled form. `name` and `version`
    say where it came from; `version` is None for a document sent along with the start."""

    name: str
    version: int | None
    digest: str
    document_digest: str
    ir_digest: str
    ir: Ir


class Definitions:
    def __init__(
        self,
        db: Database,
        cas: Cas,
        types: NodeTypes,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._cas = cas
        self._types = types
        self._clock = clock
        self._kept: Kept[Ir] = Kept(PLAN_NODES)
        self._stored: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def compile(self, tenant: str, document: Any, *, size_bytes: int = 0) -> Compiled:
        """Compile against the node types known now, asking the workers about unknown ones first,
        and the tenant's workflows that the document names.

        Large documents are compiled in a thread, so that other requests go on.
        """
        return await self._compile_with(tenant, document, size_bytes, {})

    async def _compile_with(
        self, tenant: str, document: Any, size_bytes: int, met: Met
    ) -> Compiled:
        workflows = await self._named(tenant, document, met)
        compiled = await self._compile(document, workflows, size_bytes)
        if _names_unknown(document, self._types.known) and await self._types.refresh():
            compiled = await self._compile(document, workflows, size_bytes)
        return compiled

    async def _compile(self, document: Any, workflows: Workflows, size_bytes: int) -> Compiled:
        known = self._types.known
        if size_bytes > AT_ONCE_BYTES:
            return await asyncio.to_thread(compile_document, document, known, workflows)
        return compile_document(document, known, workflows)

    async def _named(self, tenant: str, document: Any, met: Met) -> Workflows:
        """The stored workflows that nodes of the document run, as far as they exist; those that run
        others are as up to date as if they were started now."""
        wanted = sorted(references(document), key=str)
        if not wanted:
            return {}
        async with self._db.connection() as c:
            rows = await stored.find_versions(
                c, [(tenant, each.name, each.version) for each in wanted]
            )
        found: dict[Reference, KnownWorkflow] = {}
        for each, row in zip(wanted, rows, strict=True):
            if row is not None:
                ir_digest, depth = await self._up_to_date(tenant, row, met)
                child = IrChild(
                    ir_digest, row.document_digest, row.name, row.version, each.version is None
                )
                found[each] = KnownWorkflow(child, depth)
        return found

    async def _up_to_date(self, tenant: str, row: VersionRow, met: Met) -> tuple[str, int]:
        """The IR digest and the depth of a version as it would be started now. One that leads back
        to itself by way of newer versions is found in `met`, as it was stored."""
        at = row.name, row.version
        if at not in met:
            stored_ir = await self.load_ir(tenant, row.ir_digest)
            met[at] = row.ir_digest, stored_ir.depth
            definition = await self._load(tenant, row, met)
            met[at] = definition.ir_digest, definition.ir.depth
        return met[at]

    async def store(self, tenant: str, document: Any, compiled: Compiled) -> Definition:
        """Put document and compiled form into the durable store. Raises InvalidDocument."""
        ir = compiled.require()
        text, compiled_text = canonical_json(document), compiled.ir_json()
        name, ir_name = digest(text), digest(compiled_text)
        for body in compiled.bodies:
            await self._cas.put(tenant, body.document)
            await self._cas.put(tenant, body.ir)
        await self._put(tenant, ir_name, compiled_text)
        self._kept.put(tenant, ir_name, ir, weight_of(ir))
        await self._put(tenant, name, text)
        return Definition(ir.workflow, None, compiled.digest, name, ir_name, ir)

    async def _put(self, tenant: str, name: str, data: bytes) -> None:
        """Store the blob unless that was done lately."""
        now = self._clock()
        if self._stored.get((tenant, name), 0.0) > now:
            return
        await self._cas.put(tenant, data)
        self._stored[tenant, name] = now + STORED_S
        self._stored.move_to_end((tenant, name))
        if len(self._stored) > KEPT:
            self._stored.popitem(last=False)

    async def load(self, tenant: str, row: VersionRow) -> Definition:
        """The compiled version. One with a type that was unknown then is compiled again, because
        a worker may have brought the type meanwhile; so is one that runs the latest version of
        another workflow, and those in turn."""
        return await self._load(tenant, row, {})

    async def _load(self, tenant: str, row: VersionRow, met: Met) -> Definition:
        ir = await self.load_ir(tenant, row.ir_digest)
        if _may_have_changed(ir):
            document = msgspec.json.decode(await self.blob(tenant, row.document_digest))
            compiled = await self._compile_with(tenant, document, 0, met)
            if compiled.valid:
                again = await self.store(tenant, document, compiled)
                return replace(again, name=row.name, version=row.version)
        return Definition(row.name, row.version, row.digest, row.document_digest, row.ir_digest, ir)

    async def load_ir(self, tenant: str, ir_digest: str) -> Ir:
        ir = self._kept.get(tenant, ir_digest)
        if ir is None:
            ir = msgspec.json.decode(await self.blob(tenant, ir_digest), type=Ir)
            self._kept.put(tenant, ir_digest, ir, weight_of(ir))
        return ir

    async def blob(self, tenant: str, digest: str) -> bytes:
        """A blob that a row names. Raises StoreUnavailable if it is not there."""
        data = await self._cas.get(tenant, digest)
        if data is None:
            raise StoreUnavailable(f"the blob {digest} is missing")
        return data


def _names_unknown(document: Any, known: Container[str]) -> bool:
    """Whether a node, or one in the body of a map, names a type that is not known. The document may
    be anything: one that refuses unknown types does not compile, and must not be refused for a type
    that just came."""
    nodes = document.get("nodes") if isinstance(document, dict) else None
    for node in nodes if isinstance(nodes, list) else ():
        if not isinstance(node, dict):
            continue
        if isinstance(type := node.get("type"), str) and type not in known:
            return True
        config = node.get("config")
        if isinstance(config, dict) and _names_unknown(config.get("run"), known):
            return True
    return False


def _may_have_changed(ir: Ir) -> bool:
    return any(node.unknown or (node.child and node.child.latest) for node in ir.nodes)
