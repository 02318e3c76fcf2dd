"""The bus on a cluster that changes under it: slots move, masters hang and die."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from minuet.bus.api import Commit, Delivery, Done, Page, RunWrite
from minuet.bus.cluster import ClusterBus
from minuet.bus.cluster_thread import ClusterThreadBus
from minuet.bus.codes import BusFault
from minuet.bus.standing_takes import COME_BACK_S
from minuet.embedded.valkey import ValkeyServer
from minuet.model.errors import BusUnavailable
from tests.support.background import BackgroundLoop
from tests.support.valkey_cluster import ClusterServer, ValkeyCluster

pytestmark = [pytest.mark.serial, pytest.mark.timeout(120)]

TYPE = "http"
LONG_MS = 60_000
ALL = range(8)


@pytest.fixture(scope="module")
def cluster(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ValkeyCluster]:
    """Each test leaves it whole, but not as it was."""
    made = ValkeyCluster(tmp_path_factory.mktemp("cluster"))
    try:
        background.run(made.start())
        yield made
    finally:
        background.run(made.stop())


@pytest.fixture
async def bus(cluster: ValkeyCluster, key_prefix: str) -> AsyncIterator[ClusterBus]:
    made = await ClusterBus.connect(cluster.url, key_prefix)
    yield made
    await made.close()


@pytest.fixture
def threaded(cluster: ValkeyCluster, key_prefix: str) -> Iterator[ClusterThreadBus]:
    made = ClusterThreadBus(cluster.url, key_prefix)
    yield made
    made.close()


async def own(bus: ClusterBus, p: int, *pages: str) -> int:
    """The lease of a partition, and a page for each name; the number of the next commit."""
    lease = await bus.acquire(p, "o", LONG_MS)
    assert lease is not None
    if pages:
        await put(bus, p, lease.commit, *pages)
    return lease.commit + (1 if pages else 0)


async def put(bus: ClusterBus, p: int, number: int, *pages: str) -> None:
    listed = [Page(TYPE, [(f"{p}-r/{name}/1/1", b"{}")]) for name in pages]
    runs = [RunWrite(f"{p}-r", {"head": b"h"})]
    await bus.commit(Commit(p, "o", number, "0-0", runs=runs, pages=listed, event=b"e"))


async def another_master(cluster: ValkeyCluster, p: int) -> ClusterServer:
    now = await cluster.master_of(p)
    return next(each for each in await cluster.masters() if each is not now)


async def retried(call: Callable[[], Awaitable[object]]) -> None:
    """Call until nodes are there again."""
    async with asyncio.timeout(30):
        while True:
            try:
                await call()
            except BusUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


# ── moving slots ───────────────────────────────────────────────────────────────────────────────


async def test_calls_follow_a_slot_that_moved(bus: ClusterBus, cluster: ValkeyCluster) -> None:
    number = await own(bus, 0, "a")
    await cluster.hand_over(0, await another_master(cluster, 0))
    await put(bus, 0, number, "b")
    assert len(await bus.read_events({0: "0-0"}, count=9, block_ms=0)) == 2
    assert await bus.heads(0, ["0-r"]) == [b"h"]


async def test_waiting_reads_follow_a_slot_that_moved(
    bus: ClusterBus, cluster: ValkeyCluster
) -> None:
    number = await own(bus, 1, "first")
    (first,) = await bus.read_events({1: "0-0"}, count=9, block_ms=0)
    await bus.take({TYPE: [1]}, "w", count=1, block_ms=0)
    reading = asyncio.create_task(bus.read_events({1: first.id}, count=9, block_ms=20_000))
    taking = asyncio.create_task(bus.take({TYPE: [*ALL]}, "w", count=1, block_ms=20_000))
    await bus.now()
    await cluster.hand_over(1, await another_master(cluster, 1))
    await put(bus, 1, number, "second")
    (event,) = await asyncio.wait_for(reading, 10)
    (delivery,) = await asyncio.wait_for(taking, 10)
    assert event.p == 1
    assert delivery.tokens == [("1-r/second/1/1", b"{}")]


async def test_half_moved_slots_serve_what_they_can_and_lose_nothing(
    bus: ClusterBus, cluster: ValkeyCluster, threaded: ClusterThreadBus
) -> None:
    """One key is asked of the other node at once; several wait until they are together again."""
    number = await own(bus, 2, "a")
    moving = await cluster.begin_to_move(2, await another_master(cluster, 2))
    await moving.step(keys=3)
    assert await bus.heads(2, ["2-r"]) == [b"h"]
    assert threaded.renew({2: "o"}, LONG_MS) == {2: number}
    assert await bus.renew(2, "o", LONG_MS) == number
    committing = asyncio.create_task(put(bus, 2, number, "b"))
    await bus.heads(2, ["2-r"])
    while await moving.step(keys=3):
        assert not committing.done()
    await moving.end()
    await asyncio.wait_for(committing, 10)
    assert threaded.renew({2: "o"}, LONG_MS) == {2: number + 1}
    taken = await bus.take({TYPE: [2]}, "w", count=9, block_ms=0)
    assert [d.tokens[0][0] for d in taken] == ["2-r/a/1/1", "2-r/b/1/1"]


# ── waiting ────────────────────────────────────────────────────────────────────────────────────


async def test_one_take_waits_on_all_nodes(bus: ClusterBus, cluster: ValkeyCluster) -> None:
    numbers = {p: await own(bus, p) for p in ALL}
    nodes = {(await cluster.master_of(p)).place for p in ALL}
    assert len(nodes) == 3
    for p in ALL:
        taking = asyncio.create_task(bus.take({TYPE: [*ALL]}, "w", count=1, block_ms=20_000))
        await bus.now()
        await put(bus, p, numbers[p], "a")
        (delivery,) = await asyncio.wait_for(taking, 10)
        assert delivery.p == p


async def test_pages_go_back_when_their_consumer_does_not_come_back(bus: ClusterBus) -> None:
    """It left waiting reads behind, and these go on taking until it is found to be gone."""
    number = await own(bus, 0, "a")
    (first,) = await bus.take({TYPE: [0, 1]}, "busy", count=1, block_ms=5_000)
    assert first.p == 0
    other = await own(bus, 1, "b")  # into the hands of the waiting read
    await put(bus, 0, number, "c")
    assert other == 1
    found: list[Delivery] = []
    async with asyncio.timeout(20 * COME_BACK_S + 10):
        while len(found) < 2:
            found += await bus.take({TYPE: [0, 1]}, "free", count=9, block_ms=1_000)
    assert sorted(d.tokens[0][0] for d in found) == ["0-r/c/1/1", "1-r/b/1/1"]
    assert [d.deliveries for d in found] == [1, 1]


async def test_one_take_brings_no_more_of_a_stream_than_was_asked_for(bus: ClusterBus) -> None:
    number = await own(bus, 0, "a", "b", "c")
    other = await own(bus, 1)
    (first,) = await bus.take({TYPE: [0]}, "w", count=1, block_ms=1_000)
    assert first.p == 0
    both = await bus.take({TYPE: [0, 1]}, "w", count=9, block_ms=1_000)  # leaves one waiting on 1
    assert len(both) == 2
    await put(bus, 1, other, "d", "e", "f")
    await put(bus, 0, number, "g")
    seen: list[Delivery] = []
    async with asyncio.timeout(10):
        while len(seen) < 4:
            found = await bus.take({TYPE: [0, 1]}, "w", count=1, block_ms=1_000)
            assert max([sum(d.p == p for d in found) for p in (0, 1)]) <= 1
            seen += found
    assert [d.tokens[0][0] for d in seen if d.p == 1] == [f"1-r/{name}/1/1" for name in "def"]


# ── what is asked of all nodes ─────────────────────────────────────────────────────────────────


async def test_one_unfit_master_makes_the_cluster_unfit(
    bus: ClusterBus, cluster: ValkeyCluster
) -> None:
    assert (await bus.server_info()).faults() == []
    server = await cluster.master_of(3)
    async with server.client() as client:
        before = str((await client.config_get("maxmemory"))["maxmemory"])
        await client.config_set("maxmemory", 0)
        info = await bus.server_info()
        await client.config_set("maxmemory", before)
    assert info.faults() == [f"{server.place}: maxmemory is not set"]


async def test_renewals_of_a_thread_go_to_every_node(
    bus: ClusterBus, threaded: ClusterThreadBus
) -> None:
    for p in ALL:
        await own(bus, p, "a")
    held = await bus.take({TYPE: [*ALL]}, "w", count=1, block_ms=0)
    assert threaded.renew(dict.fromkeys(ALL, "o"), LONG_MS) == dict.fromkeys(ALL, 1)
    assert threaded.renew({0: "another"}, LONG_MS) == {0: None}
    entries = [(d.p, d.type, d.id) for d in held]
    assert threaded.heartbeat("w", [*entries, (0, TYPE, "1-1")]) == [True] * 8 + [False]
    assert threaded.cancelled(["0-r/a/1/1"]) == [False]


async def test_an_address_of_a_single_server_is_no_cluster(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
    server = ValkeyServer(tmp_path / "server", port=port)
    await server.start()
    try:
        with pytest.raises(BusFault, match="cluster support disabled"):
            await ClusterBus.connect(f"redis+cluster://127.0.0.1:{port}")
    finally:
        await server.stop()


# ── masters that are gone ──────────────────────────────────────────────────────────────────────


async def test_a_master_that_hangs_is_left_for_its_replica(
    bus: ClusterBus, cluster: ValkeyCluster, threaded: ClusterThreadBus
) -> None:
    """Its connections stay open, and nothing comes back on them."""
    for p in ALL:
        await own(bus, p)
    stuck = await cluster.master_of(1)
    others = [p for p in ALL if await cluster.master_of(p) is not stuck]
    os.kill(stuck.process.pid, signal.SIGSTOP)
    try:
        answer = await asyncio.to_thread(threaded.renew, dict.fromkeys(ALL, "o"), LONG_MS)
        assert set(others) <= set(answer) < set(ALL)
        await retried(lambda: bus.renew(1, "o", LONG_MS))
        assert await cluster.master_of(1) is not stuck
        answer = await asyncio.to_thread(threaded.renew, dict.fromkeys(ALL, "o"), LONG_MS)
        assert set(answer) == set(ALL)
    finally:
        os.kill(stuck.process.pid, signal.SIGCONT)
    await cluster.until_whole()


async def test_a_shard_that_is_gone_leaves_the_others_at_work(
    bus: ClusterBus, cluster: ValkeyCluster, threaded: ClusterThreadBus
) -> None:
    """Master and replica hang: nobody takes over."""
    numbers = {p: await own(bus, p) for p in ALL}
    await bus.take({TYPE: [*ALL]}, "w", count=1, block_ms=0)
    gone = await cluster.master_of(3)
    lost = [p for p in ALL if await cluster.master_of(p) is gone]
    p = next(p for p in ALL if p not in lost)
    pids = [gone.process.pid, (await cluster.replica_of(gone)).process.pid]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        reading = asyncio.create_task(
            bus.read_events(dict.fromkeys(ALL, "0-0"), count=9, block_ms=20_000)
        )
        taking = asyncio.create_task(bus.take({TYPE: [*ALL]}, "w", count=1, block_ms=20_000))
        async with asyncio.timeout(4):
            await put(bus, p, numbers[p], "a")
            (event,), (page,) = await reading, await taking
        assert event.p == page.p == p
        results = [(name, b"{}") for name, _ in page.tokens]
        async with asyncio.timeout(2):
            assert await bus.complete([Done(p, TYPE, page.id, results)]) == [True]
        renewed = await asyncio.to_thread(threaded.renew, dict.fromkeys(ALL, "o"), LONG_MS)
        assert set(renewed) == set(ALL) - set(lost)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    await retried(lambda: bus.renew(3, "o", LONG_MS))
    await cluster.until_whole()


async def test_reads_and_takes_wake_after_a_failover(
    bus: ClusterBus, cluster: ValkeyCluster, background: BackgroundLoop
) -> None:
    before = await bus.server_id()
    number = await own(bus, 0, "a")
    await bus.take({TYPE: [0]}, "w", count=1, block_ms=0)
    victim = await cluster.master_of(0)
    os.kill(victim.process.pid, signal.SIGKILL)
    await retried(lambda: bus.acquire(0, "o", LONG_MS))
    lease = await bus.acquire(0, "o", LONG_MS)
    assert lease is not None
    assert lease.commit <= number  # what was not yet copied is gone
    await retried(lambda: put(bus, 0, lease.commit, "b"))
    found = []

    async def take() -> None:
        found.extend(await bus.take({TYPE: [*ALL]}, "w", count=9, block_ms=5_000))

    await retried(take)
    assert "0-r/b/1/1" in [d.tokens[0][0] for d in found]
    assert await bus.server_id() != before
    await asyncio.to_thread(lambda: background.run(victim.process.start()))
    await cluster.until_whole()
