"""Acquire, renew, release, takeover: who may write a partition."""

from __future__ import annotations

import pytest

from .rig import LONG_MS, SOON_MS, Bus, Rig, eventually, own

A_SIGNAL = [("k", b"start")]


async def test_first_acquisition_starts_at_zero(bus: Bus) -> None:
    before = await bus.now()
    lease = await bus.acquire(0, "a", LONG_MS)
    assert lease is not None
    assert (lease.p, lease.owner, lease.commit, lease.cursor) == (0, "a", 0, "0-0")
    assert lease.takeovers == 0
    assert before <= lease.now <= await bus.now()


async def test_held_partition_is_refused(bus: Bus) -> None:
    await own(bus, owner="a")
    assert await bus.acquire(0, "b", LONG_MS) is None


async def test_partitions_are_owned_apart(bus: Bus) -> None:
    await own(bus, 0, "a")
    assert await bus.acquire(1, "b", LONG_MS) is not None


async def test_own_lease_is_acquired_again(bus: Bus) -> None:
    writer = await own(bus, owner="a")
    await writer.commit(cursor="5-1")
    lease = await bus.acquire(0, "a", LONG_MS)
    assert lease is not None
    assert (lease.commit, lease.cursor) == (1, "5-1")


async def test_acquire_uses_the_given_instant(bus: Bus) -> None:
    lease = await bus.acquire(0, "a", 1000, now=10_000)
    assert lease is not None
    assert lease.now == 10_000
    assert await bus.acquire(0, "b", 1000, now=10_999) is None
    taken = await bus.acquire(0, "b", 1000, now=11_000)
    assert taken is not None
    assert taken.owner == "b"


async def test_expired_lease_is_taken_over(bus: Bus) -> None:
    await own(bus, owner="a", lease_ms=SOON_MS)
    taken = await eventually(lambda: bus.acquire(0, "b", LONG_MS))
    assert taken.owner == "b"
    assert await bus.acquire(0, "a", LONG_MS) is None


async def test_new_owner_goes_on_where_the_last_commit_ended(bus: Bus) -> None:
    writer = await own(bus, owner="a")
    await writer.commit(cursor="7-0")
    await writer.commit(cursor="9-3")
    await bus.release(0, "a")
    lease = await bus.acquire(0, "b", LONG_MS)
    assert lease is not None
    assert (lease.commit, lease.cursor) == (2, "9-3")


async def test_renew_tells_the_commit_number(bus: Bus) -> None:
    writer = await own(bus, owner="a")
    assert await bus.renew(0, "a", LONG_MS) == 0
    await writer.commit()
    assert await bus.renew(0, "a", LONG_MS) == 1


async def test_renew_extends(bus: Bus) -> None:
    lease = await bus.acquire(0, "a", SOON_MS)
    assert lease is not None
    await bus.renew(0, "a", LONG_MS)
    late = lease.now + SOON_MS + 1
    assert await bus.acquire(0, "b", LONG_MS, now=late) is None


async def test_renewing_an_expired_lease_that_nobody_took_extends_it(bus: Bus) -> None:
    await bus.acquire(0, "a", 1000, now=10_000)
    assert await bus.renew(0, "a", LONG_MS) == 0
    assert await bus.acquire(0, "b", LONG_MS) is None


async def test_stranger_renews_nothing(bus: Bus) -> None:
    assert await bus.renew(0, "a", LONG_MS) is None
    await own(bus, owner="a")
    assert await bus.renew(0, "b", LONG_MS) is None


async def test_old_owner_does_not_renew_after_a_takeover(bus: Bus) -> None:
    await bus.acquire(0, "a", 1000, now=10_000)
    await bus.acquire(0, "b", LONG_MS)
    assert await bus.renew(0, "a", LONG_MS) is None
    assert await bus.renew(0, "b", LONG_MS) == 0


async def test_release_frees_at_once(bus: Bus) -> None:
    await own(bus, owner="a")
    assert await bus.release(0, "a") is True
    assert await bus.renew(0, "a", LONG_MS) is None
    assert await bus.acquire(0, "b", LONG_MS) is not None


async def test_release_by_a_stranger_changes_nothing(bus: Bus) -> None:
    assert await bus.release(0, "a") is False
    await own(bus, owner="a")
    assert await bus.release(0, "b") is False
    assert await bus.renew(0, "a", LONG_MS) == 0


async def _die(bus: Bus, times: int, *, start: int = 0) -> list[int]:
    """That many owners expire one after the other; the takeover counts that they saw."""
    seen = []
    for i in range(start, start + times):
        lease = await bus.acquire(0, f"owner-{i}", 10, now=1_000 + 100 * i)
        assert lease is not None
        seen.append(lease.takeovers)
    return seen


async def test_takeovers_at_the_same_unread_signal_are_counted(bus: Bus) -> None:
    await bus.send(0, [A_SIGNAL, A_SIGNAL])
    assert await _die(bus, 6) == [0, 1, 2, 3, 4, 5]


async def test_takeovers_without_unread_signals_count_nothing(bus: Bus) -> None:
    assert await _die(bus, 3) == [0, 0, 0]


async def test_progress_starts_the_count_again(bus: Bus) -> None:
    await bus.send(0, [A_SIGNAL, A_SIGNAL])
    assert await _die(bus, 3) == [0, 1, 2]
    first, _ = await bus.read_signals({0: "0-0"}, count=2, block_ms=0)
    writer = await own(bus, owner="owner-2")
    await writer.commit(cursor=first.id)
    await bus.acquire(0, "owner-2", 10, now=1_200)
    assert await _die(bus, 2, start=3) == [1, 2]


async def test_a_release_is_no_takeover(bus: Bus) -> None:
    await bus.send(0, [A_SIGNAL])
    assert await _die(bus, 3) == [0, 1, 2]
    await bus.release(0, "owner-2")
    assert await _die(bus, 2, start=3) == [2, 3]


@pytest.mark.parametrize("p", [0, 3])
async def test_a_lost_server_forgets_the_lease(rig: Rig, p: int) -> None:
    writer = await own(rig.bus, p, "a")
    await writer.commit(cursor="4-4")
    await rig.lose()
    assert await rig.bus.renew(p, "a", LONG_MS) is None
    lease = await rig.bus.acquire(p, "b", LONG_MS)
    assert lease is not None
    assert (lease.commit, lease.cursor) == (0, "0-0")


# ── live coordinators ──────────────────────────────────────────────────────────────────────────


async def test_join_counts_the_live_ones_with_oneself(bus: Bus) -> None:
    assert await bus.join("a", stale_after_ms=LONG_MS) == 1
    assert await bus.join("b", stale_after_ms=LONG_MS) == 2
    assert await bus.join("a", stale_after_ms=LONG_MS) == 2


async def test_who_leaves_counts_no_more(bus: Bus) -> None:
    await bus.join("a", stale_after_ms=LONG_MS)
    await bus.leave("a")
    await bus.leave("unknown")
    assert await bus.join("b", stale_after_ms=LONG_MS) == 1


async def test_a_silent_coordinator_counts_no_more(bus: Bus) -> None:
    await bus.join("silent", stale_after_ms=SOON_MS)

    async def alone() -> bool:
        return await bus.join("a", stale_after_ms=LONG_MS) == 1

    assert await eventually(alone)
