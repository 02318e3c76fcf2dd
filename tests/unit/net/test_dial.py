"""Dialling: odd spellings, rebinding names, redirects into the house."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpcore
import httpx
import pytest

from minuet.net import AddressRefused, AllowList, Dialler, GuardedTransport

NOTHING_ALLOWED = AllowList()


def answering(*answers: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    """A resolver that gives these answers in turn."""
    left = list(answers)

    async def resolver(host: str, port: int) -> list[str]:
        return left.pop(0)

    return resolver


@asynccontextmanager
async def server(reply: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """An HTTP/1.1 server on loopback that gives one reply to everything; its port and requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1], requests


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost.", "127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f000001",
        "2130706433", "017700000001", "0", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1",
        "169.254.169.254", "0xa9fea9fe",
    ],
)  # fmt: skip
async def test_spellings_of_inner_addresses_are_refused(host: str) -> None:
    with pytest.raises((AddressRefused, httpcore.ConnectError)) as caught:
        await Dialler(NOTHING_ALLOWED).connect_tcp(host, 80, timeout=5)
    if isinstance(caught.value, httpcore.ConnectError):
        assert "cannot resolve" in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.1", "2130706433", "[::ffff:127.0.0.1]", "localhost."])
async def test_odd_hosts_in_urls_are_refused(host: str) -> None:
    async with httpx.AsyncClient(transport=GuardedTransport(Dialler(NOTHING_ALLOWED))) as client:
        with pytest.raises(AddressRefused):
            await client.get(f"http://{host}:9/")


@pytest.mark.anyio
async def test_the_checked_address_is_dialled_and_host_keeps_the_name() -> None:
    async with server(OK) as (port, requests):
        dialler = Dialler(AllowList.parse("127.0.0.1"), answering(["127.0.0.1"]))
        async with httpx.AsyncClient(transport=GuardedTransport(dialler)) as client:
            answer = await client.get(f"http://name.example:{port}/a")
    assert answer.text == "ok"
    assert f"host: name.example:{port}".encode() in requests[0].lower()


@pytest.mark.anyio
async def test_forbidden_addresses_of_a_mixed_answer_are_not_tried() -> None:
    dialler = Dialler(NOTHING_ALLOWED, answering(["10.0.0.1", "1.1.1.1", "::1"]))
    assert [str(a) for a in await dialler.permitted("mixed.example", 80)] == ["1.1.1.1"]


@pytest.mark.anyio
async def test_a_name_that_turns_inward_is_refused_at_its_next_connection() -> None:
    async with server(OK) as (port, _):
        answers = answering(["127.0.0.1"], ["127.0.0.2"])
        dialler = Dialler(AllowList.parse("127.0.0.1"), answers)
        async with httpx.AsyncClient(transport=GuardedTransport(dialler)) as client:
            assert (await client.get(f"http://rebind.example:{port}/")).status_code == 200
            with pytest.raises(AddressRefused):
                await client.get(f"http://rebind.example:{port}/")


@pytest.mark.anyio
async def test_redirects_are_dialled_through_the_same_check() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/\r\n"
    reply = head + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    async with server(reply) as (port, _):
        transport = GuardedTransport(Dialler(AllowList.parse(f"127.0.0.1:{port}")))
        async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
            with pytest.raises(AddressRefused):
                await client.get(f"http://127.0.0.1:{port}/")


@pytest.mark.anyio
async def test_unix_sockets_are_refused() -> None:
    with pytest.raises(AddressRefused):
        await Dialler(NOTHING_ALLOWED).connect_unix_socket("/run/x.sock")


@pytest.mark.anyio
async def test_a_resolver_that_hangs_ends_in_a_connect_timeout() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(httpcore.ConnectTimeout):
        await Dialler(NOTHING_ALLOWED, never).connect_tcp("slow.example", 80, timeout=0.01)
