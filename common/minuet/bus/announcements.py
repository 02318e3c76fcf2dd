"""Listening to what is announced: a cold path, so redis-py does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from .address import Address

PAUSE_S: Final = 0.2


async def listen(address: Address, channel: str) -> AsyncGenerator[bytes, None]:
    """Messages of a channel; reconnects for ever."""
    # Half a second to import, and few processes listen.
    from redis.asyncio import Redis
    from redis.exceptions import ConnectionError as LostConnection
    from redis.exceptions import TimeoutError as NoReply

    while True:
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
