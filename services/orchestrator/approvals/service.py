"""Look approvals up, and decide them: the partition's owner says which decision wins."""

from __future__ import annotations

import msgspec

from minuet.model.errors import Conflict, InvalidInput, NotFound
from minuet.store import approvals, page
from minuet.store.approvals import STATUSES, ApprovalLine, ApprovalRow
from minuet.store.database import Database
from minuet.views.approvals import ApprovalLineView, ApprovalPage, ApprovalView
from minuet.views.schemas import CommandView

from ..auth import Principal
from ..errors import Forbidden
from ..runs.commanding import Commander
from .rules import already_decided, check_payload, decision_of, may_decide, stands
from .schemas import DecisionBody

PENDING = "pending"


class Approvals:
    def __init__(self, db: Database, commander: Commander) -> None:
        self._db = db
        self._commander = commander

    async def lines(
        self,
        principal: Principal,
        *,
        status: list[str],
        workflow: str | None,
        run: str | None,
        mine: bool,
        cursor: str | None,
        limit: int,
    ) -> ApprovalPage:
        after = page.decode_position(cursor) if cursor else None
        async with self._db.connection() as c:
            rows = await approvals.list_approvals(
                c,
                principal.tenant,
                statuses=[_status(word) for word in status] or None,
                workflow=workflow,
                run=run,
                asked=(principal.id, principal.groups) if mine else None,
                after=after,
                limit=limit,
            )
        items = [_line(principal, row) for row in rows[:limit]]
        if len(rows) <= limit:
            return ApprovalPage(items)
        last = page.Position(items[-1].requested_at, items[-1].id)
        return ApprovalPage(items, page.encode_position(last))

    async def show(self, principal: Principal, id: str) -> ApprovalView:
        """Raises NotFound, for an approval of another tenant too."""
        return _view(principal, await self._row(principal, id))

    async def decide(
        self, principal: Principal, id: str, body: DecisionBody, *, key: str | None
    ) -> ApprovalView | CommandView:
        """The approval, closed by this decision; or the command, if it is not recorded in time
        whether it was: it is accepted then, and may still lose.

        Raises NotFound, Forbidden, InvalidPayload, TooLarge, KeyReused, and AlreadyDecided for
        everything but the very decision that closed it.
        """
        row = await self._row(principal, id)
        if not may_decide(principal, row):
            raise Forbidden(f"approval {id} asks {_named(row)}; you are {principal.id!r}")
        decision = decision_of(principal, row, body)
        if row.status == PENDING:
            check_payload(row, decision)
            sent = await self._commander.send(principal, row.run_id, "decision", decision, key)
            if sent is not None and sent.progress is None:
                return await self._commander.command(principal, row.run_id, sent.number)
            row = await self._row(principal, id)
        if row.status == PENDING:
            raise Conflict(f"run {row.run_id} does not wait for approval {id} now: look again")
        if not stands(row, decision):
            raise already_decided(row)
        return _view(principal, row)

    async def _row(self, principal: Principal, id: str) -> ApprovalRow:
        async with self._db.connection() as c:
            row = await approvals.get_approval(c, principal.tenant, id)
        if row is None:
            raise NotFound(f"there is no approval {id!r}")
        return row


def _status(word: str) -> str:
    if word not in STATUSES:
        raise InvalidInput(
            f"{word!r} is no status; there are {', '.join(STATUSES)}", pointer="?status"
        )
    return word


def _named(row: ApprovalRow) -> str:
    return ", ".join([*row.assignees, *(f"the group {group}" for group in row.groups)])


def _line(principal: Principal, row: ApprovalLine) -> ApprovalLineView:
    return ApprovalLineView(
        row.id, row.run_id, row.node, row.workflow, row.message, row.assignees, row.groups,
        row.status, row.requested_at, row.expires_at, row.decided_at, row.decided_by,
        may_decide(principal, row),
    )  # fmt: skip


def _view(principal: Principal, row: ApprovalRow) -> ApprovalView:
    return ApprovalView(
        id=row.id,
        run=row.run_id,
        node=row.node,
        gen=row.gen,
        workflow=row.workflow,
        message=row.message,
        payload=msgspec.Raw(row.payload),
        form=row.form,
        assignees=row.assignees,
        groups=row.groups,
        status=row.status,
        requested_at=row.requested_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        comment=row.comment,
        decided_payload=None if row.decided_payload is None else msgspec.Raw(row.decided_payload),
        may_decide=may_decide(principal, row),
    )
