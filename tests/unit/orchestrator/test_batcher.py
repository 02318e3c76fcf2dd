from __future__ import annotations

import asyncio

import pytest

from minuet.services.orchestrator.batcher import Batcher


async def test_calls_made_while_a_batch_is_under_way_make_up_the_next_one() -> None:
    batches: list[list[int]] = []
    gate = asyncio.Event()

    async def run(items: list[int]) -> list[int]:
        batches.append(items)
        await gate.wait()
        return [item * 10 for item in items]

    batcher: Batcher[int, int] = Batcher(run, max_items=3)
    calls = [asyncio.create_task(batcher.submit(0))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calls += [asyncio.create_task(batcher.submit(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*calls) == [0, 10, 20, 30, 40, 50]
    assert batches == [[0], [1, 2, 3], [4, 5]]


async def test_an_exception_among_the_results_reaches_its_caller_alone() -> None:
    async def run(items: list[int]) -> list[int | Exception]:
        return [ValueError("odd") if item % 2 else item for item in items]

    batcher: Batcher[int, int] = Batcher(run)
    results = await asyncio.gather(*map(batcher.submit, range(3)), return_exceptions=True)
    assert [results[0], results[2]] == [0, 2]
    assert isinstance(results[1], ValueError)


async def test_a_failed_batch_fails_every_caller_and_the_next_one_goes_on() -> None:
    async def run(items: list[int]) -> list[int]:
        if 1 in items:
            raise OSError("away")
        return items

    batcher: Batcher[int, int] = Batcher(run)
    failed = await asyncio.gather(*map(batcher.submit, (0, 1)), return_exceptions=True)
    assert all(isinstance(error, OSError) for error in failed)
    assert await batcher.submit(2) == 2


async def test_a_caller_that_gives_up_does_not_stop_the_others() -> None:
    gate = asyncio.Event()

    async def run(items: list[int]) -> list[int]:
        await gate.wait()
        return items

    batcher: Batcher[int, int] = Batcher(run)
    first, second = (asyncio.create_task(batcher.submit(number)) for number in (1, 2))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == 2
    with pytest.raises(asyncio.CancelledError):
        await first
    await batcher.drain()


async def test_a_call_right_after_an_answer_is_served() -> None:
    async def run(items: list[int]) -> list[int]:
        return items

    batcher: Batcher[int, int] = Batcher(run)
    async with asyncio.timeout(5):
        for number in range(100):
            assert await batcher.submit(number) == number
