from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from minuet.bus.keys import partition_of
from minuet.bus.redis import RedisBus
from minuet.model.event import Event, LiveEvent
from minuet.model.ids import is_run_id
from minuet.model.ir import Ir
from minuet.model.signal import Command, Start
from minuet.model.status import RunStatus
from minuet.services.orchestrator.core import Core
from minuet.services.orchestrator.metrics import UNCONFIRMED
from minuet.store.turns import store_turns

from .history import History

Json = dict[str, Any]


def unconfirmed() -> float:
    [metric] = UNCONFIRMED.collect()
    return metric.samples[0].value


async def signals(bus: RedisBus, p: int) -> list[tuple[str, Any]]:
    """(kind, struct) of every signal of the partition."""
    kinds = {"start": Start, "command": Command}
    entries = await bus.read_signals({p: "0-0"}, count=1000, block_ms=0)
    fields = [dict(entry.fields) for entry in entries]
    return [
        (kind := each["k"].decode(), msgspec.json.decode(each["s"], type=kinds[kind]))
        for each in fields
    ]


async def start(api: httpx.AsyncClient, document: Json, **extra: Any) -> str:
    body = {"document": document, "inputs": {"domain": "example.com"}, **extra}
    answer = await api.post("/runs", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(node: str, output: Any, **extra: Any) -> Event:
    data = {"status": "succeeded", "port": "success", "attempt": 1, "output": output, **extra}
    return Event("node.ended", node, 1, data)


async def test_a_start_stands_and_is_relayed(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, document: Json
) -> None:
    await api.post("/workflows", json={"document": document})
    body = {"workflow": "greet", "inputs": {"domain": "a.example"}, "labels": {"team": "x"}}
    answer = await api.post("/runs", json=body)

    assert answer.status_code == 202, answer.text
    run = answer.json()["id"]
    assert is_run_id(run)
    assert answer.json() == {"id": run, "status": "queued"}
    assert answer.headers["location"] == f"/api/v1/runs/{run}"
    await core.relay.flush()
    ((kind, sent),) = await signals(bus, partition_of(run))
    assert kind == "start"
    assert (sent.run, sent.workflow, sent.workflow_version) == (run, "greet", 1)
    assert bytes(sent.inputs) == b'{"domain":"a.example"}'
    cached = await bus.cas_get("default", sent.ir, ttl_s=10)
    assert cached is not None
    assert msgspec.json.decode(cached, type=Ir).workflow == "greet"
    shown = (await api.get(f"/runs/{run}")).json()
    assert (shown["status"], shown["version"], shown["labels"]) == ("queued", 1, {"team": "x"})
    assert shown["inputs"] == {"domain": "a.example"}
    assert [(node["id"], node["status"]) for node in shown["nodes"]] == [
        ("one", "pending"), ("two", "pending"),
    ]  # fmt: skip


@pytest.mark.parametrize("reference", ["greet", "greet@latest", "greet@1"])
async def test_workflows_are_named_with_or_without_version(
    api: httpx.AsyncClient, document: Json, reference: str
) -> None:
    await api.post("/workflows", json={"document": document})
    answer = await api.post("/runs", json={"workflow": reference, "inputs": {"domain": "x"}})
    assert answer.status_code == 202, answer.text


async def test_many_starts_at_once_all_stand(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, document: Json
) -> None:
    await api.post("/workflows", json={"document": document})
    body = {"workflow": "greet", "inputs": {"domain": "x"}}
    answers = await asyncio.gather(*(api.post("/runs", json=body) for _ in range(100)))
    ids = {answer.json()["id"] for answer in answers}
    assert len(ids) == 100
    await core.relay.flush()
    sent = [each for p in range(core.partitions.count) for each in await signals(bus, p)]
    assert {start.run for _, start in sent} == ids


async def test_the_same_key_gives_the_same_run_and_another_request_is_refused(
    api: httpx.AsyncClient, document: Json
) -> None:
    body = {"document": document, "inputs": {"domain": "x"}}
    headers = {"Idempotency-Key": "order-7"}
    many = await asyncio.gather(*(api.post("/runs", json=body, headers=headers) for _ in range(5)))
    other = {**body, "inputs": {"domain": "y"}}
    refused = await api.post("/runs", json=other, headers=headers)

    assert {answer.status_code for answer in many} == {202}
    assert len({answer.json()["id"] for answer in many}) == 1
    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/idempotency-key-reused"


async def test_large_inputs_go_to_the_store_with_the_values_read_inline(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, document: Json
) -> None:
    inputs = {"domain": "x", "much": "y" * 100_000}
    run = await start(api, document, inputs=inputs)
    await core.relay.flush()
    ((_, sent),) = await signals(bus, partition_of(run))
    assert sent.inputs_ref is not None
    assert sent.values == {"inputs": {}, "inputs.domain": "x"}
    stored = await api.get(f"/blobs/{sent.inputs_ref.digest}")
    assert stored.json() == inputs
    shown = (await api.get(f"/runs/{run}")).json()
    assert shown["inputs"] is None
    assert shown["inputs_ref"]["$cas"] == sent.inputs_ref.digest


async def test_what_was_not_relayed_is_swept_until_it_is_confirmed(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json
) -> None:
    run = await start(api, document)
    assert await core.relay.sweep() == 0, "it was accepted less than the least spacing ago"
    await core.db.execute(
        "update runs set relayed_at = relayed_at - interval '5 s', "
        "accepted_at = accepted_at - interval '5 s'"
    )
    assert await core.relay.sweep() == 1
    assert unconfirmed() == 1
    assert await core.relay.sweep() == 0
    ((kind, _),) = await signals(bus, partition_of(run))
    assert kind == "start"

    await core.db.execute("update runs set relayed_at = relayed_at - interval '60 s'")
    await history.record(run, Event("run.started"))
    assert await core.relay.sweep() == 0, "a transition confirms it"
    assert unconfirmed() == 0


async def test_a_late_start_is_not_appended(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, document: Json
) -> None:
    core.admission.redis_now -= 60_000
    run = await start(api, document)
    await core.relay.flush()
    assert await signals(bus, partition_of(run)) == []


async def test_prefer_wait_answers_with_the_ended_run(
    api: httpx.AsyncClient, history: History, document: Json, duties: None
) -> None:
    async def finish() -> None:
        while not (found := (await api.get("/runs")).json()["items"]):
            await asyncio.sleep(0.01)
        await history.record(
            found[0]["id"], Event("run.started"), Event("run.ended", data={"status": "succeeded"}),
            status=RunStatus.SUCCEEDED, outputs={"said": 1},
        )  # fmt: skip

    finishing = asyncio.create_task(finish())
    body = {"document": document, "inputs": {"domain": "x"}}
    answer = await api.post("/runs", json=body, headers={"Prefer": "wait=20"})
    await finishing
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["outputs"]) == ("succeeded", {"said": 1})


async def test_nodes_are_folded_from_the_history(
    api: httpx.AsyncClient, history: History, document: Json
) -> None:
    run = await start(api, document)
    await history.record(run, Event("run.started"), Event("node.ready", "one", 1, {"attempt": 1}))
    await history.started(run, "one")
    page = (await api.get(f"/runs/{run}/nodes")).json()
    assert [node["status"] for node in page["items"]] == ["running", "pending"]
    assert page["items"][0]["worker"] == "worker-1"

    large = "z" * 5000
    await history.record(
        run, ended("one", large, started_at=5, ended_at=9), Event("node.ready", "two", 1)
    )
    shown = (await api.get(f"/runs/{run}")).json()
    one = shown["nodes"][0]
    assert (one["status"], one["port"], one["started_at"]) == (
        "succeeded", "success", "1970-01-01T00:00:00.005000Z",
    )  # fmt: skip
    assert one["output_omitted"] is True
    assert "output" not in one
    whole = (await api.get(f"/runs/{run}/nodes/one")).json()
    assert whole["output"] == large
    ready = (await api.get(f"/runs/{run}/nodes", params={"status": "ready"})).json()
    assert [node["id"] for node in ready["items"]] == ["two"]
    first = (await api.get(f"/runs/{run}/nodes", params={"limit": 1})).json()
    rest = (await api.get(f"/runs/{run}/nodes", params={"cursor": first["next_cursor"]})).json()
    assert [node["id"] for node in rest["items"]] == ["two"]


async def test_events_are_paged_and_awaited(
    api: httpx.AsyncClient, history: History, document: Json, duties: None
) -> None:
    run = await start(api, document)
    await history.record(run, Event("run.started"), Event("node.ready", "one", 1, {"attempt": 1}))
    await history.record(run, ended("one", 1), Event("node.ready", "two", 1))

    first = (await api.get(f"/runs/{run}/events", params={"limit": 3})).json()
    assert [event["id"] for event in first["items"]] == [1, 2, 3]
    assert first["items"][2]["type"] == "node.ended"
    rest = (await api.get(f"/runs/{run}/events", params={"after": 3})).json()
    assert [event["id"] for event in rest["items"]] == [4]
    assert (rest["after"], rest["ended"]) == (4, False)

    poll = asyncio.create_task(api.get(f"/runs/{run}/events", params={"after": 4, "wait": 20}))
    await asyncio.sleep(0)
    last = Event("run.ended", data={"status": "succeeded"})
    await history.record(run, last, status=RunStatus.SUCCEEDED)
    page = (await poll).json()
    assert [event["type"] for event in page["items"]] == ["run.ended"]
    assert page["ended"] is True


async def test_the_list_is_filtered_and_paged(
    api: httpx.AsyncClient, history: History, document: Json
) -> None:
    runs = [await start(api, document) for _ in range(3)]
    await history.record(runs[0], Event("run.started"))
    first = (await api.get("/runs", params={"limit": 2})).json()
    rest = (await api.get("/runs", params={"cursor": first["next_cursor"]})).json()
    assert [line["id"] for line in first["items"] + rest["items"]] == runs[::-1]
    assert "inputs" not in first["items"][0]
    running = (await api.get("/runs", params={"status": "running"})).json()
    assert [line["id"] for line in running["items"]] == [runs[0]]
    none = (await api.get("/runs", params={"workflow": "other"})).json()
    assert none["items"] == []


async def test_logs_and_starts_are_shown(
    api: httpx.AsyncClient, history: History, document: Json
) -> None:
    run = await start(api, document)
    await history.started(run, "one")
    await history.log(run, "one", "hello")
    logs = (await api.get(f"/runs/{run}/nodes/one/logs")).json()
    assert [line["message"] for line in logs["items"]] == ["hello"]
    live = (await api.get(f"/runs/{run}/live")).json()
    assert {item["type"] for item in live["items"]} == {"node.started", "node.log"}
    await history.log(run, "one", "again")
    more = (await api.get(f"/runs/{run}/live", params={"after": live["after"]})).json()
    assert [item["data"]["message"] for item in more["items"]] == ["again"]


async def test_turns_are_shown_page_by_page_and_what_was_said_of_the_last_one(
    core: Core, api: httpx.AsyncClient, document: Json
) -> None:
    run = await start(api, document)
    calls = [{"name": "sort", "arguments": "{}", "result": "[1]"}]
    told: list[tuple[str, Json]] = [
        ("node.turn", {"turn": 1, "text": "one", "calls": calls, "input_tokens": 7}),
        ("node.turn", {"turn": 2, "text": "odd", "calls": "none of ours"}),
        ("node.delta", {"turn": 3, "at": 0, "text": "so f"}),
    ]
    events = [LiveEvent(kind, run, "default", "one", 1, 1, 1_000, data) for kind, data in told]
    async with core.db.transaction() as c:
        await store_turns(c, events)
    first = (await api.get(f"/runs/{run}/nodes/one/turns", params={"limit": 2})).json()
    cursor = {"cursor": first["next_cursor"]}
    rest = (await api.get(f"/runs/{run}/nodes/one/turns", params=cursor)).json()
    one, odd, last = first["items"] + rest["items"]
    assert (one["text"], one["finished"], one["input_tokens"]) == ("one", True, 7)
    assert one["calls"] == [{**calls[0], "is_error": False}]
    assert (odd["text"], odd["finished"], odd["calls"]) == ("odd", True, [])
    assert (last["turn"], last["text"], last["finished"]) == (3, "so f", False)
    assert rest["next_cursor"] is None
    assert (await api.get("/runs/0-none/nodes/one/turns")).status_code == 404


async def test_the_document_of_a_run_is_the_one_it_was_started_with(
    api: httpx.AsyncClient, document: Json
) -> None:
    run = await start(api, document)
    assert (await api.get(f"/runs/{run}/document")).json() == document


async def test_cancel_answers_when_it_is_recorded(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json,
    duties: None,
) -> None:  # fmt: skip
    run = await start(api, document)

    async def cancel_it() -> None:
        while not any(kind == "command" for kind, _ in await signals(bus, partition_of(run))):
            await asyncio.sleep(0.01)
        last = Event("run.ended", data={"status": "cancelled"})
        await history.record(run, last, status=RunStatus.CANCELLED, cmd=1)

    owner = asyncio.create_task(cancel_it())
    answer = await api.post(f"/runs/{run}/cancel", json={"reason": "enough"})
    await owner
    assert answer.status_code == 200, answer.text
    assert (answer.json()["number"], answer.json()["state"]) == (1, "recorded")
    sent = [each for kind, each in await signals(bus, partition_of(run)) if kind == "command"]
    assert (sent[0].name, sent[0].data) == ("cancel", {"reason": "enough"})

    again = await api.post(f"/runs/{run}/cancel")
    assert again.status_code == 409
    assert (again.json()["type"], again.json()["run_status"]) == (
        "/problems/run-ended",
        "cancelled",
    )


async def test_a_cancel_that_comes_too_late_says_what_happened(
    core: Core, api: httpx.AsyncClient, history: History, document: Json, duties: None
) -> None:
    run = await start(api, document)
    answer = asyncio.create_task(api.post(f"/runs/{run}/cancel"))
    while not await core.db.fetchval("select last_command from runs where id = $1", run):
        await asyncio.sleep(0.01)
    last = Event("run.ended", data={"status": "succeeded"})
    await history.record(run, last, status=RunStatus.SUCCEEDED, announce=False)
    refused = await answer
    assert refused.status_code == 409
    assert refused.json()["run_status"] == "succeeded"
    command = (await api.get(f"/runs/{run}/commands/1")).json()
    assert command["state"] == "overtaken"


async def test_a_cancel_nobody_confirms_is_accepted_with_its_address(
    api: httpx.AsyncClient, document: Json, monkeypatch: pytest.MonkeyPatch, duties: None
) -> None:
    monkeypatch.setattr("minuet.services.orchestrator.runs.commanding.WAIT_S", 0.05)
    run = await start(api, document)
    headers = {"Idempotency-Key": "stop"}
    answer = await api.post(f"/runs/{run}/cancel", headers=headers)
    again = await api.post(f"/runs/{run}/cancel", headers=headers)
    assert (answer.status_code, again.status_code) == (202, 202)
    assert answer.headers["location"] == f"/api/v1/runs/{run}/commands/1"
    assert again.headers["location"] == answer.headers["location"]
    command = await api.get(answer.headers["location"].removeprefix("/api/v1"))
    assert command.json()["state"] == "accepted"
