"""What is old enough to go: which runs have ended, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from .deletion import delete_rows

if TYPE_CHECKING:
    from .database import Connection

LIVE_PARTS: Final = ("node_logs", "node_progress", "node_turns", "node_started")


class EndedAt(NamedTuple):
    """A place in the order of ends."""

    ended_at: datetime
    id: str


BEGINNING: Final = EndedAt(datetime.fromtimestamp(0, UTC), "")


class OldRun(NamedTuple):
    tenant: str
    at: EndedAt


async def settled_among(c: Connection, runs: Sequence[str], *, age: timedelta) -> set[str]:
    """Those of the runs that ended at least `age` ago, or were deleted."""
    rows = await c.fetch(
        "select id from runs where id = any($1::text[]) and ended_at < now() - $2::interval "
        "union all select id from deleted_runs where id = any($1::text[])",
        runs, age,
    )  # fmt: skip
    return {row["id"] for row in rows}


async def known_among(c: Connection, runs: Sequence[str]) -> set[str]:
    """Those that exist, or were deleted lately."""
    rows = await c.fetch(
        "select id from runs where id = any($1::text[]) "
        "union all select id from deleted_runs where id = any($1::text[])",
        runs,
    )
    return {row["id"] for row in rows}


async def ended_after(
    c: Connection, after: EndedAt, *, age: timedelta, limit: int
) -> list[EndedAt]:
    """Runs that ended after that place in the order and at least `age` ago."""
    rows = await c.fetch(
        "select ended_at, id from runs where ended_at < now() - $1::interval "
        "and (ended_at, id) > ($2, $3) order by ended_at, id limit $4",
        age, *after, limit,
    )  # fmt: skip
    return [EndedAt(*row) for row in rows]


async def expired_roots(
    c: Connection, after: EndedAt, *, age: timedelta, limit: int
) -> list[OldRun]:
    """As `ended_after`, but of runs that people started, and without those from which a run was
    started again that is still there."""
    rows = await c.fetch(
        "select tenant, ended_at, id from runs r where ended_at < now() - $1::interval "
        "and (ended_at, id) > ($2, $3) and parent_run is null "
        "and not exists (select from runs n where n.retry_of = r.id) "
        "order by ended_at, id limit $4",
        age, *after, limit,
    )  # fmt: skip
    return [OldRun(tenant, EndedAt(ended_at, id)) for tenant, ended_at, id in rows]


async def delete_told(c: Connection, runs: Sequence[str], *, limit: int) -> int:
    """Delete what was told beside the history of these runs, up to `limit` rows of each kind; how
    many. 0 tells that nothing is left."""
    return await delete_rows(c, LIVE_PARTS, runs, limit=limit)


async def delete_settled_letters(c: Connection, *, age: timedelta, limit: int) -> int:
    """Delete dead letters that somebody settled at least `age` ago; how many."""
    tag = await c.execute(
        "delete from dead_letters where id = any(array(select id from dead_letters "
        "where settled_at < now() - $1::interval order by settled_at limit $2))",
        age, limit,
    )  # fmt: skip
    return int(tag.split()[1])


async def get_mark(c: Connection, name: str) -> EndedAt:
    """How far in the order of ends a duty has come."""
    found = await c.fetchval("select value from settings where key = $1", f"retention:{name}")
    if not isinstance(found, list):
        return BEGINNING
    return EndedAt(datetime.fromisoformat(found[0]), str(found[1]))


async def set_mark(c: Connection, name: str, at: EndedAt) -> None:
    await c.execute(
        "insert into settings (key, value) values ($1, $2) "
        "on conflict on constraint settings_pkey do update set value = excluded.value",
        f"retention:{name}", [at.ended_at.isoformat(), at.id],
    )  # fmt: skip
