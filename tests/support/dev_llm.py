"""The scripted model server inside a test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from minuet.services.dev_llm.app import create_app
from minuet.services.dev_llm.ledger import Ledger
from minuet.services.dev_llm.player import Player
from minuet.services.dev_llm.script import Script
from minuet.services.dev_llm.serving import claim_port, serve


@dataclass
class DevLlm:
    base_url: str
    ledger: Ledger

    @property
    def asked(self) -> list[tuple[int, str]]:
        """(turn, outcome) of each request."""
        return [(entry.turn, entry.outcome) for entry in self.ledger.entries]


@asynccontextmanager
async def dev_llm(*conversations: dict[str, Any]) -> AsyncIterator[DevLlm]:
    script = msgspec.convert({"conversations": list(conversations)}, Script)
    ledger = Ledger(None)
    app = create_app(Player(script.conversations), ledger)
    port, stop = claim_port("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop))
    try:
        await until_up(f"http://127.0.0.1:{port}/healthz")
        yield DevLlm(f"http://127.0.0.1:{port}/v1", ledger)
    finally:
        stop.set()
        await serving


async def until_up(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(10):
        while True:
            try:
                await client.get(url)
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return
