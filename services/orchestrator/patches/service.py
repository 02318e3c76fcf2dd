"""Patches of live runs: made here, judged by the owner of the run, answered when recorded."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from minuet.ir.diff_summary import diff_summary
from minuet.ir.materialise import apply_patch
from minuet.ir.rebase import patch_faults
from minuet.model.errors import InvalidDocument, StoreUnavailable
from minuet.model.ir import Ir
from minuet.model.status import NODE_STATUS_BY_WORD, NodeStatus, RunStatus
from minuet.policy.patches import MAX_AGENT_PATCHES, policy_faults
from minuet.store import page, patches
from minuet.store.database import Database
from minuet.store.patches import NewPatch, PatchRow
from minuet.store.runs import RunRow

from ..auth import Principal
from ..definitions import Definition, Definitions
from ..errors import KeyReused, PatchRefused, PreconditionFailed, RunEnded
from ..runs.commanding import Commander, Sent
from ..runs.schemas import CommandView
from ..runs.service import Runs
from .schemas import PatchBody, PatchPage, PatchView

if TYPE_CHECKING:
    from minuet.store.database import Connection

MAX_TRIES: Final = 5
AGENT: Final = "agent"


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
        self, db: Database, runs: Runs, definitions: Definitions, commander: Commander
    ) -> None:
        self._db = db
        self._runs = runs
        self._definitions = definitions
        self._commander = commander

    async def apply(
        self, principal: Principal, run: str, body: PatchBody, *, key: str | None, base: str | None
    ) -> PatchView | CommandView:
        """The patch, applied and recorded; or its command, if that is not recorded in time.

        `base` is the digest of the document that the caller saw: a moved one is then refused;
        otherwise the patch is made anew on what the run moved to, at most five times.
        Raises NotFound, RunEnded, PatchError, InvalidDocument, PatchRefused, PreconditionFailed.
        """
        id = key or f"patch-{secrets.token_hex(8)}"
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
        await self._runs.row(principal, run)
        (after,) = page.decode_cursor(cursor, tuple[int]) if cursor else (0,)
        async with self._db.connection() as c:
            rows = await patches.list_patches(c, principal.tenant, run, after=after, limit=limit)
        items = [await self._shown(principal.tenant, run, row) for row in rows]
        more = len(rows) == limit
        return PatchPage(items, page.encode_cursor(rows[-1].number) if more else None)

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
        if RunStatus(row.status).ended:
            raise _ended(run, RunStatus(row.status))
        if base is not None and base != row.document_digest:
            raise PreconditionFailed(
                f"the run is on {row.document_digest} now", etag=f'"{row.document_digest}"'
            )
        text = await self._definitions.blob(principal.tenant, row.document_digest)
        document = msgspec.json.decode(text)
        changed = apply_patch(document, body.operations)
        compiled = await self._definitions.compile(changed, size_bytes=len(text))
        if compiled.ir is None:
            raise InvalidDocument(compiled.diagnostics)
        old = await self._definitions.load_ir(principal.tenant, row.ir_digest)
        await self._check(principal, row, id, old, compiled.ir, changed)
        definition = await self._definitions.store(principal.tenant, changed, compiled)
        return Draft(row, id, body, document, changed, definition, row.ir_digest)

    async def _check(
        self,
        principal: Principal,
        row: RunRow,
        id: str,
        old: Ir,
        new: Ir,
        document: dict[str, Any],
    ) -> None:
        """Everything that can be told before the owner decides. Raises PatchRefused."""
        by_agent = principal.kind == AGENT
        faults = policy_faults(old, new, document.get("settings") or {}, by_agent=by_agent)
        if by_agent:
            async with self._db.connection() as c:
                if await patches.count_by_agents(c, row.id, besides=id) >= MAX_AGENT_PATCHES:
                    faults.append(f"agents have patched this run {MAX_AGENT_PATCHES} times already")
        if faults:
            raise PatchRefused("policy", faults)
        nodes = await self._runs.recorded_nodes(principal, row)
        status = {view.id: _status(view.status) for view in nodes}
        if faults := patch_faults(old, new, status):
            raise PatchRefused("conflict", faults)

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
        documents = [
            msgspec.json.decode(await self._definitions.blob(tenant, digest))
            for digest in (row.base_document_digest, row.document_digest)
        ]
        return _view(run, row, *documents)


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
