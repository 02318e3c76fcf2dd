"""Judging a change of the workflow before the suite is asked: the same checks, sooner.

What is refused here never becomes an attempt that people have to read. What is not may still be
refused by the suite, which knows the run as it is by then.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from minuet.ir.checks_children import references
from minuet.ir.compile import Compiled, compile_document
from minuet.ir.materialise import apply_patch
from minuet.model.errors import PatchError
from minuet.model.node_type import NodeType
from minuet.model.status import NODE_STATUS_BY_WORD, NodeStatus
from minuet.policy.patches import Change, refusal

from .tool import Call

KEPT: Final = 32
MAX_REASONS: Final = 100
Get = Callable[[str, Mapping[str, Any]], Awaitable[httpx.Response]]


class _Node(msgspec.Struct):
    id: str
    status: str


class _Run(msgspec.Struct):
    document_digest: str
    ended_at: str | None
    nodes: list[_Node]


class _Types(msgspec.Struct):
    items: list[NodeType]


class Precheck:
    """Remembers documents and node types; what a run is at is asked each time.

    `get` asks the suite: a path below its address and a query; the answer has status 200.
    """

    def __init__(self, get: Get) -> None:
        self._get = get
        self._documents: OrderedDict[str, Any] = OrderedDict()
        self._types: dict[str, NodeType] = {}

    async def reasons(self, call: Call, path: str) -> list[str]:
        """Why the change cannot be applied, as the suite would say it. `path` is that of the run.

        Empty too for what the suite has decided before: a call that comes again, after a crash,
        finds its own change in the document.
        """
        run = msgspec.json.decode((await self._get(path, {})).content, type=_Run)
        if run.ended_at is not None:
            return []
        document = await self._document(path, run.document_digest)
        found = await self._judged(call, run, document)
        if found and await self._is_known(call, path):
            return []
        return found[:MAX_REASONS]

    async def _judged(self, call: Call, run: _Run, document: Any) -> list[str]:
        try:
            changed = apply_patch(document, call.arguments["operations"])
        except PatchError as exc:
            return [f"/operations/{exc.index}: {exc.reason}"]
        if references(changed):
            return []  # stored workflows are not known here: the suite decides
        old, new = await self._compiled(document), await self._compiled(changed)
        if not (new.valid and old.valid) or any(node.unknown for node in new.require().nodes):
            await self._learn_types()
            old, new = await self._compiled(document), await self._compiled(changed)
        if old.ir is None:
            return []  # the suite knows better
        if new.ir is None:
            faults = (each for each in new.diagnostics if each.severity == "error")
            return [f"/document{each.path}: {each.message}" for each in faults]
        change = Change(old.ir, new.ir, document, changed, call.ctx.node_id)
        status = {node.id: _status(node.status) for node in run.nodes}
        refused = refusal(change, status)
        return [f"/operations: {fault}" for fault in refused.faults] if refused else []

    async def _compiled(self, document: Any) -> Compiled:
        return await asyncio.to_thread(compile_document, document, self._types)

    async def _document(self, path: str, digest: str) -> Any:
        """The document with this digest, or the one that the run has moved to meanwhile."""
        if digest in self._documents:
            self._documents.move_to_end(digest)
            return self._documents[digest]
        answer = await self._get(f"{path}/document", {})
        document = msgspec.json.decode(answer.content)
        self._documents[answer.headers["ETag"].strip('"')] = document
        if len(self._documents) > KEPT:
            self._documents.popitem(last=False)
        return document

    async def _learn_types(self) -> None:
        answer = await self._get("/api/v1/node-types", {})
        listed = msgspec.json.decode(answer.content, type=_Types).items
        self._types = {spec.name: spec for spec in listed}

    async def _is_known(self, call: Call, path: str) -> bool:
        """Whether a patch with this id became a command."""
        cursor = None
        while True:
            query = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = (await self._get(f"{path}/patches", query)).json()
            if any(each["patch"] == call.key and each["number"] for each in page["items"]):
                return True
            cursor = page["next_cursor"]
            if cursor is None:
                return False


def _status(word: str) -> NodeStatus:
    """`running` is what a worker told; to the engine the node is ready."""
    return NODE_STATUS_BY_WORD.get(word, NodeStatus.READY)
