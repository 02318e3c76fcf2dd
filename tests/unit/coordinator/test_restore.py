"""Restores: what Postgres holds against what the owner holds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import pytest

from minuet.bus.api import Loaded, StaleRuns
from minuet.model.errors import StoreUnavailable
from minuet.model.ir import Ir, IrEdge, IrNode
from minuet.model.signal import Restore
from minuet.model.state import RunSnapshot
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import CasRef, Outcome
from minuet.services.coordinator.batch import decode_batch

from .desk import Desk, folded, restore_from
from .harness import Bench, chain, decode_events

pytestmark = pytest.mark.anyio


async def started(run: str = "3-x", length: int = 3) -> tuple[Bench, Desk, Ir]:
    bench, ir = Bench(), chain(length)
    desk = await Desk.open(bench, 3)
    await bench.start(run, await bench.put_ir(ir))
    await desk.step()
    return bench, desk, ir


async def test_restore_of_a_run_that_ended_meanwhile_changes_nothing() -> None:
    bench, desk, ir = await started(length=1)
    restore = await desk.restore_of(ir, "3-x", transitions=1)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    await desk.signal("restore", restore)
    await desk.steps()
    records = (await bench.records())["3-x"]
    assert [record.status for record in records] == [RunStatus.RUNNING, RunStatus.SUCCEEDED]
    assert "3-x" not in desk.partition.states


async def test_restore_of_a_run_whose_end_is_acknowledged_meanwhile_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It leaves memory while the rest of the batch is loaded."""
    bench, desk, ir = await started(length=1)
    load = bench.bus.load_runs

    async def load_late(p: int, runs: Sequence[str]) -> list[Loaded | None]:
        await desk.partition.drained()
        return await load(p, runs)

    monkeypatch.setattr(bench.bus, "load_runs", load_late)
    await desk.done("3-x/n0/1/1")
    end = await desk.read()
    await bench.start("3-y", await bench.put_ir(ir))
    await desk.signal("restore", await desk.restore_of(ir, "3-x", transitions=1))
    rest = (await desk.read())[len(end) :]
    await desk.router.route(desk.partition, decode_batch(end))
    assert "3-x" in desk.partition.states
    await desk.router.route(desk.partition, decode_batch(rest))
    await desk.partition.drained()
    records = (await bench.records())["3-x"]
    assert [record.status for record in records] == [RunStatus.RUNNING, RunStatus.SUCCEEDED]
    assert list(desk.partition.states) == ["3-y"]


async def test_restore_of_a_run_that_ended_and_was_purged_changes_nothing() -> None:
    bench, desk, ir = await started(length=1)
    restore = await desk.restore_of(ir, "3-x", transitions=1)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    seq = (await bench.records())["3-x"][-1].seq
    await bench.bus.send(
        3, [[("k", b"archived"), ("s", msgspec.json.encode({"run": "3-x", "seq": seq}))]]
    )
    await desk.step()
    await desk.signal("restore", restore)
    await desk.steps()
    assert len((await bench.records())["3-x"]) == 2


async def test_store_that_fails_between_two_restores_installs_none_of_them() -> None:
    bench, desk, ir = await started()
    await bench.start("3-y", await bench.put_ir(ir))
    await desk.step()
    restores = [await desk.restore_of(ir, run, transitions=1) for run in ("3-x", "3-y")]
    bench.bus.flush()
    desk = await Desk.open(bench, 3, "o2")
    for each in restores:
        await desk.signal("restore", each)
    real = bench.blobs.get
    held = {restores[1].state.digest}

    async def get(tenant: str, digest: str) -> bytes:
        if digest in held:
            raise StoreUnavailable("away")
        return await real(tenant, digest)

    bench.blobs.get = get  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await desk.step()
    held.clear()
    await desk.steps()
    for run in ("3-x", "3-y"):
        assert (await desk.stored(ir, run)).seq == desk.partition.states[run].seq


async def test_fork_restore_that_comes_twice_throws_no_step_back() -> None:
    bench, desk, ir = await started()
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    await desk.signal("restore", restore)
    await desk.step()
    await desk.done("3-x/n0/1/2")
    await desk.step()
    await desk.signal("restore", restore)
    await desk.steps()
    state = await desk.stored(ir, "3-x")
    assert state.frontier.cell(0)[0] == NodeStatus.SUCCEEDED
    seqs = [(r.first_seq, r.seq) for r in (await bench.records())["3-x"][1:]]
    assert all(b[0] == a[1] + 1 for a, b in itertools.pairwise(seqs))


async def test_what_cannot_be_recorded_is_left_though_this_owner_built_on_it() -> None:
    bench, desk, ir = await started()
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    refused = msgspec.structs.replace(restore, refused=1)
    await desk.signal("restore", refused)
    await desk.steps()
    state = await desk.stored(ir, "3-x")
    assert state.frontier.cell(0)[:3] == (NodeStatus.READY, 1, 2)
    await desk.done("3-x/n0/1/2")
    await desk.signal("restore", refused)  # it was sent twice
    await desk.steps()
    assert (await desk.stored(ir, "3-x")).frontier.cell(0)[0] == NodeStatus.SUCCEEDED
    assert (await bench.records())["3-x"][-1].status == RunStatus.RUNNING


async def test_a_run_that_cannot_be_recorded_again_and_again_fails() -> None:
    bench, desk, ir = await started()
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    await desk.signal("restore", msgspec.structs.replace(restore, refused=3))
    await desk.steps()
    *_, installed, end = (await bench.records())["3-x"]
    assert (installed.status, end.status) == (RunStatus.RUNNING, RunStatus.FAILED)
    assert end.first_seq == installed.seq + 1
    assert end.counter == 0


@pytest.mark.parametrize("is_loaded", [True, False])
async def test_a_result_of_the_other_history_does_not_count_after_a_restore(
    is_loaded: bool,
) -> None:
    """`n1` runs with what `n0` gave in a history that Redis lost and Postgres does not know."""
    _, desk, ir = await started()
    await desk.done("3-x/n0/1/1", Outcome(output=msgspec.Raw(b"1")))
    await desk.step()
    recorded = await desk.restore_of(ir, "3-x", transitions=2)
    recorded = msgspec.structs.replace(recorded, seq=recorded.seq + 9)
    if not is_loaded:
        desk.partition.states.clear()
    await desk.signal("restore", recorded)
    await desk.step()
    await desk.done("3-x/n1/1/1", Outcome(output=msgspec.Raw(b'"of the other history"')))
    await desk.step()
    assert (await desk.stored(ir, "3-x")).frontier.cell(1)[0] == NodeStatus.READY
    await desk.done("3-x/n1/1/2")
    await desk.step()
    state = await desk.stored(ir, "3-x")
    assert state.frontier.cell(1)[0] == NodeStatus.SUCCEEDED


async def test_attempts_of_a_restore_stand_in_the_history() -> None:
    bench, desk, ir = await started()
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    await desk.signal("restore", restore)
    await desk.step()
    records = (await bench.records())["3-x"]
    replayed = folded(ir, "3-x", [records[0], records[-1]], records[-1].prev)
    assert replayed.records() == (await desk.stored(ir, "3-x")).records()
    assert replayed.frontier.cell(0)[2] == 2


async def test_a_lost_run_goes_on_with_the_same_attempt() -> None:
    bench, desk, ir = await started()
    restore = await desk.restore_of(ir, "3-x", transitions=1)
    bench.bus.flush()
    desk = await Desk.open(bench, 3, "o2")
    await desk.signal("restore", restore)
    await desk.step()
    assert _pages(bench) == [["3-x/n0/1/1"]]


async def test_fork_restore_to_a_commit_of_this_owner_is_obsolete() -> None:
    bench, desk, ir = await started()
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    snapshot = msgspec.json.decode(bench.blobs.held[restore.state.digest], type=RunSnapshot)
    snapshot.head = snapshot.head.replace("recorded/1", desk.partition.states["3-x"].last)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    await desk.signal("restore", restore_from(bench, snapshot, "3-x", restore.seq, fork=True))
    await desk.steps()
    assert (await desk.stored(ir, "3-x")).frontier.cell(0)[0] == NodeStatus.SUCCEEDED


async def test_fork_is_not_forgotten_when_a_plain_restore_follows_it() -> None:
    _, desk, ir = await started()
    await desk.done("3-x/n0/1/1")
    await desk.step()
    fork = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    plain = await desk.restore_of(ir, "3-x", transitions=1)
    await desk.signal("restore", fork)
    await desk.signal("restore", plain)
    await desk.step()
    assert (await desk.stored(ir, "3-x")).frontier.cell(0)[0] == NodeStatus.READY


async def test_ready_nodes_of_a_restore_are_dispatched_within_the_bounds_of_a_commit() -> None:
    n = 10_000
    ir = Ir(
        workflow="w",
        nodes=[IrNode(id=f"n{i}", type="noop", effect="pure") for i in range(n)],
        edges=[],
        max_parallel=n,
    )
    bench = Bench()
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.steps()
    count = len((await bench.records())["3-x"])
    restore = await desk.restore_of(ir, "3-x", transitions=count)
    bench.bus.flush()
    desk = await Desk.open(bench, 3, "o2")
    await desk.signal("restore", restore)
    await desk.step()
    sent = [t for e in _pages(bench) for t in e]
    assert len(sent) == 4096
    await desk.steps()
    sent = [t for e in _pages(bench) for t in e]
    assert len(sent) == len(set(sent)) == n


def _pages(bench: Bench) -> list[list[str]]:
    stream = bench.bus.snapshot().partitions[3].tasks["noop"]
    return [[token for token, _ in fields] for _, fields in stream.after((0, 0), 10**6)]


@pytest.mark.parametrize("fault", ["record", "run", "head"])
async def test_restore_that_does_not_fit_is_passed_over(fault: str) -> None:
    bench, desk, ir = await started()
    good = await desk.restore_of(ir, "3-x", transitions=1)
    snapshot = msgspec.json.decode(bench.blobs.held[good.state.digest], type=RunSnapshot)
    if fault == "record":
        snapshot.nodes["n0"] = "x"
    elif fault == "run":
        snapshot.start = msgspec.structs.replace(snapshot.start, run="3-other")
    else:
        snapshot.head = "nothing"
    bad = restore_from(bench, snapshot, "3-x", good.seq, fork=True)
    await desk.signal("restore", bad)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    assert (await desk.stored(ir, "3-x")).frontier.cell(0)[0] == NodeStatus.SUCCEEDED


async def test_end_acknowledged_late_does_not_drop_a_run_restored_meanwhile() -> None:
    _bench, desk, ir = await started(length=1)
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    await desk.done("3-x/n0/1/1")
    await desk.route()
    await desk.signal("restore", restore)
    await desk.route()
    await desk.partition.drained()
    assert desk.partition.states["3-x"].status is RunStatus.RUNNING


async def test_timers_of_the_replaced_state_go_with_it() -> None:
    bench = Bench()
    wait = IrNode(id="w", type="wait", inline=True, config=msgspec.Raw(b'{"for":"720h"}'))
    nodes = [*chain(1).nodes, wait]
    ir = Ir(workflow="w", nodes=nodes, edges=[IrEdge(0, 1)])
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    await desk.done("3-x/n0/1/1")
    await desk.step()
    assert "wait 3-x/w/1/1" in bench.bus.snapshot().partitions[3].timers
    await desk.signal("restore", msgspec.structs.replace(restore, refused=1))
    await desk.steps()
    assert "wait 3-x/w/1/1" not in bench.bus.snapshot().partitions[3].timers


async def test_restore_puts_waiting_and_retrying_nodes_back_with_their_timers() -> None:
    wait = msgspec.Raw(b'{"for":"1h"}')
    nodes = [
        IrNode(id="a", type="noop"),
        IrNode(id="w", type="wait", inline=True, config=wait),
        *(IrNode(id=f"h{i}", type="noop") for i in range(3)),
    ]
    ir = Ir(workflow="w", nodes=nodes, edges=[IrEdge(0, 1)], max_parallel=2, deadline_ms=10**7)
    bench = Bench()
    desk = await Desk.open(bench, 3)
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.step()
    await desk.done("3-x/a/1/1")
    await desk.step()
    before = await desk.stored(ir, "3-x")
    timers = dict(bench.bus.snapshot().partitions[3].timers)
    restore = await desk.restore_of(ir, "3-x", transitions=2)
    bench.bus.flush()
    desk = await Desk.open(bench, 3, "o2")
    await desk.signal("restore", restore)
    await desk.step()
    after = await desk.stored(ir, "3-x")
    assert after.records() == before.records()
    assert dict(bench.bus.snapshot().partitions[3].timers) == timers


async def test_restore_and_a_signal_that_breaks_routing_leave_one_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, desk, ir = await started()
    await desk.done("3-x/n0/1/1")
    await desk.step()
    restore = await desk.restore_of(ir, "3-x", transitions=1, fork=True)
    from minuet.services.coordinator import routing

    def broken(*args: object) -> None:
        raise RuntimeError("a bug")

    await desk.signal("restore", restore)
    await desk.done("3-x/n0/1/1")
    monkeypatch.setattr(routing, "advance", broken)
    await desk.step()
    records = (await bench.records())["3-x"]
    assert [e.type for e in decode_events(records[-1])][-1] == "run.ended"
    *_, installed, ended = records
    assert installed.first_seq == restore.seq + 1
    assert ended.first_seq == installed.seq + 1


async def test_archived_run_is_not_kept_in_memory() -> None:
    """Redis went back, so the run lives here; Postgres has its end: the end stands."""
    bench, desk, _ = await started()
    await bench.bus.send(3, [[("k", b"archived"), ("s", b'{"run":"3-x","seq":9}')]])
    await desk.step()
    await desk.done("3-x/n0/1/1")
    await desk.step()
    assert "3-x" not in desk.partition.states
    assert len((await bench.records())["3-x"]) == 1


async def gone_back(length: int = 2) -> tuple[Bench, Desk, Ir, Restore]:
    """Redis shows `3-x` with a result unread that was routed before; its restore is to come."""
    bench, desk, ir = await started(length=length)
    await desk.done("3-x/n0/1/1")
    old = bench.bus.snapshot()
    await desk.step()
    restore = await desk.restore_of(ir, "3-x", transitions=2)
    bench.bus.rewind(old)
    return bench, desk, ir, restore


async def note_stale(bench: Bench) -> Desk:
    span = await bench.bus.signal_span(3)
    await bench.bus.note_stale(3, StaleRuns(frozenset({"3-x"}), span.last))
    return await Desk.open(bench, 3, "o2")


async def single_steps(desk: Desk) -> None:
    """A batch a signal."""
    while entries := await desk.read():
        await desk.router.route(desk.partition, decode_batch(entries[:1]))
        await desk.partition.drained()


async def test_what_came_for_a_stale_run_before_its_restore_is_not_routed_again() -> None:
    bench, _, ir, restore = await gone_back()
    bench.bus._partition(3).lease = None  # the former owner's has lapsed
    await bench.bus.send(3, [[("k", b"restore"), ("s", msgspec.json.encode(restore))]])
    desk = await note_stale(bench)
    before = _pages(bench)
    await single_steps(desk)
    records = [r for r in (await bench.records())["3-x"] if r.prev == "recorded/1"]
    assert len(records) == 1
    assert (await desk.stored(ir, "3-x")).last == "o2/2"
    assert _pages(bench) == [*before, ["3-x/n1/1/2"]]


async def test_a_revenant_is_archived_without_another_step() -> None:
    bench, *_ = await gone_back(length=1)
    bench.bus._partition(3).lease = None
    await bench.bus.send(3, [[("k", b"archived"), ("s", b'{"run":"3-x","seq":9}')]])
    desk = await note_stale(bench)
    count = len((await bench.records())["3-x"])
    await single_steps(desk)
    assert len((await bench.records())["3-x"]) == count


async def test_signals_after_the_last_restore_count_again() -> None:
    bench, *_ = await gone_back()
    bench.bus._partition(3).lease = None
    desk = await note_stale(bench)
    await bench.bus.send(3, [[("k", b"continue"), ("s", b'{"run":"3-x"}')]])
    await desk.done("3-x/n0/1/1")
    count = len((await bench.records())["3-x"])
    await single_steps(desk)
    assert len((await bench.records())["3-x"]) == count + 1


async def test_start_and_restore_in_one_batch_start_nothing_anew() -> None:
    bench, desk, ir = await started()
    restore = await desk.restore_of(ir, "3-x", transitions=1)
    bench.bus.flush()
    desk = await Desk.open(bench, 3, "o2")
    await bench.start("3-x", await bench.put_ir(ir))
    await desk.signal("restore", restore)
    await desk.step()
    [record] = (await bench.records())["3-x"]
    assert next(e.type for e in decode_events(record)) == "warning"
    assert record.prev == "recorded/1"


def test_restores_of_one_run_join_into_the_newer_state() -> None:
    from minuet.bus.api import Entry

    def entry(n: int, seq: int, fork: bool) -> Entry:
        signal = Restore("3-x", "t", seq, CasRef(digest=str(seq), size_bytes=1), fork=fork)
        return Entry(3, f"1-{n}", [("k", b"restore"), ("s", msgspec.json.encode(signal))])

    [found] = decode_batch([entry(1, 9, True), entry(2, 7, False)]).restores.values()
    assert (found.seq, found.fork) == (9, True)
