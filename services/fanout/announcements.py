"""What the recorder announces: how far runs are recorded, and in which status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, Protocol

import msgspec
import structlog

from minuet.model.errors import BusUnavailable

log = structlog.get_logger()

RECONNECT_S: Final = 0.5


class Announcement(msgspec.Struct):
    """`runs` lists (run, seq, cmd, status) as they are recorded now, `deleted` what is gone."""

    runs: list[tuple[str, int, int, int]] = []
    deleted: list[str] = []


class Bus(Protocol):
    def announcements(self) -> AsyncGenerator[bytes, None]: ...


class Announcements:
    """They may be lost; whoever needs them all looks into Postgres, too."""

    def __init__(
        self,
        bus: Bus,
        hear: Callable[[str, int, int], None],
        hear_deleted: Callable[[str], None],
    ) -> None:
        self._bus = bus
        self._hear = hear
        self._hear_deleted = hear_deleted
        self._decode = msgspec.json.Decoder(Announcement).decode

    async def run(self, stop: asyncio.Event) -> None:
        """Duty: call `hear(run, seq, status)` for each recorded run, `hear_deleted(run)` for each
        that was deleted. Reconnects for ever."""
        listening = asyncio.create_task(self._listen())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if listening.done():
            listening.result()
        listening.cancel()
        await asyncio.wait({listening})

    async def _listen(self) -> None:
        while True:
            try:
                async with aclosing(self._bus.announcements()) as messages:
                    async for message in messages:
                        self._hear_all(message)
            except BusUnavailable as error:
                log.warning("announcements_lost", reason=str(error))
            await asyncio.sleep(RECONNECT_S)

    def _hear_all(self, message: bytes) -> None:
        try:
            announced = self._decode(message)
        except msgspec.MsgspecError as error:
            log.warning("announcement_unreadable", reason=str(error))
            return
        for run, seq, _, status in announced.runs:
            self._hear(run, seq, status)
        for run in announced.deleted:
            self._hear_deleted(run)
