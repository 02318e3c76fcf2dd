"""Writing what workers tell beside the history: starts and progress of nodes, and how far the
stream was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from minuet.model.event import LiveEvent

from .history import without_nul

if TYPE_CHECKING:
    from .database import Connection


async def live_cursors(c: Connection) -> dict[int, str]:
    """Partition -> id of the last entry whose content is stored."""
    rows = await c.fetch("select partition, cursor from live_cursors")
    return {row["partition"]: row["cursor"] for row in rows}


async def lock_cursors(c: Connection, partitions: Iterable[int]) -> dict[int, str]:
    """As `live_cursors`; until the transaction ends nobody else stores what follows them."""
    wanted = sorted(partitions)
    await c.execute(
        "insert into live_cursors (partition, cursor) select p, '0-0' from unnest($1::int[]) as p "
        "order by p on conflict do nothing",
        wanted,
    )
    rows = await c.fetch(
        "select partition, cursor from live_cursors where partition = any($1::int[]) "
        "order by partition for update",
        wanted,
    )
    return {row["partition"]: row["cursor"] for row in rows}


async def move_cursors(c: Connection, cursors: Mapping[int, str]) -> None:
    await c.execute(
        "insert into live_cursors (partition, cursor) "
        "select p, cursor from unnest($1::int[], $2::text[]) as moved (p, cursor) order by p "
        "on conflict on constraint live_cursors_pkey do update set cursor = excluded.cursor",
        list(cursors),
        list(cursors.values()),
    )


async def store_starts(c: Connection, starts: Sequence[LiveEvent]) -> None:
    await c.execute(
        "insert into node_started (run_id, node, gen, attempt, time, worker) "
        "select * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::timestamptz[], "
        "$6::text[]) order by 1, 2, 3, 4 on conflict do nothing",
        [e.run for e in starts],
        [e.node for e in starts],
        [e.gen for e in starts],
        [e.attempt for e in starts],
        [instant(e) for e in starts],
        [str(without_nul(str(e.data.get("worker", "")))) for e in starts],
    )


async def store_progress(c: Connection, told: Sequence[LiveEvent]) -> None:
    """The last of each execution replaces what was stored."""
    last = list({(e.run, e.node, e.gen, e.attempt): e for e in told}.values())
    await c.execute(
        "insert into node_progress (run_id, node, gen, attempt, time, fraction, message) "
        "select * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::timestamptz[], "
        "$6::float8[], $7::text[]) order by 1, 2, 3, 4 "
        "on conflict on constraint node_progress_pkey do update set id = default, "
        "time = excluded.time, fraction = excluded.fraction, message = excluded.message",
        [e.run for e in last],
        [e.node for e in last],
        [e.gen for e in last],
        [e.attempt for e in last],
        [instant(e) for e in last],
        [_fraction(e) for e in last],
        [str(without_nul(str(e.data.get("message", "")))) for e in last],
    )


def _fraction(event: LiveEvent) -> float | None:
    """None also for what is no part of a whole."""
    value = event.data.get("fraction")
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def instant(event: LiveEvent) -> datetime:
    return datetime.fromtimestamp(event.time / 1000, UTC)
