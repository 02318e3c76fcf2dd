"""Child runs through batches and commits: deaths, repeats and stores that fail in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from minuet.bus.api import Done, Fields
from minuet.ir.advance import advance
from minuet.ir.children import child_id
from minuet.ir.compile import compile_document
from minuet.model.canonical import digest
from minuet.model.errors import BusUnavailable, Overloaded, StoreUnavailable
from minuet.model.event import Event
from minuet.model.node_type import NodeType
from minuet.model.signal import Command, Parent, Start, Stop
from minuet.model.state import Head, Rest
from minuet.model.status import RunStatus
from minuet.model.token import CasRef, Failure, Outcome, TaskToken
from minuet.services.coordinator import routing

from .desk import Desk
from .harness import Bench, decode_events

pytestmark = pytest.mark.anyio

ROOT = "3-x"
TYPES = {"task": NodeType("task", effect="pure")}
STEP: dict[str, Any] = {
    "nodes": [{"id": "step", "type": "task", "config": {"n": "${inputs.item}"}}],
    "outputs": "${nodes.step.output}",
}
Answer = Callable[[TaskToken], Outcome | None]


def mapped(items: str = "3", run: dict[str, Any] = STEP, **config: Any) -> dict[str, Any]:
    node = {"id": "fan", "type": "map", "config": {"items": items, "run": run, **config}}
    return {"nodes": [node], "outputs": "${nodes.fan.output.results}"}


async def begin(document: dict[str, Any], inputs: bytes = b"{}") -> tuple[Bench, Desk]:
    """A root run of the document whose start stands in the stream."""
    bench = Bench()
    compiled = compile_document({"apiVersion": "minuet/v1", "name": "w", **document}, TYPES)
    assert compiled.valid, compiled.diagnostics
    for body in compiled.bodies:
        bench.blobs.held[digest(body.ir)] = body.ir
    text = compiled.ir_json()
    bench.blobs.held[digest(text)] = text
    desk = await Desk.open(bench, 3)
    await bench.start(ROOT, digest(text), inputs)
    return bench, desk


def doubled(token: TaskToken) -> Outcome:
    n = msgspec.json.decode(token.context["inputs.item"])
    return Outcome(output=msgspec.Raw(str(2 * n).encode()))


async def work(bench: Bench, answer: Answer = doubled) -> int:
    """Answer every token that stands in the stream; how many."""
    count = 0
    for page in await bench.bus.take({"task": [3]}, "c1", count=1000, block_ms=0):
        tokens = [(id_, answer(msgspec.json.decode(d, type=TaskToken))) for id_, d in page.tokens]
        results = [(id_, msgspec.json.encode(outcome)) for id_, outcome in tokens]
        await bench.bus.complete([Done(page.p, page.type, page.id, results)])
        count += len(results)
    return count


async def play(bench: Bench, desk: Desk, answer: Answer = doubled) -> None:
    """Until nobody has anything to do."""
    await desk.steps()
    while await work(bench, answer):
        await desk.steps()


async def taken_over(bench: Bench, desk: Desk) -> Desk:
    """The owner died; its memory is gone, what Redis holds stays."""
    await bench.bus.release(3, desk.partition.owner)
    return await Desk.open(bench, 3, desk.partition.owner + "'")


async def end_of(bench: Bench, run: str = ROOT) -> dict[str, Any]:
    event = (await bench.events(run))[-1]
    assert event.type == "run.ended", event
    assert isinstance(event.data, dict)
    return event.data


async def children_of(bench: Bench) -> list[str]:
    return [run for run in await bench.records() if run != ROOT]


async def check(bench: Bench) -> None:
    """Every history has no gap and one end, and no execution ended twice."""
    for run, records in (await bench.records()).items():
        assert [r.first_seq for r in records] == [1, *(r.seq + 1 for r in records[:-1])]
        events = [event for record in records for event in decode_events(record)]
        assert [event.type for event in events].count("run.ended") == 1
        assert events[-1].type == "run.ended"
        for kind in ("node.ended", "node.item"):
            ends = [_what(event) for event in events if event.type == kind]
            assert len(ends) == len(set(ends)), (run, ends)


def _what(event: Event) -> tuple[str | None, int | None, int | None]:
    return event.node, event.gen, event.data.get("item")


async def test_results_come_back_in_order() -> None:
    bench, desk = await begin(mapped("5", max_parallel=2))
    await play(bench, desk)
    assert (await end_of(bench))["outputs"] == [0, 2, 4, 6, 8]
    await check(bench)


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("nth", range(12))
async def test_lost_reply_at_any_commit_changes_nothing(nth: int, after_effect: bool) -> None:
    """The partition is lost with it; the next owner reads children and results from Redis."""
    bench, desk = await begin(mapped("4", max_parallel=2))
    commits = 0
    while True:
        while await desk.read():
            if commits == nth:
                bench.bus.fail_next("commit", BusUnavailable("cut"), after_effect=after_effect)
            await desk.step()
            commits += 1
            if desk.partition.lost:
                desk = await taken_over(bench, desk)
        if not await work(bench):
            break
    assert (await end_of(bench))["outputs"] == [0, 2, 4, 6]
    assert len(await children_of(bench)) == 4
    await check(bench)


async def test_owner_that_dies_at_every_step_changes_nothing() -> None:
    bench, desk = await begin(mapped("6", max_parallel=2))
    while True:
        while await desk.read():
            await desk.step()
            desk = await taken_over(bench, desk)
        if not await work(bench):
            break
    assert (await end_of(bench))["outputs"] == [0, 2, 4, 6, 8, 10]
    await check(bench)


async def test_every_signal_that_comes_twice_counts_once() -> None:
    bench, desk = await begin(mapped("3", max_parallel=2))
    while True:
        while entries := await desk.read():
            await desk.step()
            fresh = len(await desk.read())
            await bench.bus.send(3, [entry.fields for entry in entries])
            if fresh:
                continue
            await desk.step()  # nothing but repeats
            if not await desk.read():
                break
        if not await work(bench):
            break
    assert (await end_of(bench))["outputs"] == [0, 2, 4]
    await check(bench)


async def test_child_that_is_stopped_in_the_batch_of_its_start_ends_cancelled() -> None:
    bench, desk = await begin(mapped("2"))
    await desk.step()
    await desk.signal("command", Command(ROOT, 1, "cancel"))
    await play(bench, desk)
    assert (await end_of(bench))["status"] == "cancelled"
    assert {(await end_of(bench, run))["status"] for run in await children_of(bench)} == {
        "cancelled"
    }
    await check(bench)


async def test_stop_and_end_that_cross_leave_one_end_each() -> None:
    bench, desk = await begin(mapped("2"))
    await desk.steps()
    await work(bench)
    await desk.signal("command", Command(ROOT, 1, "cancel"))
    await play(bench, desk)
    assert (await end_of(bench))["status"] == "cancelled"
    await check(bench)


async def test_stop_of_a_run_that_nobody_knows_changes_nothing() -> None:
    bench, desk = await begin(mapped("1"))
    await desk.steps()
    await desk.signal("stop", Stop("3-nobody", "not wanted"))
    await play(bench, desk)
    assert await children_of(bench) == [run_of_item(0)]


def run_of_item(item: int) -> str:
    return child_id(Parent(ROOT, "fan", 1, 1, item))


@pytest.mark.parametrize("size", [10, 60_000])
async def test_map_larger_than_a_batch_goes_on_by_itself(size: int) -> None:
    """600 starts are more than 512 signals, and 600 of 60 kB more than 8 MiB."""
    run = {**STEP, "inputs": {"item": "${index}", "text": "x" * size}}
    bench, desk = await begin(mapped("600", run, max_parallel=1000))
    await play(bench, desk)
    assert (await end_of(bench))["outputs"] == [2 * i for i in range(600)]
    entries = await bench.bus.read_events({3: "0-0"}, count=10**6, block_ms=0)
    assert max(len(entry.fields[0][1]) for entry in entries) < 17 * 1024 * 1024
    await check(bench)


async def test_items_in_a_blob_wait_for_the_store() -> None:
    bench, desk = await begin(from_blob())
    await desk.steps()
    real, away = bench.blobs.get, {digest(ITEMS)}
    bench.blobs.held[digest(ITEMS)] = ITEMS

    async def get(tenant: str, digest: str) -> bytes:
        if digest in away:
            raise StoreUnavailable("away")
        return await real(tenant, digest)

    bench.blobs.get = get  # type: ignore[method-assign]
    await work(bench, refers)
    await desk.step()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await desk.step()
    desk = await taken_over(bench, desk)
    await desk.step()  # whoever did not see the wish asks again
    with pytest.raises(StoreUnavailable):
        await desk.step()
    away.clear()
    await play(bench, desk)
    assert (await end_of(bench))["outputs"] == [6, 4, 2]
    await check(bench)


async def test_items_in_a_blob_that_no_store_has_fail_the_run() -> None:
    bench, desk = await begin(from_blob())
    await desk.steps()
    await work(bench, refers)
    await play(bench, desk)
    assert "no store has" in (await end_of(bench))["error"]["message"]


ITEMS = b"[3,2,1]"


def from_blob() -> dict[str, Any]:
    document = mapped("nodes.make.output")
    document["nodes"].insert(0, {"id": "make", "type": "task"})
    return {**document, "edges": [{"from": "make", "to": "fan"}]}


def refers(token: TaskToken) -> Outcome:
    return Outcome(output_ref=CasRef(digest(ITEMS), len(ITEMS)))


async def test_results_that_no_store_takes_now_are_put_later() -> None:
    """Redis is full: nothing is committed, the same signals are read again."""
    document = mapped("40")
    document["outputs"] = "${nodes.fan.output.succeeded}"
    bench, desk = await begin(document)
    await desk.steps()
    await work(bench, lambda _: Outcome(output=msgspec.Raw(b'"' + b"x" * 3000 + b'"')))
    real, full = bench.blobs.put, [True]

    async def put(tenant: str, data: bytes) -> None:
        if full:
            raise Overloaded("the memory of Redis is full", retry_after_s=1)
        await real(tenant, data)

    bench.blobs.put = put  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await desk.steps()
    assert desk.partition.lost
    full.clear()
    await play(bench, await taken_over(bench, desk))
    assert (await end_of(bench))["outputs"] == 40
    await check(bench)


async def test_child_that_cannot_be_routed_tells_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, desk = await begin(mapped("3", on_item_error="collect"))
    real, bad = advance, run_of_item(1)

    def broken(state: Any, *args: Any) -> Any:
        if state.run == bad:
            raise RuntimeError("a bug")
        return real(state, *args)

    monkeypatch.setattr(routing, "advance", broken)
    await play(bench, desk)
    assert (await end_of(bench))["outputs"] == [0, None, 4]
    [event] = await bench.events(bad)
    assert event.data["error"]["code"] == "internal_error"
    assert event.data["start"]["parent"] == {
        "run": ROOT,
        "node": "fan",
        "gen": 1,
        "attempt": 1,
        "item": 1,
    }
    await check(bench)


async def test_child_whose_compiled_form_is_gone_tells_its_parent() -> None:
    bench, desk = await begin(mapped("2"))
    await desk.step()
    [body] = {start.ir for start in await starts(bench, desk)}
    del bench.blobs.held[body]
    await play(bench, desk)
    error = (await end_of(bench))["error"]
    assert error["code"] == "item_failed"
    assert "no store has its compiled document" in error["message"]
    assert not await children_of(bench)


async def test_child_whose_compiled_form_cannot_be_read_tells_its_parent() -> None:
    bench, desk = await begin(mapped("2", on_item_error="collect"))
    await desk.step()
    [body] = {start.ir for start in await starts(bench, desk)}
    bench.blobs.held[body] = b"[]"
    await play(bench, desk)
    assert (await end_of(bench))["outputs"] == [None, None]


async def starts(bench: Bench, desk: Desk) -> list[Start]:
    return [msgspec.json.decode(e.fields[1][1], type=Start) for e in await desk.read()]


async def test_parent_that_is_poison_stops_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, desk = await begin(mapped("2"))
    await desk.steps()
    await work(bench, lambda _: Outcome("error", failure=Failure("x", "no", retryable=False)))
    real = advance

    def broken(state: Any, *args: Any) -> Any:
        if state.run == ROOT:
            raise RuntimeError("a bug")
        return real(state, *args)

    monkeypatch.setattr(routing, "advance", broken)
    await desk.signal("command", Command(ROOT, 1, "pause"))
    await play(bench, desk)
    assert (await end_of(bench))["error"]["code"] == "internal_error"
    assert all([(await end_of(bench, run))["status"] for run in await children_of(bench)])
    await check(bench)


async def test_results_of_items_are_read_back_from_redis() -> None:
    bench, desk = await begin(mapped("4", max_parallel=1))
    for _ in range(2):
        await desk.steps()
        await work(bench)
    await desk.steps()
    [loaded] = await bench.bus.load_runs(3, [ROOT])
    assert loaded is not None
    rest = msgspec.json.decode(loaded.fields["rest"], type=Rest)
    assert (rest.children["fan"].low, rest.children["fan"].next) == (2, 3)
    await play(bench, await taken_over(bench, desk))
    assert (await end_of(bench))["outputs"] == [0, 2, 4, 6]


async def test_ended_family_leaves_nothing_behind() -> None:
    bench, desk = await begin(mapped("3"))
    await play(bench, desk)
    for run in await bench.records():
        archived: Fields = [("k", b"archived"), ("s", b'{"run":"%s","seq":9}' % run.encode())]
        await bench.bus.send(3, [archived])
    await desk.steps()
    for run in await bench.records():
        await bench.bus.send(3, [[("k", b"timer"), (f"forget {run}", b"1")]])
    await desk.steps()
    part = bench.bus.snapshot().partitions[3]
    assert not part.runs
    assert not part.outputs
    assert not [member for member in part.timers if not member.startswith("forget ")]
    assert not desk.partition.states


async def test_late_start_of_an_ended_child_does_not_run_it_again() -> None:
    bench, desk = await begin(mapped("1"))
    await desk.step()
    [start] = await starts(bench, desk)
    await play(bench, desk)
    await bench.bus.send(3, [[("k", b"archived"), ("s", b'{"run":"%s","seq":9}'
                                                    % start.run.encode())]])  # fmt: skip
    await desk.steps()
    await desk.signal("start", start)
    await play(bench, desk)
    assert len([r for r in await bench.events(start.run) if r.type == "run.started"]) == 1
    [head] = await bench.bus.heads(3, [start.run])
    assert head is not None
    assert Head.decode(head.decode()).status is RunStatus.SUCCEEDED
