"""One token in hand: what the runtime, the heartbeat thread and the Context share of it."""

from __future__ import annotations

import asyncio
from typing import Literal

from minuet.model.token import TaskToken

from .secrets import SecretScope

StopReason = Literal["timeout", "cancelled", "lost", "drain"]


class Execution:
    """A token that runs. Times are monotonic seconds unless their name ends in `_at`.

    `stop_reason` is set once, on the loop or by the heartbeat thread; node code sees it as
    `ctx.cancelled`. `scope` holds the secrets that its config has read.
    `interrupted`: the loop has thrown CancelledError into it. `told` is how many characters of
    each turn of a model were shown.
    """

    __slots__ = (
        "_event",
        "announced",
        "deadline",
        "interrupted",
        "loop",
        "scope",
        "started",
        "started_at",
        "stop_reason",
        "token",
        "token_id",
        "told",
    )

    def __init__(
        self,
        token_id: str,
        token: TaskToken,
        started: float,
        started_at: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.token_id = token_id
        self.token = token
        self.started = started
        self.started_at = started_at
        self.deadline = started + token.timeout_ms / 1000
        self.loop = loop
        self.stop_reason: StopReason | None = None
        self.announced = False
        self.interrupted = False
        self.scope: SecretScope | None = None
        self.told: dict[int, int] = {}
        self._event: asyncio.Event | None = None

    def stop(self, reason: StopReason) -> bool:
        """Ask the function to end; False if somebody asked before. Safe from any thread."""
        if self.stop_reason is not None:
            return False
        self.stop_reason = reason
        if self._event is not None:
            self.loop.call_soon_threadsafe(self._event.set)
        return True

    async def wait_stopped(self) -> None:
        """Return once `stop` was called. Only on the loop."""
        if self._event is None:
            self._event = asyncio.Event()
        # `stop` may have looked for the event just before it was there.
        if self.stop_reason is None:
            await self._event.wait()
