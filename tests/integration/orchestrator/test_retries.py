"""Retries over HTTP: which run is made of an ended one, and what its start carries."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from minuet.bus.keys import partition_of
from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.cas.plans import PlanCache
from minuet.model.event import Event
from minuet.model.signal import Start
from minuet.model.state import RunSnapshot
from minuet.model.status import RunStatus
from minuet.services.orchestrator.core import Core
from minuet.services.orchestrator.restore import RestoreMaker
from minuet.store.database import Database
from minuet.store.history import stored_run

from .history import History

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


def ended(node: str, output: Any = None, **more: Any) -> Event:
    data = {"status": "succeeded", "port": "success", "output": output, **more}
    return Event("node.ended", node, 1, data)


def failed(node: str) -> Event:
    error = {"code": "boom", "message": "boom"}
    return Event(
        "node.ended", node, 1, {"status": "failed", "port": "error", "error": error, "fatal": True}
    )


def call(id: str, url: str = "http://localhost/x") -> Json:
    return {"id": id, "type": "http", "config": {"method": "POST", "url": url}}


@pytest.fixture
def chain() -> Json:
    return {
        "apiVersion": "minuet/v1",
        "name": "chain",
        "inputs": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "nodes": [
            {"id": "one", "type": "transform", "config": {"value": "${inputs.n}"}},
            call("two"),
            {"id": "ask", "type": "hitl", "config": {"message": "Go on with ${nodes.two.output}?"}},
        ],
        "edges": [{"from": "one", "to": "two"}, {"from": "two", "to": "ask", "when": "output.ok"}],
    }


class Past:
    """Runs with a recorded history."""

    def __init__(self, api: httpx.AsyncClient, history: History, document: Json) -> None:
        self._api, self._history, self.document = api, history, document

    async def start(self, **more: Any) -> str:
        body = {"document": self.document, "inputs": {"n": 1}, "labels": {"team": "x"}, **more}
        answer = await self._api.post("/runs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def failed(self, output: Any = 1, **more: Any) -> str:
        """`one` gave `output`, `two` failed."""
        return await self._fail(await self.start(**more), output)

    async def failed_by_name(self) -> str:
        answer = await self._api.post("/runs", json={"workflow": "chain", "inputs": {"n": 1}})
        return await self._fail(str(answer.json()["id"]), 1)

    async def _fail(self, run: str, output: Any) -> str:
        await self._history.record(run, Event("run.started"), ended("one", output))
        await self._history.record(run, Event("node.ready", "two", 1, {"attempt": 1}))
        over = Event("run.ended", data={"status": "failed"})
        await self._history.record(run, failed("two"), over, status=RunStatus.FAILED)
        return run


@pytest.fixture
def past(api: httpx.AsyncClient, history: History, chain: Json) -> Past:
    return Past(api, history, chain)


async def start_of(core: Core, bus: RedisBus, run: str) -> Start:
    """The start as it is relayed."""
    await core.relay.flush()
    entries = await bus.read_signals({partition_of(run): "0-0"}, count=1000, block_ms=0)
    fields = [dict(entry.fields) for entry in entries]
    starts = [msgspec.json.decode(e["s"], type=Start) for e in fields if e["k"] == b"start"]
    [found] = [start for start in starts if start.run == run]
    return found


async def retried(api: httpx.AsyncClient, run: str, body: Json | None = None, **more: Any) -> str:
    answer = await api.post(f"/runs/{run}/retry", json=body, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_a_retry_carries_what_is_kept(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past
) -> None:
    run = await past.failed({"a": [1, None]})
    new = await retried(api, run)
    start = await start_of(core, bus, new)
    assert (start.retry_of, list(start.kept)) == (run, ["one"])
    assert start.kept["one"].port == "success"
    assert msgspec.json.decode(start.kept["one"].output) == {"a": [1, None]}
    shown = (await api.get(f"/runs/{new}")).json()
    assert (shown["retry_of"], shown["inputs"], shown["labels"]) == (run, {"n": 1}, {"team": "x"})
    assert (await api.get(f"/runs/{run}")).json()["status"] == "failed"


@pytest.mark.parametrize(("given", "priority"), [({}, 3), ({"priority": 8}, 8)])
async def test_a_priority_that_was_given_with_the_start_stays(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past, given: Json, priority: int
) -> None:
    run = await past.failed(**given)
    patch = [{"op": "add", "path": "/settings", "value": {"priority": 3}}]
    assert (await start_of(core, bus, await retried(api, run, {"patch": patch}))).priority == (
        priority
    )


async def test_every_sending_of_the_start_carries_it(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past, db: Database
) -> None:
    new = await retried(api, await past.failed())
    await db.execute("update runs set relayed_at = null where id = $1", new)
    await core.relay.sweep()
    entries = await bus.read_signals({partition_of(new): "0-0"}, count=1000, block_ms=0)
    sent = [
        msgspec.json.decode(fields["s"], type=Start)
        for fields in (dict(entry.fields) for entry in entries)
        if fields["k"] == b"start"
    ]
    assert [list(each.kept) for each in sent if each.run == new] == [["one"]]


async def test_a_restored_run_goes_on_with_what_is_kept(
    core: Core, api: httpx.AsyncClient, past: Past, history: History
) -> None:
    """A restore carries the state of the run, folded, with its start."""
    new = await retried(api, run := await past.failed())
    await history.record(new, Event("run.started"))
    async with core.db.connection() as c:
        stored = await stored_run(c, new)
    assert stored is not None
    maker = RestoreMaker(core.db, core.cas, PlanCache(core.cas))
    restore = await maker.make(stored, not_after=0)
    state = await core.cas.get("default", restore.state.digest)
    assert state is not None
    start = msgspec.json.decode(state, type=RunSnapshot).start
    assert (list(start.kept), start.retry_of) == (["one"], run)


async def test_a_large_output_travels_by_reference_and_is_at_hand(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past
) -> None:
    past.document["nodes"][0]["config"] = {"value": {"ok": True, "text": "${inputs.n}"}}
    past.document["edges"][0]["when"] = "output.ok"
    run = await past.failed({"ok": True, "text": "x" * 10_000})
    start = await start_of(core, bus, await retried(api, run))
    kept = start.kept["one"]
    assert kept.output_ref is not None
    assert kept.values == {"output.ok": True}
    held = await Cas(bus).get("default", kept.output_ref.digest)  # from Redis alone
    assert msgspec.json.decode(held)["text"] == "x" * 10_000


async def test_a_patch_corrects_the_document_of_the_new_run_alone(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past
) -> None:
    run = await past.failed()
    path = "/nodes/by-id/two/config/url"
    patch = [{"op": "replace", "path": path, "value": "http://localhost/right"}]
    new = await retried(api, run, {"patch": patch})
    documents = [(await api.get(f"/runs/{each}/document")).json() for each in (run, new)]
    urls = [document["nodes"][1]["config"]["url"] for document in documents]
    assert urls == ["http://localhost/x", "http://localhost/right"]
    assert list((await start_of(core, bus, new)).kept) == ["one"]
    first = [{"op": "replace", "path": "/nodes/by-id/one/config/value", "value": 7}]
    assert (await start_of(core, bus, await retried(api, run, {"patch": first}))).kept == {}


async def test_other_inputs_are_validated_and_run_what_reads_them(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past
) -> None:
    run = await past.failed()
    wrong = await api.post(f"/runs/{run}/retry", json={"inputs": {"n": "two"}})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-inputs")
    new = await retried(api, run, {"inputs": {"n": 2}})
    start = await start_of(core, bus, new)
    assert (msgspec.json.decode(start.inputs), start.kept) == ({"n": 2}, {})
    same = await retried(api, run, {"inputs": {"n": 1}})
    assert list((await start_of(core, bus, same)).kept) == ["one"]


async def test_the_newest_version_starts_over_with_the_same_inputs(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past
) -> None:
    await api.post("/workflows", json={"document": past.document})
    run = await past.failed_by_name()
    newer = past.document | {"title": "newer"}
    await api.post("/workflows", json={"document": newer})
    again = await retried(api, run)
    newest = await retried(api, run, {"newest": True})
    shown = [(await api.get(f"/runs/{each}")).json() for each in (again, newest)]
    assert [each["version"] for each in shown] == [1, 2]
    start = await start_of(core, bus, newest)
    assert (start.kept, start.retry_of, msgspec.json.decode(start.inputs)) == ({}, run, {"n": 1})


async def test_dry_run_starts_nothing_and_tells_costs_and_what_touches_the_world(
    api: httpx.AsyncClient, past: Past, db: Database
) -> None:
    run = await past.failed()
    await db.execute(
        "insert into node_turns (run_id, node, gen, turn, attempt, time, text, details) "
        """values ($1, 'two', 1, 1, 1, now(), '', '{"input_tokens": 90, "output_tokens": 7}')""",
        run,
    )
    before = await db.fetchval("select count(*) from runs")
    answer = await api.post(f"/runs/{run}/retry", json={"dry_run": True})
    assert answer.status_code == 200, answer.text
    assert await db.fetchval("select count(*) from runs") == before
    told = answer.json()
    assert told["reused"] == ["one"]
    two, ask = told["again"]
    assert (two["id"], two["reason"], two["effect"], two["outside"], two["method"]) == (
        "two", "failed", "idempotent", True, "POST",
    )  # fmt: skip
    assert (two["last"]["attempts"], two["last"]["input_tokens"]) == (1, 90)
    assert two["last"]["duration_ms"] >= 0
    assert (ask["id"], ask["reason"], ask["asks_people"], ask["last"]) == (
        "ask", "pending", True, None,
    )  # fmt: skip
    assert (told["last"]["output_tokens"], told["last"]["rounds"]) == (7, 1)


async def test_only_ended_runs_are_retried(api: httpx.AsyncClient, past: Past) -> None:
    run = await past.start()
    answer = await api.post(f"/runs/{run}/retry")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")


async def test_a_succeeded_run_wants_to_know_what_is_to_be_different(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, past: Past, history: History
) -> None:
    run = await past.start()
    over = Event("run.ended", data={"status": "succeeded"})
    events = [Event("run.started"), ended("one", 1), ended("two", {"ok": False}, taken=[])]
    skipped = Event("node.ended", "ask", 0, {"status": "skipped"})
    await history.record(run, *events, skipped, over, status=RunStatus.SUCCEEDED)
    assert (await api.post(f"/runs/{run}/retry")).status_code == 409
    new = await retried(api, run, {"from": "two"})
    assert list((await start_of(core, bus, new)).kept) == ["one"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"from": "nobody"}, 422, "/from"),
        ({"newest": True, "from": "one"}, 422, "/from"),
        ({"newest": True, "patch": []}, 422, "/newest"),
        ({"patch": [], "document": {}}, 422, "/document"),
        ({"patch": [{"op": "remove", "path": "/nodes/9"}]}, 422, "/patch/0"),
        ({"patch": [{"op": "replace", "path": "/name", "value": "x"}]}, 400, "/document/name"),
        ({"document": {"apiVersion": "minuet/v1"}}, 422, "/document"),
        ({"else": 1}, 422, "/else"),
    ],
)
async def test_nonsense_is_refused_with_its_place(
    api: httpx.AsyncClient, past: Past, body: Json, status: int, pointer: str
) -> None:
    answer = await api.post(f"/runs/{await past.failed()}/retry", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


async def test_the_same_key_gives_the_same_run(api: httpx.AsyncClient, past: Past) -> None:
    run = await past.failed()
    headers = {"Idempotency-Key": "once"}
    first = await retried(api, run, headers=headers)
    assert await retried(api, run, headers=headers) == first
    other = await api.post(f"/runs/{run}/retry", json={"from": "one"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await retried(api, run) != first
