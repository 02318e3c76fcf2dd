"""The router of one partition without its loops: a test decides when it reads and commits."""

from __future__ import annotations

import time
from typing import Self

import msgspec

from minuet.bus.api import Entry
from minuet.cas.plans import PlanCache
from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.model.canonical import canonical_json, digest
from minuet.model.event import Event, TransitionRecord
from minuet.model.ir import Ir
from minuet.model.signal import Restore, RunSignal, Start
from minuet.model.state import RunSnapshot
from minuet.model.token import CasRef, Outcome
from minuet.services.coordinator.batch import decode_batch
from minuet.services.coordinator.clock import RedisClock
from minuet.services.coordinator.loading import Loader
from minuet.services.coordinator.partition import OwnedPartition
from minuet.services.coordinator.routing import BatchRouter

from .harness import Bench, decode_events


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Desk:
    """Owns partition `p`; `lost` collects partitions that gave up."""

    def __init__(self, bench: Bench, partition: OwnedPartition, router: BatchRouter) -> None:
        self.bench = bench
        self.partition = partition
        self.router = router

    @classmethod
    async def open(cls, bench: Bench, p: int, owner: str = "o1") -> Self:
        clock = RedisClock(wall_ms)
        lease = await bench.bus.acquire(p, owner, 60_000)
        assert lease is not None
        stale = await bench.bus.stale_runs(p)
        partition = OwnedPartition(lease, bench.bus, clock, lambda p: None, stale)
        plans = PlanCache(bench.blobs)
        router = BatchRouter(Loader(bench.bus, plans, bench.blobs), plans, bench.blobs, clock, {})
        return cls(bench, partition, router)

    async def read(self) -> list[Entry]:
        p = self.partition.p
        return await self.bench.bus.read_signals({p: self.partition.cursor}, count=512, block_ms=0)

    async def step(self, *, refuse: bool = False) -> None:
        """Route one batch and wait for its commit."""
        await self.route(refuse=refuse)
        await self.partition.drained()

    async def route(self, *, refuse: bool = False) -> None:
        await self.router.route(self.partition, decode_batch(await self.read()), refuse=refuse)

    async def steps(self) -> None:
        """Until nothing is unread."""
        while await self.read():
            await self.step()

    async def signal(self, kind: str, signal: RunSignal) -> None:
        await send(self.bench, self.partition.p, kind, signal)

    async def done(self, token: str, outcome: Outcome | None = None) -> None:
        data = msgspec.json.encode(outcome or Outcome())
        await self.bench.bus.send(self.partition.p, [[("k", b"done"), (token, data)]])

    async def restore_of(
        self, ir: Ir, run: str, *, transitions: int, fork: bool = False
    ) -> Restore:
        """What the reconciler would send after the recorder had stored so many transitions."""
        records = (await self.bench.records())[run][:transitions]
        return restore(self.bench, ir, run, records, fork=fork)

    async def stored(self, ir: Ir, run: str) -> RunState:
        """The run as Redis holds it."""
        [loaded] = await self.bench.bus.load_runs(self.partition.p, [run])
        assert loaded is not None
        start = msgspec.json.decode(loaded.fields["meta"], type=Start)
        return RunState.from_hash(Plan(ir, start.ir), start, loaded.fields)


async def send(bench: Bench, p: int, kind: str, signal: RunSignal) -> None:
    await bench.bus.send(p, [[("k", kind.encode()), ("s", msgspec.json.encode(signal))]])


def folded(ir: Ir, run: str, records: list[TransitionRecord], last: str) -> RunState:
    """State after the history `records`, as the reconciler folds it."""
    start = Start(run=run, tenant="t", ir=ir_digest(ir), workflow="w", accepted_at=0)
    events: list[Event] = [event for record in records for event in decode_events(record)]
    state = fold(Plan(ir, start.ir), start, events)
    state.cmd, state.last = records[-1].cmd, last
    return state


def restore(
    bench: Bench, ir: Ir, run: str, records: list[TransitionRecord], *, fork: bool = False,
    last: str = "recorded/1",
) -> Restore:  # fmt: skip
    state = folded(ir, run, records, last)
    return restore_from(bench, state.snapshot(), run, state.seq, fork=fork)


def restore_from(
    bench: Bench, snapshot: RunSnapshot, run: str, seq: int, *, fork: bool = False
) -> Restore:
    data = msgspec.json.encode(snapshot)
    name = digest(data)
    bench.blobs.held[name] = data
    return Restore(run, "t", seq, CasRef(digest=name, size_bytes=len(data)), fork=fork)


def ir_digest(ir: Ir) -> str:
    return digest(canonical_json(msgspec.json.decode(msgspec.json.encode(ir))))
