"""Listening to what is announced: a cold path, so redis-py does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from minuet.model.errors import BusUnavailable

from .address import Address

PAUSE_S: Final = 0.2


async def listen(
    choose: Callable[[], Awaitable[Address]], channel: str
) -> AsyncGenerator[bytes, None]:
    """Messages of a channel; reconnects for ever, each time to whom `choose` names."""
    # Half a second to import, and few processes listen.
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError as LostConnection
    from redis.exceptions import TimeoutError as NoReply

    while True:
        try:
            address = await choose()
        except BusUnavailable:
            await asyncio.sleep(PAUSE_S)
            continue
        client = Redis.from_url(address.url, protocol=2, socket_timeout=None)
        try:
            async with client.pubsub() as pubsub:
                await pubsub.subscribe(channel)
                async for message in pubsub.listen():
                    if message["type"] == "message":
                        yield message["data"]
        except (LostConnection, NoReply):
            await asyncio.sleep(PAUSE_S)
        finally:
            await client.aclose()
