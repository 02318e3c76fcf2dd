"""Writes what a recorder writes, in one transaction a transition, and announces it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from minuet.bus.redis import RedisBus
from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.store.database import Database


class History:
    def __init__(self, db: Database, bus: RedisBus) -> None:
        self._db = db
        self._bus = bus

    async def record(
        self,
        run: str,
        *events: Event,
        status: RunStatus = RunStatus.RUNNING,
        cmd: int = 0,
        outputs: Any = None,
        announce: bool = True,
    ) -> int:
        """Append a transition with these events; the run's seq after it."""
        now = datetime.now(UTC)
        async with self._db.transaction() as c:
            seq = await c.fetchval(
                "update runs set seq = seq + $2, status = $3, cmd = $4, started_at = "
                "coalesce(started_at, $5), ended_at = $6, outputs = $7 where id = $1 returning seq",
                run, len(events), int(status), cmd, now, now if status.ended else None,
                None if outputs is None else msgspec.json.encode(outputs),
            )  # fmt: skip
            await c.execute(
                "insert into transitions values ($1, $2, $3, $4, '', $5, $6)",
                run, seq - len(events) + 1, seq, f"owner/{seq}", now,
                msgspec.json.encode(list(events)),
            )  # fmt: skip
        if announce:
            await self._bus.announce(msgspec.json.encode({"runs": [(run, seq, cmd, int(status))]}))
        return int(seq)

    async def log(self, run: str, node: str, message: str) -> None:
        await self._db.execute(
            "insert into node_logs (run_id, node, gen, attempt, time, level, message) "
            "values ($1, $2, 1, 1, now(), 'info', $3)",
            run, node, message,
        )  # fmt: skip

    async def started(self, run: str, node: str) -> None:
        await self._db.execute(
            "insert into node_started values ($1, $2, 1, 1, now(), 'worker-1')", run, node
        )
