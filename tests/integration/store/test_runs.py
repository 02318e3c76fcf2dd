"""Writing accepted runs: in batches, from several processes at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from minuet.store.database import Database
from minuet.store.runs import NewRun, insert_runs

pytestmark = pytest.mark.anyio


def keyed(lane: str, number: int) -> NewRun:
    return NewRun(
        id=f"0-{lane}{number}", tenant="acme", partition=0, workflow="w", version=None,
        document_digest="sha256:d", ir_digest="sha256:i", principal="key",
        accepted_at=datetime.now(UTC), inputs=b"{}", idempotency_key=f"key-{number}",
    )  # fmt: skip


async def test_batches_with_the_same_keys_do_not_wait_for_each_other_in_a_circle(
    database_url: str,
) -> None:
    """Clients that repeat their starts elsewhere bring the same keys in any order."""
    async with Database(database_url) as database:
        for attempt in range(10):
            forth = [keyed(f"a{attempt}-", attempt * 1000 + n) for n in range(256)]
            back = [keyed(f"b{attempt}-", attempt * 1000 + n) for n in reversed(range(256))]

            async def write(batch: list[NewRun]) -> set[str]:
                async with database.connection() as c:
                    return await insert_runs(c, batch)

            written = await asyncio.gather(write(forth), write(back))
            assert sum(map(len, written)) == 256
