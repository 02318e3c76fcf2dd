"""Losses of Redis are noticed once each, and vouched for only by who compared since."""

from __future__ import annotations

import pytest

from minuet.bus.memory import MemoryBus
from minuet.bus.voucher import Finding, Voucher, may_be_stale
from minuet.services.orchestrator.vouching import Vouching

pytestmark = pytest.mark.anyio


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


async def compare(vouching: Vouching, partitions: int = 2) -> list[tuple[int, bool]]:
    """One whole comparison; what was in doubt, and whether it was emptied."""
    await vouching.look(partitions)
    doubts = await vouching.begin()
    await vouching.end(doubts)
    return [(doubt.p, doubt.is_emptied) for doubt in doubts]


async def test_a_new_server_is_compared_once(bus: MemoryBus) -> None:
    vouching = Vouching(bus)
    assert await compare(vouching) == [(0, True), (1, True)]
    assert await compare(vouching) == []


async def test_what_another_orchestrator_compared_is_not_compared_again(bus: MemoryBus) -> None:
    await compare(Vouching(bus))
    assert await compare(Vouching(bus)) == []


async def test_an_emptied_server_is_noticed(bus: MemoryBus) -> None:
    vouching = Vouching(bus)
    await compare(vouching)
    bus.empty()
    assert await vouching.look(2)
    assert vouching.in_doubt == [0, 1]


async def test_a_server_that_was_restarted_is_doubted_until_it_was_compared(
    bus: MemoryBus,
) -> None:
    vouching = Vouching(bus)
    await compare(vouching)
    bus.rewind(bus.snapshot())
    assert await bus.unvouched([0, 1]) == [0, 1]
    assert await vouching.look(2)
    doubts = await vouching.begin()
    assert [doubt.is_emptied for doubt in doubts] == [False, False]
    assert await bus.unvouched([0, 1]) == [0, 1]
    await vouching.end(doubts)
    assert await bus.unvouched([0, 1]) == []


async def test_nobody_waits_for_the_comparison_of_an_emptied_server(bus: MemoryBus) -> None:
    vouching = Vouching(bus)
    await vouching.look(1)
    await vouching.begin()
    assert await bus.unvouched([0]) == []


async def test_a_loss_during_the_comparison_is_not_vouched_for(bus: MemoryBus) -> None:
    vouching = Vouching(bus)
    await vouching.look(1)
    doubts = await vouching.begin()
    bus.empty()
    await vouching.end(doubts)
    assert await compare(vouching, 1) == [(0, True)]


async def test_a_restart_during_the_comparison_is_not_vouched_for(bus: MemoryBus) -> None:
    vouching = Vouching(bus)
    await vouching.look(1)
    doubts = await vouching.begin()
    bus.rewind(bus.snapshot())
    await vouching.end(doubts)
    await vouching.look(1)
    assert vouching.in_doubt == [0]


async def test_an_unfinished_comparison_is_begun_again_by_the_next(bus: MemoryBus) -> None:
    first, second = Vouching(bus), Vouching(bus)
    await first.look(1)
    doubts = await first.begin()
    assert await compare(second, 1) == [(0, True)]
    await first.end(doubts)  # the first one had only stalled
    [text] = await bus.vouchers(1)
    assert text is not None
    assert Voucher.decode(text).holds(await bus.server_id())


async def test_a_bystander_notices_a_loss_that_another_healed(bus: MemoryBus) -> None:
    healer, bystander = Vouching(bus), Vouching(bus)
    await compare(healer)
    assert not await bystander.look(2)
    bus.empty()
    await compare(healer)
    assert await bystander.look(2)
    assert not await bystander.look(2)
    assert bystander.in_doubt == []


async def test_more_partitions_are_no_loss(bus: MemoryBus) -> None:
    vouching = Vouching(bus)
    await compare(vouching, 1)
    assert not await vouching.look(3)
    assert vouching.in_doubt == [1, 2]


async def test_a_voucher_says_when_it_was_last_renewed(bus: MemoryBus) -> None:
    now = [1_000]
    bus = MemoryBus(clock=lambda: now[0])
    vouching = Vouching(bus)
    await compare(vouching, 1)
    now[0] = 2_000
    await vouching.look(1)
    await vouching.renew()
    bus.rewind(bus.snapshot())
    now[0] = 3_000
    await vouching.look(1)
    [doubt] = await vouching.begin()
    assert doubt.voucher.at == 2_000


@pytest.mark.parametrize("text", ["", "compared", "compared x e s", "found 1 e s"])
def test_what_cannot_be_read_is_doubted(text: str) -> None:
    assert Voucher.decode(text).finding is Finding.DOUBTED
    assert may_be_stale(text, "s")
