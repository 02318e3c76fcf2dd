"""A client's buffer is bounded; whoever is too slow is shown everything anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from minuet.model.errors import StoreUnavailable
from minuet.services.fanout import client as client_module
from minuet.services.fanout.client import Client

pytestmark = pytest.mark.anyio


class Peer:
    """A socket whose sending can be held up."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.taking = asyncio.Event()
        self.taking.set()

    async def send(self, message: bytes, *, text: bool) -> None:
        assert text
        await self.taking.wait()
        self.got.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


async def show(client: Client, again: bool) -> None:
    await client.send(b"again" if again else b"begin")
    client.level([b"rest"])


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[Client]:
    made = Client(peer, show, buffer_frames=3)
    made.start()
    await made.flushed()
    yield made
    await made.close()


async def test_the_beginning_comes_before_what_is_offered(client: Client, peer: Peer) -> None:
    client.offer(b"1")
    client.offer(b"2")
    await client.flushed()
    assert peer.got == [b"begin", b"rest", b"1", b"2"]
    assert client.idle


async def test_a_slow_client_is_told_and_shown_anew(client: Client, peer: Peer) -> None:
    peer.taking.clear()
    client.offer(b"held")
    await asyncio.sleep(0)
    for number in range(5):
        client.offer(b"%d" % number)
    peer.taking.set()
    await client.flushed()
    told = json.loads(peer.got[3])
    assert told == {"kind": "resync", "reason": "slow"}
    assert peer.got == [b"begin", b"rest", b"held", peer.got[3], b"again", b"rest"]


async def test_large_frames_count_by_their_size(
    client: Client, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "BUFFER_BYTES", 100)
    peer.taking.clear()
    client.offer(b"held")
    await asyncio.sleep(0)
    client.offer(b"x" * 60)
    client.offer(b"x" * 60)
    peer.taking.set()
    await client.flushed()
    assert b"again" in peer.got
    assert b"x" * 60 not in peer.got


async def test_extras_leave_room_for_events(client: Client, peer: Peer) -> None:
    peer.taking.clear()
    client.offer(b"held")
    await asyncio.sleep(0)
    client.offer(b"1")
    client.offer(b"2")
    client.offer_extra(b"log")
    peer.taking.set()
    await client.flushed()
    assert peer.got[2:] == [b"held", b"1", b"2"]


async def test_an_outage_while_showing_is_tried_again(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RETRY_S", 0)
    failures = [StoreUnavailable("away")]

    async def moody(client: Client, again: bool) -> None:
        if failures:
            raise failures.pop()
        await show(client, again)

    client = Client(peer, moody, buffer_frames=3)
    client.start()
    await client.flushed()
    assert peer.got == [b"begin", b"rest"]


async def test_a_fault_closes_the_socket(peer: Peer) -> None:
    async def broken(client: Client, again: bool) -> None:
        raise RuntimeError("a fault of ours")

    client = Client(peer, broken, buffer_frames=3)
    client.start()
    await client.flushed()
    client.offer(b"1")
    assert peer.closed == (1011, "the view failed")
    assert client.idle


async def test_ending_waits_for_what_was_offered(client: Client, peer: Peer) -> None:
    client.offer(b"1")
    client.end(4408, "over")
    await client.flushed()
    assert peer.got[-1] == b"1"
    assert peer.closed == (4408, "over")
