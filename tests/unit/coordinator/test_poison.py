"""Signals that nobody can obey: the run or the entry suffers, the others never notice."""

from __future__ import annotations

import msgspec
import pytest

from minuet.bus.api import Fields
from minuet.ir.advance import advance
from minuet.model.ir import Ir, IrNode, IrRetry
from minuet.model.signal import Command, Start
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import Failure, Outcome
from minuet.services.coordinator import routing

from .desk import Desk
from .harness import Bench, chain, decode_events

pytestmark = pytest.mark.anyio

DEEP = b"[" * 5000 + b"]" * 5000
HUGE = b"9" * 5000


def start_of(run: str) -> bytes:
    start = Start(run=run, tenant="t", ir="sha256:none", workflow="w", accepted_at=0)
    return msgspec.json.encode(start)


POISON: dict[str, Fields] = {
    "kind without a signal": [("k", b"start")],
    "no kind": [("s", b"{}")],
    "kind that is no text": [("k", b"\xff")],
    "unknown kind": [("k", b"nonsense"), ("s", b"{}")],
    "bad JSON": [("k", b"command"), ("s", b"{")],
    "another type": [("k", b"command"), ("s", b"[]")],
    "deep JSON": [("k", b"command"), ("s", b'{"run":"3-x","number":1,"name":"cancel","data":{"a":'
                   + DEEP + b"}}")],
    "token of three parts": [("k", b"done"), ("3-x/n0/1", b"{}")],
    "token with a huge gen": [("k", b"done"), ("3-x/n0/" + "9" * 5000 + "/1", b"{}")],
    "timer without a subject": [("k", b"timer"), ("retry", b"1")],
    "timer of an unknown kind": [("k", b"timer"), ("nap 3-x/n0/1/1", b"1")],
    "timer of no token": [("k", b"timer"), ("retry 3-x", b"1")],
    "timer with a bad gen": [("k", b"timer"), ("wait 3-x/n0/one/1", b"1")],
    "start of another partition": [("k", b"start"), ("s", start_of("4-x"))],
    "start without a partition": [("k", b"start"), ("s", start_of("x"))],
    "start with a token's form": [("k", b"start"), ("s", start_of("3-x/y"))],
    "start with a blank": [("k", b"start"), ("s", start_of("3-x y"))],
    "completion of another partition": [("k", b"done"), ("4-x/n0/1/1", b"{}")],
    "timer of another partition": [("k", b"timer"), ("wait 4-x/n0/1/1", b"1")],
}  # fmt: skip

BAD_RESULTS = {
    "deep value": b'{"values":{"a":' + DEEP + b"}}",
    "deep output": b'{"output":' + DEEP + b"}",
    "no outcome": b"[]",
    "no JSON": b"\xff",
}

STALE: dict[str, Fields] = {
    "unknown node": [("k", b"done"), ("3-x/nobody/1/1", b"{}")],
    "gen beyond an int": [("k", b"done"), ("3-x/n0/99999999999999999999/1", b"{}")],
    "gen to come": [("k", b"done"), ("3-x/n1/0/0", b"{}")],
    "unknown run": [("k", b"done"), ("3-nobody/n0/1/1", b"{}")],
    "huge command number": [("k", b"command"), ("s", b'{"run":"3-x","number":' + b"9" * 40
                             + b',"name":"cancel"}')],
    "timer of a node that has none": [("k", b"timer"), ("wait 3-x/n0/1/1", b"1")],
    "deadline of a run without": [("k", b"timer"), ("deadline 3-x", b"1")],
    "reemit of nothing": [("k", b"reemit"), ("s", b'{"run":"3-x","tokens":["?","3-x/n9/1/1"]}')],
}  # fmt: skip


async def running(length: int = 2) -> tuple[Bench, Desk, Ir]:
    bench, ir = Bench(), chain(length)
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    return bench, desk, ir


@pytest.mark.parametrize("name", POISON)
async def test_poison_is_dead_lettered_and_hurts_no_run(name: str) -> None:
    bench, desk, ir = await running()
    await bench.bus.send(3, [POISON[name]])
    await desk.step()
    assert len(bench.bus.snapshot().partitions[3].dead) == 1
    await desk.done("3-x/n0/1/1")
    await desk.step()
    assert (await desk.stored(ir, "3-x")).frontier.cell(1)[0] == NodeStatus.READY


@pytest.mark.parametrize("name", BAD_RESULTS)
async def test_result_that_cannot_be_read_fails_its_node_and_spares_its_neighbours(
    name: str,
) -> None:
    bench, desk, ir = await running()
    await bench.start("3-y", await bench.put_ir(ir))
    await desk.step()
    good = ("3-y/n0/1/1", b"{}")
    await bench.bus.send(3, [[("k", b"done"), ("3-x/n0/1/1", BAD_RESULTS[name]), good]])
    await desk.step()
    ended = decode_events((await bench.records())["3-x"][-1])
    assert ended[-1].data["error"]["code"] == "bad_result"
    assert (await desk.stored(ir, "3-y")).frontier.cell(1)[0] == NodeStatus.READY
    assert len(bench.bus.snapshot().partitions[3].dead) == 2  # the result, and the failed node


@pytest.mark.parametrize("name", STALE)
async def test_stale_signal_changes_nothing(name: str) -> None:
    bench, desk, ir = await running()
    before = (await desk.stored(ir, "3-x")).snapshot()
    await bench.bus.send(3, [STALE[name]])
    await desk.step()
    assert (await desk.stored(ir, "3-x")).snapshot() == before


async def test_port_with_blanks_can_be_stored_and_read_again() -> None:
    _, desk, ir = await running()
    await desk.done("3-x/n0/1/1", Outcome(port="no such port"))
    await desk.step()
    [record] = (await desk.bench.records())["3-x"][1:]
    assert record.status == RunStatus.SUCCEEDED
    assert (await desk.stored(ir, "3-x")).ports[0] == "no such port"


async def test_start_that_breaks_routing_ends_its_run_and_confirms_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, ir = Bench(), chain(2)
    desk = await Desk.open(bench, 3)

    def broken(*args: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(routing, "advance", broken)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    [record] = (await bench.records())["3-x"]
    assert (record.status, record.cmd) == (RunStatus.FAILED, 0)
    assert (await desk.stored(ir, "3-x")).status is RunStatus.FAILED


async def test_refused_start_ends_its_run() -> None:
    bench, ir = Bench(), chain(2)
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step(refuse=True)
    [record] = (await bench.records())["3-x"]
    assert (record.status, record.cmd) == (RunStatus.FAILED, 0)
    assert len(bench.bus.snapshot().partitions[3].dead) == 1


async def test_transition_that_cannot_be_encoded_fails_its_run_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, desk, ir = await running()
    await bench.start("3-y", await bench.put_ir(ir))
    await desk.step()
    real = advance

    def odd(state, *args):  # type: ignore[no-untyped-def]
        transition = real(state, *args)
        if state.run == "3-x":
            transition.events[0].data["odd"] = object()
        return transition

    monkeypatch.setattr(routing, "advance", odd)
    await desk.done("3-x/n0/1/1")
    await desk.done("3-y/n0/1/1")
    await desk.step()
    assert (await desk.stored(ir, "3-x")).status is RunStatus.FAILED
    assert (await desk.stored(ir, "3-y")).frontier.cell(1)[0] == NodeStatus.READY


async def test_run_that_cannot_be_read_does_not_stop_the_others() -> None:
    bench, _, ir = await running()
    await bench.start("3-y", await bench.put_ir(ir))
    desk = await Desk.open(bench, 3, "o1")
    await desk.steps()
    state = bench.bus.snapshot()
    state.partitions[3].runs["3-x"]["n:n0"] = b"garbage"
    bench.bus.rewind(state)
    desk = await Desk.open(bench, 3, "o1")
    await desk.done("3-x/n0/1/1")
    await desk.done("3-y/n0/1/1")
    await desk.step()
    assert (await desk.stored(ir, "3-y")).frontier.cell(1)[0] == NodeStatus.READY
    assert len(bench.bus.snapshot().partitions[3].dead) == 1


async def test_retry_after_beyond_reason_is_shortened() -> None:
    ir = Ir(workflow="w", nodes=[IrNode(id="n0", type="noop", retry=IrRetry(3))], edges=[])
    bench = Bench()
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    failure = Failure("busy", "later", retry_after_ms=10**18)
    await desk.done("3-x/n0/1/1", Outcome(port="error", failure=failure))
    await desk.step()
    assert (await desk.stored(ir, "3-x")).due[0] < 10**15


async def test_command_that_names_the_number_of_the_start_is_dropped() -> None:
    bench, ir = Bench(), chain(1)
    desk = await Desk.open(bench, 3)
    digest = await bench.put_ir(ir)
    await desk.signal("command", Command(run="3-x", number=0, name="cancel"))
    await bench.start("3-x", digest)
    await desk.step()
    [record] = (await bench.records())["3-x"]
    assert record.status == RunStatus.RUNNING


async def test_wait_longer_than_ten_years_fails_its_node_not_the_engine() -> None:
    config = msgspec.Raw(b'{"for":"999999d"}')
    ir = Ir(workflow="w", nodes=[IrNode(id="w", type="wait", inline=True, config=config)], edges=[])
    bench = Bench()
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    events = decode_events((await bench.records())["3-x"][0])
    assert events[-1].data["error"]["code"] == "expression"


async def test_completion_of_an_inline_wait_is_dropped() -> None:
    config = msgspec.Raw(b'{"for":"1h"}')
    ir = Ir(workflow="w", nodes=[IrNode(id="w", type="wait", inline=True, config=config)], edges=[])
    bench = Bench()
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    await desk.done("3-x/w/1/1")
    await desk.step()
    assert len((await bench.records())["3-x"]) == 1


async def test_second_report_of_waiting_is_no_event() -> None:
    bench, desk, _ = await running()
    for _ in range(2):
        await desk.done("3-x/n0/1/1", Outcome(waiting=True))
        await desk.step()
    assert len((await bench.records())["3-x"]) == 2


async def test_cancel_and_the_last_completion_in_one_batch_end_the_run_once() -> None:
    for first in ("cancel", "done"):
        bench, desk, _ = await running(length=1)

        async def cancel(desk: Desk = desk) -> None:
            await desk.signal("command", Command(run="3-x", number=1, name="cancel"))

        if first == "cancel":
            await cancel()
        await desk.done("3-x/n0/1/1")
        if first == "done":
            await cancel()
        await desk.step()
        events = await bench.events("3-x")
        ends = [e.data["status"] for e in events if e.type == "run.ended"]
        assert ends == ["cancelled" if first == "cancel" else "succeeded"]
