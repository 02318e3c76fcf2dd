"""The agent node from its config to its outcome."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minuet.model.token import Outcome
from tests.unit.agent_runner.support import KEY, agents, live, schema
from tests.unit.worker.support import output, running

pytestmark = pytest.mark.anyio
SORT = {"op": "table_sort", "by": "n", "rows": [{"n": 2}, {"n": 1}]}


def pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": "execute_pipeline", "arguments": {"steps": list(steps)}}


def code(outcome: Outcome) -> str:
    assert outcome.port == "error", output(outcome)
    assert outcome.failure is not None
    return outcome.failure.code


async def test_text_is_the_output_and_is_told_while_it_comes() -> None:
    async with agents({"say": "one two three four five"}) as (bench, llm):
        outcome = await bench.run_one({"prompt": "Count", "system": "Be brief."})
        assert output(outcome) == "one two three four five"
        deltas = await live(bench, "node.delta")
        assert "".join(event.data["text"] for event in deltas) == "one two three four five"
        assert {event.data["turn"] for event in deltas} == {1}
        assert llm.asked == [(1, "ok")]


async def test_usage_of_each_call_is_in_the_log_of_the_run() -> None:
    turn = {"say": "hi", "input_tokens": 11, "output_tokens": 7}
    async with agents(turn) as (bench, _):
        await bench.run_one({"prompt": "Hello"})
        (said,) = await live(bench, "node.log")
        assert said.data["message"] == "model_call"
        fields = said.data["fields"]
        assert fields["gen_ai.usage.input_tokens"] == 11
        assert fields["gen_ai.usage.output_tokens"] == 7
        assert fields["gen_ai.response.model"] == "dev-test"


async def test_all_calls_of_a_turn_are_answered_in_order() -> None:
    first = {"tool_calls": [pipeline(SORT), pipeline({**SORT, "descending": True})]}
    last = {"expect": '[{"n":1},{"n":2}]\n[{"n":2},{"n":1}]', "json": {"best": 2}}
    async with agents(first, last) as (bench, llm):
        outcome = await bench.run_one(
            {"prompt": "Go", "tools": ["execute_pipeline"], "output_schema": schema("best")}
        )
        assert output(outcome) == {"best": 2}
        assert llm.asked == [(1, "ok"), (2, "ok")]


async def test_a_turn_is_told_when_it_is_finished_and_again_with_the_results_of_its_calls() -> None:
    first = {"say": "Let me sort.", "tool_calls": [pipeline(SORT)], "input_tokens": 9}
    async with agents(first, {"say": "sorted", "output_tokens": 3}) as (bench, _):
        await bench.run_one({"prompt": "Go", "tools": ["execute_pipeline"]})
        asked, acted, last = [event.data for event in await live(bench, "node.turn")]
    assert (asked["turn"], asked["text"], asked["input_tokens"]) == (1, "Let me sort.", 9)
    assert [call["name"] for call in asked["calls"]] == ["execute_pipeline"]
    assert "result" not in asked["calls"][0]
    assert acted == {**asked, "calls": [{**asked["calls"][0], "result": '[{"n":1},{"n":2}]'}]}
    assert (last["turn"], last["text"], last["calls"]) == (2, "sorted", [])
    assert last["output_tokens"] == 3


async def test_wrong_calls_are_told_to_the_model() -> None:
    first = {
        "tool_calls": [
            {"name": "execute_pipeline", "arguments": "{not json"},
            {"name": "execute_pipeline", "arguments": {"steps": []}},
            pipeline({"op": "http_request", "url": "http://evil.example/"}),
        ]
    }
    last = {"expect": "may not call evil.example; allowed hosts: api.example.com", "say": "ok"}
    async with agents(first, last) as (bench, _):
        config = {"prompt": "Go", "tools": ["execute_pipeline"], "hosts": ["api.example.com"]}
        assert output(await bench.run_one(config)) == "ok"


async def test_the_model_chooses_a_port() -> None:
    turns: list[dict[str, Any]] = [
        {"say": "I think it is hot."},
        {"expect": "call the tool `finish`", "tool_calls": [
            {"name": "finish", "arguments": {"port": "hot", "output": {"score": 90}}}]},
    ]  # fmt: skip
    async with agents(*turns) as (bench, _):
        outcome = await bench.run_one({"prompt": "Score", "ports": ["hot", "cold"]})
        assert outcome.port == "hot"
        assert output(outcome) == {"score": 90}


async def test_an_answer_is_repaired_once() -> None:
    config = {"prompt": "Score", "output_schema": schema("score")}
    wrong: dict[str, Any] = {"json": {"score": "high"}}
    async with agents(wrong, {"expect": "/score", "json": {"score": 1}}) as (bench, _):
        assert output(await bench.run_one(config)) == {"score": 1}
    async with agents(wrong, wrong, wrong) as (bench, llm):
        assert code(await bench.run_one(config)) == "answer"
        assert len(llm.asked) == 2


async def test_a_model_without_tool_calls_acts_in_json() -> None:
    turns: list[dict[str, Any]] = [
        {"json": {"action": "execute_pipeline", "arguments": {"steps": [SORT]}}},
        {"expect": 'Result of execute_pipeline: [{"n":1},{"n":2}]',
         "json": {"action": "finish", "port": "done", "output": {"n": 1}}},
    ]  # fmt: skip
    async with agents(*turns) as (bench, _):
        outcome = await bench.run_one(
            {"prompt": "Sort", "tools": ["execute_pipeline"], "tool_mode": "json_schema",
             "ports": ["done"], "output_schema": schema("n")}
        )  # fmt: skip
        assert (outcome.port, output(outcome)) == ("done", {"n": 1})


@pytest.mark.parametrize("budget", [{"turns": 2}, {"tokens": 25}])
async def test_budgets_end_the_conversation(budget: dict[str, int]) -> None:
    turn = {"tool_calls": [pipeline(SORT)], "input_tokens": 10, "output_tokens": 5}
    async with agents(turn, turn, turn, turn) as (bench, llm):
        config = {"prompt": "Loop", "tools": ["execute_pipeline"], "budget": budget}
        assert code(await bench.run_one(config)) == "budget"
        assert len(llm.asked) == 2


async def test_failures_that_pass_are_waited_out() -> None:
    faults = [
        {"status": 429, "retry_after_s": 0.05}, {"status": 500}, {"malformed": True},
        {"cut_after": 2},
    ]  # fmt: skip
    async with agents({"say": "there you are", "fail": faults}) as (bench, llm):
        assert output(await bench.run_one({"prompt": "Go"})) == "there you are"
        assert [outcome for _, outcome in llm.asked] == ["429", "500", "malformed", "cut", "ok"]
        deltas = await live(bench, "node.delta")
        assert any(event.data.get("restart") for event in deltas) or len(deltas) == 1


async def test_a_wait_past_the_deadline_is_left_to_the_nodes_retry() -> None:
    async with agents({"say": "x", "fail": [{"status": 429, "retry_after_s": 60}]}) as (bench, llm):
        outcome = await bench.run_one({"prompt": "Go"}, timeout_ms=5_000)
        assert code(outcome) == "model_429"
        assert outcome.failure is not None
        assert outcome.failure.retry_after_ms == 60_000
        assert len(llm.asked) == 1


async def test_what_the_server_refuses_is_final_and_holds_no_key() -> None:
    fault = {"status": 401, "message": f"bad key {KEY}"}
    async with agents({"say": "x", "fail": [fault]}) as (bench, _):
        outcome = await bench.run_one({"prompt": "Go"})
        assert code(outcome) == "model_401"
        assert outcome.failure is not None
        assert KEY not in outcome.failure.message
        assert not outcome.failure.retryable


async def test_without_a_model_the_message_names_the_settings() -> None:
    async with agents(base_url=None, model=None) as (bench, _):
        outcome = await bench.run_one({"prompt": "Go"})
        assert code(outcome) == "model_unset"
        assert outcome.failure is not None
        assert "MINUET_LLM_BASE_URL" in outcome.failure.message


async def test_a_server_named_by_the_node_must_be_public_and_never_gets_the_key() -> None:
    async with agents({"say": "hi"}) as (bench, llm):
        outcome = await bench.run_one({"prompt": "Go", "base_url": llm.base_url})
        assert code(outcome) == "address_refused"
        assert llm.asked == []


async def test_a_timeout_stops_the_request() -> None:
    async with agents({"say": "late " * 50, "chunk_ms": 100}) as (bench, llm):
        outcome = await bench.run_one({"prompt": "Go"}, timeout_ms=400)
        assert outcome.port == "timeout"
        assert len(llm.asked) == 1


async def test_another_worker_goes_on_where_the_first_stopped() -> None:
    turns: list[dict[str, Any]] = [
        {"tool_calls": [pipeline(SORT)]},
        {"say": "done", "latency_ms": 600},
    ]
    config = {"prompt": "Go", "tools": ["execute_pipeline"]}
    async with agents(*turns) as (bench, llm):
        token = bench.token("agent", config)
        await bench.emit([token])
        async with running(bench.worker("w1", drain_s=0.01)), asyncio.timeout(5):
            while len(llm.asked) < 2:
                await asyncio.sleep(0.01)
        assert bench.outcomes == {}
        async with running(bench.worker("w2")):
            outcomes = await bench.collect(1)
        assert output(outcomes[token[0]]) == "done"
        assert [turn for turn, _ in llm.asked] == [1, 2, 2]
        assert any(e.data["message"] == "resumed" for e in await live(bench, "node.log"))
        told = [event.data["turn"] for event in await live(bench, "node.turn")]
        assert told == [1, 1, 1, 2]  # when it was said, with its results, at the take-over


async def test_a_cancel_closes_the_connection_to_the_model() -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def never_ending(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        asked.set()
        while await reader.read(65_536):
            pass
        closed.set()
        writer.close()

    server = await asyncio.start_server(never_ending, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with agents(base_url=url) as (bench, _):
            token = bench.token("agent", {"prompt": "Go"})
            await bench.emit([token])
            async with running(bench.worker("w1")), asyncio.timeout(10):
                await asked.wait()
                await bench.emit(cancelled=[token[0]])
                await closed.wait()
                outcome = (await bench.collect(1))[token[0]]
    assert outcome.failure is not None
    assert outcome.failure.code == "cancelled"


async def test_a_secret_in_the_task_is_masked_in_what_the_model_says() -> None:
    async with agents({"say": "the word is swordfish, truly", "chunk_chars": 3}) as (bench, _):
        bench.env = {"MINUET_SECRET_WORD": "swordfish"}
        outcome = await bench.run_one({"prompt": "Say ${secrets.word}"})
        said = "".join(event.data["text"] for event in await live(bench, "node.delta"))
        (turn,) = await live(bench, "node.turn")
        assert turn.data["text"] == "the word is ***, truly"
    assert output(outcome) == said == "the word is ***, truly"


async def test_a_pipeline_calls_allowed_hosts_and_works_on_what_they_say() -> None:
    rows = b'{"data": {"items": [{"n": 1, "x": 0}, {"n": 3, "x": 0}, {"n": 2, "x": 0}]}}'
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(rows)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + rows)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        calls = pipeline(
            {"op": "http_request", "url": f"http://{host}/leads", "select": "data.items"},
            {"op": "top_k", "by": "n", "k": 2},
            {"op": "table_select", "columns": ["n"]},
        )
        config = {"prompt": "Go", "tools": ["execute_pipeline"], "hosts": [host]}
        told = {"expect": '[{"n":3},{"n":2}]', "say": "ok"}
        async with agents({"tool_calls": [calls]}, told, allow=("127.0.0.1",)) as (bench, _):
            assert output(await bench.run_one(config)) == "ok"
        assert b"idempotency-key: " in seen[0].lower()
        # a host that the node allows is still refused if it is not public and nobody named it
        refused = {"expect": "step 1: http_request: AddressRefused", "say": "ok"}
        async with agents({"tool_calls": [calls]}, refused) as (bench, _):
            assert output(await bench.run_one(config)) == "ok"
        assert len(seen) == 1
