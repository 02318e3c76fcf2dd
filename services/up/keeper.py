"""Start what died again, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minuet.embedded.errors import ServerError

from .backoff import Backoff
from .unit import Process


class Keeper:
    """Keeps one started process running. Cancel `run` before the process is stopped on purpose.

    `deaths` counts how often it ended; `on_change` is called after each death and each restart.
    """

    def __init__(self, name: str, process: Process, on_change: Callable[[str, str], None]) -> None:
        self.name = name
        self.process = process
        self.deaths = 0
        self._on_change = on_change

    async def run(self) -> None:
        clock = asyncio.get_running_loop().time
        backoff = Backoff()
        while True:
            started_at = clock()
            code = await self.process.wait()
            self.deaths += 1
            delay_s = backoff.after_death(clock() - started_at)
            self._on_change(self.name, f"{describe_exit(code)}, starting again in {delay_s:.1f} s")
            await asyncio.sleep(delay_s)
            await self._start(backoff)
            self._on_change(self.name, f"started again (pid {self.process.pid})")

    async def _start(self, backoff: Backoff) -> None:
        """A server that does not come up (its port or disk is not free yet) is tried again."""
        while True:
            try:
                await self.process.start()
            except (ServerError, OSError) as exc:
                delay_s = backoff.after_death(0.0)
                self._on_change(self.name, f"does not start ({exc}), next try in {delay_s:.1f} s")
                await asyncio.sleep(delay_s)
            else:
                return


def describe_exit(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
