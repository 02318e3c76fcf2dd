"""Tickets: taken once, gone after their time."""

from __future__ import annotations

from .rig import Bus, Rig, eventually


async def test_a_ticket_is_taken_once(bus: Bus) -> None:
    await bus.put_ticket("name", b"holder", ttl_s=60)
    assert await bus.take_ticket("name") == b"holder"
    assert await bus.take_ticket("name") is None


async def test_a_ticket_that_nobody_put(bus: Bus) -> None:
    assert await bus.take_ticket("name") is None


async def test_a_ticket_is_gone_after_its_time(rig: Rig) -> None:
    await rig.bus.put_ticket("name", b"holder", ttl_s=1)
    put_at = await rig.bus.now()

    async def time_is_over() -> bool:
        return await rig.bus.now() > put_at + 1_050

    await eventually(time_is_over)
    assert await rig.bus.take_ticket("name") is None
