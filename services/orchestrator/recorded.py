"""Wait until something of a run is recorded.

The recorder announces each stored batch on a channel that may lose messages, so waiters also
look into Postgres: once after they began to listen, then at growing intervals.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

import msgspec
import structlog

from minuet.model.errors import BusUnavailable
from minuet.model.status import RunStatus
from minuet.store import runs
from minuet.store.database import Database
from minuet.store.runs import Progress

from .batcher import Batcher

log = structlog.get_logger(__name__)

FIRST_POLL_S: Final = 0.25
LAST_POLL_S: Final = 2.0
RECONNECT_S: Final = 0.5


class Announcements(Protocol):
    """The adapter's side of the channel: messages until the connection is lost."""

    def announcements(self) -> AsyncIterator[bytes]: ...


class Announcement(msgspec.Struct):
    """`runs` lists (run, seq, cmd, status) as they are recorded now."""

    runs: list[tuple[str, int, int, int]]


class Recorded:
    def __init__(self, db: Database, bus: Announcements) -> None:
        self._db = db
        self._bus = bus
        self._decoder = msgspec.json.Decoder(Announcement)
        self._waiters: defaultdict[str, set[asyncio.Queue[Progress]]] = defaultdict(set)
        self._followers: list[Callable[[list[str]], None]] = []
        self._polls: Batcher[str, Progress | None] = Batcher(self._read)

    async def listen(self) -> None:
        """Duty: hand announcements to those who wait. Reconnects for ever."""
        while True:
            try:
                async for message in self._bus.announcements():
                    self._hand_out(message)
            except BusUnavailable as error:
                log.warning("announcements_lost", reason=str(error))
            await asyncio.sleep(RECONNECT_S)

    def follow(self, told: Callable[[list[str]], None]) -> None:
        """Call it with the runs that each announcement says have ended. It may miss some."""
        self._followers.append(told)

    async def wait(
        self, run: str, until: Callable[[Progress], bool], *, timeout_s: float
    ) -> Progress | None:
        """How far the run is recorded once `until` holds; None if it does not within the time."""
        queue: asyncio.Queue[Progress] = asyncio.Queue()
        self._waiters[run].add(queue)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._watch(run, until, queue)
        except TimeoutError:
            return None
        finally:
            self._forget(run, queue)

    async def _watch(
        self, run: str, until: Callable[[Progress], bool], queue: asyncio.Queue[Progress]
    ) -> Progress:
        poll_s = FIRST_POLL_S
        progress = await self._polls.submit(run)
        while progress is None or not until(progress):
            try:
                async with asyncio.timeout(poll_s):
                    progress = await queue.get()
            except TimeoutError:
                poll_s = min(2 * poll_s, LAST_POLL_S)
                progress = await self._polls.submit(run)
        return progress

    def _forget(self, run: str, queue: asyncio.Queue[Progress]) -> None:
        self._waiters[run].discard(queue)
        if not self._waiters[run]:
            del self._waiters[run]

    def _hand_out(self, message: bytes) -> None:
        announced = self._decoder.decode(message).runs
        ended = [run for run, _, _, status in announced if RunStatus(status).ended]
        for told in self._followers:
            told(ended)
        for run, seq, cmd, status in announced:
            for queue in self._waiters.get(run, ()):
                queue.put_nowait(Progress(run, status, seq, cmd))

    async def _read(self, ids: list[str]) -> list[Progress | None]:
        async with self._db.connection() as c:
            found = {row.id: row for row in await runs.get_progress(c, ids)}
        return [found.get(id) for id in ids]
