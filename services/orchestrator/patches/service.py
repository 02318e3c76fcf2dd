"""Patches of live runs: made here, judged by the owner of the run, answered when recorded."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from minuet.ir.diff_summary import diff_summary
from minuet.ir.keep_children import keep_children
from minuet.ir.materialise import apply_patch
from minuet.model.errors import InvalidDocument, PatchError, StoreUnavailable
from minuet.model.status import NODE_STATUS_BY_WORD, NodeStatus, RunStatus
from minuet.policy.grants import AGENT
from minuet.policy.patches import MAX_AGENT_PATCHES, Change, agent_of, refusal
from minuet.store import page, patches
from minuet.store.database import Database
from minuet.store.history import without_nul
from minuet.store.patches import NewPatch, PatchRow, RefusedPatch
from minuet.store.runs import Progress, RunRow
from minuet.views.schemas import CommandView, NodeView

from ..auth import Principal
from ..definitions import Definition, Definitions
from ..errors import KeyReused, PatchRefused, PreconditionFailed, RunEnded
from ..recorded import Recorded
from ..runs.commanding import Commander, Sent
from ..runs.service import Runs
from .refused import Refused, kept_operations
from .schemas import PatchBody, PatchPage, PatchView

if TYPE_CHECKING:
    from minuet.store.database import Connection

MAX_TRIES: Final = 5
RECORD_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A patch made on the document that the run is recorded to be on."""

    run: RunRow
    id: str
    body: PatchBody
    base: dict[str, Any]
    document: dict[str, Any]
    definition: Definition
    base_ir: str


class Patches:
    def __init__(
        self,
        db: Database,
        runs: Runs,
        definitions: Definitions,
        commander: Commander,
        recorded: Recorded,
    ) -> None:
        self._db = db
        self._runs = runs
        self._definitions = definitions
        self._commander = commander
        self._recorded = recorded

    async def apply(
        self, principal: Principal, run: str, body: PatchBody, *, key: str | None, base: str | None
    ) -> PatchView | CommandView:
        """The patch, applied and recorded; or its command, if that is not recorded in time.

        `base` is the digest of the document that the caller saw: a moved one is then refused;
        otherwise the patch is made anew on what the run moved to, at most five times.
        Raises NotFound, RunEnded, PatchError, InvalidDocument, PatchRefused, PreconditionFailed.
        """
        id = key or f"patch-{secrets.token_hex(8)}"
        try:
            return await self._apply(principal, run, body, id=id, base=base)
        except Refused as refused:
            if not body.dry_run:
                await self._keep(principal, id, body, refused)
            raise refused.error from None

    async def _apply(
        self, principal: Principal, run: str, body: PatchBody, *, id: str, base: str | None
    ) -> PatchView | CommandView:
        """Raises Refused for what never became a command."""
        for _ in range(MAX_TRIES):
            if (settled := await self._settled(principal, run, id, body)) is not None:
                return settled
            draft = await self._draft(principal, run, id, body, base)
            if body.dry_run:
                return _dry(principal, draft)
            sent = await self._send(principal, draft)
            if sent.progress is None:
                return await self._commander.command(principal, run, sent.number)
            row = await self._row(run, sent.number)
            if row.status == "pending":
                raise _ended(run, RunStatus(sent.progress.status))
            if row.status == "applied":
                return _view(run, row, draft.base, draft.document)
            if row.reason == "base_moved" and base is None:
                continue
            # The same request, sent twice at once, may itself have moved the base.
            if (settled := await self._settled(principal, run, id, body)) is not None:
                return settled
            raise PatchRefused(row.reason or "conflict", row.detail or [])
        raise PatchRefused("base_moved", ["the run kept moving to other documents; try again"])

    async def listed(
        self, principal: Principal, run: str, *, cursor: str | None, limit: int
    ) -> PatchPage:
        """Every attempt, oldest first, with what it changes."""
        run_row = await self._runs.row(principal, run)
        (after,) = page.decode_cursor(cursor, tuple[int]) if cursor else (0,)
        async with self._db.connection() as c:
            rows = await patches.list_patches(c, principal.tenant, run, after=after, limit=limit)
        items = [await self._shown(principal.tenant, run, _closed(run_row, row)) for row in rows]
        more = len(rows) == limit
        return PatchPage(items, page.encode_cursor(rows[-1].id) if more else None)

    async def _settled(
        self, principal: Principal, run: str, id: str, body: PatchBody
    ) -> PatchView | None:
        """What became of the patch if it was asked for before. Raises PatchRefused, KeyReused."""
        await self._runs.row(principal, run)
        async with self._db.connection() as c:
            row = await patches.find_patch(c, run, id)
        if row is None:
            return None
        if row.operations != msgspec.json.encode(body.operations):
            raise KeyReused(
                f"patch {row.number} of run {run} came with this key and another request",
                pointer="Idempotency-Key:",
            )
        if row.status == "pending":
            return None
        if row.status == "applied":
            return await self._shown(principal.tenant, run, row)
        if row.reason == "base_moved":
            return None
        raise PatchRefused(row.reason or "conflict", row.detail or [])

    async def _draft(
        self, principal: Principal, run: str, id: str, body: PatchBody, base: str | None
    ) -> Draft:
        row = await self._runs.row(principal, run)
        if principal.kind == AGENT:
            row = await self._recorded_far_enough(principal, row, id)
        if RunStatus(row.status).ended:
            raise _ended(run, RunStatus(row.status))
        try:
            return await self._judged(principal, row, id, body, base)
        except (PatchError, InvalidDocument, PatchRefused, PreconditionFailed) as error:
            raise Refused(row, error) from error

    async def _recorded_far_enough(self, principal: Principal, row: RunRow, id: str) -> RunRow:
        """The run once it is recorded that the agent's node is at work, which an agent may be
        quicker than; as it is after some seconds if it is not, or if it cannot come to that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RECORD_S):
                while not RunStatus(row.status).ended:
                    nodes = await self._runs.recorded_nodes(principal, row)
                    if not begins_yet(id, row.id, nodes):
                        break
                    await self._recorded.wait(row.id, _past(row.seq), timeout_s=RECORD_S)
                    row = await self._runs.row(principal, row.id)
        return row

    async def _judged(
        self, principal: Principal, row: RunRow, id: str, body: PatchBody, base: str | None
    ) -> Draft:
        """Everything that can be told before the owner decides.

        Raises PatchError, InvalidDocument, PatchRefused, PreconditionFailed.
        """
        if base is not None and base != row.document_digest:
            raise PreconditionFailed(
                f"the run is on {row.document_digest} now", etag=f'"{row.document_digest}"'
            )
        text = await self._definitions.blob(principal.tenant, row.document_digest)
        document = msgspec.json.decode(text)
        changed = apply_patch(document, body.operations)
        compiled = await self._definitions.compile(principal.tenant, changed, size_bytes=len(text))
        if compiled.ir is None:
            raise InvalidDocument(compiled.diagnostics)
        old = await self._definitions.load_ir(principal.tenant, row.ir_digest)
        new = keep_children(old, compiled.ir)
        compiled = replace(compiled, ir=new)
        change = Change(old, new, document, changed)
        await self._check(principal, row, id, change)
        definition = await self._definitions.store(principal.tenant, changed, compiled)
        return Draft(row, id, body, document, changed, definition, row.ir_digest)

    async def _check(self, principal: Principal, row: RunRow, id: str, change: Change) -> None:
        """Raises PatchRefused."""
        nodes = await self._runs.recorded_nodes(principal, row)
        status = {view.id: _status(view.status) for view in nodes}
        if principal.kind == AGENT:
            change = replace(change, agent=_own_node(id, row.id, status))
            async with self._db.connection() as c:
                if await patches.count_by_agents(c, row.id, besides=id) >= MAX_AGENT_PATCHES:
                    told = f"agents have patched this run {MAX_AGENT_PATCHES} times already"
                    raise PatchRefused("policy", [told])
        if (refused := refusal(change, status)) is not None:
            raise PatchRefused(refused.reason, refused.faults)

    async def _keep(self, principal: Principal, id: str, body: PatchBody, refused: Refused) -> None:
        row = RefusedPatch(
            refused.run.id, id, principal.tenant, principal.id, principal.kind == AGENT,
            without_nul(body.note), kept_operations(body.operations), refused.run.document_digest,
            refused.reason, without_nul(refused.detail),
        )  # fmt: skip
        async with self._db.connection() as c:
            await patches.keep_refused(c, row)

    async def _send(self, principal: Principal, draft: Draft) -> Sent:
        run, definition = draft.run, draft.definition
        data = {
            "patch": draft.id,
            "base": draft.base_ir,
            "ir": definition.ir_digest,
            "document": definition.document_digest,
            "by": principal.id,
        }
        if draft.body.note:
            data["note"] = draft.body.note

        async def beside(c: Connection, number: int) -> None:
            patch = NewPatch(
                run.id, number, draft.id, principal.tenant, principal.id,
                principal.kind == AGENT, draft.body.note,
                msgspec.json.encode(draft.body.operations), run.document_digest,
                definition.document_digest, definition.ir_digest,
            )  # fmt: skip
            await patches.insert_patch(c, patch)

        sent = await self._commander.send(principal, run.id, "patch", data, None, beside)
        if sent is None:
            row = await self._runs.row(principal, run.id)
            raise _ended(run.id, RunStatus(row.status))
        return sent

    async def _row(self, run: str, number: int) -> PatchRow:
        async with self._db.connection() as c:
            row = await patches.get_patch(c, run, number)
        if row is None:
            raise StoreUnavailable(f"patch {number} of run {run} is missing")
        return row

    async def _shown(self, tenant: str, run: str, row: PatchRow) -> PatchView:
        base = await self._document(tenant, row.base_document_digest)
        if row.document_digest is not None:
            return _view(run, row, base, await self._document(tenant, row.document_digest))
        try:
            wanted = apply_patch(base, msgspec.json.decode(row.operations))
        except PatchError:  # that is why it was refused, or its values were not kept
            wanted = base
        return _view(run, row, base, wanted)

    async def _document(self, tenant: str, digest: str) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(await self._definitions.blob(tenant, digest))
        return document


def begins_yet(id: str, run: str, nodes: Sequence[NodeView]) -> bool:
    """Whether what is recorded of the node that this agent's patch names is from before its
    execution: it may be at work all the same."""
    name = agent_of(id, run)
    view = next((view for view in nodes if view.id == name), None)
    if view is None:
        return False
    gen = int(id.split("/")[2])
    return view.gen < gen or (view.gen == gen and _status(view.status) is NodeStatus.RETRYING)


def _past(seq: int) -> Callable[[Progress], bool]:
    return lambda progress: progress.seq > seq or progress.ended


def _own_node(id: str, run: str, status: Mapping[str, NodeStatus]) -> str:
    """The node whose agent asks. Raises PatchRefused if the id names none that is at work."""
    node = agent_of(id, run)
    if node is None:
        told = "an agent's patch has the key <run>/<node>/<gen>/<number> of its own node"
        raise PatchRefused("policy", [told])
    if status.get(node, NodeStatus.PENDING) is not NodeStatus.READY:
        raise PatchRefused("policy", [f"the agent '{node}' is not at work in this run"])
    return node


def _closed(run: RunRow, row: PatchRow) -> PatchRow:
    """A command that an ended run did not take is no longer pending. Read `run` first."""
    if row.status != "pending" or not RunStatus(run.status).ended:
        return row
    told = f"the run had ended: {RunStatus(run.status).word}"
    return msgspec.structs.replace(
        row, status="refused", reason="run_ended", detail=[told], decided_at=run.ended_at
    )


def _status(word: str) -> NodeStatus:
    """`running` is what a worker told; to the engine the node is ready."""
    return NODE_STATUS_BY_WORD.get(word, NodeStatus.READY)


def _ended(run: str, status: RunStatus) -> RunEnded:
    return RunEnded(f"run {run} has ended: {status.word}", status=status.word)


def _view(run: str, row: PatchRow, base: dict[str, Any], document: dict[str, Any]) -> PatchView:
    return PatchView(
        patch=row.patch,
        run=run,
        number=row.number,
        status=row.status,
        by=row.by,
        by_agent=row.by_agent,
        note=row.note,
        base=row.base_document_digest,
        document=row.document_digest,
        changes=diff_summary(base, document),
        operations=msgspec.Raw(row.operations),
        reason=row.reason,
        detail=row.detail or [],
        created_at=row.created_at,
        decided_at=row.decided_at,
        seq=row.seq,
    )


def _dry(principal: Principal, draft: Draft) -> PatchView:
    """What the patch would do; nothing was sent."""
    return PatchView(
        patch=draft.id,
        run=draft.run.id,
        number=None,
        status="possible",
        by=principal.id,
        by_agent=principal.kind == AGENT,
        note=draft.body.note,
        base=draft.run.document_digest,
        document=draft.definition.document_digest,
        changes=diff_summary(draft.base, draft.document),
        operations=msgspec.Raw(msgspec.json.encode(draft.body.operations)),
    )
