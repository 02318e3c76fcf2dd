"""Hands concurrency keys over: when a run that holds one has ended, the next in line is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from minuet.model.errors import Unavailable
from minuet.store import concurrency
from minuet.store.concurrency import Key
from minuet.store.database import Database

from .metrics import GRANTED, WAITING
from .recorded import Recorded
from .relay import Relay

log = structlog.get_logger(__name__)

SWEEP_S: Final = 1.0
KEYS_A_SWEEP: Final = 500
KEYS_A_TRANSACTION: Final = 50


class Granting:
    """The recorder's announcements make it quick, the sweep makes it certain: an announcement can
    be lost, and whoever granted may be killed before sending."""

    def __init__(self, db: Database, relay: Relay, recorded: Recorded) -> None:
        self._db = db
        self._relay = relay
        self._awaited = True  # whether any run waited for its key at the last sweep
        self._ended: set[str] = set()
        self._arrived = asyncio.Event()
        recorded.follow(self._note)

    def _note(self, ended: list[str]) -> None:
        if self._awaited and ended:
            self._ended.update(ended)
            self._arrived.set()

    async def hand_over_for_ever(self) -> None:
        """Duty: grant the keys of runs as they are announced to have ended."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            ended, self._ended = self._ended, set()
            try:
                await self.hand_over(ended)
            except Unavailable as error:
                log.warning("granting_failed", code=error.code, reason=str(error))

    async def sweep_for_ever(self) -> None:
        """Duty: grant, each second, whatever could have been granted."""
        while True:
            try:
                await self.sweep()
            except Unavailable as error:
                log.warning("granting_failed", code=error.code, reason=str(error))
            await asyncio.sleep(SWEEP_S)

    async def hand_over(self, ended: Collection[str]) -> int:
        """Grant the keys that these runs held; how many runs were granted."""
        async with self._db.connection() as c:
            keys = await concurrency.keys_of(c, list(ended))
        return await self._grant(sorted(keys))

    async def sweep(self) -> int:
        """One look at all keys; how many runs were granted."""
        async with self._db.connection() as c:
            waiting = await concurrency.count_waiting(c)
            keys = await concurrency.keys_with_room(c, limit=KEYS_A_SWEEP) if waiting else []
        WAITING.set(waiting)
        self._awaited = waiting > 0
        return await self._grant(keys)

    async def _grant(self, keys: Sequence[Key]) -> int:
        """The relay brings what is granted even if nobody gets to offering it."""
        granted = 0
        for at in range(0, len(keys), KEYS_A_TRANSACTION):
            some = keys[at : at + KEYS_A_TRANSACTION]
            async with self._db.transaction() as c:
                await concurrency.lock_keys(c, some)
                found = [row for key in some for row in await concurrency.grant(c, key)]
            self._relay.offer_starts(found)
            granted += len(found)
        GRANTED.inc(granted)
        return granted
