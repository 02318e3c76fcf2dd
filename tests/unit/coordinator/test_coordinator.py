from __future__ import annotations

import asyncio

import msgspec
import pytest

from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.model.errors import BusUnavailable
from minuet.model.ir import Ir, IrEdge, IrNode, IrRetry
from minuet.model.signal import Command, Start
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import Failure, Outcome, TaskToken

from .harness import Bench, chain, decode_events

pytestmark = pytest.mark.anyio


def succeed(token: TaskToken) -> Outcome:
    return Outcome()


async def test_chain_of_ten_ends_and_its_history_folds_to_the_same_state() -> None:
    bench = Bench()
    ir = chain(10)
    digest = await bench.put_ir(ir)
    async with bench.coordinator(), bench.working(succeed, ["noop"]):
        for i in range(50):
            await bench.start(f"{i % 8}-run{i}", digest)
        records = await bench.ended(50)
    for run, transitions in records.items():
        assert transitions[-1].status == RunStatus.SUCCEEDED
        assert transitions[-1].counter == 0
        assert [t.first_seq for t in transitions[1:]] == [t.seq + 1 for t in transitions[:-1]]
        assert transitions[0].prev == ""
        events = await bench.events(run)
        state = fold(Plan(ir, digest), Start(run, "t", digest, "w", 0), events)
        assert state.status is RunStatus.SUCCEEDED
        assert state.seq == transitions[-1].seq
        assert all(state.frontier.cell(i)[0] == NodeStatus.SUCCEEDED for i in range(10))


async def test_start_that_comes_twice_starts_once() -> None:
    bench = Bench()
    digest = await bench.put_ir(chain(2))
    async with bench.coordinator(), bench.working(succeed, ["noop"]):
        await bench.start("1-a", digest)
        await bench.start("1-a", digest)
        await bench.ended(1)
        await bench.start("1-a", digest)
        await bench.start("1-b", digest)
        await bench.ended(2)
    events = await bench.events("1-a")
    assert [e.type for e in events].count("run.started") == 1
    assert [e.type for e in events].count("run.ended") == 1


async def test_lost_reply_of_a_commit_repeats_nothing() -> None:
    bench = Bench()
    digest = await bench.put_ir(chain(20))
    async with bench.coordinator(), bench.working(succeed, ["noop"]):
        for i in range(20):
            await bench.start(f"{i % 8}-run{i}", digest)
        for after_effect in (True, False, True):
            bench.bus.fail_next("commit", BusUnavailable("cut"), after_effect=after_effect)
            await asyncio.sleep(0.05)
        records = await bench.ended(20)
    for transitions in records.values():
        events = [e for t in transitions for e in decode_events(t)]
        ended = [e.node or "" for e in events if e.type == "node.ended"]
        assert sorted(ended) == sorted(f"n{i}" for i in range(20))


async def test_failing_node_is_retried_then_takes_its_error_edge() -> None:
    bench = Bench()
    ir = Ir(
        workflow="w",
        nodes=[
            IrNode(id="a", type="noop", retry=IrRetry(3, 5, 1.0, 5)),
            IrNode(id="ok", type="noop"),
            IrNode(id="bad", type="noop"),
        ],
        edges=[IrEdge(0, 1), IrEdge(0, 2, on="error")],
    )
    digest = await bench.put_ir(ir)

    def answer(token: TaskToken) -> Outcome:
        return (
            Outcome(port="error", failure=Failure("boom", "no")) if token.node == "a" else Outcome()
        )

    async with bench.coordinator(), bench.working(answer, ["noop"]):
        await bench.start("0-x", digest)
        records = await bench.ended(1)
    events = await bench.events("0-x")
    assert [e.type for e in events if e.node == "a"] == [
        "node.ready", "node.retrying", "node.ready", "node.retrying", "node.ready", "node.ended",
    ]  # fmt: skip
    ends = {e.node: e.data["status"] for e in events if e.type == "node.ended"}
    assert ends == {"a": "failed", "ok": "skipped", "bad": "succeeded"}
    assert records["0-x"][-1].status == RunStatus.SUCCEEDED


async def test_cancel_ends_a_run_that_waits() -> None:
    bench = Bench()
    ir = Ir(
        workflow="w",
        nodes=[IrNode(id="w", type="wait", inline=True, config=msgspec.Raw(b'{"for":"1h"}'))],
        edges=[],
    )
    digest = await bench.put_ir(ir)
    async with bench.coordinator():
        await bench.start("2-x", digest)
        while not await bench.events("2-x"):
            await asyncio.sleep(0.01)
        command = Command(run="2-x", number=1, name="cancel", principal="ana")
        fields = [("k", b"command"), ("s", msgspec.json.encode(command))]
        await bench.bus.send(2, [fields])
        records = await bench.ended(1)
    assert records["2-x"][-1].status == RunStatus.CANCELLED
    assert records["2-x"][-1].cmd == 1


async def test_two_coordinators_share_partitions_and_one_takes_over() -> None:
    bench = Bench()
    digest = await bench.put_ir(chain(5))
    async with bench.coordinator() as first, bench.working(succeed, ["noop"]):
        async with bench.coordinator() as second:
            async with asyncio.timeout(5):
                while len(first.ownership.owned) != 4 or len(second.ownership.owned) != 4:
                    await asyncio.sleep(0.01)
            for i in range(40):
                await bench.start(f"{i % 8}-run{i}", digest)
            await bench.ended(40)
        async with asyncio.timeout(5):
            while len(first.ownership.owned) != 8:
                await asyncio.sleep(0.01)


async def test_poison_signal_is_dead_lettered_and_the_rest_goes_on() -> None:
    bench = Bench()
    digest = await bench.put_ir(chain(2))
    async with bench.coordinator(), bench.working(succeed, ["noop"]):
        await bench.bus.send(3, [[("k", b"done"), ("not a token", b"{}")], [("k", b"nonsense")]])
        await bench.start("3-x", digest)
        await bench.ended(1)
    dead = bench.bus.snapshot().partitions[3].dead
    assert len(dead) == 2


async def test_wide_fan_out_and_in_runs_each_node_once() -> None:
    bench = Bench()
    n = 1000
    nodes = [IrNode(id=f"n{i}", type="noop", effect="pure") for i in range(n + 2)]
    edges = [IrEdge(0, i) for i in range(1, n + 1)] + [IrEdge(i, n + 1) for i in range(1, n + 1)]
    digest = await bench.put_ir(Ir(workflow="w", nodes=nodes, edges=edges))
    seen: list[str] = []

    def answer(token: TaskToken) -> Outcome:
        seen.append(token.node)
        return Outcome()

    async with bench.coordinator(), bench.working(answer, ["noop"]):
        await bench.start("4-x", digest)
        records = await bench.ended(1, timeout_s=30)
    assert sorted(seen) == sorted(f"n{i}" for i in range(n + 2))
    assert records["4-x"][-1].status == RunStatus.SUCCEEDED
