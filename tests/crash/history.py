"""The recorded history, read from Postgres beside the suite: the judge of the crash tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from minuet.model.event import Event
from minuet.model.status import RunStatus

TRANSITIONS = "select run_id, first_seq, last_seq, events from transitions"


class History:
    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._transitions: dict[str, list[asyncpg.Record]] | None = None

    def keep(self) -> History:
        """What stands now, read at once: for questions about many runs that have ended."""
        kept = History(self._url)
        kept._transitions = {}
        for row in self._fetch(f"{TRANSITIONS} order by run_id, first_seq"):
            kept._transitions.setdefault(row["run_id"], []).append(row)
        return kept

    def count_ended(self) -> int:
        [row] = self._fetch("select count(*) as n from runs where status >= 6")
        return int(row["n"])

    def count_started(self) -> int:
        """Runs of which the first transition is recorded."""
        [row] = self._fetch("select count(*) as n from runs where seq > 0")
        return int(row["n"])

    def status(self, run: str) -> str:
        [row] = self._fetch("select status from runs where id = $1", run)
        return RunStatus(row["status"]).word

    def count_not(self, status: RunStatus, runs: Sequence[str]) -> int:
        query = "select count(*) as n from runs where id = any($1) and status = $2"
        [row] = self._fetch(query, list(runs), status.value)
        return len(runs) - int(row["n"])

    def events(self, run: str) -> list[Event]:
        rows = self._rows(run)
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
        expected = 1
        for row in self._rows(run):
            assert row["first_seq"] == expected
            expected = row["last_seq"] + 1
        assert expected == len(self.events(run)) + 1

    def _rows(self, run: str) -> list[asyncpg.Record]:
        if self._transitions is not None:
            return self._transitions.get(run, [])
        return self._fetch(f"{TRANSITIONS} where run_id = $1 order by first_seq", run)

    def _fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        async def fetch() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self._url)
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        return asyncio.run(fetch())
