"""The recorded history, read from Postgres beside the suite: the judge of the crash tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import msgspec

from minuet.model.event import Event
from minuet.model.status import RunStatus


class History:
    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def count_ended(self) -> int:
        [row] = self._fetch("select count(*) as n from runs where status >= 6")
        return int(row["n"])

    def status(self, run: str) -> str:
        [row] = self._fetch("select status from runs where id = $1", run)
        return RunStatus(row["status"]).word

    def events(self, run: str) -> list[Event]:
        rows = self._fetch(
            "select events from transitions where run_id = $1 order by first_seq", run
        )
        return [
            event for row in rows for event in msgspec.json.decode(row["events"], type=list[Event])
        ]

    def ends(self, run: str) -> int:
        return sum(event.type == "run.ended" for event in self.events(run))

    def executions(self, run: str) -> dict[str, int]:
        """How often the end of each node was recorded."""
        ends = (event.node or "" for event in self.events(run) if event.type == "node.ended")
        return dict(Counter(ends))

    def check_sequence(self, run: str) -> None:
        """Event ids run from 1 without a gap."""
        rows = self._fetch(
            "select first_seq, last_seq from transitions where run_id = $1 order by first_seq", run
        )
        expected = 1
        for row in rows:
            assert row["first_seq"] == expected
            expected = row["last_seq"] + 1
        assert expected == len(self.events(run)) + 1

    def _fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        async def fetch() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self._url)
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        return asyncio.run(fetch())
