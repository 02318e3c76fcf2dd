"""What a tool is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from minuet.model.errors import MinuetError
from minuet.worker import Context


class ToolError(MinuetError):
    """The model's mistake, or bad luck that it may work around: it reads the message."""

    code = "tool"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `key` is the same at every redelivery, for what the tool itself calls."""

    arguments: dict[str, Any]
    key: str
    ctx: Context
    hosts: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Tool:
    """`is_parallel`: may run beside the other calls of its turn."""

    name: str
    description: str
    parameters: dict[str, Any]
    run: Callable[[Call], Awaitable[Any]]
    is_parallel: bool = True
