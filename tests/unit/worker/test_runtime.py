"""The worker at work on the in-memory bus: pages, slots, splits, time, loss, draining."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from minuet.bus.api import Commit, Page
from minuet.worker import Context, Result, node
from minuet.worker.options import WorkerOptions
from minuet.worker.wanted import FRESH_MS

from .support import bench, output, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@node("double", effect="pure")
async def double(n: int) -> dict[str, int]:
    return {"n": n * 2}


@node("plain_double", effect="pure")
def plain_double(n: int) -> dict[str, int]:
    return {"n": n * 2}


@pytest.mark.parametrize("function", [double, plain_double])
async def test_pages_run_in_order_and_report_each_token_once(function: object) -> None:
    b = bench(double if function is double else plain_double)
    pages = [[b.token(b.specs[0].name, {"n": i}) for i in range(10)] for _ in range(6)]
    await b.emit(*pages)
    async with running(b.worker()):
        outcomes = await b.collect(60)
    for page in pages:
        assert [output(outcomes[token_id])["n"] for token_id, _ in page] == list(range(0, 20, 2))
    first = outcomes[pages[0][0][0]]
    assert first.port == "success"
    assert first.worker == "w1"
    assert first.started_at is not None
    assert first.ended_at is not None
    assert first.started_at <= first.ended_at


async def test_pages_that_finish_together_are_reported_together() -> None:
    b = bench(double)
    await b.emit(*[[b.token("double", {"n": 1})] for _ in range(4)])
    async with running(b.worker(slots=8)):
        await b.collect(4)
    assert b.done_entries < 4


async def test_no_more_pages_run_than_there_are_slots() -> None:
    running_now, most = 0, 0
    gate = asyncio.Event()

    @node("gated", effect="once")
    async def gated() -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await gate.wait()
        running_now -= 1

    b = bench(gated)
    await b.emit(*[[b.token("gated")] for _ in range(7)])
    async with running(b.worker(slots=3)) as worker:
        async with asyncio.timeout(2):
            while running_now < 3:
                await asyncio.sleep(0)
        assert worker.busy == 3
        assert (await b.bus.backlog(0))["gated"] == 7  # delivered ones are pending, none ended
        gate.set()
        await b.collect(7)
    assert most == 3


async def test_a_slow_page_is_split_and_others_run_the_rest() -> None:
    release = asyncio.Event()
    ran: list[int] = []

    @node("slow_second", effect="pure")
    async def slow_second(n: int) -> int:
        ran.append(n)
        if n == 1:
            await release.wait()
        return n

    b = bench(slow_second)
    page = [b.token("slow_second", {"n": n}) for n in range(4)]
    await b.emit(page)
    async with running(b.worker()):
        # The first is recorded by the split, the last two by another slot, while the second runs.
        outcomes = await b.collect(3)
        assert page[1][0] not in outcomes
        release.set()
        await b.collect(4)
    assert sorted(ran) == [0, 1, 2, 3]


async def test_a_page_of_functions_that_never_wait_is_split_between_tokens() -> None:
    @node("busy", effect="pure")
    async def busy() -> None:
        time.sleep(0.03)

    b = bench(busy)
    await b.emit([b.token("busy") for _ in range(8)])
    async with running(b.worker(split_after_s=0.05)):
        await b.collect(8)
    assert b.done_entries >= 2


async def test_a_split_with_unknown_outcome_loses_no_token() -> None:
    @node("napping", effect="pure")
    async def napping(n: int) -> int:
        await asyncio.sleep(0.06)
        return n

    for after_effect in (False, True):
        b = bench(napping)
        b.bus.fail_next("split", after_effect=after_effect)
        page = [b.token("napping", {"n": n}) for n in range(4)]
        await b.emit(page)
        async with running(b.worker(split_after_s=0.02)):
            outcomes = await b.collect(4)
        assert [output(outcomes[token_id]) for token_id, _ in page] == [0, 1, 2, 3]


async def test_async_timeout_ends_on_port_timeout_and_the_page_goes_on() -> None:
    interrupted = []

    @node("sleepy", effect="pure")
    async def sleepy(s: float) -> str:
        try:
            await asyncio.sleep(s)
        except asyncio.CancelledError:
            interrupted.append(s)
            raise
        return "awake"

    b = bench(sleepy)
    page = [b.token("sleepy", {"s": s}, timeout_ms=80) for s in (30, 0)]
    await b.emit(page)
    async with running(b.worker()):
        outcomes = await b.collect(2)
    late, good = (outcomes[token_id] for token_id, _ in page)
    assert late.port == "timeout"
    assert late.failure is not None
    assert late.failure.code == "timeout"
    assert interrupted == [30]
    assert good.port == "success"


async def test_plain_function_sees_the_timeout_as_cancelled() -> None:
    @node("polling", effect="pure")
    def polling(ctx: Context) -> str:
        while not ctx.cancelled:
            time.sleep(0.005)
        return "too late"

    outcome = await bench(polling).run_one(timeout_ms=60)
    assert outcome.port == "timeout"


@pytest.mark.parametrize("plain", [True, False])
async def test_a_stuck_function_is_timed_out_and_does_not_stop_heartbeats(*, plain: bool) -> None:
    release = threading.Event()

    @node("stuck", effect="once")
    def stuck() -> None:
        release.wait()

    @node("stuck", effect="once")
    async def stuck_loop() -> None:
        release.wait()  # blocks the loop itself

    b = bench(stuck if plain else stuck_loop)
    stuck_id, raw = b.token("stuck", timeout_ms=50)
    await b.emit([(stuck_id, raw)])
    beats = count_beats(b)
    released_by_thread = threading.Timer(0.6, release.set)
    released_by_thread.start()
    async with running(b.worker(grace_s=0.1, heartbeat_ms=60, lease_ms=200)):
        outcomes = await b.collect(1)
        assert outcomes[stuck_id].port == "timeout"
        assert len(beats) >= 2
        release.set()
    released_by_thread.cancel()
    assert len(outcomes) == 1


def count_beats(b: object) -> list[int]:
    from .support import Bench

    assert isinstance(b, Bench)
    beats: list[int] = []
    original = b.bus.heartbeat

    def counting(consumer: str, held: object) -> object:
        beats.append(1)
        return original(consumer, held)  # type: ignore[arg-type]

    b.bus.heartbeat = counting  # type: ignore[method-assign, assignment]
    return beats


async def test_cancelled_tokens_are_stopped_while_they_run() -> None:
    started, seen = asyncio.Event(), asyncio.Event()

    @node("endless", effect="pure")
    async def endless(ctx: Context) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.cancelled
            seen.set()

    b = bench(endless)
    token_id, raw = b.token("endless")
    await b.emit([(token_id, raw)])
    async with running(b.worker()):
        await started.wait()
        await b.emit(cancelled=[token_id])
        async with asyncio.timeout(2):
            await seen.wait()
        outcome = (await b.collect(1))[token_id]
    assert outcome.failure is not None
    assert outcome.failure.code == "cancelled"
    assert not outcome.failure.retryable


async def test_plain_functions_see_that_they_are_cancelled() -> None:
    started = threading.Event()

    @node("plain_endless", effect="pure")
    def plain_endless(ctx: Context) -> None:
        started.set()
        while not ctx.cancelled:
            time.sleep(0.005)

    b = bench(plain_endless)
    token_id, raw = b.token("plain_endless")
    await b.emit([(token_id, raw)])
    async with running(b.worker()):
        await asyncio.to_thread(started.wait)
        await b.emit(cancelled=[token_id])
        outcome = (await b.collect(1))[token_id]
    assert outcome.failure is not None
    assert outcome.failure.code == "cancelled"


async def test_a_claimed_page_does_not_run_what_was_cancelled() -> None:
    ran = []

    @node("recorded", effect="pure")
    async def recorded(n: int) -> None:
        ran.append(n)

    b = bench(recorded)
    page = [b.token("recorded", {"n": n}) for n in range(2)]
    await b.emit(page)
    (delivery,) = await b.bus.take({"recorded": [0]}, "dead", count=1, block_ms=0)
    await b.bus.surrender(delivery, "dead")
    redelivered = await b.bus.take({"recorded": [0]}, "dead", count=9, block_ms=0)
    for again in redelivered:
        await b.bus.claim(
            0,
            "recorded",
            "dead2",
            min_idle_ms=0,
            limit=9,
            max_deliveries=5,
            lost=b"{}",
            cancelled=b"c",
        )
        assert again.type == "recorded"
    await b.emit(cancelled=[page[0][0]])
    async with running(b.worker()):
        await b.collect(2)
    assert ran == [1]


async def test_what_was_cancelled_in_the_stream_ends_unrun() -> None:
    ran = []

    @node("queued_up", effect="pure")
    async def queued_up(n: int) -> None:
        ran.append(n)

    b = bench(queued_up)
    page = [b.token("queued_up", {"n": n}) for n in range(3)]
    alone = b.token("queued_up", {"n": 3})
    await b.emit(page, [alone])
    await b.emit(cancelled=[page[1][0], alone[0]])
    await asyncio.sleep(2 * FRESH_MS / 1000)  # entry ids tell real time
    async with running(b.worker()):
        outcomes = await b.collect(4)
    assert ran == [0, 2]
    for token_id in (page[1][0], alone[0]):
        failure = outcomes[token_id].failure
        assert failure is not None
        assert failure.code == "cancelled"


async def test_what_is_split_off_after_a_cancel_does_not_start() -> None:
    """Each split gives the rest back as a fresh entry, which must not hide it from the cancel."""
    began = 0

    @node("endless", effect="pure")
    async def endless() -> None:
        nonlocal began
        began += 1
        await asyncio.Event().wait()

    b = bench(endless)
    page = [b.token("endless") for _ in range(40)]
    await b.emit(page)
    async with running(b.worker(slots=40, split_after_s=0.05)):
        async with asyncio.timeout(2):
            while not began:
                await asyncio.sleep(0)
        await b.emit(cancelled=[token_id for token_id, _ in page])
        outcomes = await b.collect(40)
    assert {o.failure.code for o in outcomes.values() if o.failure} == {"cancelled"}
    assert began < 10


async def test_entries_of_a_dead_worker_are_claimed_and_run() -> None:
    b = bench(double)
    await b.emit([b.token("double", {"n": n}) for n in range(3)])
    assert await b.bus.take({"double": [0]}, "dead", count=1, block_ms=0)
    async with running(b.worker(lease_ms=50, heartbeat_ms=15)):
        outcomes = await b.collect(3)
    assert {o.port for o in outcomes.values()} == {"success"}


async def test_a_poison_token_ends_as_worker_lost() -> None:
    b = bench(double)
    token_id, raw = b.token("double", {"n": 1})
    await b.emit([(token_id, raw)])
    for attempt in range(2):
        assert await b.bus.take({"double": [0]}, f"dead{attempt}", count=1, block_ms=0)
        if attempt == 0:
            await b.bus.claim(
                0,
                "double",
                "x",
                min_idle_ms=0,
                limit=9,
                max_deliveries=5,
                lost=b"{}",
                cancelled=b"c",
            )
    async with running(b.worker(lease_ms=50, heartbeat_ms=15, max_deliveries=2)):
        outcome = (await b.collect(1))[token_id]
    assert outcome.port == "error"
    assert outcome.failure is not None
    assert outcome.failure.code == "worker_lost"
    assert not outcome.failure.retryable


async def test_an_entry_that_went_to_another_worker_is_stopped_and_not_reported() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()
    first = True

    @node("taken_away", effect="pure")
    async def taken_away() -> str:
        nonlocal first
        if not first:
            return "second"
        first = False
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "first"

    b = bench(taken_away)
    token_id, raw = b.token("taken_away")
    await b.emit([(token_id, raw)])
    async with running(b.worker(heartbeat_ms=30)):
        await started.wait()
        await b.bus.claim(
            0,
            "taken_away",
            "thief",
            min_idle_ms=0,
            limit=9,
            max_deliveries=5,
            lost=b"{}",
            cancelled=b"c",
        )
        async with asyncio.timeout(2):
            await stopped.wait()
        outcomes = await b.collect(1)
    assert output(outcomes[token_id]) == "second"


async def test_results_outlive_a_bus_that_is_away() -> None:
    b = bench(double)
    for _ in range(3):
        b.bus.fail_next("complete")
        b.bus.fail_next("take")
    b.bus.fail_next("complete", after_effect=True)
    await b.emit([b.token("double", {"n": 1})], [b.token("double", {"n": 2})])
    async with running(b.worker()):
        outcomes = await b.collect(2)
    assert sorted(output(o)["n"] for o in outcomes.values()) == [2, 4]


async def test_drain_finishes_what_runs_and_gives_the_rest_back() -> None:
    started, release = asyncio.Event(), asyncio.Event()

    @node("held", effect="pure")
    async def held(n: int) -> int:
        started.set()
        await release.wait()
        return n

    b = bench(held)
    page = [b.token("held", {"n": n}) for n in range(3)]
    await b.emit(page)
    async with running(b.worker(slots=1, split_after_s=60)) as worker:
        await started.wait()
        worker.stop()
        async with asyncio.timeout(2):
            while not (again := await b.bus.take({"held": [0]}, "w2", count=9, block_ms=0)):
                await asyncio.sleep(0)
        release.set()
    assert [token_id for d in again for token_id, _ in d.tokens] == [page[1][0], page[2][0]]
    outcomes = await b.collect(1)
    assert output(outcomes[page[0][0]]) == 0


async def test_what_outlasts_the_drain_is_cancelled_and_given_back() -> None:
    interrupted = asyncio.Event()
    started = asyncio.Event()

    @node("forever", effect="idempotent")
    async def forever(n: int) -> int:
        if n == 0:
            return n
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            interrupted.set()
        return n

    b = bench(forever)
    page = [b.token("forever", {"n": n}) for n in range(2)]
    await b.emit(page)
    async with running(b.worker(drain_s=0.05)):
        await started.wait()
    assert interrupted.is_set()
    (again,) = await b.bus.take({"forever": [0]}, "w2", count=9, block_ms=0)
    assert [token_id for token_id, _ in again.tokens] == [page[1][0]]
    outcomes = await b.collect(1)
    assert output(outcomes[page[0][0]]) == 0


async def test_few_slots_and_many_streams_take_no_more_than_fits() -> None:
    gate = asyncio.Event()

    @node("one_at_a_time", effect="once")
    async def one_at_a_time() -> None:
        await gate.wait()

    b = bench(one_at_a_time)
    await b.bus.publish_partitions(4)
    await b.emit(*[[b.token("one_at_a_time")] for _ in range(5)])
    async with running(b.worker(slots=1)) as worker:
        async with asyncio.timeout(2):
            while worker.busy < 1:
                await asyncio.sleep(0)
        others = await b.bus.take({"one_at_a_time": [0]}, "w2", count=9, block_ms=0)
        assert len(others) == 4
        gate.set()
        await b.collect(1)


async def test_worker_registers_its_types_and_unregisters() -> None:
    b = bench(double)
    await b.emit()
    async with running(b.worker()):
        async with asyncio.timeout(2):
            while not (workers := await b.bus.workers()):
                await asyncio.sleep(0)
        assert [t.name for t in workers[0].types] == ["double"]
        assert workers[0].slots == 4
    assert await b.bus.workers() == []


async def test_a_port_of_its_own() -> None:
    @node("judge", effect="pure", ports=["approved"])
    async def judge() -> Result:
        return Result({"by": "me"}, port="approved")

    outcome = await bench(judge).run_one()
    assert outcome.port == "approved"
    assert output(outcome) == {"by": "me"}


def test_default_options_keep_heartbeats_under_a_third_of_the_lease() -> None:
    options = WorkerOptions()
    assert options.heartbeat_ms * 3 < options.lease_ms


async def test_one_page_that_redis_refuses_does_not_hold_up_the_others() -> None:
    b = bench(double)
    b.bus.fail_next("complete", RuntimeError("refused"))
    b.bus.fail_next("complete", RuntimeError("refused"))
    await b.emit(*[[b.token("double", {"n": n})] for n in range(3)])
    async with running(b.worker(slots=8, lease_ms=100, heartbeat_ms=30)):
        outcomes = await b.collect(3)  # the refused one goes stale, is claimed and runs again
    assert len(outcomes) == 3


async def test_new_partitions_are_followed() -> None:
    b = bench(double)
    await b.emit()
    async with running(b.worker(partitions_s=0.02, slots=8)):
        await b.bus.publish_partitions(3)
        assert await b.bus.acquire(2, "o2", 60_000)
        run, raw = b.token("double", {"n": 4})
        await b.bus.commit(
            Commit(p=2, owner="o2", number=0, cursor="0-0", pages=[Page("double", [(run, raw)])])
        )
        async with asyncio.timeout(2):
            while not await b.bus.read_signals({2: "0-0"}, count=1, block_ms=20):
                pass


async def test_a_worker_without_partitions_waits_and_can_be_stopped() -> None:
    worker = bench(double).worker()
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0)
    assert not worker.ready.is_set()
    worker.stop()
    async with asyncio.timeout(2):
        await task
