"""What belongs to one tenant does not exist for another, whatever the address."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.services.orchestrator.core import Core
from minuet.store import approvals, history
from minuet.store.api_keys import keep_key
from minuet.store.approvals import NewApproval
from minuet.store.history import NewDeadLetter

from .history import History

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
MARK = "only-for-the-first"
MALLORY = {"Authorization": "Bearer secret-of-mallory"}
BODIES: Json = {
    "/runs/{run_id}/patches": {"operations": [{"op": "remove", "path": "/nodes/1"}]},
    "/approvals/{approval_id}/decision": {"decision": "approve"},
    "/runs": {"workflow": "greet", "inputs": {"domain": "x"}},
}
OPEN = {
    "/info", "/node-types", "/node-types/{name}", "/workers", "/tickets", "/openapi.json", "/keys",
}  # fmt: skip
"""These belong to the suite, or to whoever asks."""
MANY = {"/dead-letters/retry", "/dead-letters/discard"}


async def fill(core: Core, api: httpx.AsyncClient, record: History, document: Json) -> Json:
    """Everything that a tenant can have, each with the mark in it; the parts of addresses."""
    (await api.post("/workflows", json={"document": document})).raise_for_status()
    body = {"workflow": "greet", "inputs": {"domain": MARK}, "labels": {"mark": MARK}}
    run = (await api.post("/runs", json=body)).json()["id"]
    ended = Event("node.ended", "one", 1, {"status": "succeeded", "attempt": 1, "output": MARK})
    await record.record(run, Event("node.ready", "one", 1, {"attempt": 1}), ended)
    await record.log(run, "one", MARK)
    await record.started(run, "one")
    asked = NewApproval(
        "apr-1", "default", run, "two", 1, MARK, msgspec.json.encode(MARK), None, [], [],
        datetime.now(UTC), None, 3,
    )  # fmt: skip
    async with core.db.transaction() as c:
        await approvals.insert_approvals(c, [asked])
        letter = NewDeadLetter("default", run, "one", "node_failed", {"mark": MARK})
        await history.insert_dead_letters(c, [letter])
        number = await c.fetchval("select max(id) from dead_letters")
        await keep_key(
            c, "mallory", "secret-of-mallory", tenant="other", name="mallory", roles=["admin"]
        )
    digest = await core.cas.put("default", msgspec.json.encode(MARK))
    return {
        "run_id": run, "node_id": "one", "node": "one", "number": 0,
        "approval_id": "apr-1", "digest": digest, "name": "greet", "version": 1,
        "key_id": "bootstrap", "letter": number,
    }  # fmt: skip


async def operations(api: httpx.AsyncClient) -> list[tuple[str, str]]:
    described = (await api.get("/openapi.json")).json()
    return [
        (method, path.removeprefix("/api/v1"))
        for path, item in described["paths"].items()
        for method in item
        if method in ("get", "post", "put", "delete", "patch")
    ]


async def test_another_tenant_finds_nothing_at_any_address(
    core: Core, api: httpx.AsyncClient, history: History, document: Json
) -> None:
    parts = await fill(core, api, history, document)
    asked = [o for o in await operations(api) if o[1] not in OPEN]
    assert len(asked) > 25
    etag = (await api.get("/workflows/greet")).headers["ETag"]
    bodies = BODIES | {"/workflows/{name}": {"document": document}}
    bodies |= {path: {"ids": [parts["letter"]]} for path in MANY}
    before = await core.db.fetch("select run_id, number from commands")
    for method, path in asked:
        if "/validate" in path or (method, path) == ("post", "/workflows"):
            continue
        address = path.format(**parts)
        own = await api.get(address) if method == "get" else None
        answer = await api.request(
            method, address, json=bodies.get(path), headers=MALLORY | {"If-Match": etag}
        )
        assert MARK not in answer.text, (method, path)
        if path in MANY:
            assert [each["status"] for each in answer.json()["items"]] == ["refused"], path
        elif method == "get" and "{" not in path:
            assert answer.json()["items"] == [], path
            assert own is not None
            assert own.json()["items"], path
        else:
            assert answer.status_code == 404, (method, path, answer.text)
            assert own is None or own.status_code == 200, (path, own.text)
    assert await core.db.fetch("select run_id, number from commands") == before


async def test_filters_do_not_reach_into_another_tenant(
    core: Core, api: httpx.AsyncClient, history: History, document: Json
) -> None:
    parts = await fill(core, api, history, document)
    for address in (
        f"/approvals?run={parts['run_id']}&status=pending",
        "/runs?workflow=greet&status=running",
        "/approvals?workflow=greet",
    ):
        assert (await api.get(address)).json()["items"], address
        assert (await api.get(address, headers=MALLORY)).json()["items"] == [], address


async def test_keys_of_two_tenants_do_not_meet(
    core: Core, api: httpx.AsyncClient, history: History, document: Json
) -> None:
    """The same idempotency key, the same name of a workflow: two runs, two workflows."""
    await fill(core, api, history, document)
    for headers in (MALLORY, {}):
        put = await api.post(
            "/workflows", json={"document": document | {"description": "x"}}, headers=headers
        )
        assert put.status_code in (200, 201), put.text
    body = {"workflow": "greet", "inputs": {"domain": "x"}}
    keyed = {"Idempotency-Key": "same"}
    own = await api.post("/runs", json=body, headers=keyed)
    other = await api.post("/runs", json=body, headers=keyed | MALLORY)
    assert (own.status_code, other.status_code) == (202, 202)
    assert own.json()["id"] != other.json()["id"]
    shown = await api.get(f"/runs/{other.json()['id']}", headers=MALLORY)
    assert shown.json()["version"] == 1
    assert RunStatus.QUEUED.word == shown.json()["status"]
