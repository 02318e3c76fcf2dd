"""What died with several workers is let in one by one."""

from __future__ import annotations

import asyncio

import pytest

from minuet.worker import Context, node
from minuet.worker.probation import Probation

from .support import Bench, bench, running

KEYS = [(0, "t", str(n)) for n in range(9)]


class Watch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_what_is_new_is_always_admitted() -> None:
    probation = Probation(Watch(), 30)
    assert not probation.begin(KEYS[0], 1)
    assert not probation.begin(KEYS[1], 2)
    assert probation.begin(KEYS[2], 5)
    assert probation.admits(1)
    assert probation.admits(2)


def test_a_suspect_keeps_the_next_one_out_for_a_while() -> None:
    watch = Watch()
    probation = Probation(watch, 30)
    assert probation.admits(3)
    probation.begin(KEYS[0], 3)
    assert not probation.admits(3)
    watch.now += 30
    assert probation.admits(3)
    probation.begin(KEYS[1], 3)
    assert not probation.admits(3)
    probation.end(KEYS[1])
    assert probation.admits(3)


@pytest.mark.parametrize("deliveries", [4, 5, 99])
def test_who_died_with_three_has_no_suspect_beside_it_at_all(deliveries: int) -> None:
    watch = Watch()
    probation = Probation(watch, 30)
    probation.begin(KEYS[0], 3)
    watch.now += 3600
    assert not probation.admits(deliveries)
    probation.end(KEYS[0])
    assert probation.admits(deliveries)
    probation.begin(KEYS[1], deliveries)
    watch.now += 3600
    assert not probation.admits(3)
    assert not probation.admits(4)
    assert probation.admits(2)


async def die(b: Bench, worker: str) -> int:
    """Take everything as a worker that vanishes; how many entries."""
    taken = await b.bus.take({"waiting": [0]}, worker, count=99, block_ms=0)
    await b.bus.claim(
        0, "waiting", "other", min_idle_ms=0, limit=99, max_deliveries=5, lost=b"{}",
        cancelled=b"{}",
    )  # fmt: skip
    return len(taken)


@pytest.mark.anyio
async def test_suspects_run_one_by_one_and_wait_without_being_counted() -> None:
    together: list[int] = []
    now = 0

    @node("waiting", effect="once")
    async def waiting(ctx: Context) -> None:
        nonlocal now
        now += 1
        together.append(now)
        await asyncio.sleep(0.4)  # longer than a look at the others
        now -= 1

    b = bench(waiting)
    await b.emit(*[[b.token("waiting")] for _ in range(4)])
    for worker in ("first", "second"):
        assert await die(b, worker) == 4
    async with running(b.worker(slots=8, lease_ms=60_000)):
        outcomes = await b.collect(4, 20)
    assert together == [1, 1, 1, 1]
    assert {each.port for each in outcomes.values()} == {"success"}


@pytest.mark.anyio
async def test_new_work_goes_on_beside_a_suspect() -> None:
    release, new = asyncio.Event(), asyncio.Event()
    seen: list[str] = []

    @node("waiting", effect="once")
    async def waiting(ctx: Context, name: str) -> None:
        seen.append(name)
        if name == "suspect":
            await release.wait()
        elif name == "new":
            new.set()

    b = bench(waiting)
    await b.emit([b.token("waiting", {"name": "suspect"})], [b.token("waiting", {"name": "other"})])
    for worker in ("first", "second"):
        await die(b, worker)
    async with running(b.worker(slots=8, lease_ms=60_000)):
        async with asyncio.timeout(5):
            while not seen:
                await asyncio.sleep(0)
            await b.emit([b.token("waiting", {"name": "new"})])
            await new.wait()
        assert seen == ["suspect", "new"]
        release.set()
        await b.collect(3, 10)
    assert seen[2] == "other"
