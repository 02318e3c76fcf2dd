"""The API over real Postgres and Valkey; what a recorder stores is written by `history`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.services.orchestrator.app import create_app
from minuet.services.orchestrator.core import Core, assemble
from minuet.settings import OrchestratorSettings
from minuet.store.blobs import Blobs
from minuet.store.database import Database

from .history import History

KEY = "a-key-for-tests"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as database:
        yield database


@pytest.fixture
async def bus(valkey_url: str, key_prefix: str) -> AsyncIterator[RedisBus]:
    connected = await RedisBus.connect(valkey_url, key_prefix)
    yield connected
    await connected.close()


@pytest.fixture
async def core(db: Database, bus: RedisBus) -> Core:
    """Assembled and prepared; no duty runs unless a test starts it."""
    settings = OrchestratorSettings(bootstrap_api_key=KEY)
    made = assemble(settings, db, bus, DurableCas(Cas(bus, Blobs(db))))
    await made.prepare()
    return made


@pytest.fixture
async def duties(core: Core) -> AsyncIterator[None]:
    """The core's duties, running."""
    tasks = [asyncio.create_task(duty, name=name) for name, duty in core.duties().items()]
    yield
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(result, asyncio.CancelledError), result


@pytest.fixture
async def api(core: Core) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a valid key; paths are relative to /api/v1."""
    app: Any = create_app(core)  # the two libraries type ASGI differently
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test/api/v1", headers=headers
    ) as client:
        yield client


@pytest.fixture
def history(db: Database, bus: RedisBus) -> History:
    return History(db, bus)


@pytest.fixture
def document() -> dict[str, Any]:
    """Two transforms in a row; wants `inputs.domain`."""
    return {
        "apiVersion": "minuet/v1",
        "name": "greet",
        "inputs": {
            "type": "object",
            "required": ["domain"],
            "properties": {"domain": {"type": "string"}},
        },
        "nodes": [
            {"id": "one", "type": "transform", "config": {"value": "${inputs.domain}"}},
            {"id": "two", "type": "transform", "config": {"value": "${nodes.one.output}"}},
        ],
        "edges": [{"from": "one", "to": "two"}],
        "outputs": {"said": "${nodes.two.output}"},
    }
