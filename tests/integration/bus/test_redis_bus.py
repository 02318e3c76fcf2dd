"""RedisBus where a real server matters: lost functions, a full server, restarts, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis import Redis

from minuet.bus.api import Commit, Delivery, Done, Page, RunWrite
from minuet.bus.codes import BusFault
from minuet.bus.keys import Keys
from minuet.bus.redis import RedisBus
from minuet.embedded.valkey import ValkeyServer
from minuet.model.errors import BusUnavailable, Overloaded

LONG_MS = 60_000
TYPE = "http"
TOKEN = ("0-r/a/1/1", b"{}")
START = [("k", b"start"), ("s", b"{}")]
CANCEL = [("k", b"command"), ("s", b"{}")]


@pytest.fixture
async def bus(server_url: str, key_prefix: str, client: Redis) -> AsyncIterator[RedisBus]:
    made = await RedisBus.connect(server_url, key_prefix)
    yield made
    await made.close()


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """One that a test may stop."""
    server = ValkeyServer(tmp_path / "server")
    await server.start()
    yield server
    await server.stop()


async def page(bus: RedisBus, number: int = 0) -> None:
    await bus.commit(Commit(0, "o", number, "0-0", pages=[Page(TYPE, [TOKEN])]))


async def take(bus: RedisBus, consumer: str = "c", block_ms: int = 0) -> list[Delivery]:
    return await bus.take({TYPE: [0]}, consumer, count=1, block_ms=block_ms)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await holds():
            await asyncio.sleep(0.005)


async def test_lost_functions_are_loaded_again(bus: RedisBus, client: Redis) -> None:
    await bus.acquire(0, "o", LONG_MS)
    client.function_flush()
    renewals = await asyncio.gather(*(bus.renew(0, "o", LONG_MS) for _ in range(10)))
    assert renewals == [0] * 10


async def test_full_server_refuses_starts_and_drains(bus: RedisBus, client: Redis) -> None:
    await bus.acquire(0, "o", LONG_MS)
    await page(bus)
    (delivery,) = await take(bus)
    before = client.config_get("maxmemory")["maxmemory"] or 0
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(Overloaded):
            await bus.send(0, [START])
        with pytest.raises(Overloaded):
            await bus.cas_put("t", "sha256:0", b"x", ttl_s=10)
        assert await bus.send(0, [CANCEL]) == 1
        done = Done(0, TYPE, delivery.id, [(TOKEN[0], b"{}")])
        assert await bus.complete([done]) == [True]
        await bus.commit(Commit(0, "o", 1, "0-0", runs=[RunWrite("0-r", {"head": "h"})]))
        assert await bus.renew(0, "o", LONG_MS) == 2
    finally:
        client.config_set("maxmemory", before)
    kinds = [e.fields[0] for e in await bus.read_signals({0: "0-0"}, count=9, block_ms=0)]
    assert kinds == [("k", b"command"), ("k", b"done")]


async def test_full_server_lets_new_processes_commit_and_take(bus: RedisBus, client: Redis) -> None:
    before = client.config_get("maxmemory")["maxmemory"] or 0
    client.config_set("maxmemory", 1)
    try:
        await bus.acquire(0, "o", LONG_MS)
        await page(bus)
        (delivery,) = await take(bus)
    finally:
        client.config_set("maxmemory", before)
    assert delivery.tokens == [TOKEN]
    assert await bus.backlog(0) == {}
    await page(bus, 1)
    assert await bus.backlog(0) == {TYPE: 2}


async def test_cancelled_take_gives_back_what_it_was_handed(
    bus: RedisBus, client: Redis, keys: Keys
) -> None:
    taking = asyncio.create_task(take(bus, "first", LONG_MS))
    other = await RedisBus.connect(bus.address.url, keys.prefix)
    await eventually(lambda: blocked(other))
    # While this call blocks the loop the page is delivered to the waiting consumer; its task is
    # cancelled before it can see that.
    client.xadd(keys.tasks(0, TYPE), dict([TOKEN]))
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    (delivery,) = await take(other, "second", 5_000)
    assert (delivery.tokens, delivery.deliveries) == ([TOKEN], 1)
    await other.close()


async def test_cancelled_take_stops_waiting_on_the_server(bus: RedisBus) -> None:
    taking = asyncio.create_task(take(bus, block_ms=LONG_MS))
    await eventually(lambda: blocked(bus))
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    await eventually(lambda: nobody_blocked(bus))


async def blocked(bus: RedisBus) -> bool:
    return b"blocked_clients:0" not in await bus.ask(b"INFO", b"clients")


async def nobody_blocked(bus: RedisBus) -> bool:
    return not await blocked(bus)


async def test_blocking_reads_do_not_hold_up_calls(bus: RedisBus) -> None:
    waiting = [
        asyncio.create_task(bus.read_signals({0: "0-0"}, count=1, block_ms=LONG_MS)),
        asyncio.create_task(bus.read_events({0: "0-0"}, count=1, block_ms=LONG_MS)),
    ]
    await eventually(lambda: blocked(bus))
    await bus.acquire(0, "o", LONG_MS)
    await bus.send(0, [START])
    await bus.commit(Commit(0, "o", 0, "0-0", event=b"{}"))
    (signal,), (event,) = await asyncio.gather(*waiting)
    assert signal.fields == START
    assert event.fields == [("e", b"{}")]


async def test_argument_faults_are_ours(bus: RedisBus) -> None:
    with pytest.raises(BusFault, match="BADARGS"):
        await bus.acquire(0, "", LONG_MS)


async def test_fields_beyond_one_unpack_are_written_whole(bus: RedisBus) -> None:
    await bus.acquire(0, "o", LONG_MS)
    fields: dict[str, str | bytes] = {f"n:{i}": str(i) for i in range(10_000)}
    outputs = {str(i): b"%d" % i for i in range(5_000)}
    timers = [(f"wait {i}", i + 1) for i in range(5_000)]
    cancelled = [f"0-r/n{i}/1/1" for i in range(5_000)]
    await bus.commit(
        Commit(
            0, "o", 0, "0-0", runs=[RunWrite("0-r", fields, outputs)], timers_add=timers,
            cancelled=cancelled,
        )
    )  # fmt: skip
    (run,) = await bus.load_runs(0, ["0-r"])
    assert run is not None
    assert run.fields == {name: str(text).encode() for name, text in fields.items()}
    assert await bus.load_outputs(0, "0-r", list(outputs)) == list(outputs.values())
    assert all(await bus.cancelled(cancelled))
    await bus.commit(Commit(0, "o", 1, "0-0", timers_del=[member for member, _ in timers]))
    assert await bus.fire_timers(0) is None


async def test_restarted_server_is_found_again_with_another_id(own_server: ValkeyServer) -> None:
    bus = await RedisBus.connect(own_server.url)
    await bus.acquire(0, "o", LONG_MS)
    before = await bus.server_id()
    await own_server.stop()
    with pytest.raises(BusUnavailable):
        await bus.renew(0, "o", LONG_MS)
    await own_server.start()
    assert await bus.renew(0, "o", LONG_MS) == 0
    assert await bus.server_id() != before
    assert bus.connections == 2
    await bus.close()


async def test_read_only_replica_is_left_and_the_call_repeated(own_server: ValkeyServer) -> None:
    bus = await RedisBus.connect(own_server.url)
    await bus.acquire(0, "o", LONG_MS)
    await bus.ask(b"REPLICAOF", b"127.0.0.1", b"1")
    renewing = asyncio.create_task(bus.renew(0, "o", LONG_MS))
    await eventually(lambda: redialled(bus))
    await bus.ask(b"REPLICAOF", b"NO", b"ONE")
    assert await renewing == 0
    await bus.close()


async def redialled(bus: RedisBus) -> bool:
    return bus.connections > 1


async def test_announcements_reach_a_listener_after_a_lost_connection(
    bus: RedisBus, client: Redis
) -> None:
    listening = bus.announcements()
    hearing = asyncio.ensure_future(anext(listening))
    await eventually(lambda: heard(bus, hearing))
    assert await hearing == b"recorded"
    hearing = asyncio.ensure_future(anext(listening))
    client.client_kill_filter(_type="pubsub")
    await eventually(lambda: heard(bus, hearing))
    assert await hearing == b"recorded"
    await listening.aclose()


async def heard(bus: RedisBus, hearing: asyncio.Future[bytes]) -> bool:
    await bus.announce(b"recorded")
    return hearing.done()


async def test_server_info_names_the_server(bus: RedisBus, client: Redis) -> None:
    info = await bus.server_info()
    assert info.run_id == client.info("server")["run_id"]
    assert 0 < info.memory_fraction < 1
    assert info.faults() == []


async def test_nobody_listening_fails_to_connect(tmp_path: Path) -> None:
    with pytest.raises(BusUnavailable):
        await RedisBus.connect(f"unix://{tmp_path / 'none'}")


async def test_what_a_worker_holds_without_content_is_not_told(
    bus: RedisBus, client: Redis, key_prefix: str
) -> None:
    await bus.acquire(0, "o", LONG_MS)
    await page(bus)
    (held,) = await take(bus)
    client.xdel(Keys(key_prefix).tasks(0, TYPE), held.id)
    assert await bus.task_tokens(0, TYPE, limit=9) is None
    await bus.claim(
        0, TYPE, "other", min_idle_ms=0, limit=9, max_deliveries=5, lost=b"{}", cancelled=b"c"
    )
    assert await bus.task_tokens(0, TYPE, limit=9) == set()


async def test_a_flush_during_the_first_take_is_outlived(own_server: ValkeyServer) -> None:
    bus = await RedisBus.connect(own_server.url)
    other = await RedisBus.connect(own_server.url)
    taking = asyncio.create_task(take(bus, block_ms=10_000))

    async def waits() -> bool:
        return b"cmd=xreadgroup" in await other.ask(b"CLIENT", b"LIST")

    for _ in range(2):
        await eventually(waits)
        await other.ask(b"FLUSHALL")
    await eventually(waits)
    await other.acquire(0, "o", LONG_MS)
    await page(other)
    assert [delivery.tokens for delivery in await taking] == [[TOKEN]]
    await bus.close()
    await other.close()
