"""Approvals: what people are asked, written by the recorder and read by the API.

Payloads are JSON texts. What an event says of an approval that is settled already, or was told
before, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec

from .page import Position

if TYPE_CHECKING:
    from .database import Connection

Status = Literal["pending", "approved", "rejected", "expired", "cancelled"]
STATUSES: Final[tuple[Status, ...]] = ("pending", "approved", "rejected", "expired", "cancelled")


class NewApproval(NamedTuple):
    """A question, in the order of the parameters of its insert."""

    id: str
    tenant: str
    run_id: str
    node: str
    gen: int
    message: str
    payload: bytes
    form: dict[str, Any] | None
    assignees: list[str]
    groups: list[str]
    requested_at: datetime
    expires_at: datetime | None
    seq: int


class Settlement(NamedTuple):
    """How a question ended, in the order of the parameters of its update."""

    id: str
    status: Status
    decided_at: datetime
    decided_by: str | None
    comment: str | None
    decided_payload: bytes | None
    seq: int


class ApprovalLine(msgspec.Struct, frozen=True):
    """A row of the list: no payloads."""

    id: str
    run_id: str
    node: str
    workflow: str
    message: str
    assignees: list[str]
    groups: list[str]
    status: str
    requested_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None


class ApprovalRow(ApprovalLine, frozen=True, kw_only=True):
    gen: int
    payload: bytes
    form: dict[str, Any] | None
    comment: str | None
    decided_payload: bytes | None


_INSERT: Final = """
insert into approvals (id, tenant, run_id, node, gen, workflow, message, payload, form, assignees,
  groups, requested_at, expires_at, seq)
select $1, $2, $3, $4, $5, r.workflow, $6, $7, $8, $9, $10, $11, $12, $13
from runs r where r.id = $3
on conflict (id) do nothing
"""

_SETTLE: Final = """
update approvals
set status = $2, decided_at = $3, decided_by = $4, comment = $5, decided_payload = $6, seq = $7
where id = $1 and status = 'pending' and seq < $7
"""

_CANCEL: Final = """
update approvals as a set status = 'cancelled', decided_at = e.at, seq = greatest(a.seq, e.seq)
from unnest($1::text[], $2::timestamptz[], $3::bigint[]) as e (run, at, seq)
where a.run_id = e.run and a.status = 'pending'
"""

_COLUMNS: Final = ", ".join(ApprovalRow.__struct_fields__)
_LINE: Final = ", ".join(ApprovalLine.__struct_fields__)


async def insert_approvals(c: Connection, asked: Sequence[NewApproval]) -> None:
    """Their runs must exist; questions that are known already stay as they are."""
    await c.executemany(_INSERT, asked)


async def settle_approvals(c: Connection, settled: Sequence[Settlement]) -> None:
    await c.executemany(_SETTLE, settled)


async def cancel_approvals(c: Connection, ended: Sequence[tuple[str, datetime, int]]) -> None:
    """What runs still ask when they end, as (run, when, seq of the end), nobody can answer."""
    await c.execute(_CANCEL, *(list(column) for column in zip(*ended, strict=True)))


async def get_approval(c: Connection, tenant: str, id: str) -> ApprovalRow | None:
    row = await c.fetchrow(
        f"select {_COLUMNS} from approvals where tenant = $1 and id = $2",  # noqa: S608 - constant
        tenant, id,
    )  # fmt: skip
    return ApprovalRow(**row) if row else None


async def list_approvals(
    c: Connection,
    tenant: str,
    *,
    statuses: Sequence[str] | None,
    workflow: str | None,
    run: str | None,
    asked: tuple[str, Sequence[str]] | None,
    after: Position | None,
    limit: int,
) -> list[ApprovalLine]:
    """Newest first; one row more than `limit` if there is a further page.

    `asked` is a principal and its groups: only what one of these is asked, or everybody is.
    """
    who, groups = asked or (None, [])
    rows = await c.fetch(
        f"select {_LINE} from approvals "  # noqa: S608 - a constant list of columns
        "where tenant = $1 and ($2::text[] is null or status = any($2::text[])) "
        "and ($3::text is null or workflow = $3) and ($4::text is null or run_id = $4) "
        "and ($5::text is null or $5 = any(assignees) or groups && $6::text[] "
        "or (assignees = '{}' and groups = '{}')) "
        "and ($7::timestamptz is null or (requested_at, id) < ($7, $8)) "
        "order by requested_at desc, id desc limit $9",
        tenant, statuses, workflow, run, who, list(groups),
        after and after.at, after and after.id, limit + 1,
    )  # fmt: skip
    return [ApprovalLine(**row) for row in rows]
