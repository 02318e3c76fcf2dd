"""Runs one token: decode, render, call, encode. Once for the loop, once for threads."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
import structlog

from minuet.expr.returned import returned_values
from minuet.model.errors import MinuetError
from minuet.model.token import CasRef, Failure, TaskToken

from .clock import Clock
from .context import Context
from .execution import Execution
from .live import LiveBuffer
from .metrics import execution_seconds, tokens
from .options import WorkerOptions
from .outcome import (
    cancelled,
    canonical,
    encode_output,
    failed,
    failure_of,
    split_result,
    success,
    timed_out,
    without_secrets,
)
from .page import Page
from .ports import Blobs
from .registry import NodeSpec
from .render import Renderer
from .result import Result

log = structlog.get_logger()
T = TypeVar("T")

_decode_token = msgspec.json.Decoder(TaskToken).decode


class Executor:
    """Gives each token's outcome as JSON; never raises for what node code does.

    Only CancelledError passes, when the task of the page itself is cancelled.
    """

    def __init__(
        self,
        *,
        renderer: Renderer,
        blobs: Blobs,
        live: LiveBuffer,
        clock: Clock,
        options: WorkerOptions,
        worker_id: str,
    ) -> None:
        self._renderer = renderer
        self._blobs = blobs
        self._live = live
        self._clock = clock
        self._options = options
        self._worker_id = worker_id

    # ── on the loop ─────────────────────────────────────────────────────────────────────────

    async def run_async(self, page: Page, token_id: str, raw: bytes) -> bytes:
        """Run an async function here. The caller's task is `page.task`, which `stop` cancels."""
        execution = self._begin(page, token_id, raw)
        if isinstance(execution, bytes):
            return execution
        try:
            blobs = await self._fetch(execution.token) if execution.token.refs else {}
            arguments = self._arguments(page.spec, execution, blobs)
            returned = await page.spec.function(**arguments)
            result, data = self._encode(page.spec, execution, returned)
            stored = await self._store(execution.token, data) if self._is_large(data) else None
        except asyncio.CancelledError as exc:
            if execution.stop_reason in (None, "drain") and is_cancelling(page.task):
                raise
            return self._fail(page.spec, execution, exc)
        except (Exception, SystemExit) as exc:  # sys.exit() in node code must not end the worker
            return self._fail(page.spec, execution, exc)
        return self._succeed(page.spec, execution, result, data, stored)

    # ── in a thread ─────────────────────────────────────────────────────────────────────────

    def run_blocking(self, page: Page, token_id: str, raw: bytes) -> bytes:
        """Run a plain function in this thread; large values are moved by the loop."""
        execution = self._begin(page, token_id, raw)
        if isinstance(execution, bytes):
            return execution
        try:
            token = execution.token
            blobs = self._on_loop(execution, self._fetch(token)) if token.refs else {}
            arguments = self._arguments(page.spec, execution, blobs)
            returned = page.spec.function(**arguments)
            result, data = self._encode(page.spec, execution, returned)
            stored = None
            if self._is_large(data):
                stored = self._on_loop(execution, self._store(token, data))
        except (Exception, SystemExit, asyncio.CancelledError) as exc:
            return self._fail(page.spec, execution, exc)
        return self._succeed(page.spec, execution, result, data, stored)

    def _on_loop(self, execution: Execution, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, execution.loop).result()

    # ── steps ───────────────────────────────────────────────────────────────────────────────

    def _begin(self, page: Page, token_id: str, raw: bytes) -> Execution | bytes:
        """The execution, visible to the watchers from here on; or an outcome if `raw` is no token.

        A version this worker cannot read fails for good here: another attempt meets it again.
        """
        try:
            token = _decode_token(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            log.warning("token_unreadable", type=page.spec.name, error=str(exc))
            failure = Failure(code="token", message=f"unreadable token: {exc}", retryable=False)
            return failed(failure, worker=self._worker_id)
        clock = self._clock
        execution = Execution(token_id, token, clock.monotonic(), clock.now_ms(), page.loop)
        page.execution = execution
        return execution

    def _arguments(
        self, spec: NodeSpec, execution: Execution, blobs: dict[str, Any]
    ) -> dict[str, Any]:
        arguments, execution.scope = self._renderer.arguments(spec, execution.token, blobs)
        if spec.signature.context is not None:
            arguments[spec.signature.context] = Context(execution, self._live)
        return arguments

    def _encode(self, spec: NodeSpec, execution: Execution, returned: Any) -> tuple[Result, bytes]:
        result = without_secrets(split_result(spec, returned), execution.scope)
        data = encode_output(
            result.output, max_bytes=self._options.max_output_bytes, scope=execution.scope
        )
        return result, data

    def _is_large(self, data: bytes) -> bool:
        return len(data) > self._options.inline_limit_bytes

    async def _fetch(self, token: TaskToken) -> dict[str, Any]:
        """The decoded blob of each ref, each digest fetched once."""
        digests = dict.fromkeys(ref.digest for ref in token.refs.values())
        values = {
            digest: msgspec.json.decode(await self._blobs.get(token.tenant, digest))
            for digest in digests
        }
        return {path: values[ref.digest] for path, ref in token.refs.items()}

    async def _store(self, token: TaskToken, data: bytes) -> tuple[CasRef, dict[str, Any]]:
        ref = await self._blobs.put(token.tenant, canonical(data))
        limit = self._options.inline_limit_bytes
        return ref, returned_values(msgspec.json.decode(data), token.returns, max_bytes=limit)

    # ── outcomes ────────────────────────────────────────────────────────────────────────────

    def _succeed(
        self,
        spec: NodeSpec,
        execution: Execution,
        result: Result,
        data: bytes,
        stored: tuple[CasRef, dict[str, Any]] | None,
    ) -> bytes:
        if execution.stop_reason is not None:
            return self._stopped(spec, execution)
        self.count(spec, execution, result.port)
        ref, values = stored or (None, {})
        return success(result, data, ref, values, **self._facts(execution))

    def _fail(self, spec: NodeSpec, execution: Execution, error: BaseException) -> bytes:
        if execution.stop_reason is not None:
            return self._stopped(spec, execution)
        self.count(spec, execution, "error")
        if not isinstance(error, MinuetError):
            self._log_exception(execution, error)
        return failed(failure_of(error, execution.scope), **self._facts(execution))

    def _stopped(self, spec: NodeSpec, execution: Execution) -> bytes:
        """The outcome of a token that was told to stop, whatever its function then returned."""
        if execution.stop_reason == "timeout":
            self.count(spec, execution, "timeout")
            return self.timed_out(execution)
        self.count(spec, execution, "cancelled")
        return failed(cancelled(), **self._facts(execution))

    def timed_out(self, execution: Execution) -> bytes:
        """The outcome of a token that took too long."""
        failure = timed_out(execution.token.timeout_ms)
        return failed(failure, port="timeout", **self._facts(execution))

    def _facts(self, execution: Execution) -> dict[str, Any]:
        return {
            "started_at": execution.started_at,
            "ended_at": self._clock.now_ms(),
            "worker": self._worker_id,
        }

    def count(self, spec: NodeSpec, execution: Execution, port: str) -> None:
        """One token ended."""
        tokens(spec.name, port).inc()
        execution_seconds(spec.name).observe(self._clock.monotonic() - execution.started)

    def _log_exception(self, execution: Execution, error: BaseException) -> None:
        """The traceback stays in this process's log; its last line went into the outcome."""
        text = "".join(traceback.format_exception(error))
        token = execution.token
        log.warning(
            "node_raised",
            run_id=token.run, node_id=token.node, attempt=token.attempt, tenant=token.tenant,
            type=token.type, traceback=execution.scope.mask_text(text) if execution.scope else text,
        )  # fmt: skip


def is_cancelling(task: asyncio.Task[None] | None) -> bool:
    return task is not None and task.cancelling() > 0
