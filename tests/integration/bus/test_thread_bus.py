"""ThreadBus: renewals and heartbeats beside a busy loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis

from minuet.bus.api import Commit, Done, Page
from minuet.bus.codes import BusFault
from minuet.bus.redis import RedisBus
from minuet.bus.thread import ThreadBus
from minuet.model.errors import BusUnavailable

LONG_MS = 60_000
TYPE = "http"
TOKENS = ["0-r/a/1/1", "1-r/a/1/1"]


@pytest.fixture
async def bus(server_url: str, key_prefix: str, client: Redis) -> AsyncIterator[RedisBus]:
    made = await RedisBus.connect(server_url, key_prefix)
    yield made
    await made.close()


@pytest.fixture
def threaded(server_url: str, key_prefix: str) -> Iterator[ThreadBus]:
    made = ThreadBus(server_url, key_prefix)
    yield made
    made.close()


async def held(bus: RedisBus) -> list[tuple[int, str, str]]:
    """A page of each of two partitions, in the hands of consumer c."""
    for p, token in enumerate(TOKENS):
        await bus.acquire(p, "o", LONG_MS)
        await bus.commit(Commit(p, "o", 0, "0-0", pages=[Page(TYPE, [(token, b"{}")])]))
    taken = await bus.take({TYPE: [0, 1]}, "c", count=1, block_ms=0)
    return [(d.p, d.type, d.id) for d in taken]


async def test_renewals_answer_by_partition(bus: RedisBus, threaded: ThreadBus) -> None:
    await held(bus)
    leases = {0: "o", 1: "another", 2: "o"}
    assert threaded.renew(leases, LONG_MS) == {0: 1, 1: None, 2: None}
    assert threaded.renew({}, LONG_MS) == {}


async def test_heartbeats_and_completions_answer_by_entry(
    bus: RedisBus, threaded: ThreadBus
) -> None:
    entries = await held(bus)
    gone = (0, TYPE, "1-1")
    assert threaded.heartbeat("c", [entries[1], gone, entries[0]]) == [True, False, True]
    assert threaded.heartbeat("another", entries) == [False, False]
    done = [Done(*entry, [(TOKENS[entry[0]], b"{}")]) for entry in entries]
    assert threaded.complete(done) == [True, True]
    assert threaded.complete(done) == [False, False]
    signals = await bus.read_signals({0: "0-0", 1: "0-0"}, count=9, block_ms=0)
    assert {s.p: s.fields[1][0] for s in signals} == {0: TOKENS[0], 1: TOKENS[1]}


async def test_cancelled_tokens_are_named(bus: RedisBus, threaded: ThreadBus) -> None:
    await bus.acquire(1, "o", LONG_MS)
    await bus.commit(Commit(1, "o", 0, "0-0", cancelled=[TOKENS[1]]))
    assert threaded.cancelled([*TOKENS, "1-r/b/1/1"]) == [False, True, False]
    assert threaded.cancelled([]) == []


async def test_lost_functions_are_loaded_again(
    bus: RedisBus, threaded: ThreadBus, client: Redis
) -> None:
    await held(bus)
    client.function_flush()
    assert threaded.renew({0: "o", 1: "o"}, LONG_MS) == {0: 1, 1: 1}


async def test_lost_connection_is_told_once_and_made_anew(
    bus: RedisBus, threaded: ThreadBus, client: Redis
) -> None:
    await held(bus)
    before = {c["id"] for c in client.client_list()}
    assert threaded.renew({0: "o"}, LONG_MS) == {0: 1}
    (mine,) = {c["id"] for c in client.client_list()} - before
    client.client_kill_filter(_id=mine)
    with pytest.raises(BusUnavailable):
        threaded.renew({0: "o"}, LONG_MS)
    assert threaded.renew({0: "o"}, LONG_MS) == {0: 1}


async def test_threads_take_turns(bus: RedisBus, threaded: ThreadBus) -> None:
    await held(bus)
    answers: list[dict[int, int | None]] = []

    def renew() -> None:
        answers.extend(threaded.renew({0: "o"}, LONG_MS) for _ in range(50))

    threads = [threading.Thread(target=renew) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert answers == [{0: 1}] * 200


def test_faults_are_ours(threaded: ThreadBus) -> None:
    with pytest.raises(BusFault, match="BADARGS"):
        threaded.renew({0: "o"}, 0)


def test_silent_server_is_given_up(tmp_path: Path) -> None:
    path = str(tmp_path / "silent")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        threaded = ThreadBus(f"unix://{path}", timeout_s=0.05)
        with pytest.raises(BusUnavailable, match="timed out"):
            threaded.renew({0: "o"}, LONG_MS)


def test_nobody_listening_is_said(tmp_path: Path) -> None:
    threaded = ThreadBus(f"unix://{tmp_path / 'none'}")
    with pytest.raises(BusUnavailable, match="No such file"):
        threaded.renew({0: "o"}, LONG_MS)
