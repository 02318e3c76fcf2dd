"""Deletion of a run over HTTP: what goes, what is refused, and what a crash in between leaves."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import msgspec
import pytest

from minuet.bus.keys import partition_of
from minuet.bus.redis import RedisBus
from minuet.model.errors import BusUnavailable, StoreUnavailable
from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.services.orchestrator.core import Core
from minuet.services.orchestrator.definitions import STORED_S
from minuet.services.orchestrator.retention.blobs import GRACE, BlobCollector
from minuet.services.orchestrator.retention.deleting import Deleter
from minuet.store import deletion
from minuet.store.database import Database

from .history import History

pytestmark = pytest.mark.anyio
Json = dict[str, Any]

TABLES = (
    "runs where id", "commands where run_id", "transitions where run_id",
    "node_logs where run_id", "node_started where run_id", "node_progress where run_id",
    "node_turns where run_id", "approvals where run_id", "patches where run_id",
    "dead_letters where run_id", "blob_uses where run_id",
)  # fmt: skip


async def rows_of(db: Database, run: str) -> dict[str, int]:
    counts = {
        table.split()[0]: await db.fetchval(f"select count(*) from {table} = $1", run)
        for table in TABLES
    }
    return {table: count for table, count in counts.items() if count}


async def start(api: httpx.AsyncClient, document: Json) -> str:
    answer = await api.post("/runs", json={"document": document, "inputs": {"domain": "x"}})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def end(history: History, run: str) -> None:
    await history.record(run, Event("run.started"))
    told = Event("run.ended", data={"status": "succeeded"})
    await history.record(run, told, status=RunStatus.SUCCEEDED)


async def fill(db: Database, history: History, run: str) -> None:
    """A row of the run in every table."""
    await history.log(run, "one", "hello")
    await history.started(run, "one")
    for statement in (
        "insert into node_progress (run_id, node, gen, attempt, time, message) "
        "values ($1, 'one', 1, 1, now(), 'half')",
        "insert into node_turns (run_id, node, gen, turn, attempt, time, text) "
        "values ($1, 'one', 1, 1, 1, now(), 'hm')",
        "insert into approvals (id, tenant, run_id, node, gen, workflow, message, payload, "
        "assignees, groups, requested_at, seq) values ('ask', 'default', $1, 'one', 1, 'greet', "
        "'?', 'null', '{}', '{}', now(), 1)",
        "insert into patches (run_id, patch, tenant, by, by_agent, operations, "
        "base_document_digest, status, decided_at) "
        "values ($1, 'p', 'default', 'me', false, '[]', 'd', 'refused', now())",
        "insert into dead_letters (tenant, run_id, kind, data) values ('default', $1, 'x', '{}')",
        "insert into blob_uses values ('default', 'sha256:a', $1)",
    ):
        await db.execute(statement, run)


async def adopt(db: Database, parent: str, child: str) -> None:
    await db.execute("update runs set parent_run = $2, child = '{}' where id = $1", child, parent)


async def test_an_ended_run_goes_with_all_that_is_its_own(
    api: httpx.AsyncClient, db: Database, history: History, document: Json
) -> None:
    run, other = await start(api, document), await start(api, document)
    await end(history, run)
    await fill(db, history, run)
    assert set(await rows_of(db, run)) == {table.split()[0] for table in TABLES}
    before = await rows_of(db, other)

    answer = await api.delete(f"/runs/{run}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await rows_of(db, run) == {}
    assert await rows_of(db, other) == before
    shown = await api.get(f"/runs/{run}")
    assert shown.status_code == 404
    assert f"run {run} was deleted on 20" in shown.json()["detail"]
    assert (await api.delete(f"/runs/{run}")).status_code == 404
    assert run not in {each["id"] for each in (await api.get("/runs")).json()["items"]}


@pytest.mark.parametrize("id", ["nothing", "3-01k8vz4m0q7s2x9c5d6f7g8h9j", "%2e%2e"])
async def test_what_does_not_exist_is_not_found(api: httpx.AsyncClient, id: str) -> None:
    assert (await api.delete(f"/runs/{id}")).status_code == 404


async def test_a_live_run_is_refused_and_told_what_helps(
    api: httpx.AsyncClient, history: History, document: Json
) -> None:
    run = await start(api, document)
    for recorded in (False, True):
        if recorded:
            await history.record(run, Event("run.started"))
        answer = await api.delete(f"/runs/{run}")
        problem = answer.json()
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["type"] == "/problems/run-goes-on"
        assert problem["run_status"] == ("running" if recorded else "queued")
        assert f"POST /api/v1/runs/{run}/cancel" in problem["detail"]
    assert (await api.get(f"/runs/{run}")).status_code == 200


async def test_a_family_goes_together_or_not_at_all(
    api: httpx.AsyncClient, db: Database, history: History, document: Json
) -> None:
    parent, child, grandchild = [await start(api, document) for _ in range(3)]
    await adopt(db, parent, child)
    await adopt(db, child, grandchild)
    for run in (parent, child):
        await end(history, run)

    answer = await api.delete(f"/runs/{child}")
    assert answer.status_code == 409
    assert f"child of run {parent}" in answer.json()["detail"]
    answer = await api.delete(f"/runs/{parent}")
    assert answer.status_code == 409
    assert f"child run {grandchild} is queued" in answer.json()["detail"]
    assert await db.fetchval("select count(*) from deleted_runs") == 0

    await end(history, grandchild)
    assert (await api.delete(f"/runs/{parent}")).status_code == 204
    for run in (parent, child, grandchild):
        assert await rows_of(db, run) == {}


async def test_a_retry_outlives_its_source(
    api: httpx.AsyncClient, db: Database, history: History, document: Json
) -> None:
    source, retry = await start(api, document), await start(api, document)
    await end(history, source)
    await db.execute("update runs set retry_of = $2 where id = $1", retry, source)
    assert (await api.delete(f"/runs/{source}")).status_code == 204
    assert (await api.get(f"/runs/{retry}")).json()["retry_of"] == source
    refused = await api.post(f"/runs/{source}/retry")
    assert refused.status_code == 404
    assert "was deleted" in refused.json()["detail"]


async def test_runs_of_other_tenants_are_not_found(
    api: httpx.AsyncClient, db: Database, history: History, document: Json
) -> None:
    run = await start(api, document)
    await end(history, run)
    await db.execute("update runs set tenant = 'other' where id = $1", run)
    assert (await api.delete(f"/runs/{run}")).status_code == 404
    assert "runs" in await rows_of(db, run)


async def test_agents_delete_nothing(
    api: httpx.AsyncClient, core: Core, history: History, document: Json
) -> None:
    run = await start(api, document)
    await end(history, run)
    await core.authenticator.bootstrap_agent("an-agents-key")
    answer = await api.delete(f"/runs/{run}", headers={"Authorization": "Bearer an-agents-key"})
    assert answer.status_code == 403
    assert (await api.get(f"/runs/{run}")).status_code == 200


async def test_two_deletions_at_once_delete_once(
    api: httpx.AsyncClient, history: History, document: Json
) -> None:
    run = await start(api, document)
    await end(history, run)
    answers = await asyncio.gather(*(api.delete(f"/runs/{run}") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404, 404]


async def test_the_key_of_a_deleted_run_starts_another(
    api: httpx.AsyncClient, history: History, document: Json
) -> None:
    body, headers = {"document": document, "inputs": {"domain": "x"}}, {"Idempotency-Key": "k"}
    run = (await api.post("/runs", json=body, headers=headers)).json()["id"]
    await end(history, run)
    assert (await api.post("/runs", json=body, headers=headers)).json()["id"] == run
    await api.delete(f"/runs/{run}")
    assert (await api.post("/runs", json=body, headers=headers)).json()["id"] != run


async def test_what_a_crash_leaves_is_swept_by_whoever_lives(
    core: Core, api: httpx.AsyncClient, db: Database, bus: RedisBus, history: History,
    document: Json, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """After each step of a deletion in turn."""
    runs = [await start(api, document) for _ in range(3)]
    for run in runs:
        await end(history, run)
        await history.log(run, "one", "hello")

    async def no_bus(*_: object, **__: object) -> int:
        raise BusUnavailable("killed")

    async def no_store(*_: object, **__: object) -> int:
        raise StoreUnavailable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(bus, "send", no_bus)
        assert (await api.delete(f"/runs/{runs[0]}")).status_code == 204
    with monkeypatch.context() as patched:
        patched.setattr(deletion, "sweep_parts", no_store)
        assert (await api.delete(f"/runs/{runs[1]}")).status_code == 204
    with monkeypatch.context() as patched:
        patched.setattr(deletion, "note_swept", no_store)
        assert (await api.delete(f"/runs/{runs[2]}")).status_code == 204
    for run in runs:
        assert (await api.get(f"/runs/{run}")).status_code == 404
    assert "transitions" in await rows_of(db, runs[0])
    assert "node_logs" in await rows_of(db, runs[1])

    deleter: Deleter = core.deleter
    assert await deleter.sweep() == 3
    for run in runs:
        assert await rows_of(db, run) == {}
    assert await deleter.sweep() == 0


async def test_a_transaction_that_fails_deletes_nothing(
    api: httpx.AsyncClient, db: Database, history: History, document: Json,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run = await start(api, document)
    await end(history, run)
    await fill(db, history, run)
    before = await rows_of(db, run)
    real = deletion.delete_runs

    async def killed(*args: Any, **more: Any) -> None:
        await real(*args, **more)
        raise StoreUnavailable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "delete_runs", killed)
        assert (await api.delete(f"/runs/{run}")).status_code == 503
    assert await rows_of(db, run) == before
    assert (await api.delete(f"/runs/{run}")).status_code == 204


async def test_what_was_told_late_goes_with_the_memory_of_the_run(
    core: Core, api: httpx.AsyncClient, db: Database, history: History, document: Json
) -> None:
    run = await start(api, document)
    await end(history, run)
    await api.delete(f"/runs/{run}")
    await history.log(run, "one", "told by a worker that was slow")
    await core.deleter.sweep()
    assert await rows_of(db, run) == {"node_logs": 1}
    await db.execute("update deleted_runs set deleted_at = now() - interval '8 days'")
    await core.deleter.sweep()
    assert await rows_of(db, run) == {}
    assert "was deleted" not in (await api.get(f"/runs/{run}")).json()["detail"]


async def test_owners_are_asked_to_forget_the_family(
    api: httpx.AsyncClient, db: Database, bus: RedisBus, history: History, document: Json
) -> None:
    run = await start(api, document)
    await end(history, run)
    await api.delete(f"/runs/{run}")
    p = partition_of(run)
    entries = await bus.read_signals({p: "0-0"}, count=100, block_ms=0)
    told = [dict(each.fields) for each in entries]
    archived = [msgspec.json.decode(each["s"]) for each in told if each["k"] == b"archived"]
    assert [each["run"] for each in archived] == [run]


async def blobs(db: Database) -> set[str]:
    return {row["digest"] for row in await db.fetch("select digest from blobs")}


async def collect(db: Database) -> None:
    """What nothing names, as if it had been so for long."""
    collector = BlobCollector(db)
    for _ in range(2):
        assert await collector.sweep() == 0
    await db.execute("update blobs set unreferenced_at = unreferenced_at - interval '2 hours'")
    await collector.sweep()


async def test_values_and_documents_of_a_deleted_run_are_collected(
    api: httpx.AsyncClient, db: Database, history: History, document: Json
) -> None:
    body = {"document": document, "inputs": {"domain": "x" * 100_000}}
    run = str((await api.post("/runs", json=body)).json()["id"])
    await end(history, run)
    await collect(db)
    kept = await blobs(db)
    assert len(kept) == 3, "document, compiled document and inputs"
    other = str((await api.post("/runs", json=body)).json()["id"])
    await api.delete(f"/runs/{run}")
    await collect(db)
    assert await blobs(db) == kept
    await end(history, other)
    await api.delete(f"/runs/{other}")
    await collect(db)
    assert await blobs(db) == set()


async def test_a_document_that_was_collected_is_stored_again(
    core: Core, api: httpx.AsyncClient, db: Database, history: History, document: Json,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The process remembers that it stored it: not for as long as it takes to be collected."""
    run = await start(api, document)
    before = await blobs(db)
    await end(history, run)
    await api.delete(f"/runs/{run}")
    await collect(db)
    assert await blobs(db) == set()
    now = time.monotonic() + STORED_S
    monkeypatch.setattr(core.starter._definitions, "_clock", lambda: now)
    await start(api, document)
    assert await blobs(db) == before
    assert GRACE.total_seconds() > 2 * STORED_S
