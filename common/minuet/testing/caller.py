"""Calls what stands behind a node, as a worker would."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from minuet.expr import extract, parse_path
from minuet.expr.returned import returned_values
from minuet.ir.builtin import builtin_node_types
from minuet.model.canonical import digest
from minuet.model.node_type import NodeType
from minuet.model.status import ERROR, TIMEOUT
from minuet.model.token import CasRef, Failure, Outcome, TaskToken
from minuet.worker.context import Context, Turn
from minuet.worker.execution import Execution
from minuet.worker.hitl import hitl_spec
from minuet.worker.options import WorkerOptions
from minuet.worker.outcome import (
    canonical,
    encode_output,
    failure_of,
    split_result,
    timed_out,
    without_secrets,
)
from minuet.worker.registry import NodeSpec, declare
from minuet.worker.render import Renderer
from minuet.worker.result import Result
from minuet.worker.secrets import Secrets, SecretScope

from .clock import VirtualClock
from .fakes import Fake, FakeError
from .loop import LoopThread
from .run import LogLine

LIMITS: Final = WorkerOptions()
_decode_token = msgspec.json.Decoder(TaskToken).decode


@dataclass(slots=True)
class Call:
    """A call that was made: how it ends, after how long, and the config that it was given."""

    token: TaskToken
    outcome: Outcome
    takes_ms: int
    config: Any


class Blobs:
    """Large values of one run and of all that it starts, by digest."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def put(self, data: bytes) -> CasRef:
        name = digest(data)
        self._data[name] = data
        return CasRef(digest=name, size_bytes=len(data))

    def data(self, name: str) -> bytes | None:
        return self._data.get(name)

    def get(self, name: str, path: str = "") -> Any:
        """The value at `path` inside the blob, all of it without."""
        return extract(msgspec.json.decode(self._data[name]), parse_path(path))


class Caller:
    """Stands for all workers of one run and of all that it starts. Close it: async functions have a
    loop of their own. `logs` are by run id."""

    def __init__(
        self,
        clock: VirtualClock,
        specs: Iterable[NodeSpec],
        fakes: Mapping[str, Fake],
        secrets: Mapping[str, str],
    ) -> None:
        self.blobs = Blobs()
        self.logs: defaultdict[str, list[LogLine]] = defaultdict(list)
        self._clock = clock
        self._loop = LoopThread()
        # A worker does what the owner of a run leaves to it because a value is large.
        transform = declare(builtin_node_types()["transform"], _transform)
        self._specs = {spec.name: spec for spec in (transform, hitl_spec(), *specs)}
        self._fakes = fakes
        self._renderer = Renderer(
            Secrets({f"MINUET_SECRET_{name.upper()}": value for name, value in secrets.items()})
        )

    def close(self) -> None:
        self._loop.close()

    def call(self, data: bytes) -> Call:
        """Raises FakeError if nothing stands behind the node, and AssertionError as it comes: a
        failed assertion in a fake belongs to the test, not to the run."""
        token = _decode_token(data)
        fake = self._fakes.get(token.node) or self._fakes.get(token.type)
        spec = _fake_spec(token.type) if fake is not None else self._specs.get(token.type)
        if spec is None:
            raise FakeError(
                f"node {token.node!r} of type {token.type!r} has nothing behind it: "
                f"harness.fake({token.node!r}, ...), or harness.use(...) its function"
            )
        call = Call(token, Outcome(), fake.takes_ms if fake is not None else 0, None)
        call.outcome = self._outcome(call, spec, fake)
        if call.takes_ms >= token.timeout_ms:
            call.takes_ms = token.timeout_ms
            call.outcome = self._failed(call, timed_out(token.timeout_ms), TIMEOUT)
        return call

    def _outcome(self, call: Call, spec: NodeSpec, fake: Fake | None) -> Outcome:
        execution = self._execution(call.token)
        try:
            arguments = self._arguments(call, spec, execution)
            result = self._result(spec, fake, arguments, Context(execution, self))
            result = without_secrets(result, execution.scope)
            data = encode_output(
                result.output, max_bytes=LIMITS.max_output_bytes, scope=execution.scope
            )
        except (FakeError, AssertionError):
            raise
        except (Exception, SystemExit, asyncio.CancelledError) as exc:
            return self._failed(call, failure_of(exc, execution.scope), ERROR)
        return self._succeeded(call, result, data)

    def _arguments(self, call: Call, spec: NodeSpec, execution: Execution) -> dict[str, Any]:
        token = call.token
        blobs = {path: self.blobs.get(ref.digest) for path, ref in token.refs.items()}
        arguments, execution.scope = self._renderer.arguments(spec, token, blobs)
        whole = spec.signature.whole
        call.config = arguments[whole] if whole is not None else dict(arguments)
        return arguments

    def _result(
        self, spec: NodeSpec, fake: Fake | None, arguments: dict[str, Any], context: Context
    ) -> Result:
        if fake is not None:
            return fake.on_port(self._finish(fake(arguments["config"], context)))
        if spec.signature.context is not None:
            arguments[spec.signature.context] = context
        return split_result(spec, self._finish(spec.function(**arguments)))

    def _finish(self, returned: Any) -> Any:
        return self._loop.run(returned) if inspect.isawaitable(returned) else returned

    def _execution(self, token: TaskToken) -> Execution:
        clock = self._clock
        return Execution(str(token.id), token, clock.monotonic(), clock.now_ms(), self._loop.loop)

    def _succeeded(self, call: Call, result: Result, data: bytes) -> Outcome:
        ref, values = None, {}
        if len(data) > LIMITS.inline_limit_bytes:
            ref = self.blobs.put(canonical(data))
            limit = LIMITS.inline_limit_bytes
            values = returned_values(msgspec.json.decode(data), call.token.returns, max_bytes=limit)
        return Outcome(
            port=result.port,
            output=msgspec.Raw(b"null" if ref is not None else data),
            output_ref=ref,
            values=values,
            waiting=result.waiting,
            wait_ms=result.wait_ms,
            approval=result.approval,
            started_at=self._clock.now_ms(),
        )

    def _failed(self, call: Call, failure: Failure, port: str) -> Outcome:
        return Outcome(port=port, failure=failure, started_at=self._clock.now_ms())

    # ── what nodes tell while they run ────────────────────────────────────────────────────────

    def log(self, execution: Execution, level: str, message: str, fields: dict[str, Any]) -> None:
        scope: SecretScope | None = execution.scope
        if scope:
            message, fields = scope.mask_text(message), scope.mask(fields)
        token = execution.token
        self.logs[token.run].append(LogLine(token.node, level, message, fields))

    def progress(self, execution: Execution, fraction: float | None, message: str) -> None:
        """Progress is for people who watch: nobody does."""

    def delta(self, execution: Execution, turn: int, text: str, restart: bool) -> None:
        """Nor does anybody read along."""

    def turn(self, execution: Execution, turn: Turn) -> None:
        """Or afterwards: what a turn led to is in its node's output."""


def _fake_spec(name: str) -> NodeSpec:
    return declare(NodeType(name=name), _whole_config)


def _whole_config(config: dict[str, Any]) -> dict[str, Any]:
    return config


def _transform(value: Any) -> Any:
    return value
