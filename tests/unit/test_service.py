"""Duties run until they are told to stop; one that ends or fails takes the others with it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from minuet.service import run_duties, stop_on_signals, stopped_within

pytestmark = pytest.mark.anyio
LONG_S = 30.0


async def test_all_duties_are_told_to_stop_and_finish_what_they_have() -> None:
    finished: list[str] = []

    async def duty(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0)
        finished.append("done")

    stop = asyncio.Event()
    running = asyncio.create_task(run_duties("s", {"a": duty, "b": duty}, stop, drain_s=LONG_S))
    await asyncio.sleep(0)
    assert not running.done()
    stop.set()
    await running
    assert finished == ["done", "done"]


async def test_a_duty_that_ends_by_itself_stops_the_others() -> None:
    async def short(stop: asyncio.Event) -> None:
        return

    async def long(stop: asyncio.Event) -> None:
        await stop.wait()

    async with asyncio.timeout(5):
        await run_duties("s", {"a": short, "b": long}, asyncio.Event(), drain_s=LONG_S)


async def test_a_failing_duty_stops_the_others_and_is_told() -> None:
    cancelled = asyncio.Event()

    async def failing(stop: asyncio.Event) -> None:
        raise RuntimeError("boom")

    async def deaf(stop: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(ExceptionGroup) as failure:
        await run_duties("s", {"a": failing, "b": deaf}, asyncio.Event(), drain_s=LONG_S)
    assert failure.group_contains(RuntimeError, match="boom")
    assert cancelled.is_set()


async def test_a_duty_that_does_not_drain_in_time_is_cancelled() -> None:
    async def deaf(stop: asyncio.Event) -> None:
        await asyncio.Event().wait()

    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(5):
        await run_duties("s", {"a": deaf}, stop, drain_s=0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_set_the_event_and_a_second_one_changes_nothing(number: int) -> None:
    async with stop_on_signals() as stop, asyncio.timeout(5):
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        await stop.wait()
        os.kill(os.getpid(), number)
        await asyncio.sleep(0)


async def test_a_pause_ends_early_when_it_is_to_stop() -> None:
    stop = asyncio.Event()
    assert not await stopped_within(stop, 0.001)
    stop.set()
    async with asyncio.timeout(5):
        assert await stopped_within(stop, LONG_S)
