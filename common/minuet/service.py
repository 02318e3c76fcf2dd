"""What every service's main does alike: run duties until a signal comes, then drain."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger()

Duty = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Works until the event is set, then finishes what it has in hand and returns."""


async def run_duties(
    name: str, duties: Mapping[str, Duty], stop: asyncio.Event, *, drain_s: float
) -> None:
    """Run all duties until `stop` is set or one of them ends; then all must end within `drain_s`,
    or are cancelled. A duty's exception stops the others and is raised as an exception group.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_until_stopped(duty, stop), name=f"{name}.{duty_name}")
            for duty_name, duty in duties.items()
        ]
        await stop.wait()
        log.info("service_stopping", name=name)
        _, late = await asyncio.wait(tasks, timeout=drain_s) if tasks else (set(), set())
        for task in late:
            log.warning("duty_cancelled", duty=task.get_name())
            task.cancel()


async def _until_stopped(duty: Duty, stop: asyncio.Event) -> None:
    """A duty that ends by itself ends the process: what is left would only look alive."""
    try:
        await duty(stop)
    finally:
        stop.set()


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set. A second signal changes nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def run_service(name: str, duties: Mapping[str, Duty], *, drain_s: float) -> None:
    """`run_duties` until a signal comes: the last line of a service's main."""
    async with stop_on_signals() as stop:
        log.info("service_started", name=name)
        await run_duties(name, duties, stop, drain_s=drain_s)
    log.info("service_stopped", name=name)


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Sleep, but no longer than until `stop` is set; whether it is."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
