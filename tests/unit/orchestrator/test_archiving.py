"""What Redis brought back alive is archived, and waits for nothing any more."""

from __future__ import annotations

import msgspec
import pytest

from minuet.bus.api import Commit
from minuet.bus.memory import MemoryBus
from minuet.model.signal import Archived
from minuet.services.orchestrator.archiving import archive
from minuet.store.history import EndedRun

pytestmark = pytest.mark.anyio


async def test_the_owner_hears_of_each_run_and_their_timers_go() -> None:
    bus = MemoryBus()
    lease = await bus.acquire(0, "o", 60_000)
    assert lease is not None
    timers = [("wait 0-a/n/1/1", 1), ("deadline 0-b", 1), ("forget 0-b", 1), ("deadline 0-c", 1)]
    await bus.commit(Commit(0, "o", lease.commit, "0-0", timers_add=timers))
    await archive(bus, 0, [EndedRun("0-a", 0, 3), EndedRun("0-b", 0, 4)])
    await bus.fire_timers(0, limit=9)
    *archived, fired = await bus.read_signals({0: "0-0"}, count=9, block_ms=0)
    told = [msgspec.json.decode(dict(each.fields)["s"], type=Archived) for each in archived]
    assert told == [Archived("0-a", 3), Archived("0-b", 4)]
    assert {name for name, _ in fired.fields[1:]} == {"deadline 0-c", "forget 0-b"}


async def test_nothing_is_sent_for_nobody() -> None:
    bus = MemoryBus()
    await archive(bus, 0, [])
    assert await bus.read_signals({0: "0-0"}, count=9, block_ms=0) == []
