"""Leases that are lost, given back and suspected: nobody waits longer than must."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from minuet.bus.api import Commit
from minuet.bus.memory import MemoryBus
from minuet.bus.voucher import Finding, Voucher
from minuet.model.errors import BusUnavailable, StoreUnavailable
from minuet.model.status import RunStatus
from minuet.services.coordinator.clock import RedisClock
from minuet.services.coordinator.coordinator import monotonic_ms
from minuet.services.coordinator.ownership import Ownership
from minuet.services.coordinator.renewal import Held
from minuet.settings import CoordinatorSettings

from .harness import Bench, MemoryRenewer, chain
from .test_coordinator import succeed

pytestmark = pytest.mark.anyio

LONG = CoordinatorSettings(lease_ms=60_000, renew_ms=10_000)
POISON = "boom"


async def until(holds: Callable[[], bool], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.005)


def ownership(bench: Bench) -> Ownership:
    return Ownership(bench.bus, MemoryRenewer(bench.bus), RedisClock(monotonic_ms), LONG)


@asynccontextmanager
async def claiming(bench: Bench, partitions: int = 1) -> AsyncIterator[Ownership]:
    await bench.bus.publish_partitions(partitions)
    owner = ownership(bench)
    stop = asyncio.Event()
    task = asyncio.create_task(owner.run(stop))
    try:
        await until(lambda: len(owner.owned) == partitions)
        yield owner
    finally:
        stop.set()
        await task
        await owner.close()


async def test_partition_of_a_lost_reply_is_owned_again_at_once_and_suspects_nobody() -> None:
    bench = Bench()
    await bench.bus.send(0, [[("k", b"nonsense")]])
    async with claiming(bench) as owner:
        for cause in ("unknown_outcome", "fenced", "lease_lost", "server_went_back"):
            lost = owner.owned[0]
            lost.give_up(cause)
            await until(lambda lost=lost: owner.owned.get(0) not in (None, lost))  # type: ignore[misc]
        assert owner.owned[0].takeovers == 0


async def test_lease_behind_a_faulty_commit_is_left_to_lapse() -> None:
    bench = Bench()
    async with claiming(bench) as owner:
        former = owner.owned[0].owner
        owner.owned[0].give_up("error")
        await until(lambda: not owner.changed.is_set())
        lease = bench.bus.snapshot().partitions[0].lease
        assert lease is not None
        assert lease.owner == former


async def test_lost_reply_of_an_acquisition_costs_no_lease_time() -> None:
    bench = Bench()
    await bench.bus.publish_partitions(1)
    owner = ownership(bench)
    bench.bus.fail_next("acquire", BusUnavailable("cut"), after_effect=True)
    await owner._round()
    assert not owner.owned
    await owner._round()
    assert 0 in owner.owned
    await owner.close()


async def test_a_partition_that_cannot_be_claimed_does_not_keep_others() -> None:
    """Of a cluster one node may be away."""
    bench = Bench()
    await bench.bus.publish_partitions(3)
    owner = ownership(bench)
    bench.bus.fail_next("acquire", BusUnavailable("away"))
    await owner._round()
    assert len(owner.owned) == 2
    await owner._round()
    assert len(owner.owned) == 3
    await owner.close()


async def test_unknown_backlog_leaves_the_partition_owned() -> None:
    bench = Bench()
    await bench.bus.publish_partitions(1)
    owner = ownership(bench)
    bench.bus.fail_next("backlog", BusUnavailable("cut"))
    await owner._round()
    assert 0 in owner.owned
    await owner.close()


async def test_release_that_failed_is_repeated() -> None:
    bench = Bench()
    await bench.bus.publish_partitions(2)
    owner = ownership(bench)
    await owner._round()
    await bench.bus.join("another", stale_after_ms=60_000)
    bench.bus.fail_next("release", BusUnavailable("cut"))
    await owner._round()
    held = bench.bus.snapshot().partitions[1].lease
    assert held is not None
    assert held.owner is not None
    await owner._round()
    lease = bench.bus.snapshot().partitions[1].lease
    assert lease is not None
    assert lease.owner is None
    await owner.close()


async def test_slow_judgement_of_a_renewal_is_no_rollback() -> None:
    """The loop was busy: two answers are judged after a commit that neither could know of."""
    bench = Bench()
    await bench.bus.publish_partitions(1)
    owner = ownership(bench)
    await owner._round()
    partition = owner.owned[0]
    held = {0: Held(partition.owner, 0)}
    partition.acknowledged = 7
    owner._judge(held, {0: 0})
    owner._judge(held, {0: 0})
    assert owner.owned == {0: partition}
    owner._judge({0: Held(partition.owner, 7)}, {0: 6})
    assert not owner.owned
    await owner.close()


async def test_what_was_fired_and_stands_again_is_looked_for_after_a_reconnection() -> None:
    """No commit was lost, so no number tells; the owner thinks that no timer is set."""
    bench = Bench()
    async with claiming(bench) as owner:
        lost = owner.owned[0]
        lost.next_timer_at = None
        bench.bus.rewind(bench.bus.snapshot())
        owner.changed.set()
        await until(lambda: owner.owned.get(0) not in (None, lost))
        assert lost.lost_by == "reconnected"
        assert owner.owned[0].next_timer_at == 0


async def test_nobody_owns_what_may_have_gone_back_until_it_was_compared() -> None:
    bench = Bench()
    await bench.bus.publish_partitions(2)
    other = Voucher(Finding.COMPARED, 1, "e", "another start").encode()
    await bench.bus.vouch(1, before=None, after=other)
    owner = ownership(bench)
    await owner._round()
    assert owner.owned.keys() == {0}
    here = Voucher(Finding.COMPARED, 1, "e", await bench.bus.server_id()).encode()
    await bench.bus.vouch(1, before=other, after=here)
    await owner._round()
    assert owner.owned.keys() == {0, 1}
    await owner.close()


async def test_all_of_redis_is_lost_in_the_middle() -> None:
    bench = Bench()
    digest = await bench.put_ir(chain(3))
    async with bench.coordinator(2) as coordinator, bench.working(succeed, ["noop"]):
        await bench.start("0-a", digest)
        await bench.ended(1)
        bench.bus.flush()
        await until(lambda: not coordinator.ownership.owned)
        await bench.bus.publish_partitions(2)
        await bench.start("1-b", digest)
        await bench.ended(1)


async def test_stop_while_redis_is_away_ends_in_time() -> None:
    bench = Bench()
    digest = await bench.put_ir(chain(3))
    async with asyncio.timeout(5):
        async with bench.coordinator(8):
            await bench.start("0-a", digest)
            for method in ("read_signals", "commit", "release", "leave", "fire_timers", "acquire"):
                for _ in range(50):
                    bench.bus.fail_next(method, BusUnavailable("away"))


async def test_partition_without_the_store_does_not_hold_up_the_others() -> None:
    bench = Bench()
    present, missing = await bench.put_ir(chain(3)), await bench.put_ir(chain(4))
    real = bench.blobs.get
    away = [True]

    async def get(tenant: str, digest: str) -> bytes:
        if away[0] and digest == missing:
            raise StoreUnavailable("away")
        return await real(tenant, digest)

    bench.blobs.get = get  # type: ignore[method-assign]
    async with bench.coordinator(2), bench.working(succeed, ["noop"]):
        await bench.start("1-x", missing)
        for i in range(10):
            await bench.start(f"0-{i}", present)
            await bench.ended(i + 1, timeout_s=2)
        away[0] = False
        await bench.ended(11)


class DeadlyBus(MemoryBus):
    """A commit that routed a run named `boom` kills its process before it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.died = asyncio.Event()

    async def commit(self, commit: Commit) -> int:
        if self.died.is_set():
            await asyncio.Event().wait()
        for write in commit.runs:
            if write.run.endswith(POISON) and b'"internal_error"' not in (commit.event or b""):
                self.died.set()
                await asyncio.Event().wait()
        return await super().commit(commit)


@pytest.mark.parametrize("deadly", [[2], [0, 7], [1, 4, 5]])
async def test_deadly_signals_are_found_and_no_neighbour_is_refused(deadly: list[int]) -> None:
    """All partitions have unread signals whenever their owner dies; only the deadly are refused."""
    bench = Bench()
    bench.bus = bus = DeadlyBus()
    digest = await bench.put_ir(chain(1))
    for p in range(8):
        if p in deadly:
            await bench.start(f"{p}-{POISON}", digest)
        await bench.start(f"{p}-good", digest)
    await bus.publish_partitions(8)
    settings = CoordinatorSettings(lease_ms=60_000, renew_ms=10_000)
    for _life in range(20 * len(deadly)):
        bus.died.clear()
        await one_life(bench, settings)
        if len(await bench.records()) == 8 + len(deadly):
            break
        expire_leases(bench)
    records = await bench.records()
    refused = {run for run, of_run in records.items() if of_run[-1].status == RunStatus.FAILED}
    assert refused == {f"{p}-{POISON}" for p in deadly}
    assert len(records) == 8 + len(deadly)


async def one_life(bench: Bench, settings: CoordinatorSettings) -> None:
    """A coordinator until a signal kills it, or until all is done."""
    from minuet.services.coordinator.coordinator import Coordinator

    assert isinstance(bench.bus, DeadlyBus)
    coordinator = Coordinator(bench.bus, MemoryRenewer(bench.bus), bench.blobs, settings)
    task = asyncio.create_task(coordinator.run(asyncio.Event()))

    def quiet() -> bool:
        owned = coordinator.ownership.owned
        unread = [part.signals for part in bench.bus.snapshot().partitions.values()]
        return bench.bus.died.is_set() or (len(owned) == 8 and not any(map(len, unread)))  # type: ignore[attr-defined]

    await until(quiet)
    await kill(coordinator, task)


async def kill(coordinator, task: asyncio.Task[None]) -> None:  # type: ignore[no-untyped-def]
    """As `kill -9`: nothing is released."""
    owner = coordinator.ownership

    async def dead() -> None:
        await asyncio.to_thread(owner._renewal.stop)

    owner.close = dead
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for partition in owner.owned.values():
        for each in list(partition._under_way):
            each.cancel()


def expire_leases(bench: Bench) -> None:
    state = bench.bus.snapshot()
    for part in state.partitions.values():
        if part.lease is not None:
            part.lease.expires_at = 0
    state.coordinators.clear()
    bench.bus.rewind(state)
