"""What running nodes tell: started, progress, log; and what never gets into it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from minuet.model.event import LiveEvent
from minuet.worker import Context, node
from minuet.worker.context import ToolUse, Turn
from minuet.worker.live import MAX_CALL, MAX_TURN

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


async def test_each_piece_of_a_turn_tells_where_it_stands() -> None:
    @node("speaker")
    async def speaker(ctx: Context) -> None:
        for turn, text in ((1, "h\u00e9"), (1, "\U0001f600"), (1, "."), (2, "new")):
            ctx.delta(turn, text)
        ctx.delta(1, "anew", restart=True)
        ctx.delta(1, "!")

    pieces = [event.data for event in await live_events(bench(speaker))]
    assert [(piece["turn"], piece["at"]) for piece in pieces] == [
        (1, 0), (1, 2), (1, 3), (2, 0), (1, 0), (1, 4),
    ]  # fmt: skip


async def test_turns_are_masked_before_they_are_cut() -> None:
    @node("leaky_speaker")
    async def leaky_speaker(key: str, ctx: Context) -> None:
        ctx.delta(1, f"key {key} ")
        ctx.delta(1, "told")
        calls = [ToolUse("use", f'{{"key":"{key}"}}', "x" * (MAX_CALL - 5) + key)]
        ctx.turn(Turn(turn=1, text="y" * (MAX_TURN - 5) + key, calls=calls))

    b = bench(leaky_speaker, MINUET_SECRET_API_KEY="very-secret")
    first, second, turn = await live_events(b, {"key": "${secrets.api_key}"})
    assert (first.data["text"], second.data["at"]) == ("key *** ", len("key *** "))
    assert turn.data["text"] == "y" * (MAX_TURN - 5) + "***"
    (call,) = turn.data["calls"]
    assert call == {
        "name": "use", "arguments": '{"key":"***"}', "result": "x" * (MAX_CALL - 5) + "***",
    }  # fmt: skip


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
