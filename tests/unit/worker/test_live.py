"""What running nodes tell: started, progress, log; and what never gets into it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from minuet.model.event import LiveEvent
from minuet.worker import Context, node

from .support import Bench, bench, running

pytestmark = pytest.mark.anyio


async def live_events(b: Bench, config: Any = None) -> list[LiveEvent]:
    await b.run_one(config)
    entries = await b.bus.read_live({0: "0-0"}, count=1000, block_ms=0)
    return [msgspec.json.decode(dict(e.fields)["l"], type=LiveEvent) for e in entries]


async def test_logs_and_progress_are_told() -> None:
    @node("talker")
    async def talker(ctx: Context) -> None:
        ctx.log.info("hello", n=1, odd={1, 2}, thing=object)
        ctx.progress(7.0, "nearly")

    said, progress = await live_events(bench(talker))
    assert said.type == "node.log"
    assert said.data["level"] == "info"
    assert said.data["message"] == "hello"
    assert said.data["fields"]["n"] == 1
    assert progress.data == {"fraction": 1.0, "message": "nearly"}
    assert (said.node, said.gen, said.attempt) == ("n", 1, 1)


@pytest.mark.parametrize(("pause_s", "told"), [(0.0, 0), (0.12, 1)])
async def test_only_tokens_that_run_for_a_while_are_announced(pause_s: float, told: int) -> None:
    @node("pausing")
    async def pausing() -> None:
        await asyncio.sleep(pause_s)

    started = [e for e in await live_events(bench(pausing)) if e.type == "node.started"]
    assert len(started) == told


async def test_secrets_are_masked_in_logs_errors_and_outputs() -> None:
    @node("leaky")
    async def leaky(key: str, ctx: Context) -> None:
        message = "key " + key
        ctx.log.info(message, key=key)
        ctx.progress(message=key)
        raise ValueError(f"bad {key}")

    b = bench(leaky, MINUET_SECRET_API_KEY="very-secret")
    events = await live_events(b, {"key": "${secrets.api_key}"})
    text = msgspec.json.encode(events) + msgspec.json.encode(list(b.outcomes.values()))
    assert b"very-secret" not in text
    assert b"ValueError: bad ***" in text


async def test_a_missing_secret_names_the_variable() -> None:
    @node("needy")
    async def needy(key: str) -> None: ...

    outcome = await bench(needy).run_one({"key": "${secrets.api_key}"})
    assert outcome.failure is not None
    assert outcome.failure.code == "secret"
    assert "MINUET_SECRET_API_KEY" in outcome.failure.message
    assert not outcome.failure.retryable


async def test_oversized_logs_are_bounded() -> None:
    @node("wordy")
    async def wordy(ctx: Context) -> None:
        ctx.log.info("x" * 100_000, big="y" * 100_000)

    (event,) = await live_events(bench(wordy))
    assert len(event.data["message"]) == 8192
    assert "truncated" in event.data["fields"]


async def test_live_events_may_be_lost_but_results_are_not() -> None:
    @node("lossy")
    async def lossy(ctx: Context) -> None:
        ctx.log.info("gone")

    b = bench(lossy)
    b.bus.fail_next("emit_live")
    await b.emit([b.token("lossy")])
    async with running(b.worker()):
        outcomes = await b.collect(1)
    assert {o.port for o in outcomes.values()} == {"success"}
    assert await b.bus.read_live({0: "0-0"}, count=9, block_ms=0) == []
