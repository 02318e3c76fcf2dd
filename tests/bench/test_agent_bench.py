"""What an agent's turn costs besides the model.

Method: the agent runner and the scripted model as processes, Valkey with AOF, one node of 51 turns,
each of which calls `search_tools` once. The model answers at once; what it takes is measured by
asking it for the same turns with plain HTTP afterwards and taken off. Both grow with the
conversation: turn 50 carries 100 messages.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from minuet.bus.redis import RedisBus
from tests.integration.agent_runner.test_killed import Rig, model_server
from tests.integration.worker.test_worker_on_valkey import Server

from .conftest import Figures
from .processes import cpu_seconds

pytestmark = [pytest.mark.anyio, pytest.mark.bench, pytest.mark.serial, pytest.mark.timeout(120)]
TURNS = 50
NAME = "many turns"
CONFIG = {"prompt": NAME, "tools": ["search_tools"], "budget": {"turns": TURNS + 1}}
CALL = {"name": "search_tools", "arguments": {"words": "sort rows"}}


@pytest.fixture
async def rig(valkey_url: str, key_prefix: str, tmp_path: Path) -> AsyncIterator[Rig]:
    script = tmp_path / "script.json"
    turns = [{"tool_calls": [CALL]} for _ in range(TURNS)]
    conversation = {"name": NAME, "match": NAME, "turns": [*turns, {"say": "done"}]}
    script.write_bytes(msgspec.json.encode({"conversations": [conversation]}))
    bus = await RedisBus.connect(valkey_url, key_prefix)
    server = Server(bus, valkey_url, key_prefix)
    await server.open()
    ledger = tmp_path / "ledger.jsonl"
    async with model_server(ledger, script) as base_url:
        made = Rig(server, ledger, base_url)
        yield made
        made.close()
    await bus.close()


async def model_seconds(base_url: str) -> float:
    """How long the model's own answers take, asked one after another on one connection."""
    tool = {"type": "function", "function": {"name": "search_tools", "parameters": {}}}
    messages: list[dict[str, object]] = [{"role": "user", "content": NAME}]
    async with httpx.AsyncClient(trust_env=False) as client:
        started = time.perf_counter()
        for _ in range(TURNS + 1):
            body = {"model": "dev-x", "messages": messages, "tools": [tool], "stream": True}
            await client.post(f"{base_url}/chat/completions", json=body)
            called = {"id": "c", "type": "function", "function": {"name": "search_tools"}}
            messages.append({"role": "assistant", "tool_calls": [called]})
            messages.append({"role": "tool", "tool_call_id": "c", "content": "x" * 100})
        return time.perf_counter() - started


async def timed(rig: Rig, pid: int) -> tuple[float, float]:
    """Wall and CPU seconds of one execution in a warm runner."""
    token_id, raw = rig.server.token("agent", CONFIG, timeout_ms=60_000)
    cpu, started = cpu_seconds(pid), time.perf_counter()
    await rig.server.emit("agent", [(token_id, raw)])
    outcomes = await rig.server.collect(len(rig.server.outcomes) + 1)
    assert outcomes[token_id].failure is None
    return time.perf_counter() - started, cpu_seconds(pid) - cpu


async def test_overhead_of_a_turn(rig: Rig, figures: Figures) -> None:
    runner = rig.runner()
    await timed(rig, runner.pid)  # starts, and loads the OpenAI client
    runs = [await timed(rig, runner.pid) for _ in range(3)]
    wall_s, cpu_s = min(runs)
    model_s = min([await model_seconds(rig.base_url) for _ in range(2)])
    turns = TURNS + 1
    note = (
        f"{turns} turns, one tool call each; the model's {model_s / turns * 1e3:.1f} ms taken off"
    )
    figures.add("agent: overhead of a turn", (wall_s - model_s) / turns * 1e3, "ms", note)
    figures.add("agent: CPU of a turn", cpu_s / turns * 1e3, "ms", "runner's process, SDK included")
    await asyncio.to_thread(rig.close)
