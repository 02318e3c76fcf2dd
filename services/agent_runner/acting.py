"""Executes the calls of one turn; what goes wrong is told to the model, not raised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import jsonschema_rs
import msgspec

from minuet.worker import Context

from . import metrics
from .answer import Fault, arguments_of, shown
from .dialect import FINISH
from .tools.tool import Call, Tool, ToolError
from .turns import ToolCall, ToolResult

MAX_RESULT = 64 * 1024


class Hands:
    """Tools of one node. Raises only what ends the attempt: NodeError, CancelledError."""

    def __init__(self, tools: Mapping[str, Tool], hosts: Sequence[str], ctx: Context) -> None:
        self._tools = tools
        self._hosts = tuple(hosts)
        self._ctx = ctx
        self._validators = {
            name: jsonschema_rs.validator_for(tool.parameters) for name, tool in tools.items()
        }

    async def act(self, calls: Sequence[ToolCall], turn: int, patches: int) -> list[ToolResult]:
        """Results in the order of the calls. Those that may not run beside others run after all
        that may, one by one. `patches` is how many changes of the workflow were asked before."""
        beside, alone = self._parted(calls)
        keys = self._keys(calls, turn, patches)
        results = await self._run_beside({n: (calls[n], keys[n]) for n in beside})
        for n in alone:
            results[n] = await self._run(calls[n], keys[n])
        return [results[n] for n in range(len(calls))]

    async def _run_beside(self, calls: Mapping[int, tuple[ToolCall, str]]) -> dict[int, ToolResult]:
        """The first failure cancels the others and is raised as it is."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {n: group.create_task(self._run(*call)) for n, call in calls.items()}
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return {n: task.result() for n, task in tasks.items()}

    def _parted(self, calls: Sequence[ToolCall]) -> tuple[list[int], list[int]]:
        beside: list[int] = []
        alone: list[int] = []
        for n, call in enumerate(calls):
            tool = self._tools.get(call.name)
            (beside if tool is None or tool.is_parallel else alone).append(n)
        return beside, alone

    def _keys(self, calls: Sequence[ToolCall], turn: int, patches: int) -> list[str]:
        """`<run>/<node>/<gen>/<n>` for the n-th patch; others by turn and place."""
        token = self._ctx.token
        keys = []
        for n, call in enumerate(calls):
            if call.name == "patch_workflow":
                patches += 1
                keys.append(f"{token.run}/{token.node}/{token.gen}/{patches}")
            else:
                keys.append(f"{token.idempotency_key}-{turn}-{n + 1}")
        return keys

    async def _run(self, call: ToolCall, key: str) -> ToolResult:
        started = time.monotonic()
        try:
            value = await self._call(call, key)
            result = ToolResult(call.id, shortened(msgspec.json.encode(value).decode()))
        except ToolError as exc:
            result = ToolResult(call.id, shortened(f"Error: {exc}"), is_error=True)
        known = call.name if call.name in self._tools else "unknown"
        metrics.CALLS.labels(known, "error" if result.is_error else "ok").inc()
        fields = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.name,
            "gen_ai.tool.call.id": call.id,
            "duration_s": round(time.monotonic() - started, 3),
            "is_error": result.is_error,
        }
        self._ctx.log.info("tool_call", **fields)
        return result

    async def _call(self, call: ToolCall, key: str) -> object:
        """Raises ToolError for a call that no tool can take."""
        tool = self._tools.get(call.name)
        if tool is None:
            if call.name == FINISH:
                raise ToolError("call `finish` alone, once the other results are there")
            raise ToolError(f"there is no tool '{call.name}'; there are: {', '.join(self._tools)}")
        arguments = arguments_of(call)
        if isinstance(arguments, Fault):
            raise ToolError(arguments.message)
        if errors := list(self._validators[call.name].iter_errors(arguments)):
            raise ToolError(f"the arguments do not fit: {shown(errors)}")
        return await tool.run(Call(arguments, key, self._ctx, self._hosts))


def shortened(text: str) -> str:
    if len(text) <= MAX_RESULT:
        return text
    return f"{text[:MAX_RESULT]}... (cut: {len(text):,} characters in all; ask for less)"
