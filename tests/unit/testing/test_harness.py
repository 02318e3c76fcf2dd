"""Runs in memory: statuses, virtual time, real functions, and what a test may get wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from minuet.ir.fold import fold
from minuet.ir.plan import Plan
from minuet.model.errors import InvalidDocument, InvalidInputs
from minuet.model.event import Event
from minuet.testing import FakeError, Harness, Result, RetryableError, TerminalError
from minuet.testing.caller import Caller
from minuet.testing.clock import VirtualClock
from minuet.testing.simulation import Simulation
from minuet.worker import Context, node


@node("double")
def double(n: int) -> int:
    return 2 * n


@node("greet", effect="once")
async def greet(name: str, ctx: Context) -> dict[str, Any]:
    await asyncio.sleep(0)
    ctx.log.info("greeting", name=name, attempt=ctx.attempt)
    ctx.progress(0.5)
    return {"text": f"Hello {name}", "key": ctx.idempotency_key}


@node("grade", ports=["hot"])
def grade(score: int) -> Result:
    return Result({"score": score}, port="hot" if score >= 80 else "success")


def document(*nodes: dict[str, Any], edges: Any = (), **more: Any) -> dict[str, Any]:
    pairs = [{"from": a, "to": b} if isinstance(b, str) else {"from": a, **b} for a, b in edges]
    return {
        "apiVersion": "minuet/v1", "name": "tested", "nodes": list(nodes), "edges": pairs, **more,
    }  # fmt: skip


def get(name: str = "fetch", **more: Any) -> dict[str, Any]:
    config = {"method": "GET", "url": "http://x/${inputs.path}"}
    return {"id": name, "type": "http", "config": config, **more}


RETRY = {"max_attempts": 3, "initial": "10s", "multiplier": 2, "max": "60s"}
ONE = document(get(), outputs={"body": "${nodes.fetch.output.body}"})


def test_runs_with_a_fake_and_gives_outputs() -> None:
    harness = Harness(ONE).fake("http", lambda config: {"body": config["url"].upper()})
    run = harness.run({"path": "a"})
    assert (run.status, run.outputs, run.error) == ("succeeded", {"body": "HTTP://X/A"}, None)
    fetch = run.node("fetch")
    assert (fetch.status, fetch.port, fetch.attempts) == ("succeeded", "success", 1)
    assert fetch.output == {"body": "HTTP://X/A"}
    assert fetch.calls[0].config == {"method": "GET", "url": "http://x/a"}
    assert [event.type for event in run.events][-1] == "run.ended"
    assert harness.run({"path": "b"}).outputs == {"body": "HTTP://X/B"}


def test_node_goes_before_type_and_the_later_fake_before_the_earlier() -> None:
    harness = Harness(document(get("a"), get("b"), get("c")))
    harness.fake("a", returns=1).fake("http", returns=2).fake("b", returns=3).fake("a", returns=4)
    run = harness.run({"path": ""})
    assert [run.node(name).output for name in "abc"] == [4, 3, 2]


def test_retries_wait_on_the_virtual_clock() -> None:
    harness = Harness(document(get(retry=RETRY)))
    harness.fake("fetch", each=[RetryableError("busy"), ValueError("odd"), {"body": "ok"}])
    started = time.monotonic()
    run = harness.run({"path": ""})
    assert time.monotonic() - started < 5
    fetch = run.node("fetch")
    assert (run.status, fetch.attempts, fetch.output) == ("succeeded", 3, {"body": "ok"})
    assert [(call.error or {}).get("code") for call in fetch.calls] == [
        "retryable",
        "exception",
        None,
    ]
    assert 0 < run.duration_ms <= 30_000
    assert sum(event.type == "node.retrying" for event in run.events) == 2


def test_asked_delay_is_waited_for() -> None:
    harness = Harness(document(get(retry=RETRY)))
    harness.fake("fetch", each=[RetryableError("busy", retry_after_s=3600), {}])
    assert harness.run({"path": ""}).duration_ms == 3_600_000


def test_terminal_failure_fails_the_run_at_once() -> None:
    harness = Harness(document(get(retry=RETRY)))
    harness.fake("fetch", each=[TerminalError("never", code="gone")])
    run = harness.run({"path": ""})
    assert (run.status, run.node("fetch").status) == ("failed", "failed")
    assert run.error == {"code": "gone", "message": "never", "node": "fetch"}
    assert run.node("fetch").error == {"code": "gone", "message": "never", "retryable": False}


def test_waits_take_no_time() -> None:
    pause = {"id": "pause", "type": "wait", "config": {"for": "30d"}}
    run = Harness(document(pause)).run()
    assert (run.status, run.duration_ms) == ("succeeded", 30 * 86_400_000)
    assert run.node("pause").ended_ms == run.duration_ms


def test_runs_start_at_the_given_instant() -> None:
    pause = {"id": "pause", "type": "wait", "config": {"until": "2031-01-01T00:00:10Z"}}
    run = Harness(document(pause), now=datetime(2031, 1, 1, tzinfo=UTC)).run()
    assert run.duration_ms == 10_000


def test_calls_last_as_long_as_they_say_and_end_in_that_order() -> None:
    harness = Harness(document(get("slow"), get("quick")))
    harness.fake("slow", returns=1, takes="20s").fake("quick", returns=2, takes="5s")
    run = harness.run({"path": ""})
    assert (run.ended, run.duration_ms) == (["quick", "slow"], 20_000)


def test_call_that_takes_too_long_times_out() -> None:
    harness = Harness(document(get(timeout="10s"))).fake("fetch", returns=1, takes="10s")
    run = harness.run({"path": ""})
    assert (run.status, run.node("fetch").status, run.duration_ms) == (
        "failed",
        "timed_out",
        10_000,
    )


def test_deadline_of_the_run_cancels_what_runs() -> None:
    harness = Harness(document(get(timeout="1h"), settings={"deadline": "1m"}))
    run = harness.fake("fetch", returns=1, takes="30m").run({"path": ""})
    assert (run.status, run.node("fetch").status, run.duration_ms) == (
        "timed_out",
        "cancelled",
        60_000,
    )


def test_real_functions_serve_their_types() -> None:
    workflow = document(
        {"id": "twice", "type": "double", "config": {"n": "${inputs.n}"}},
        {"id": "hello", "type": "greet", "config": {"name": "${nodes.twice.output}!"}},
        edges=[("twice", "hello")],
        outputs={"text": "${nodes.hello.output.text}"},
    )
    harness = Harness(workflow).use(double, greet)
    run = harness.run({"n": 21})
    assert run.outputs == {"text": "Hello 42!"}
    assert [(line.node, line.message, line.fields) for line in run.logs] == [
        ("hello", "greeting", {"name": "42!", "attempt": 1})
    ]
    failed = harness.run({"n": "x"})
    assert (failed.status, failed.node("twice").error or {}) != ("succeeded", {})
    assert (failed.error or {})["code"] == "config"


async def test_runs_inside_an_async_test_too() -> None:
    workflow = document({"id": "hello", "type": "greet", "config": {"name": "Ada"}})
    assert Harness(workflow).use(greet).run().status == "succeeded"

    async def fake(config: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        return config["name"]

    assert Harness(workflow).fake("hello", fake).run().node("hello").output == "Ada"


def test_ports_lead_on() -> None:
    workflow = document(
        {"id": "score", "type": "grade", "config": {"score": "${inputs.score}"}},
        get("call"),
        get("mail"),
        edges=[("score", {"to": "call", "on": "hot"}), ("score", "mail")],
    )
    harness = Harness(workflow).use(grade).fake("http", returns={})
    assert harness.run({"score": 90, "path": ""}).ended == ["score", "call"]
    cold = harness.run({"score": 10, "path": ""})
    assert (cold.ended, cold.node("call").status) == (["score", "mail"], "skipped")
    harness.fake("score", returns={}, port="hot")
    assert harness.run({"score": 1, "path": ""}).ended == ["score", "call"]


def test_fake_may_see_the_context() -> None:
    def answer(config: dict[str, Any], ctx: Context) -> Any:
        if ctx.attempt == 1:
            raise RetryableError("once more")
        return ctx.node_id

    run = Harness(document(get(retry=RETRY))).fake("fetch", answer).run({"path": ""})
    assert run.node("fetch").output == "fetch"


def test_types_that_only_a_fake_knows_are_run() -> None:
    workflow = document({"id": "x", "type": "not_written_yet", "config": {"a": "${inputs.a}"}})
    assert Harness(workflow).run().node("x").output is None
    run = Harness(workflow).fake("not_written_yet", lambda config: config["a"]).run({"a": [1]})
    assert run.node("x").output == [1]


def test_large_values_travel_as_they_do_between_processes() -> None:
    workflow = document(
        get("big"),
        {"id": "shape", "type": "transform", "config": {"value": {"all": "${nodes.big.output}"}}},
        {"id": "n", "type": "double", "config": {"n": "${size(nodes.shape.output.all.text)}"}},
        edges=[("big", "shape"), ("shape", "n")],
        outputs={"text": "${nodes.big.output.text}", "n": "${nodes.n.output}"},
    )
    harness = Harness(workflow).use(double).fake("big", returns={"text": "x" * 100_000})
    run = harness.run({"path": ""})
    assert run.status == "succeeded", run.error
    assert run.node("big").output == {"text": "x" * 100_000}
    assert run.outputs == {"text": "x" * 100_000, "n": 200_000}


def test_secrets_are_given_and_masked() -> None:
    workflow = document({"id": "x", "type": "t", "config": {"key": "${secrets.token}"}})
    seen: list[str] = []

    def answer(config: dict[str, Any], ctx: Context) -> Any:
        seen.append(config["key"])
        ctx.log.info(config["key"])
        return {"echo": config["key"]}

    run = Harness(workflow, secrets={"token": "s3cret-value"}).fake("x", answer).run()
    assert seen == ["s3cret-value"]
    assert run.node("x").output == {"echo": "***"}
    assert run.logs[0].message == "***"


def test_node_that_waits_for_somebody_leaves_the_run_waiting() -> None:
    harness = Harness(document(get())).fake("fetch", lambda config: Result(waiting=True))
    run = harness.run({"path": ""})
    assert (run.status, run.node("fetch").status, run.outputs) == ("waiting", "waiting", None)


def test_wide_run_goes_on_past_the_limits_of_one_transition() -> None:
    pauses = [{"id": f"w{i}", "type": "transform", "config": {"value": i}} for i in range(1500)]
    run = Harness(document(*pauses)).run()
    assert (run.status, len(run.ended)) == ("succeeded", 1500)


MISTAKES: list[Callable[[Harness], Any]] = [
    lambda harness: harness.fake("fetsch", returns=1),
    lambda harness: harness.fake("fetch"),
    lambda harness: harness.fake("fetch", lambda c: c, returns=1),
    lambda harness: harness.fake("fetch", returns=1, each=[2]),
    lambda harness: harness.run({"path": ""}),
    lambda harness: harness.fake("fetch", each=[]).run({"path": ""}),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_of_the_test_are_told(mistake: Callable[[Harness], Any]) -> None:
    with pytest.raises(FakeError):
        mistake(Harness(document(get())))


def test_inline_types_cannot_be_faked() -> None:
    pause = {"id": "pause", "type": "wait", "config": {"for": "1s"}}
    with pytest.raises(FakeError, match="evaluated for real"):
        Harness(document(pause)).fake("pause", returns=1)


def test_assertions_in_fakes_fail_the_test() -> None:
    def answer(config: dict[str, Any]) -> None:
        assert config["url"] == "http://elsewhere"

    with pytest.raises(AssertionError):
        Harness(document(get())).fake("fetch", answer).run({"path": ""})


def test_bad_documents_and_inputs_are_refused() -> None:
    with pytest.raises(InvalidDocument):
        Harness(document({"id": "x", "type": "http", "config": {}})).fake("x", returns=1).run()
    strict = document(get(), inputs={"type": "object", "required": ["path"]})
    with pytest.raises(InvalidInputs):
        Harness(strict).fake("fetch", returns=1).run({})


def test_unknown_node_is_named() -> None:
    with pytest.raises(KeyError, match="there are fetch"):
        Harness(document(get())).fake("fetch", returns=1).run({"path": ""}).node("x")


def test_history_folds_back_to_the_state_that_the_run_ended_in() -> None:
    harness = Harness(document(get("a", retry=RETRY), get("b"), edges=[("a", "b")]))
    harness.fake("a", each=[RetryableError("x"), {}]).fake("b", returns=1)
    program = harness._compiled()
    plan: Plan = program.plan
    start, clock = harness._start(plan.ir, {"path": ""}), VirtualClock(harness._now_ms)
    caller = Caller(clock, (), harness._fakes, {})
    simulation = Simulation(program, start, caller, clock)
    simulation.play()
    caller.close()
    events: list[Event] = [event for _, event in simulation.history]
    folded = fold(plan, start, events)
    assert folded.records() == simulation.state.records()
    assert folded.status is simulation.state.status
