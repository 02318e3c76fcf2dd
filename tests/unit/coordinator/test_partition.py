"""What stays in memory while commits are under way, and what a lost partition leaves behind."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from minuet.bus.api import Commit
from minuet.bus.memory import MemoryBus
from minuet.ir.advance import advance
from minuet.model.errors import BusUnavailable, StoreUnavailable
from minuet.model.ir import Ir, IrNode, IrRetry
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import Failure, Outcome
from minuet.services.coordinator import partition as partition_module
from minuet.services.coordinator import routing

from .desk import Desk
from .harness import Bench, chain

pytestmark = pytest.mark.anyio


class SlowBus(MemoryBus):
    """Commits wait for `gate` before they take effect."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, commit: Commit) -> int:
        await self.gate.wait()
        return await super().commit(commit)


async def test_run_is_not_evicted_under_the_batch_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An acknowledgement that comes while a batch is loading must not take its runs away."""
    monkeypatch.setattr(partition_module, "MAX_CACHED_RUNS", 1)
    bench, ir = Bench(), chain(2)
    bench.bus = bus = SlowBus()
    desk = await Desk.open(bench, 3)
    digest = await bench.put_ir(ir)
    for name in ("a", "b", "c"):
        await bench.start(f"3-{name}", digest)
    bus.gate.clear()
    await desk.route()
    await desk.done("3-a/n0/1/1")
    await desk.done("3-unknown/n0/1/1")  # makes the batch load, and so wait
    real = bus.load_runs
    asyncio.get_running_loop().call_soon(bus.gate.set)

    async def load_runs(p, runs):  # type: ignore[no-untyped-def]
        await desk.partition.drained()
        return await real(p, runs)

    bus.load_runs = load_runs  # type: ignore[method-assign]
    await desk.step()
    assert (await desk.stored(ir, "3-a")).frontier.cell(1)[0] == NodeStatus.READY


async def test_memory_is_bounded_and_evicted_runs_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_module, "MAX_CACHED_RUNS", 10)
    bench, ir = Bench(), chain(2)
    desk = await Desk.open(bench, 3)
    digest = await bench.put_ir(ir)
    for i in range(40):
        await bench.start(f"3-{i}", digest)
        await desk.route()
    await desk.done("3-nobody/n0/1/1")
    await desk.step()
    assert len(desk.partition.states) <= 11
    for i in range(40):
        await desk.done(f"3-{i}/n0/1/1")
    await desk.steps()
    for i in range(40):
        assert (await desk.stored(ir, f"3-{i}")).frontier.cell(1)[0] == NodeStatus.READY


async def test_timer_of_a_slow_commit_is_noticed_when_it_is_there() -> None:
    """It was due, and Redis asked in vain, before the commit arrived."""
    retry = IrRetry(3, 1, 1.0, 1)
    ir = Ir(workflow="w", nodes=[IrNode(id="a", type="noop", retry=retry)], edges=[])
    bench = Bench()
    bench.bus = bus = SlowBus()
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    await desk.done("3-x/a/1/1", Outcome(port="error", failure=Failure("boom", "no")))
    bus.gate.clear()
    await desk.route()
    desk.partition.next_timer_at = None  # the timer duty asked, and Redis knew of none
    bus.gate.set()
    await desk.partition.drained()
    assert desk.partition.next_timer_at is not None


async def test_store_that_fails_while_routing_leaves_no_half_applied_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run a was advanced in memory, run b breaks and its plan cannot be read: a must not stay
    ahead of Redis."""
    bench, ir = Bench(), chain(2)
    desk = await Desk.open(bench, 3)
    digest = await bench.put_ir(ir)
    await bench.start("3-a", digest)
    await bench.start("3-b", digest)
    await desk.step()
    real = advance

    def breaks(state, *args):  # type: ignore[no-untyped-def]
        if state.run == "3-b":
            raise RuntimeError("a bug")
        return real(state, *args)

    async def away(tenant: str, digest: str) -> bytes:
        raise StoreUnavailable("away")

    monkeypatch.setattr(routing, "advance", breaks)
    desk.router._loader._plans._plans._kept.clear()
    bench.blobs.get, get = away, bench.blobs.get  # type: ignore[method-assign]
    await desk.done("3-a/n0/1/1")
    await desk.done("3-b/n0/1/1")
    with pytest.raises(StoreUnavailable):
        await desk.step()
    assert desk.partition.lost
    bench.blobs.get = get  # type: ignore[method-assign]
    await bench.bus.release(3, "o1")
    desk = await Desk.open(bench, 3, "o2")
    await desk.steps()
    assert (await desk.stored(ir, "3-a")).frontier.cell(1)[0] == NodeStatus.READY
    assert (await desk.stored(ir, "3-b")).status is RunStatus.FAILED


@pytest.mark.parametrize("after_effect", [False, True])
async def test_commits_behind_a_lost_one_change_nothing_that_the_next_owner_misses(
    after_effect: bool,
) -> None:
    bench, ir = Bench(), chain(3)
    desk = await Desk.open(bench, 3)
    digest = await bench.put_ir(ir)
    bench.bus.fail_next("commit", BusUnavailable("cut"), after_effect=after_effect)
    for name in ("a", "b", "c"):
        await bench.start(f"3-{name}", digest)
        if not desk.partition.lost:
            await desk.route()
    await desk.partition.drained()
    assert desk.partition.lost
    assert not desk.partition.states
    await bench.bus.release(3, "o1")
    desk = await Desk.open(bench, 3, "o2")
    await desk.steps()
    records = await bench.records()
    assert sorted(records) == ["3-a", "3-b", "3-c"]
    assert all(len(of_run) == 1 for of_run in records.values())


async def test_start_without_its_document_is_left_to_the_relay() -> None:
    bench, ir = Bench(), chain(1)
    desk = await Desk.open(bench, 3)
    digest = await bench.put_ir(ir)
    held = bench.blobs.held.pop(digest)
    await bench.start("3-x", digest)
    await desk.step()
    bench.blobs.held[digest] = held
    await bench.start("3-x", digest)
    await desk.step()
    assert (await desk.stored(ir, "3-x")).status is RunStatus.RUNNING


async def test_late_start_and_forget_of_an_archived_run() -> None:
    bench, ir = Bench(), chain(1)
    desk = await Desk.open(bench, 3)
    digest = await bench.put_ir(ir)
    await bench.start("3-x", digest)
    await desk.step()
    await desk.done("3-x/n0/1/1")
    await desk.step()
    archived = [("k", b"archived"), ("s", msgspec.json.encode({"run": "3-x", "seq": 4}))]
    for _ in range(2):
        await bench.bus.send(3, [archived])
        await desk.step()
    await bench.start("3-x", digest)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    part = bench.bus.snapshot().partitions[3]
    assert set(part.runs["3-x"]) == {"head"}
    assert "forget 3-x" in part.timers
    await bench.bus.send(3, [[("k", b"timer"), ("forget 3-x", b"1")]])
    await desk.step()
    assert "3-x" not in bench.bus.snapshot().partitions[3].runs
    assert len((await bench.records())["3-x"]) == 2
