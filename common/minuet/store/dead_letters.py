"""Dead letters: what could not be done and was put aside, until somebody settles it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

if TYPE_CHECKING:
    from .database import Connection

Status = Literal["open", "retried", "discarded"]
STATUSES: Final[tuple[Status, ...]] = ("open", "retried", "discarded")


class DeadLetterRow(msgspec.Struct, frozen=True):
    """`workflow` is that of the run; `settlement` is null while the letter is open."""

    id: int
    run_id: str | None
    node: str | None
    kind: str
    data: Any
    created_at: datetime
    workflow: str | None
    settlement: str | None
    settled_at: datetime | None
    settled_by: str | None
    retry_run: str | None


_COLUMNS: Final = """d.id, d.run_id, d.node, d.kind, d.data, d.created_at, r.workflow, d.settlement,
 d.settled_at, d.settled_by, d.retry_run"""
_FROM: Final = "from dead_letters d left join runs r on r.id = d.run_id"
_IN: Final[dict[Status, str]] = {
    "open": "d.settlement is null",
    "retried": "d.settlement = 'retried'",
    "discarded": "d.settlement = 'discarded'",
}


async def list_dead_letters(
    c: Connection,
    tenant: str,
    *,
    status: Status,
    workflow: str | None,
    kind: str | None,
    before: int | None,
    limit: int,
) -> list[DeadLetterRow]:
    """Newest first; one more than `limit` if more follow."""
    rows = await c.fetch(
        f"select {_COLUMNS} {_FROM} where d.tenant = $1 and {_IN[status]} "
        "and ($2::text is null or r.workflow = $2) and ($3::text is null or d.kind = $3) "
        "and ($4::bigint is null or d.id < $4) order by d.id desc limit $5",
        tenant, workflow, kind, before, limit + 1,
    )  # fmt: skip
    return [DeadLetterRow(**row) for row in rows]


async def get_dead_letter(c: Connection, tenant: str, id: int) -> DeadLetterRow | None:
    row = await c.fetchrow(
        f"select {_COLUMNS} {_FROM} where d.tenant = $1 and d.id = $2",
        tenant, id,
    )  # fmt: skip
    return DeadLetterRow(**row) if row else None


async def discard(c: Connection, tenant: str, ids: Sequence[int], *, by: str) -> set[int]:
    """Settle those that are open; which they were."""
    rows = await c.fetch(
        "update dead_letters set settlement = 'discarded', settled_at = now(), settled_by = $3 "
        "where tenant = $1 and id = any($2::bigint[]) and settlement is null returning id",
        tenant, ids, by,
    )  # fmt: skip
    return {row["id"] for row in rows}


async def settle_of_run(c: Connection, tenant: str, run: str, *, by: str, retry_run: str) -> None:
    """Open letters of a run that was retried, and of its child runs: whatever failed in them is
    tried again."""
    await c.execute(
        'with recursive family as (select $2::text collate "C" as id union all '
        "select ch.id from runs ch join family f on ch.parent_run = f.id) "
        "update dead_letters set settlement = 'retried', settled_at = now(), settled_by = $3, "
        "retry_run = $4 where tenant = $1 and settlement is null "
        "and run_id in (select id from family)",
        tenant, run, by, retry_run,
    )  # fmt: skip
