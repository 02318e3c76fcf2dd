"""What workers of a simulation run: functions that succeed, fail, dawdle, and say who they were."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any, ClassVar

from minuet.model.errors import RetryableError, TerminalError
from minuet.worker import Context, Result
from minuet.worker.hitl import hitl_spec
from minuet.worker.registry import NodeSpec, declare
from tests.unit.ir.random_documents import NODE_TYPES

LARGE = 600  # bytes of padding: more than the workers of a simulation keep inline


@dataclass(slots=True)
class Conduct:
    """How node functions behave; `calm` makes them quick and mostly successful."""

    random: Random
    failing: float
    slow: float
    calm: bool = False

    async def act(self, ctx: Context, ports: tuple[str, ...]) -> Any:
        draw = self.random.random()
        if not self.calm and draw < self.slow:
            await self._dawdle(ctx)
        elif draw > 0.9:
            await asyncio.sleep(self.random.random() * 0.3)
        if self.random.random() < (0.02 if self.calm else self.failing):
            kind = TerminalError if self.random.random() < 0.2 else RetryableError
            raise kind("it did not work")
        return Result(self._output(ctx), port=self.random.choice(ports))

    async def _dawdle(self, ctx: Context) -> None:
        """Past the time-out now and then, and sometimes without listening to anybody."""
        seconds = self.random.random() ** 2 * 6
        if self.random.random() < 0.8:
            await asyncio.sleep(seconds)
            return
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(left)

    def _output(self, ctx: Context) -> dict[str, Any]:
        output: dict[str, Any] = {
            "key": ctx.idempotency_key, "score": self.random.randint(0, 5),
        }  # fmt: skip
        if self.random.random() < 0.1:
            output["padding"] = "x" * LARGE
        return output


class Behaviour:
    """How node functions behave in the schedule that runs."""

    conduct: ClassVar[Conduct]


async def act(ctx: Context) -> Any:
    return await Behaviour.conduct.act(ctx, ("success",))


async def judge(ctx: Context) -> Any:
    return await Behaviour.conduct.act(ctx, ("success", "good", "bad"))


@lru_cache(maxsize=1)
def specs() -> list[NodeSpec]:
    return [
        declare(NODE_TYPES["task"], act),
        declare(NODE_TYPES["once"], act),
        declare(NODE_TYPES["judge"], judge),
        hitl_spec(),
    ]
