"""Runs as rows, however old."""

from __future__ import annotations

import itertools
from datetime import timedelta

from minuet.model.ids import run_id
from minuet.store.database import Database

TENANT = "t"
_numbers = itertools.count(1)


def some_run(p: int = 0) -> str:
    return run_id(p, 1_790_000_000_000, next(_numbers))


async def insert_run(
    db: Database,
    *,
    ended: timedelta | None = None,
    ir: str = "",
    document: str = "",
    parent: str | None = None,
    retry_of: str | None = None,
    p: int = 0,
) -> str:
    """One that ended so long ago; that goes on without `ended`."""
    id = some_run(p)
    await db.execute(
        "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, "
        "principal, inputs, status, cmd, seq, ended_at, parent_run, child, retry_of) "
        "values ($1, $2, $3, 'w', $4, $5, 'key', '{}', $6, 0, 1, now() - $7::interval, $8, "
        "case when $8::text is not null then '{}'::jsonb end, $9)",
        id, TENANT, p, document, ir, 1 if ended is None else 6, ended, parent, retry_of,
    )  # fmt: skip
    return id


async def ids(db: Database, table: str = "runs", column: str = "id") -> set[str]:
    return {row[0] for row in await db.fetch(f"select {column} from {table}")}
