"""Many runs under two coordinators and a worker while calls fail and coordinators die.

Whatever the seed: every run ends once, each execution is recorded once, histories have no gap and
one line of commits, and folding them gives what Redis holds. MINUET_FAULT_SEEDS=1,2,3 chooses
seeds; a seed that fails is named in the test's id.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from contextlib import suppress
from random import Random

import msgspec
import pytest

from minuet.bus.api import Done
from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.model.errors import BusUnavailable
from minuet.model.event import CommitRecord
from minuet.model.ir import Ir, IrEdge, IrNode, IrRetry
from minuet.model.signal import Command, Start
from minuet.model.state import Head
from minuet.model.token import Failure, Outcome, TaskToken
from minuet.services.coordinator import partition
from minuet.services.coordinator.coordinator import Coordinator
from minuet.settings import CoordinatorSettings

from .desk import ir_digest, send
from .harness import Bench, MemoryRenewer, decode_events

pytestmark = pytest.mark.anyio

SEEDS = [int(seed) for seed in os.environ.get("MINUET_FAULT_SEEDS", "1,2,3,4,5").split(",")]
PARTITIONS, RUNS, LEASE_MS = 3, 45, 300
FAULTS, DEATHS = 60, 4
SETTINGS = CoordinatorSettings(lease_ms=LEASE_MS, renew_ms=60)
CALLS = (
    "acquire", "release", "renew", "join", "partitions", "backlog", "read_signals", "load_runs",
    "load_outputs", "commit", "commit", "commit", "fire_timers", "take", "complete", "workers",
)  # fmt: skip


def documents() -> list[Ir]:
    retry = IrRetry(max_attempts=3, initial_ms=5, multiplier=1.0, max_ms=20)

    def task(name: str) -> IrNode:
        return IrNode(
            id=name, type="noop", effect="pure", retry=retry, on_error_continue=True,
            reads=["nodes.n0.output"] if name != "n0" else [],
        )  # fmt: skip

    names = [f"n{i}" for i in range(12)]
    chained = [IrEdge(i, i + 1) for i in range(11)]
    fan = [IrEdge(0, i) for i in range(1, 11)] + [IrEdge(i, 11) for i in range(1, 11)]
    wait = IrNode(id="w", type="wait", inline=True, config=msgspec.Raw(b'{"for":"20ms"}'))
    outputs = msgspec.Raw(b'{"first":"${nodes.n0.output}"}')
    return [
        Ir(workflow="chain", nodes=[task(n) for n in names], edges=chained),
        Ir(workflow="fan", nodes=[task(n) for n in names], edges=fan, max_parallel=4),
        Ir(
            workflow="wait", nodes=[task("n0"), wait, task("n2")], outputs=outputs,
            edges=[IrEdge(0, 1), IrEdge(1, 2)], deadline_ms=3_600_000,
        ),
    ]  # fmt: skip


class Storm:
    """The bench, its two coordinators, and everything that goes wrong."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.bench = Bench()
        self.alive: list[tuple[Coordinator, asyncio.Task[None]]] = []
        self.irs: dict[str, Ir] = {}
        self.starts: dict[str, Start] = {}
        self.ended: set[str] = set()

    async def relay(self) -> None:
        """Sends every command again until its run has ended, as the orchestrator does."""
        for run, start in self.starts.items():
            if run in self.ended:
                continue
            p = int(run.split("-", maxsplit=1)[0])
            with suppress(BusUnavailable):
                await send(self.bench, p, "start", start)
                if run.endswith("7"):
                    await send(self.bench, p, "command", Command(run, 1, "cancel"))

    async def accept(self) -> None:
        irs = documents()
        for i in range(RUNS):
            run, ir = f"{i % PARTITIONS}-r{i}", irs[i % 3]
            digest = await self.bench.put_ir(ir)
            self.irs[run] = ir
            now = await self.bench.bus.now()
            self.starts[run] = Start(run, "t", digest, "w", accepted_at=now)

    def spawn(self) -> None:
        bus = self.bench.bus
        coordinator = Coordinator(bus, MemoryRenewer(bus), self.bench.blobs, SETTINGS)
        self.alive.append((coordinator, asyncio.create_task(coordinator.run(asyncio.Event()))))

    async def kill(self) -> None:
        """As `kill -9`: the lease stays, what was sent may or may not arrive."""
        coordinator, task = self.alive.pop(self.random.randrange(len(self.alive)))
        owner = coordinator.ownership

        async def dead() -> None:
            await asyncio.to_thread(owner._renewal.stop)

        owner.close = dead  # type: ignore[method-assign]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for each in owner.owned.values():
            each.lost = True
            for commit in list(each._under_way):
                if self.random.random() < 0.5:
                    commit.cancel()

    def answer(self, token: TaskToken) -> Outcome:
        if self.random.random() < 0.1:
            return Outcome("error", failure=Failure("boom", "no"))
        return Outcome(output=msgspec.Raw(b'{"a":1}'))

    async def work(self) -> None:
        """Takes, claims what others dropped, completes; sometimes late, sometimes twice."""
        bus = self.bench.bus
        wanted = {"noop": list(range(PARTITIONS))}
        lost = msgspec.json.encode(Outcome("error", failure=Failure("worker_lost", "gone")))
        while True:
            with suppress(BusUnavailable):
                for p in range(PARTITIONS):
                    await bus.claim(
                        p,
                        "noop",
                        "w",
                        min_idle_ms=100,
                        limit=10,
                        max_deliveries=50,
                        lost=lost,
                        cancelled=b"c",
                    )
                for page in await bus.take(wanted, "w", count=5, block_ms=20):
                    if self.random.random() < 0.05:
                        continue  # dropped: claimed later
                    tokens = [(t, msgspec.json.decode(d, type=TaskToken)) for t, d in page.tokens]
                    results = [(t, msgspec.json.encode(self.answer(d))) for t, d in tokens]
                    await bus.complete([Done(page.p, page.type, page.id, results)])
                    if self.random.random() < 0.1:
                        await bus.send(page.p, [[("k", b"done"), *results]])

    async def rage(self) -> None:
        """A number of faults and deaths; then calm, until the runs have ended."""
        for n in itertools.count():
            self.look()
            if len(self.ended) == RUNS:
                return
            if n < FAULTS:
                method = self.random.choice(CALLS)
                self.bench.bus.fail_next(method, after_effect=self.random.random() < 0.5)
            if n < FAULTS and n % (FAULTS // DEATHS) == DEATHS:
                await self.kill()
                self.spawn()
            if n % 10 == 0:
                await self.relay()
            await asyncio.sleep(self.random.random() * 0.02)

    def look(self) -> None:
        for part in self.bench.bus._state.partitions.values():
            for run, fields in part.runs.items():
                if Head.decode(fields["head"].decode()).status.ended:
                    self.ended.add(run)

    def stored(self) -> dict[str, RunState]:
        """Every run as Redis holds it."""
        found = {}
        for part in self.bench.bus.snapshot().partitions.values():
            for run, fields in part.runs.items():
                start = msgspec.json.decode(fields["meta"], type=Start)
                state = RunState.from_hash(Plan(self.irs[run], start.ir), start, fields)
                state.add_outputs(part.outputs.get(run, {}))
                found[run] = state
        return found


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_fault_loses_or_doubles_anything(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "MAX_CACHED_RUNS", 6)
    storm = Storm(seed)
    await storm.bench.bus.publish_partitions(PARTITIONS)
    await storm.accept()
    await storm.relay()
    storm.spawn()
    storm.spawn()
    worker = asyncio.create_task(storm.work())
    try:
        async with asyncio.timeout(20):
            await storm.rage()
    finally:
        worker.cancel()
        storm.bench.bus._faults.clear()
        while storm.alive:
            await storm.kill()
    await judge(storm)


async def judge(storm: Storm) -> None:
    lines = await lines_of_commits(storm.bench)
    records = await storm.bench.records()
    stored = storm.stored()
    assert set(records) == set(storm.starts) == set(stored)
    for run, of_run in records.items():
        assert [r.first_seq for r in of_run] == [1, *(r.seq + 1 for r in of_run[:-1])]
        assert [r.prev for r in of_run] == ["", *lines[run][:-1]]
        events = [event for record in of_run for event in decode_events(record)]
        ends = [(e.node, e.gen) for e in events if e.type == "node.ended" and e.gen]
        assert len(ends) == len(set(ends)), "an execution was recorded twice"
        assert [e.type for e in events].count("run.ended") == 1
        assert events[-1].type == "run.ended"
        ir = storm.irs[run]
        folded = fold(Plan(ir, ir_digest(ir)), storm.starts[run], events)
        folded.cmd, folded.last = of_run[-1].cmd, lines[run][-1]
        assert folded.records() == stored[run].records()
        assert folded.head() == stored[run].head()
        assert folded.outputs == stored[run].outputs
        assert folded.counter == 0


async def lines_of_commits(bench: Bench) -> dict[str, list[str]]:
    """The ids of the commits that changed each run, in order."""
    entries = await bench.bus.read_events(dict.fromkeys(range(8), "0-0"), count=10**6, block_ms=0)
    found: dict[str, list[str]] = {}
    for entry in entries:
        commit = msgspec.json.decode(entry.fields[0][1], type=CommitRecord)
        for record in commit.runs:
            found.setdefault(record.run, []).append(commit.id)
    return found
