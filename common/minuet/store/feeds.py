"""What live views of runs read: the recorded chain of transitions, and lines of the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from .runs import RunLine

if TYPE_CHECKING:
    from .database import Connection


class ChainedTransition(msgspec.Struct, frozen=True):
    """`events` is the JSON of list[Event]; the first has id `first_seq`."""

    first_seq: int
    last_seq: int
    commit_id: str
    time: datetime
    events: bytes


async def chain_after(c: Connection, run: str, seq: int, *, limit: int) -> list[ChainedTransition]:
    """The recorded transitions after the one that ends with event `seq`, in order."""
    rows = await c.fetch(
        "select first_seq, last_seq, commit_id, time, events from transitions "
        "where run_id = $1 and first_seq > $2 order by first_seq limit $3",
        run, seq, limit,
    )  # fmt: skip
    return [ChainedTransition(**row) for row in rows]


async def lines_of(
    c: Connection, tenants: Sequence[str], ids: Sequence[str]
) -> list[tuple[str, RunLine]]:
    """(tenant, line) of those of the runs that belong to one of the tenants, newest first. Child
    runs are left out, as in every list."""
    rows = await c.fetch(
        "select tenant, id, workflow, version, status, counter, labels, accepted_at, started_at, "
        "ended_at from runs where id = any($1::text[]) and tenant = any($2::text[]) "
        "and parent_run is null order by accepted_at desc, id desc",
        ids, tenants,
    )  # fmt: skip
    return [(tenant, RunLine(*line)) for tenant, *line in rows]
