"""Finished turns as people are shown them."""

from __future__ import annotations

from collections.abc import Sequence

from minuet.worker.context import ToolUse, Turn

from .answer import Calls
from .dialect import Dialect
from .turns import Acted, Entry, Replied, ToolCall, ToolResult


def turns_of(entries: Sequence[Entry], dialect: Dialect) -> list[Turn]:
    """One for each reply, with the results of its calls if they are there, in their order."""
    turns: list[Turn] = []
    for at, entry in enumerate(entries):
        if isinstance(entry, Replied):
            after = entries[at + 1] if at + 1 < len(entries) else None
            results = after.results if isinstance(after, Acted) else []
            turns.append(turn_of(len(turns) + 1, entry, results, dialect))
    return turns


def turn_of(number: int, reply: Replied, results: Sequence[ToolResult], dialect: Dialect) -> Turn:
    step = dialect.read(reply)
    calls = step.calls if isinstance(step, Calls) else reply.calls
    answered: list[ToolResult | None] = [*results, *[None] * (len(calls) - len(results))]
    return Turn(
        turn=number,
        text=reply.content,
        calls=[use_of(*each) for each in zip(calls, answered, strict=True)],
        model=reply.model,
        input_tokens=reply.usage.input_tokens,
        output_tokens=reply.usage.output_tokens,
    )


def use_of(call: ToolCall, result: ToolResult | None) -> ToolUse:
    if result is None:
        return ToolUse(call.name, call.arguments)
    return ToolUse(call.name, call.arguments, result.content, result.is_error)
