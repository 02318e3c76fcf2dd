"""The lane: order, cancellation, large values, lost and silent connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import hiredis
import pytest
from redis import Redis

from minuet.bus.address import Address
from minuet.bus.lane import Lane
from minuet.model.errors import BusUnavailable

MIB = 1 << 20


@pytest.fixture
async def lane(server_url: str) -> AsyncIterator[Lane]:
    made = Lane(Address.parse(server_url))
    await made.open()
    yield made
    await made.close()


async def test_replies_come_in_the_order_of_calls(lane: Lane) -> None:
    texts = [b"%d" % i for i in range(2000)]
    assert await asyncio.gather(*(lane.call("ECHO", text) for text in texts)) == texts


async def test_cancelled_waiter_keeps_its_place_in_the_replies(lane: Lane) -> None:
    first = asyncio.create_task(lane.call("ECHO", "first"))
    second = asyncio.create_task(lane.call("ECHO", "second"))
    third = asyncio.create_task(lane.call("ECHO", "third"))
    await asyncio.sleep(0)
    second.cancel()
    assert list(await asyncio.gather(first, third)) == [b"first", b"third"]
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await lane.call("ECHO", "fourth") == b"fourth"


async def test_error_reply_reaches_only_its_caller(lane: Lane) -> None:
    replies = await asyncio.gather(
        lane.call("ECHO", "a"), lane.call("NO", "SUCH"), lane.call("ECHO", "b"),
        return_exceptions=True,
    )  # fmt: skip
    assert list(replies[::2]) == [b"a", b"b"]
    assert isinstance(replies[1], hiredis.ReplyError)


async def test_large_values_pass_both_ways(lane: Lane) -> None:
    large = b"x" * (16 * MIB)
    replies = await asyncio.gather(*(lane.call("ECHO", large) for _ in range(4)))
    assert replies == [large] * 4


async def test_back_pressure_holds_later_calls_until_sent(lane: Lane) -> None:
    large = b"x" * (32 * MIB)
    sent = await lane.submit("ECHO", large)
    await asyncio.sleep(0)  # the write is queued: above the mark
    held = asyncio.create_task(lane.submit("ECHO", "small"))
    await asyncio.sleep(0)
    assert not held.done()
    assert await sent == large
    assert await (await held) == b"small"


async def test_lost_connection_fails_what_is_pending_and_comes_back(
    lane: Lane, client: Redis, key_prefix: str
) -> None:
    waiting = [await lane.submit("BLPOP", f"{key_prefix}none", 0) for _ in range(3)]
    await asyncio.sleep(0)
    client.client_kill_filter(_id=str(lane.client_id))
    for future in waiting:
        with pytest.raises(BusUnavailable, match="lost"):
            await future
    assert await lane.call("ECHO", "again") == b"again"
    assert lane.connections == 2


async def test_close_fails_what_is_pending_and_later_calls(lane: Lane, key_prefix: str) -> None:
    waiting = await lane.submit("BLPOP", f"{key_prefix}none", 0)
    await lane.close()
    await lane.close()
    with pytest.raises(BusUnavailable, match="closed"):
        await waiting
    with pytest.raises(BusUnavailable, match="closed"):
        await lane.call("PING")


async def test_nobody_listening_is_said_at_once(tmp_path: Path) -> None:
    lane = Lane(Address(path=str(tmp_path / "none")), patience_s=0.05)
    with pytest.raises(BusUnavailable, match="No such file"):
        await lane.open()
    with pytest.raises(BusUnavailable, match="No such file"):
        await lane.call("PING")
    await lane.close()


async def test_call_waits_for_a_server_that_comes_up_meanwhile(
    server_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    lane = Lane(Address(path=str(path)))
    calling = asyncio.create_task(lane.call("ECHO", "late"))
    await asyncio.sleep(0)
    path.symlink_to(Address.parse(server_url).path)
    assert await calling == b"late"
    await lane.close()


async def test_silent_server_counts_as_lost(tmp_path: Path) -> None:
    """A host that died without closing its connections: it greets and never answers again."""

    async def greet_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b":1\r\n")
        await reader.read()
        writer.close()

    path = str(tmp_path / "silent")
    server = await asyncio.start_unix_server(greet_only, path)
    lane = Lane(Address(path=path), silence_s=0.1)
    with pytest.raises(BusUnavailable, match="no reply"):
        await lane.call("PING")
    await lane.close()
    server.close()


async def test_refused_greeting_is_an_error(server_url: str) -> None:
    address = Address.parse(server_url)
    lane = Lane(Address(path=address.path, db=10_000))
    with pytest.raises(BusUnavailable, match="DB index"):
        await lane.open()
    await lane.close()
