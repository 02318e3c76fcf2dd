"""Every problem type, as a caller meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from minuet.model.errors import BusUnavailable, StoreUnavailable
from minuet.services.orchestrator.core import Core
from minuet.services.orchestrator.problems import KINDS, MEDIA_TYPE

Json = dict[str, Any]
JSON = {"Content-Type": "application/json"}
DOCS = Path(__file__).parents[3] / "docs" / "api.md"


def problem(answer: httpx.Response, status: int, slug: str) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body: Json = answer.json()
    assert body["type"] == f"/problems/{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["instance"].startswith("/api/v1/")
    return body


def test_every_problem_type_is_documented() -> None:
    documented = set(re.findall(r"^\| `([a-z-]+)` \| \d{3} \|", DOCS.read_text(), re.MULTILINE))
    assert documented == {kind.slug for kind in KINDS.values()}


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", "Basic a-key-for-tests", "a-key-for-tests"]
)
async def test_a_missing_or_wrong_key(api: httpx.AsyncClient, header: str | None) -> None:
    del api.headers["Authorization"]
    headers = {"Authorization": header} if header else {}
    answer = await api.get("/runs", headers=headers)
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_stops_working(core: Core, api: httpx.AsyncClient) -> None:
    assert (await api.get("/info")).status_code == 200
    await core.db.execute("update api_keys set revoked_at = now()")
    core.authenticator.forget()
    problem(await api.get("/info"), 401, "unauthorized")


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/api/v1/openapi.json", "/api/v1/docs"])
async def test_probes_and_descriptions_need_no_key(api: httpx.AsyncClient, path: str) -> None:
    del api.headers["Authorization"]
    assert (await api.get(f"http://test{path}")).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"{", ""),
        (b'{"document": NaN}', ""),
        (b'{"document": 1e999}', None),
        (b'{"document": {"a": 1, "a": 2}}', "/document/a"),
        (b"[" * 1000 + b"]" * 1000, None),
        (b"\xff\xfe", ""),
        (b"", ""),
    ],
    ids=["half", "nan", "infinite", "twice", "deep", "binary", "empty"],
)
async def test_malformed_json(api: httpx.AsyncClient, body: bytes, pointer: str | None) -> None:
    for path in ("/workflows", "/workflows/validate", "/runs"):
        answer = await api.post(path, content=body, headers=JSON)
        errors = problem(answer, 400, "malformed-body")["errors"]
        assert pointer is None or errors[0]["pointer"] == pointer


async def test_malformed_yaml(api: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/yaml"}
    answer = await api.post("/workflows", content=b"a: 1\na: 2", headers=headers)
    assert "line 2" in problem(answer, 400, "malformed-body")["detail"]


async def test_a_body_of_11_mb(api: httpx.AsyncClient) -> None:
    body = b'{"document": "' + b"x" * 11_000_000 + b'"}'
    for path in ("/workflows", "/runs"):
        problem(await api.post(path, content=body, headers=JSON), 413, "too-large")


async def test_the_rest_of_a_body_past_the_limit_is_not_kept(
    core: Core, api: httpx.AsyncClient
) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 500_000_000:
            sent += 1_000_000
            yield b" " * 1_000_000

    problem(await api.post("/runs", content=endless(), headers=JSON), 413, "too-large")
    assert sent < 50_000_000


async def test_another_content_type(api: httpx.AsyncClient) -> None:
    answer = await api.post("/runs", content=b"a=b", headers={"Content-Type": "text/plain"})
    problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, ""),
        ({"workflow": 7}, "/workflow"),
        ({"workflow": ""}, "/workflow"),
        ({"workflow": "a", "document": {}}, ""),
        ({"workflow": "a", "inputs": []}, "/inputs"),
        ({"workflow": "a", "labels": {"x": 1}}, "/labels"),
        ({"workflow": "a", "inptus": {}}, "/inptus"),
    ],
)
async def test_a_body_of_another_shape(api: httpx.AsyncClient, body: Any, pointer: str) -> None:
    errors = problem(await api.post("/runs", json=body), 422, "invalid-body")["errors"]
    assert errors[0]["pointer"] == pointer


async def test_a_document_that_does_not_compile(api: httpx.AsyncClient, document: Json) -> None:
    document["nodes"][1]["id"] = "one"
    document["edges"][0]["to"] = "nowhere"
    for path, body in (
        ("/workflows", {"document": document}),
        ("/runs", {"document": document, "inputs": {"domain": "x"}}),
    ):
        errors = problem(await api.post(path, json=body), 422, "invalid-document")["errors"]
        pointers = {error["pointer"] for error in errors}
        assert any(pointer.startswith("/document/nodes/1") for pointer in pointers)
        assert any(pointer.startswith("/document/edges/0") for pointer in pointers)


async def test_a_deep_document(api: httpx.AsyncClient, document: Json) -> None:
    value: Any = 1
    for _ in range(61):
        value = [value]
    document["nodes"][0]["config"]["value"] = value
    problem(await api.post("/workflows", json={"document": document}), 422, "invalid-document")


async def test_inputs_that_miss_the_schema(api: httpx.AsyncClient, document: Json) -> None:
    body = {"document": document, "inputs": {"domain": 7}}
    errors = problem(await api.post("/runs", json=body), 422, "invalid-inputs")["errors"]
    assert [error["pointer"] for error in errors] == ["/inputs/domain"]


@pytest.mark.parametrize(
    "path",
    [
        "/workflows/nope", "/workflows/nope/versions", "/workflows/nope/versions/1",
        "/runs/3-01kb9f3r1s8v6c2m4x7q0w5t9z", "/runs/nope", "/runs/nope/events",
        "/runs/nope/nodes", "/runs/nope/document", "/runs/nope/nodes/a/logs",
        "/runs/nope/commands/1", "/node-types/nope", "/blobs/nope", "/nope",
        f"/blobs/sha256:{'0' * 64}",
    ],
)  # fmt: skip
async def test_what_does_not_exist(api: httpx.AsyncClient, path: str) -> None:
    problem(await api.get(path), 404, "not-found")


async def test_an_unknown_workflow(api: httpx.AsyncClient) -> None:
    errors = problem(await api.post("/runs", json={"workflow": "nope@3"}), 404, "not-found")
    assert errors["errors"][0]["pointer"] == "/workflow"


async def test_another_tenants_run_does_not_exist(
    core: Core, api: httpx.AsyncClient, document: Json
) -> None:
    body = {"document": document, "inputs": {"domain": "x"}}
    run = (await api.post("/runs", json=body)).json()["id"]
    await core.db.execute("update runs set tenant = 'other'")
    problem(await api.get(f"/runs/{run}"), 404, "not-found")
    problem(await api.post(f"/runs/{run}/cancel"), 404, "not-found")


async def test_a_method_that_is_not_supported(api: httpx.AsyncClient) -> None:
    problem(await api.delete("/runs"), 405, "method-not-allowed")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/runs?limit=0", "limit"),
        ("/runs?limit=many", "limit"),
        ("/runs?status=happy", "status"),
        ("/runs?cursor=abc", "cursor"),
        ("/workflows?cursor=%00", None),
        ("/workflows?cursor=WzEsMl0", "cursor"),
        ("/dead-letters?cursor=WyJhIl0", "cursor"),
        ("/node-types/%00", None),
    ],
)
async def test_a_bad_parameter(api: httpx.AsyncClient, path: str, parameter: str | None) -> None:
    errors = problem(await api.get(path), 400, "invalid-request").get("errors", [{}])
    assert parameter is None or errors[0]["parameter"] == parameter


async def test_a_bad_idempotency_key(api: httpx.AsyncClient, document: Json) -> None:
    answer = await api.post(
        "/runs", json={"document": document}, headers={"Idempotency-Key": "a b"}
    )
    errors = problem(answer, 400, "invalid-request")["errors"]
    assert errors[0]["parameter"] == "Idempotency-Key"


async def test_text_that_postgres_cannot_hold(api: httpx.AsyncClient, document: Json) -> None:
    body = {"document": document, "inputs": {"domain": "x"}, "labels": {"a": "\0"}}
    refused = problem(await api.post("/runs", json=body), 422, "invalid-body")
    assert [each["pointer"] for each in refused["errors"]] == ["/labels"]


async def test_starts_are_refused_while_redis_is_nearly_full(
    core: Core, api: httpx.AsyncClient, document: Json
) -> None:
    core.admission.decide(0.8, 0)
    body = {"document": document, "inputs": {"domain": "x"}}
    answer = await api.post("/runs", json=body)
    problem(answer, 503, "overloaded")
    assert int(answer.headers["retry-after"]) > 0
    core.admission.decide(0.5, 0)
    assert (await api.post("/runs", json=body)).status_code == 202
    core.admission.decide(0.5, 1_000_000)
    problem(await api.post("/runs", json=body), 503, "overloaded")


def _failing(error: Exception) -> Callable[..., Any]:
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (StoreUnavailable("gone"), 503, "store-unavailable"),
        (BusUnavailable("gone"), 503, "bus-unavailable"),
        (RuntimeError("a secret"), 500, "internal"),
    ],
)
async def test_failures_behind_the_api(
    core: Core, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch,
    error: Exception, status: int, slug: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(core, "bus", type("Bus", (), {"workers": _failing(error)})())
    answer = await api.get("/workers")
    body = problem(answer, status, slug)
    if status == 500:
        assert "a secret" not in answer.text
        assert re.fullmatch("[0-9a-f]{16}", body["incident"])
    else:
        assert answer.headers["retry-after"] == "1"
