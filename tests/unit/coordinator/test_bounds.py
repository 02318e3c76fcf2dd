"""Large runs: what one commit may hold, and that nothing is lost at the bounds."""

from __future__ import annotations

import time
from collections import Counter

import msgspec
import pytest

from minuet.bus.api import Entry
from minuet.ir.advance import advance
from minuet.ir.plan import Plan
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion
from minuet.model.ir import Ir, IrEdge, IrNode
from minuet.model.signal import Start
from minuet.model.status import RunStatus
from minuet.model.token import Failure, Outcome, TaskToken
from minuet.services.coordinator.reader import within_bytes

from .harness import Bench

pytestmark = pytest.mark.anyio


def fan(width: int, *, max_parallel: int = 1000, on_error_continue: bool = False) -> Ir:
    """One node, `width` beside each other, one that joins them."""
    nodes = [
        IrNode(id=f"n{i}", type="noop", effect="pure", on_error_continue=on_error_continue)
        for i in range(width + 2)
    ]
    out = [IrEdge(0, i) for i in range(1, width + 1)]
    back = [IrEdge(i, width + 1) for i in range(1, width + 1)]
    return Ir(workflow="w", nodes=nodes, edges=out + back, max_parallel=max_parallel)


@pytest.mark.parametrize("max_parallel", [700, 10_000])
@pytest.mark.parametrize("width", [5_000, 10_000 - 2])
async def test_wide_fan_runs_every_node_once_within_its_bounds(
    width: int, max_parallel: int
) -> None:
    bench = Bench()
    digest = await bench.put_ir(fan(width, max_parallel=max_parallel))
    seen: Counter[str] = Counter()

    def answer(token: TaskToken) -> Outcome:
        seen[token.node] += 1
        return Outcome()

    async with bench.coordinator(1), bench.working(answer, ["noop"]):
        await bench.start("0-x", digest)
        while not (head := (await bench.bus.heads(0, ["0-x"]))[0]) or not head.startswith(b"6 "):
            await bench.bus.read_signals({0: "0-0"}, count=1, block_ms=20)
    assert len(seen) == width + 2
    assert set(seen.values()) == {1}
    ready: set[str] = set()
    peak = 0
    for event in await bench.events("0-x"):
        if event.type == "node.ready" and not event.data.get("held"):
            ready.add(event.node or "")
        elif event.type == "node.ended":
            ready.discard(event.node or "")
        peak = max(peak, len(ready))
    assert peak <= max_parallel


async def test_failures_free_their_places_of_max_parallel() -> None:
    bench = Bench()
    digest = await bench.put_ir(fan(50, max_parallel=3, on_error_continue=True))

    def answer(token: TaskToken) -> Outcome:
        failed = Failure("boom", "no", retryable=False)
        return Outcome() if token.node == "n0" else Outcome("error", failure=failed)

    async with bench.coordinator(1), bench.working(answer, ["noop"]):
        await bench.start("0-x", digest)
        records = await bench.ended(1)
    assert records["0-x"][-1].status == RunStatus.SUCCEEDED


async def test_inline_outputs_of_a_transition_are_bounded_by_bytes() -> None:
    """A thousand inline steps of 60 kB each would make a commit of 60 MB."""
    text = "x" * 60_000
    config = msgspec.Raw(msgspec.json.encode({"value": text}))
    nodes = [IrNode(id=f"t{i}", type="transform", inline=True, config=config) for i in range(400)]
    bench = Bench()
    digest = await bench.put_ir(Ir(workflow="w", nodes=nodes, edges=[]))
    async with bench.coordinator(1):
        await bench.start("0-x", digest)
        records = await bench.ended(1)
    assert max(len(bytes(record.events)) for record in records["0-x"]) < 9 * 1024 * 1024
    assert len(records["0-x"]) >= 3


def test_batch_of_large_signals_is_cut_and_never_empty() -> None:
    entries = [Entry(0, f"1-{i}", [("k", b"done"), ("t", b"x" * 100)]) for i in range(10)]
    assert len(within_bytes(entries, 350)) == 3
    assert within_bytes(entries, 1) == entries[:1]
    assert within_bytes(entries, 10**6) == entries


def test_completion_in_a_wide_run_costs_as_much_as_in_a_narrow_one() -> None:
    def cost(width: int) -> float:
        plan = Plan(fan(width, max_parallel=50), "d")
        start = Start("0-r", "t", "d", "w", accepted_at=0)
        state = RunState(plan, start)
        advance(state, [start], 0)
        advance(state, [Completion("n0", 1, 1, Outcome())], 0)
        times = []
        for i in range(1, 51):
            before = time.perf_counter()
            advance(state, [Completion(f"n{i}", 1, 1, Outcome())], 0)
            times.append(time.perf_counter() - before)
        return min(times)

    assert cost(9_000) < 10 * cost(60)
