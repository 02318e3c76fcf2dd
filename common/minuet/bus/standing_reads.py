"""Reading streams of a cluster: one waiting XREAD a stream, left standing between calls.

Keys of two slots cannot be waited for with one command, even on one node. A read changes nothing,
so one that nobody waits for any more is kept: the next call finds what it brought, and an idle
stream costs one command in STANDING_MS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from .api import Entry
from .cluster_connection import ClusterConnection
from .streams import entries_of
from .wire import Argument, Reply

STANDING_MS: Final = 5_000
SENT_AWAY_S: Final = 0.05
"""While a slot is handed over nobody can wait for it: it is asked this often."""

Cursors = Mapping[str, tuple[int, str]]
"""Stream key -> (partition, cursor)."""

Place = tuple[str, str]
"""Stream key and cursor of a read."""


class StandingReads:
    """Of one kind of stream. Each call ends the reads that it does not ask for, unless another
    call waits for them."""

    def __init__(self, connection: ClusterConnection) -> None:
        self._connection = connection
        self._standing: dict[Place, asyncio.Task[list[Entry]]] = {}
        self._waited_for: list[set[Place]] = []

    async def read(self, cursors: Cursors, *, count: int, block_ms: int) -> list[Entry]:
        """As CoordinatorBus.read_signals. Raises BusUnavailable if the node of any stream was
        away since the last call; what others brought is not lost by that."""
        if block_ms <= 0:
            return await self._now(cursors, count)
        places = {(key, cursor): p for key, (p, cursor) in cursors.items()}
        wanted = set(places)
        self._waited_for.append(wanted)
        try:
            self._end_others()
            tasks = [self._stand(place, p, count) for place, p in places.items()]
            if tasks:
                first = asyncio.FIRST_COMPLETED
                await asyncio.wait(tasks, timeout=block_ms / 1000, return_when=first)
        finally:
            self._waited_for.remove(wanted)
        return self._collected(wanted, count)

    async def close(self) -> None:
        tasks = list(self._standing.values())
        self._standing.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _now(self, cursors: Cursors, count: int) -> list[Entry]:
        commands: list[tuple[Argument, ...]] = [
            (b"XREAD", b"COUNT", count, b"STREAMS", key, cursor)
            for key, (_, cursor) in cursors.items()
        ]
        partitions = {key.encode(): p for key, (p, _) in cursors.items()}
        replies = await self._connection.call_many(commands)
        return [entry for reply in replies for entry in entries_of(reply, partitions)]

    def _stand(self, place: Place, p: int, count: int) -> asyncio.Task[list[Entry]]:
        task = self._standing.get(place)
        if task is None:
            task = asyncio.ensure_future(self._wait(place, p, count))
            self._standing[place] = task
        return task

    async def _wait(self, place: Place, p: int, count: int) -> list[Entry]:
        """Until there is something."""
        key, cursor = place
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            reply: Reply = await self._connection.call_blocking(
                STANDING_MS, b"XREAD", b"COUNT", count, b"BLOCK", STANDING_MS,
                b"STREAMS", key, cursor,
            )  # fmt: skip
            if reply:
                return entries_of(reply, {key.encode(): p})
            if loop.time() - began < SENT_AWAY_S:
                await asyncio.sleep(SENT_AWAY_S)

    def _collected(self, wanted: set[Place], count: int) -> list[Entry]:
        done = {
            place: task
            for place in wanted
            if (task := self._standing.get(place)) is not None and task.done()
        }
        for place, task in done.items():
            if (failure := task.exception()) is not None:
                del self._standing[place]
                raise failure
        found: list[Entry] = []
        for place, task in done.items():
            del self._standing[place]
            found += task.result()[:count]
        return found

    def _end_others(self) -> None:
        waited_for = set().union(*self._waited_for)
        for place in [place for place in self._standing if place not in waited_for]:
            task = self._standing.pop(place)
            if not task.cancel() and not task.cancelled():
                task.exception()  # counts as seen: nobody asks for this stream any more
