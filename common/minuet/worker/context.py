"""What a node function may ask of its surroundings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from minuet.model.token import TaskToken

if TYPE_CHECKING:
    from .execution import Execution


class ToolUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool that a model called. `result` is None while the call runs."""

    name: str
    arguments: str
    result: str | None = None
    is_error: bool = False


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A finished turn of a model: `turn` counts 1, 2, 3 ... in one execution."""

    turn: int
    text: str
    calls: list[ToolUse] = []
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class LiveSink(Protocol):
    """Takes what running nodes tell; must not block and may drop. Safe from any thread."""

    def log(
        self, execution: Execution, level: str, message: str, fields: dict[str, Any]
    ) -> None: ...

    def progress(self, execution: Execution, fraction: float | None, message: str) -> None: ...

    def delta(self, execution: Execution, turn: int, text: str, restart: bool) -> None: ...

    def turn(self, execution: Execution, turn: Turn) -> None: ...


class NodeLog:
    """Messages that appear beside the run. Fields must be JSON values; secrets are masked."""

    __slots__ = ("_execution", "_sink")

    def __init__(self, execution: Execution, sink: LiveSink) -> None:
        self._execution = execution
        self._sink = sink

    def debug(self, message: str, **fields: Any) -> None:
        self._sink.log(self._execution, "debug", message, fields)

    def info(self, message: str, **fields: Any) -> None:
        self._sink.log(self._execution, "info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        self._sink.log(self._execution, "warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._sink.log(self._execution, "error", message, fields)


class Context:
    """One execution of one node. Made for each call; do not keep it."""

    __slots__ = ("_execution", "_log", "_sink")

    def __init__(self, execution: Execution, sink: LiveSink) -> None:
        self._execution = execution
        self._sink = sink
        self._log: NodeLog | None = None

    @property
    def log(self) -> NodeLog:
        if self._log is None:
            self._log = NodeLog(self._execution, self._sink)
        return self._log

    def progress(self, fraction: float | None = None, message: str = "") -> None:
        """Tell how far the node is: `fraction` from 0 to 1 (outside values are clipped)."""
        if fraction is not None:
            fraction = min(1.0, max(0.0, float(fraction)))
        self._sink.progress(self._execution, fraction, message)

    def delta(self, turn: int, text: str, *, restart: bool = False) -> None:
        """Show a piece of what a model says while it says it; `turn` replaces it.

        Secrets are masked within one piece only: end pieces between words. `restart` tells that
        this turn is being said anew.
        """
        self._sink.delta(self._execution, turn, text, restart)

    def turn(self, turn: Turn) -> None:
        """Show a finished turn of a model, secrets masked and long texts cut. The same turn again
        replaces what was told of it."""
        self._sink.turn(self._execution, turn)

    @property
    def cancelled(self) -> bool:
        """Whether the result is not wanted any more: cancelled, timed out, or given to another.

        Async functions are also interrupted with CancelledError; plain ones must look here.
        """
        return self._execution.stop_reason is not None

    async def wait_cancelled(self) -> None:
        """Return when `cancelled` becomes true."""
        await self._execution.wait_stopped()

    @property
    def token(self) -> TaskToken:
        return self._execution.token

    @property
    def run_id(self) -> str:
        return self._execution.token.run

    @property
    def node_id(self) -> str:
        return self._execution.token.node

    @property
    def tenant(self) -> str:
        return self._execution.token.tenant

    @property
    def attempt(self) -> int:
        """1 for the first; counts retries, not redeliveries."""
        return self._execution.token.attempt

    @property
    def iteration(self) -> int:
        return self._execution.token.iteration

    @property
    def idempotency_key(self) -> str:
        """The same at every attempt and redelivery of this execution: pass it to what you call."""
        return self._execution.token.idempotency_key

    @property
    def traceparent(self) -> str | None:
        return self._execution.token.traceparent

    @property
    def deadline(self) -> datetime:
        """When the execution times out, or the run's deadline if that comes first."""
        token = self._execution.token
        ms = self._execution.started_at + token.timeout_ms
        if token.deadline_at is not None:
            ms = min(ms, token.deadline_at)
        return datetime.fromtimestamp(ms / 1000, UTC)
