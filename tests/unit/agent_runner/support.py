"""An agent node on the in-memory bus, a scripted model before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from minuet.model.event import LiveEvent
from minuet.services.agent_runner.nodes import agent_parts, node_spec
from minuet.services.agent_runner.settings import AgentSettings
from tests.support.dev_llm import DevLlm, dev_llm
from tests.unit.worker.support import Bench

KEY = "key-of-the-model-server"


@asynccontextmanager
async def agents(
    *turns: dict[str, Any], allow: tuple[str, ...] = (), **settings: Any
) -> AsyncIterator[tuple[Bench, DevLlm]]:
    """A bench whose node plays one conversation of these turns."""
    conversation = {"name": "scripted", "turns": list(turns)}
    async with dev_llm(conversation) as llm:
        given = {"base_url": llm.base_url, "api_key": KEY, "model": "dev-test", **settings}
        async with agent_parts(AgentSettings(**given), allow) as (models, catalogue):
            bench = Bench([], {})
            bench.specs = [node_spec(bench.bus, bench.blobs, models, catalogue)]
            yield bench, llm


async def live(bench: Bench, kind: str) -> list[LiveEvent]:
    entries = await bench.bus.read_live({0: "0-0"}, count=1000, block_ms=0)
    events = [msgspec.json.decode(dict(e.fields)["l"], type=LiveEvent) for e in entries]
    return [event for event in events if event.type == kind]


def schema(*names: str) -> dict[str, Any]:
    return {
        "type": "object", "required": list(names),
        "properties": {name: {"type": "integer"} for name in names},
    }  # fmt: skip
