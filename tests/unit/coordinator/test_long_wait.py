"""A wait of ten minutes on a virtual clock, over a restart of every coordinator."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from minuet.bus.memory import MemoryBus
from minuet.bus.memory_core import wait_real
from minuet.model.ir import Ir, IrNode
from minuet.model.status import RunStatus

from .harness import Bench

pytestmark = pytest.mark.anyio

LONG, SHORT = "0-long", "0-short"
MINUTE_MS = 60_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class VirtualTime:
    """The server's clock: stands still until somebody moves it."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


def wait_for(text: str) -> Ir:
    config = msgspec.Raw(msgspec.json.encode({"for": text}))
    return Ir(workflow="w", nodes=[IrNode("pause", "wait", config=config, inline=True)], edges=[])


async def status_of(bench: Bench, run: str) -> RunStatus | None:
    records = (await bench.records()).get(run)
    return RunStatus(records[-1].status) if records else None


async def until_status(bench: Bench, run: str, status: RunStatus) -> None:
    async with asyncio.timeout(10):
        while await status_of(bench, run) is not status:
            await asyncio.sleep(0.01)


async def test_a_wait_of_ten_minutes_ends_after_ten_minutes_and_not_before() -> None:
    time, bench = VirtualTime(), Bench()
    bench.bus = MemoryBus(clock=time, wait=wait_real)
    began = time.ms
    async with bench.coordinator():
        await bench.start(LONG, await bench.put_ir(wait_for("10m")))
        await bench.start(SHORT, await bench.put_ir(wait_for("1m")))
        for run in (LONG, SHORT):
            await until_status(bench, run, RunStatus.WAITING)
    time.ms = began + 10 * MINUTE_MS - 1
    async with bench.coordinator():
        # Once the short one has ended, the new owner has looked at the timers of both.
        await until_status(bench, SHORT, RunStatus.SUCCEEDED)
        assert await status_of(bench, LONG) is RunStatus.WAITING
    time.ms = began + 20 * MINUTE_MS
    async with bench.coordinator():
        await until_status(bench, LONG, RunStatus.SUCCEEDED)
