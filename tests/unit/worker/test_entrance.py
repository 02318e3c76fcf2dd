"""A worker takes nothing from a server that came back before that was compared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from minuet.bus.api import Delivery
from minuet.bus.memory import MemoryBus
from minuet.bus.voucher import Finding, Voucher
from minuet.services.orchestrator.vouching import Vouching
from minuet.worker import Context, node
from minuet.worker.entrance import Entrance

from .support import bench, running

pytestmark = pytest.mark.anyio


async def compare(bus: MemoryBus) -> None:
    vouching = Vouching(bus)
    await vouching.look(1)
    await vouching.end(await vouching.begin())


async def test_a_server_that_was_never_compared_is_taken_from() -> None:
    bus = MemoryBus()
    assert await Entrance(bus, lambda: [0]).is_open()


async def test_it_asks_once_a_connection() -> None:
    bus = MemoryBus()
    entrance = Entrance(bus, lambda: [0])
    assert await entrance.is_open()
    bus.fail_next("unvouched")
    assert await entrance.is_open()


@pytest.mark.parametrize("how", ["reconnected", "failed"])
async def test_it_shuts_with_every_return_of_the_server(how: str) -> None:
    bus = MemoryBus()
    entrance = Entrance(bus, lambda: [0])
    await compare(bus)
    assert await entrance.is_open()
    if how == "reconnected":
        bus.rewind(bus.snapshot())
    else:
        old = Voucher(Finding.COMPARED, 0, "e", "another").encode()
        [present] = await bus.vouchers(1)
        await bus.vouch(0, before=present, after=old)
        assert await entrance.is_open()
        entrance.doubt()
    assert not await entrance.is_open()
    await compare(bus)
    assert await entrance.is_open()


async def test_tokens_that_a_copy_brings_back_are_not_run_before_it_was_compared() -> None:
    runs: list[str] = []

    @node("noted", effect="pure")
    def noted(ctx: Context) -> None:
        runs.append(ctx.run_id)

    stand = bench(noted)
    await compare(stand.bus)
    token, raw = stand.token("noted")
    await stand.emit([(token, raw)])
    copy = stand.bus.snapshot()
    async with running(stand.worker()):
        await stand.collect(1)
        asked = asyncio.Event()
        real = stand.bus.unvouched

        async def unvouched(partitions: Sequence[int]) -> list[int]:
            found = await real(partitions)
            asked.set()
            return found

        stand.bus.unvouched = unvouched  # type: ignore[method-assign]
        stand.bus.fail_next("take")  # the one under way: a restart cuts its connection
        stand.bus.rewind(copy)
        async with asyncio.timeout(5):
            await asked.wait()
        run = token.split("/")[0]
        assert await stand.bus.task_tokens(0, "noted", limit=9) == {token}
        assert await stand.bus.withdraw(0, {run}) == 1
        await compare(stand.bus)
    assert runs == [run]


async def test_what_was_taken_over_a_new_connection_goes_back() -> None:
    """The call was made when the connection was gone, and went to the server that came back."""
    runs: list[str] = []

    @node("noted", effect="pure")
    def noted(ctx: Context) -> None:
        runs.append(ctx.run_id)

    stand = bench(noted)
    await compare(stand.bus)
    token, raw = stand.token("noted")
    await stand.emit([(token, raw)])
    copy = stand.bus.snapshot()
    async with running(stand.worker()):
        await stand.collect(1)
        given_back = asyncio.Event()
        real = stand.bus.surrender

        async def surrender(delivery: Delivery, consumer: str) -> bool:
            found = await real(delivery, consumer)
            given_back.set()
            return found

        stand.bus.surrender = surrender  # type: ignore[method-assign]
        stand.bus.rewind(copy)
        async with asyncio.timeout(5):
            await given_back.wait()
        run = token.split("/")[0]
        assert await stand.bus.withdraw(0, {run}) == 1
        await compare(stand.bus)
    assert runs == [run]
