"""Live events: gathered from loop and threads, sent every 100 ms, dropped when too many wait."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import Any

import msgspec
import structlog

from minuet.bus.api import WorkerBus
from minuet.bus.keys import partition_of
from minuet.model.errors import Unavailable
from minuet.model.event import LiveEvent

from .clock import Clock
from .context import Turn
from .execution import Execution
from .metrics import LIVE_DROPPED

MAX_WAITING = 10_000
MAX_BATCH = 500
MAX_MESSAGE = 8_192
MAX_FIELDS = 16_384
MAX_TURN = 65_536
MAX_CALLS = 64
MAX_CALL = 4_096
FLUSH_S = 0.1

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class LiveBuffer:
    """The LiveSink of a worker. Secrets that an execution has read never get in."""

    def __init__(self, bus: WorkerBus, worker_id: str, clock: Clock) -> None:
        self._bus = bus
        self._worker_id = worker_id
        self._clock = clock
        self._waiting: deque[LiveEvent] = deque(maxlen=MAX_WAITING)

    def started(self, execution: Execution) -> None:
        execution.announced = True
        self._put(execution, "node.started", {"worker": self._worker_id}, execution.started_at)

    def log(self, execution: Execution, level: str, message: str, fields: dict[str, Any]) -> None:
        data: dict[str, Any] = {"level": level, "message": masked(execution, message)}
        if fields:
            data["fields"] = bounded_fields(execution, fields)
        self._put(execution, "node.log", data)

    def progress(self, execution: Execution, fraction: float | None, message: str) -> None:
        data: dict[str, Any] = {}
        if fraction is not None:
            data["fraction"] = fraction
        if message:
            data["message"] = masked(execution, message)
        self._put(execution, "node.progress", data)

    def delta(self, execution: Execution, turn: int, text: str, restart: bool) -> None:
        shown = masked(execution, text)
        told = execution.told
        at = 0 if restart else told.get(turn, 0)
        told[turn] = at + len(shown)
        data: dict[str, Any] = {"turn": turn, "at": at, "text": shown}
        if restart:
            data["restart"] = True
        self._put(execution, "node.delta", data)

    def turn(self, execution: Execution, turn: Turn) -> None:
        shown = msgspec.to_builtins(turn)
        if execution.scope:
            shown = execution.scope.mask(shown)
        self._put(execution, "node.turn", bounded_turn(shown))

    def _put(
        self, execution: Execution, kind: str, data: dict[str, Any], time: int | None = None
    ) -> None:
        if len(self._waiting) == MAX_WAITING:
            LIVE_DROPPED.inc()
        token = execution.token
        self._waiting.append(
            LiveEvent(
                type=kind, run=token.run, tenant=token.tenant, node=token.node, gen=token.gen,
                attempt=token.attempt, time=time or self._clock.now_ms(), data=data,
            )
        )  # fmt: skip

    async def run(self) -> None:
        """Send what waits, for ever."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Send everything; what Redis cannot take now is dropped: live events may be lost."""
        while self._waiting:
            by_partition: defaultdict[int, list[LiveEvent]] = defaultdict(list)
            for _ in range(min(len(self._waiting), MAX_BATCH)):
                event = self._waiting.popleft()
                by_partition[partition_of(event.run)].append(event)
            try:
                for p, events in by_partition.items():
                    await self._bus.emit_live(p, events)
            except Unavailable as exc:
                LIVE_DROPPED.inc(sum(map(len, by_partition.values())))
                log.debug("live_events_dropped", error=str(exc))
                return


def masked(execution: Execution, text: str) -> str:
    text = str(text)[:MAX_MESSAGE]
    return execution.scope.mask_text(text) if execution.scope else text


def bounded_turn(shown: dict[str, Any]) -> dict[str, Any]:
    """Cut after it was masked: half a secret meets no mask."""
    calls = [
        {
            name: cut(value, MAX_CALL) if isinstance(value, str) else value
            for name, value in call.items()
        }
        for call in shown["calls"][:MAX_CALLS]
    ]
    return {**shown, "text": cut(shown["text"], MAX_TURN), "calls": calls}


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def bounded_fields(execution: Execution, fields: dict[str, Any]) -> dict[str, Any]:
    """JSON values, masked; what JSON cannot say goes as its repr."""
    value = msgspec.to_builtins(fields, enc_hook=repr, str_keys=True)
    if len(_encode(value)) > MAX_FIELDS:
        return {"truncated": f"fields above {MAX_FIELDS} bytes"}
    masked_fields: dict[str, Any] = execution.scope.mask(value) if execution.scope else value
    return masked_fields
