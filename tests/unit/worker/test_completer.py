"""Results on their way: what one partition's node refuses must not hold up the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from minuet.bus.api import Commit, Done
from minuet.bus.api import Page as Entry
from minuet.bus.memory import MemoryBus
from minuet.model.errors import BusUnavailable
from minuet.worker import node
from minuet.worker.completer import Completer
from minuet.worker.page import Page
from minuet.worker.registry import spec_of


@node("test.nothing", effect="pure")
def nothing() -> None: ...


class HalfBus(MemoryBus):
    """Of a cluster: the node of partition 1 may be away. What a call brings to others stays."""

    def __init__(self) -> None:
        super().__init__()
        self.away = asyncio.Event()
        self.refused = asyncio.Event()

    async def complete(self, done: Sequence[Done]) -> list[bool]:
        reached = [each for each in done if each.p != 1 or not self.away.is_set()]
        answers = await super().complete(reached)
        if len(reached) < len(done):
            self.refused.set()
            raise BusUnavailable("one node is away")
        return answers


async def pages(bus: MemoryBus, p: int, count: int) -> list[Page]:
    """In the hands of a consumer."""
    spec = spec_of(nothing)
    assert spec is not None
    lease = await bus.acquire(p, "o", 60_000)
    assert lease is not None
    entries = [Entry(spec.name, [(f"{p}-r/n{i}/1/1", b"{}")]) for i in range(count)]
    await bus.commit(Commit(p, "o", lease.commit, "0-0", pages=entries))
    taken = await bus.take({spec.name: [p]}, "w", count=count, block_ms=0)
    loop = asyncio.get_running_loop()
    return [Page(delivery, spec, time.monotonic(), loop) for delivery in taken]


async def test_results_of_other_partitions_do_not_wait_for_a_node_that_is_away() -> None:
    bus = HalfBus()
    reported: list[Page] = []
    completer = Completer(bus, reported.append)
    here, there = await pages(bus, 0, 2), await pages(bus, 1, 1)
    bus.away.set()
    for page in (here[0], there[0]):
        completer.add(page)
    await bus.refused.wait()
    completer.add(here[1])
    async with asyncio.timeout(5):
        while len(reported) < 2:
            await asyncio.sleep(0)
    assert reported == here
    draining = asyncio.create_task(completer.drain())
    bus.away.clear()
    await asyncio.wait_for(draining, 5)
    assert reported == [*here, *there]
