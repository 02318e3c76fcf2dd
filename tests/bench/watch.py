"""Questions to the recorded history while figures are taken: who measures shares the cores."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import asyncpg

COMPLETING = "position('node.ended'::bytea in t.events) > 0"


class Watch:
    """One connection, kept open, and questions that an index answers."""

    def __init__(self, database_url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(database_url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()

    def none_live(self) -> bool:
        """Whether the end of every run is recorded."""
        return not self._ask("select exists (select from runs where status < 6)")

    def engine_seconds(self, workflow: str) -> float:
        """From the first to the last commit that completed a node of it; Redis's clock."""
        seconds = self._ask(
            "select extract(epoch from max(t.time) - min(t.time))::float from transitions t "
            f"join runs r on r.id = t.run_id where r.workflow = $1 and {COMPLETING}",
            workflow,
        )
        assert isinstance(seconds, float), f"nothing is recorded of {workflow}"
        return seconds

    def _ask(self, query: str, *args: object) -> Any:
        return self._runner.run(self._connection.fetchval(query, *args))
