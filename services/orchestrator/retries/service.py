"""Start a new run from an ended one, with what is kept of it; or tell what that would mean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import UNSET

from minuet.ir.compile import validate_inputs
from minuet.ir.materialise import apply_patch
from minuet.ir.plan import Plan
from minuet.model.canonical import canonical_json
from minuet.model.errors import Conflict, InvalidInput, PatchError
from minuet.model.ir import Ir
from minuet.model.signal import Kept, Start
from minuet.model.status import RunStatus
from minuet.store import dead_letters, usage
from minuet.store.database import Database
from minuet.store.runs import RunRow
from minuet.store.workflows import VersionRow
from minuet.views.retries import RetryView
from minuet.views.schemas import Accepted

from ..auth import Principal
from ..definitions import Definition, Definitions
from ..errors import InvalidBody, InvalidRetryPatch
from ..ports import Cas
from ..runs.service import Runs
from ..runs.starting import Asking, Seed, Starter
from ..workflows.service import Workflows
from .ended import EndedRun, EndedRuns
from .keeping import keep_results
from .plan import RetryPlan, Wish, plan_retry, restless_nodes, start_over
from .schemas import RetryBody
from .shown import retry_view

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Draft:
    """A retry as it would be started."""

    ended: EndedRun
    definition: Definition
    inputs: dict[str, Any]
    plan: RetryPlan
    kept: Mapping[str, Kept]


class Retrier:
    def __init__(
        self,
        *,
        db: Database,
        cas: Cas,
        runs: Runs,
        workflows: Workflows,
        definitions: Definitions,
        starter: Starter,
    ) -> None:
        self._db = db
        self._cas = cas
        self._runs = runs
        self._workflows = workflows
        self._definitions = definitions
        self._starter = starter
        self._ended = EndedRuns(db, cas)

    async def retry(
        self, principal: Principal, run: str, body: RetryBody, asking: Asking
    ) -> Accepted:
        """The new run, as soon as it stands; the same key again gives the same one. What of the old
        run lies among the dead letters is settled by it.

        Raises NotFound, Conflict unless the run has ended, InvalidInput and its kinds, Overloaded.
        """
        row = await self._runs.row(principal, run)
        accepted = await self._starter.earlier(principal, asking)
        if accepted is None:
            self._starter.check_load()
            draft = await self._draft(principal, row, body)
            seed = Seed(run, _encode(draft.kept) if draft.kept else None)
            accepted = await self._starter.begin(
                principal, draft.definition, draft.inputs, row.labels or {}, asking, seed,
                priority=_chosen_priority(draft.ended),
            )  # fmt: skip
        async with self._db.connection() as c:
            await dead_letters.settle_of_run(
                c, principal.tenant, run, by=principal.id, retry_run=accepted.id
            )
        return accepted

    async def preview(self, principal: Principal, run: str, body: RetryBody) -> RetryView:
        """What `retry` would do, and what that took last time. Raises as that."""
        draft = await self._draft(principal, await self._runs.row(principal, run), body)
        async with self._db.connection() as c:
            used = await usage.usage_of_run(c, run)
        return retry_view(run, draft.definition, draft.plan, draft.ended.past, used)

    async def _draft(self, principal: Principal, row: RunRow, body: RetryBody) -> Draft:
        _check_body(body)
        _check_root(row)
        ended = await self._ended.load(principal.tenant, row)
        if row.status == RunStatus.SUCCEEDED and not _asks_anything(body):
            raise Conflict(
                f"run {row.id} succeeded: name a node to replay `from`, or what is to be different"
            )
        definition = await self._define(principal, row, body)
        inputs = ended.inputs if body.inputs is UNSET else body.inputs
        validate_inputs(definition.ir, inputs)
        if body.newest:
            return Draft(ended, definition, inputs, start_over(definition.ir), {})
        from_node = None if body.from_node is UNSET else body.from_node
        _check_node(definition.ir, from_node)
        wish = Wish(definition.ir, inputs, from_node)
        return await self._planned(principal.tenant, ended, definition, wish)

    async def _planned(
        self, tenant: str, ended: EndedRun, definition: Definition, wish: Wish
    ) -> Draft:
        """Planned twice where a loop would not stay as it was."""
        plan = plan_retry(ended.ir, ended.past, ended.inputs, wish)
        kept = await keep_results(self._cas, tenant, wish.ir, ended.past, plan.kept)
        start = _first_look(tenant, ended.row, definition, wish.inputs, kept)
        compiled = Plan(definition.ir, definition.ir_digest)
        if restless := await asyncio.to_thread(restless_nodes, compiled, start):
            plan = plan_retry(ended.ir, ended.past, ended.inputs, wish, restless)
            kept = {node: kept[node] for node in plan.kept}
        return Draft(ended, definition, wish.inputs, plan, kept)

    async def _define(self, principal: Principal, row: RunRow, body: RetryBody) -> Definition:
        """What the new run follows. Raises NotFound, InvalidDocument, InvalidInput."""
        if body.newest:
            return await self._workflows.resolve(principal, row.workflow)
        if body.patch is UNSET and body.document is UNSET:
            return await self._same(principal.tenant, row)
        document = body.document
        if body.patch is not UNSET:
            text = await self._definitions.blob(principal.tenant, row.document_digest)
            document = _patched(msgspec.json.decode(text), body.patch)
        compiled = await self._definitions.compile(
            principal.tenant, document, size_bytes=len(canonical_json(document))
        )
        name = compiled.require().workflow
        if name != row.workflow:
            raise InvalidInput(
                f"the document's name is {name!r}, that of the run {row.workflow!r}",
                pointer="/document/name",
            )
        return await self._definitions.store(principal.tenant, document, compiled)

    async def _same(self, tenant: str, row: RunRow) -> Definition:
        """The document that the run ended on; if patches led to it, it is no version."""
        version = VersionRow(
            row.workflow, row.version or 0, "", row.document_digest, row.ir_digest,
            row.accepted_at, row.principal,
        )  # fmt: skip
        definition = await self._definitions.load(tenant, version)
        return replace(definition, version=None if row.patches else row.version)


def _check_body(body: RetryBody) -> None:
    given = [
        name
        for name, value in (
            ("patch", body.patch), ("document", body.document), ("newest", body.newest or UNSET),
        )
        if value is not UNSET
    ]  # fmt: skip
    if len(given) > 1:
        raise InvalidBody(f"give either `{given[0]}` or `{given[1]}`", pointer=f"/{given[1]}")
    if body.newest and body.from_node is not UNSET:
        raise InvalidBody(
            "`newest` starts again: there is nothing to start `from`", pointer="/from"
        )


def _patched(document: Any, operations: list[Any]) -> Any:
    try:
        return apply_patch(document, operations)
    except PatchError as error:
        raise InvalidRetryPatch(str(error), pointer=f"/patch/{error.index}") from error


def _chosen_priority(ended: EndedRun) -> int | None:
    """The priority that was given with the start; None if it was the document's."""
    return None if ended.row.priority == ended.ir.priority else ended.row.priority


def _check_root(row: RunRow) -> None:
    """A child run would have nobody to answer to. Raises Conflict."""
    if row.child is not None:
        parent = row.child["parent"]
        raise Conflict(
            f"run {row.id} is a child of run {parent['run']}: retry that one, "
            f"which runs its node {parent['node']!r} again"
        )


def _asks_anything(body: RetryBody) -> bool:
    asked = (body.from_node, body.inputs, body.patch, body.document)
    return body.newest or any(each is not UNSET for each in asked)


def _check_node(ir: Ir, node: str | None) -> None:
    if node is None:
        return
    if node not in {each.id for each in ir.nodes}:
        raise InvalidBody(f"the document has no node {node!r}", pointer="/from")
    if any(each.compensate == node for each in ir.nodes):
        raise InvalidBody(f"{node!r} runs only to undo another node", pointer="/from")


def _first_look(
    tenant: str, row: RunRow, definition: Definition, inputs: Any, kept: Mapping[str, Kept]
) -> Start:
    """The start as its owner will read it, as far as conditions do."""
    return Start(
        run=row.id,
        tenant=tenant,
        ir=definition.ir_digest,
        workflow=row.workflow,
        accepted_at=round(row.accepted_at.timestamp() * 1000),
        workflow_version=definition.version,
        inputs=msgspec.Raw(canonical_json(inputs)),
        kept=dict(kept),
    )
