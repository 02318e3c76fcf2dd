"""Deleting runs: the rows that make a run known go at once, what may be long follows bit by bit.

A deleted run stays known by its id for a while, in `deleted_runs`: that is the list of what is
still to be swept, and tells late news of a run from news of one that never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .database import Connection

PARTS: Final = (
    "transitions", "node_logs", "node_started", "node_progress", "node_turns", "blob_uses",
)  # fmt: skip
"""What may hold many rows of a run, and is only found through the run."""


class Member(NamedTuple):
    """A run of a family. `parent_run` is None for its root."""

    id: str
    tenant: str
    partition: int
    status: int
    parent_run: str | None


class Deleted(NamedTuple):
    id: str
    partition: int


# A child run that is born meanwhile waits with its recorder for the lock of the partition.
_FAMILY = """
with recursive family as (
  select id, tenant, partition, status, parent_run from runs where tenant = $1 and id = $2
  union all
  select ch.id, ch.tenant, ch.partition, ch.status, ch.parent_run
  from runs ch join family f on ch.parent_run = f.id
)
select * from family
"""


async def family_of(c: Connection, tenant: str, run: str) -> list[Member]:
    """The run and all below it; empty if it does not exist."""
    return [Member(*row) for row in await c.fetch(_FAMILY, tenant, run)]


async def delete_runs(c: Connection, members: Sequence[Member], *, by: str) -> None:
    """Make the runs unknown, in one transaction, under the lock of their partition. What they
    leave in `PARTS` is for `sweep_parts`. Commands go with their runs."""
    ids = [each.id for each in members]
    await c.execute(
        "insert into deleted_runs (id, tenant, partition, deleted_by) "
        "select id, tenant, partition, $4 from unnest($1::text[], $2::text[], $3::int[]) "
        "as m (id, tenant, partition) on conflict do nothing",
        ids, [each.tenant for each in members], [each.partition for each in members], by,
    )  # fmt: skip
    for table in ("approvals", "patches", "dead_letters"):
        await c.execute(
            f"delete from {table} where run_id = any($1::text[])",  # noqa: S608 - constants
            ids,
        )
    await c.execute("delete from runs where id = any($1::text[])", ids)


async def unswept(c: Connection, *, limit: int) -> list[str]:
    """Deleted runs that may have left something."""
    rows = await c.fetch(
        "select id from deleted_runs where swept_at is null order by id limit $1", limit
    )
    return [row["id"] for row in rows]


async def sweep_parts(c: Connection, runs: Sequence[str], *, limit: int) -> int:
    """Delete up to `limit` rows of each part; how many. 0 tells that nothing is left."""
    return await delete_rows(c, PARTS, runs, limit=limit)


async def delete_rows(
    c: Connection, tables: Iterable[str], runs: Sequence[str], *, limit: int
) -> int:
    """Delete rows of these runs, up to `limit` of each table; how many."""
    deleted = 0
    for table in tables:
        tag = await c.execute(
            f"delete from {table} where ctid = any(array("  # noqa: S608 - constants
            f"select ctid from {table} where run_id = any($1::text[]) limit $2))",
            runs, limit,
        )  # fmt: skip
        deleted += int(tag.split()[1])
    return deleted


async def note_swept(c: Connection, runs: Sequence[str]) -> None:
    await c.execute(
        "update deleted_runs set swept_at = now() where id = any($1::text[])",
        runs,
    )


async def reopen_old(c: Connection, *, age: timedelta, limit: int) -> list[str]:
    """Runs that were deleted that long ago: to be swept for the last time, then forgotten."""
    rows = await c.fetch(
        "select id from deleted_runs where deleted_at < now() - $1::interval "
        "and swept_at is not null order by deleted_at limit $2",
        age, limit,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def forget_deleted(c: Connection, runs: Sequence[str]) -> None:
    await c.execute("delete from deleted_runs where id = any($1::text[])", runs)


async def deleted_among(c: Connection, runs: Sequence[str]) -> set[str]:
    rows = await c.fetch("select id from deleted_runs where id = any($1::text[])", runs)
    return {row["id"] for row in rows}


async def deleted_at(c: Connection, tenant: str, run: str) -> datetime | None:
    """When the run was deleted, as long as that is remembered."""
    at: datetime | None = await c.fetchval(
        "select deleted_at from deleted_runs where tenant = $1 and id = $2", tenant, run
    )
    return at
