"""The bus over TLS. The servers of the wheels have none: what decrypts stands before one."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minuet.bus.api import Commit, Page
from minuet.bus.redis import RedisBus
from minuet.bus.servers import bus_at, thread_bus_at
from minuet.model.errors import BusUnavailable
from tests import support

CERTIFICATES = Path(support.__file__).with_name("certificates")
CERTIFICATE, KEY = CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key"
LONG_MS = 60_000
TYPE = "http"


@pytest.fixture
async def tls_port(valkey_url: str) -> AsyncIterator[int]:
    """Whatever comes in TLS goes to the server as it is."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE, KEY)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # it runs as one
        path = valkey_url.removeprefix("unix://")
        server_reader, server_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(pass_on(reader, server_writer), pass_on(server_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


async def test_calls_waits_and_threads_go_over_tls(tls_port: int, key_prefix: str) -> None:
    url = f"rediss://localhost:{tls_port}/0?ssl_ca_certs={CERTIFICATE}"
    bus = bus_at(url, key_prefix)
    lease = await bus.acquire(0, "o", LONG_MS)
    assert lease is not None
    await bus.take({TYPE: [0]}, "w", count=1, block_ms=0)
    taking = asyncio.create_task(bus.take({TYPE: [0]}, "w", count=1, block_ms=10_000))
    pages = [Page(TYPE, [("0-r/a/1/1", b"x" * 100_000)])]
    await bus.commit(Commit(0, "o", 0, "0-0", pages=pages))
    (delivery,) = await asyncio.wait_for(taking, 10)
    assert delivery.tokens == pages[0].tokens
    threaded = thread_bus_at(url, key_prefix)
    assert await asyncio.to_thread(threaded.renew, {0: "o"}, LONG_MS) == {0: 1}
    threaded.close()
    await bus.release(0, "o")
    await bus.close()


async def test_announcements_go_over_tls(tls_port: int, key_prefix: str) -> None:
    url = f"rediss://localhost:{tls_port}/0?ssl_ca_certs={CERTIFICATE}"
    bus = bus_at(url, key_prefix)
    listening = bus.announcements()
    hearing = asyncio.ensure_future(anext(listening))
    async with asyncio.timeout(10):
        while not hearing.done():
            await bus.announce(b"recorded")
            await asyncio.sleep(0.01)
    assert await hearing == b"recorded"
    await listening.aclose()
    await bus.close()


async def test_a_server_that_nobody_vouches_for_is_refused(tls_port: int) -> None:
    with pytest.raises(BusUnavailable, match="certificate"):
        await RedisBus.connect(f"rediss://localhost:{tls_port}")
