"""What may have gone back is not built on, but not for ever."""

from __future__ import annotations

import pytest

from minuet.bus.gate import Gate
from minuet.bus.memory import MemoryBus
from minuet.bus.voucher import Finding, Voucher

pytestmark = pytest.mark.anyio

OLD = Voucher(Finding.COMPARED, 1, "e", "another server").encode()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def compared(bus: MemoryBus, p: int) -> None:
    voucher = Voucher(Finding.COMPARED, 2, "e", await bus.server_id()).encode()
    assert await bus.vouch(p, before=OLD, after=voucher)


async def test_it_opens_when_the_partition_was_compared() -> None:
    bus = MemoryBus()
    gate = Gate(bus)
    for p in (0, 1):
        await bus.vouch(p, before=None, after=OLD)
    assert await gate.shut([0, 1, 2]) == {0, 1}
    await compared(bus, 1)
    assert await gate.shut([0, 1, 2]) == {0}


async def test_it_opens_when_nobody_comes_to_compare() -> None:
    bus, clock = MemoryBus(), Clock()
    gate = Gate(bus, patience_s=10, clock=clock)
    await bus.vouch(0, before=None, after=OLD)
    assert await gate.shut([0]) == {0}
    clock.now = 9
    assert await gate.shut([0]) == {0}
    clock.now = 10
    assert await gate.shut([0]) == set()


async def test_patience_begins_anew_with_every_loss() -> None:
    bus, clock = MemoryBus(), Clock()
    gate = Gate(bus, patience_s=10, clock=clock)
    await bus.vouch(0, before=None, after=OLD)
    await gate.shut([0])
    await compared(bus, 0)
    clock.now = 20
    assert await gate.shut([0]) == set()
    bus.rewind(bus.snapshot())
    assert await gate.shut([0]) == {0}
