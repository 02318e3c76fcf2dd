"""A loop in a thread of its own, so that async nodes run under async tests too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from functools import cached_property
from typing import Any


class LoopThread:
    """The thread starts with the first awaitable."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Its result; raises what it raised."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self.loop.run_forever, name="minuet-testing", daemon=True
            )
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(_wait(awaitable), self.loop).result()

    def close(self) -> None:
        """Cancel what still runs and free the loop."""
        if self._thread is not None:
            asyncio.run_coroutine_threadsafe(_clear(), self.loop).result()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
        if "loop" in self.__dict__:
            self.loop.close()


async def _wait(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _clear() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
