"""kill -9 of the agent runner in the middle: no completed turn is asked for again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from minuet.bus.redis import RedisBus
from minuet.model.token import Outcome
from minuet.services.dev_llm.ledger import Entry, read_ledger
from minuet.services.dev_llm.serving import claim_port
from tests.integration.worker.test_worker_on_valkey import Server
from tests.support.dev_llm import until_up

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SCRIPT = Path(__file__).with_name("scripts.yaml")
CONFIG = {"prompt": "Do three turns", "tools": ["search_tools", "execute_pipeline"]}


class Rig:
    """A coordinator's hands, the scripted model as a process, and runners to be killed."""

    def __init__(self, server: Server, ledger: Path, base_url: str) -> None:
        self.server = server
        self.base_url = base_url
        self._ledger = ledger
        self._runners: list[subprocess.Popen[bytes]] = []

    @property
    def asked(self) -> list[Entry]:
        return read_ledger(self._ledger)

    @property
    def turns(self) -> list[int]:
        return [entry.turn for entry in self.asked]

    def runner(self) -> subprocess.Popen[bytes]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("MINUET_")}
        env |= {
            "MINUET_REDIS_URL": self.server.url,
            "MINUET_KEY_PREFIX": self.server.prefix,
            "MINUET_LLM_BASE_URL": self.base_url,
            "MINUET_LLM_MODEL": "dev-test",
            "MINUET_WORKER_LEASE_MS": "400",
            "MINUET_WORKER_HEARTBEAT_MS": "100",
            "MINUET_LOG_LEVEL": "error",
        }
        child = subprocess.Popen([sys.executable, "-m", "minuet.services.agent_runner"], env=env)
        self._runners.append(child)
        return child

    def kill(self, runner: subprocess.Popen[bytes]) -> None:
        runner.send_signal(signal.SIGKILL)
        runner.wait(10)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)

    async def emit(self, **fields: int) -> str:
        token_id, raw = self.server.token("agent", CONFIG, **{"timeout_ms": 30_000, **fields})
        await self.server.emit("agent", [(token_id, raw)])
        return token_id

    async def outcome(self, token_id: str) -> Outcome:
        return (await self.server.collect(1, timeout_s=40))[token_id]

    def close(self) -> None:
        for runner in self._runners:
            if runner.poll() is None:
                self.kill(runner)


@pytest.fixture
async def rig(valkey_url: str, key_prefix: str, tmp_path: Path) -> AsyncIterator[Rig]:
    bus = await RedisBus.connect(valkey_url, key_prefix)
    server = Server(bus, valkey_url, key_prefix)
    await server.open()
    ledger = tmp_path / "ledger.jsonl"
    async with model_server(ledger) as base_url:
        made = Rig(server, ledger, base_url)
        yield made
        made.close()
    await bus.close()


@asynccontextmanager
async def model_server(ledger: Path, script: Path = SCRIPT) -> AsyncIterator[str]:
    port = claim_port("127.0.0.1", 0)
    command = ["minuet.services.dev_llm", str(script), "--port", str(port), "--ledger", str(ledger)]
    child = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    try:
        await until_up(f"http://127.0.0.1:{port}/healthz")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        child.terminate()
        child.wait(10)


@pytest.mark.parametrize("turn", [2, 3])
async def test_a_turn_in_flight_is_asked_again_and_no_other(rig: Rig, turn: int) -> None:
    token_id = await rig.emit()
    first = rig.runner()
    await rig.until(lambda: turn in rig.turns)
    rig.kill(first)
    rig.runner()
    outcome = await rig.outcome(token_id)
    assert outcome.failure is None
    assert msgspec.json.decode(outcome.output) == "all done"
    assert rig.turns == sorted([1, 2, 3, turn])
    again = [entry.messages_sha256 for entry in rig.asked if entry.turn == turn]
    assert again[0] == again[1], "the resumed conversation is the same to the byte"


async def test_kills_at_any_moment_never_lead_back(rig: Rig) -> None:
    """Each kill may cost the turn in flight; what was journaled is never asked for again."""
    pauses_s = [0.0, 0.3, 0.5, 0.55]  # a fifth delivery is the last one there is
    token_id = await rig.emit()
    kills = 0
    for pause_s in pauses_s:
        runner, before = rig.runner(), len(rig.turns)
        await rig.until(lambda before=before: len(rig.turns) > before)  # type: ignore[misc]
        await asyncio.sleep(pause_s)
        rig.kill(runner)
        kills += 1
        if rig.turns[-1] == 3:
            break
    rig.runner()
    outcome = await rig.outcome(token_id)
    assert msgspec.json.decode(outcome.output) == "all done"
    assert rig.turns == sorted(rig.turns)
    assert set(rig.turns) == {1, 2, 3}
    assert len(rig.turns) - 3 <= kills


async def test_sigterm_hands_the_conversation_on(rig: Rig) -> None:
    token_id = await rig.emit()
    first = rig.runner()
    await rig.until(lambda: 2 in rig.turns)
    first.terminate()
    rig.runner()
    outcome = await rig.outcome(token_id)
    assert msgspec.json.decode(outcome.output) == "all done"
    assert await asyncio.to_thread(first.wait, 15) == 0
    assert rig.turns == sorted(rig.turns)
