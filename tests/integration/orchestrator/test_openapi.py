from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

from minuet.services.orchestrator.core import Core
from minuet.services.orchestrator.recorded import Recorded

from .conftest import KEY

METHODS = ("get", "post", "put", "delete")


async def description(api: httpx.AsyncClient) -> dict[str, Any]:
    document: dict[str, Any] = (await api.get("/openapi.json")).json()
    return document


async def test_every_operation_says_its_body_and_its_problems(api: httpx.AsyncClient) -> None:
    document = await description(api)
    operations = {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }
    assert len(operations) >= 24
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert {"400", "401"} <= operation["responses"].keys(), name
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], name
    assert operations["post /api/v1/workflows"]["requestBody"]["content"].keys() == {
        "application/json", "application/yaml",
    }  # fmt: skip
    assert operations["post /api/v1/runs"]["requestBody"]["required"] is True


async def test_references_of_the_description_lead_somewhere(api: httpx.AsyncClient) -> None:
    document = await description(api)
    schemas = document["components"]["schemas"]

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                assert value["$ref"].removeprefix("#/components/schemas/") in schemas
            for each in value.values():
                check(each)
        elif isinstance(value, list):
            for each in value:
                check(each)

    check(document)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


async def test_the_page_for_people_loads_nothing(api: httpx.AsyncClient) -> None:
    page = (await api.get("/docs")).text
    assert "/api/v1/runs" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.slow
async def test_generated_requests_never_fail_the_server(
    core: Core, api: httpx.AsyncClient, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests made from the description, right and wrong ones: no 5xx, and every answer has a
    status and a content type that the description names."""
    await api.post("/workflows", json={"document": document})
    body = {"workflow": "greet", "inputs": {"domain": "x"}}
    run = (await api.post("/runs", json=body)).json()["id"]
    monkeypatch.setattr(Recorded, "wait", _nothing_is_recorded)
    schema = schemathesis.openapi.from_dict(await description(api))
    tried = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        for case in _cases(operation):
            if "run_id" in (case.path_parameters or {}) and tried % 2:
                case.path_parameters["run_id"] = run
            try:
                async with asyncio.timeout(10):
                    answer = await _send(api, case)
            except TimeoutError as error:
                raise AssertionError(f"no answer: {operation.label} {case}"[:500]) from error
            tried += 1
            described = operation.definition.raw["responses"]
            where = f"{operation.label}: {answer.status_code} {answer.text[:200]}"
            assert answer.status_code < 500, where
            if str(answer.status_code) not in described:
                assert answer.status_code in (404, 405), where
            elif answer.status_code != 204:
                kinds = described[str(answer.status_code)]["content"]
                assert answer.headers["content-type"].split(";")[0] in kinds, where
    assert tried > 100


async def _nothing_is_recorded(*_: object, **__: object) -> None:
    """Answers at once what a wait in vain would."""


def _cases(operation: Any) -> list[Any]:
    """Ten cases of the operation, the same at every run."""
    found: list[Any] = []

    @settings(
        max_examples=10, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(operation.as_strategy())
    def collect(case: Any) -> None:
        found.append(case)

    collect()
    return found


async def _send(api: httpx.AsyncClient, case: Any) -> httpx.Response:
    made = case.as_transport_kwargs(base_url="http://test")
    headers = {**dict(made["headers"]), "Authorization": f"Bearer {KEY}"}
    url = made["url"]
    extra = {name: made[name] for name in ("json", "params") if made.get(name) is not None}
    if "data" in made and made["data"] is not None:
        extra["content"] = made["data"]
    return await api.request(made["method"], url, headers=headers, timeout=20, **extra)
