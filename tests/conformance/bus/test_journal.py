"""How far executions got."""

from __future__ import annotations

from .rig import Bus, Rig, eventually

FIRST, SECOND, OTHER = ("sha256:" + letter * 64 for letter in "abc")


async def test_a_journal_starts_empty_and_moves_on(bus: Bus) -> None:
    assert await bus.journal_at("t", "k") is None
    assert await bus.move_journal("t", "k", None, FIRST, ttl_s=60)
    assert await bus.move_journal("t", "k", FIRST, SECOND, ttl_s=60)
    assert await bus.journal_at("t", "k") == SECOND
    assert await bus.journal_at("other", "k") is None


async def test_a_move_from_elsewhere_is_refused(bus: Bus) -> None:
    assert not await bus.move_journal("t", "k", FIRST, SECOND, ttl_s=60)
    assert await bus.journal_at("t", "k") is None
    assert await bus.move_journal("t", "k", None, FIRST, ttl_s=60)
    assert not await bus.move_journal("t", "k", None, OTHER, ttl_s=60)
    assert await bus.journal_at("t", "k") == FIRST


async def test_a_move_whose_answer_was_lost_may_be_repeated(bus: Bus) -> None:
    assert await bus.move_journal("t", "k", None, FIRST, ttl_s=60)
    assert await bus.move_journal("t", "k", None, FIRST, ttl_s=60)
    assert await bus.journal_at("t", "k") == FIRST


async def test_a_journal_expires_unless_it_moves(rig: Rig) -> None:
    bus = rig.bus
    await bus.move_journal("t", "old", None, FIRST, ttl_s=1)
    await bus.move_journal("t", "moved", None, FIRST, ttl_s=1)
    await bus.move_journal("t", "moved", FIRST, SECOND, ttl_s=60)

    async def gone() -> bool:
        return await bus.journal_at("t", "old") is None

    await eventually(gone)
    assert await bus.journal_at("t", "moved") == SECOND
