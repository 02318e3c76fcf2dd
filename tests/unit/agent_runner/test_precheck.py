"""Changes of the workflow are judged before the suite is asked, by the same checks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from minuet.ir.compile import document_digest
from minuet.services.agent_runner.tools.tool import Call
from minuet.services.agent_runner.tools.workflow import make_workflow_tools
from minuet.worker import Context

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
BASE: Json = {
    "apiVersion": "minuet/v1",
    "name": "w",
    "nodes": [
        {"id": "before", "type": "transform", "config": {"value": 1}},
        {"id": "own", "type": "agent", "config": {"prompt": "p", "types": ["http", "crm.add"]}},
    ],
    "edges": [{"from": "before", "to": "own"}],
}
CRM = {
    "name": "crm.add", "title": "", "description": "", "effect": "idempotent", "inline": False,
    "builtin": False, "ports": [], "timeout_ms": 1000, "workers": 1, "config_schema": {},
    "output_schema": None,
}  # fmt: skip


class Suite:
    """The answers of an API whose run has ended nodes, an agent at work and perhaps patches.

    `asked` is what the last call asked and logged, `first` what the same call did before it.
    """

    def __init__(self, *, known: list[Json] | None = None, ended_at: str | None = None) -> None:
        self.first: list[str] = []
        self.asked: list[str] = []
        self._run = {
            "id": "0-r", "document_digest": document_digest(BASE), "ended_at": ended_at,
            "nodes": [{"id": "before", "status": "succeeded"}, {"id": "own", "status": "running"}],
        }  # fmt: skip
        self._known = known or []

    async def patch(self, *operations: Json) -> Json:
        transport = httpx.MockTransport(self._answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://suite.test") as client:
            (tool,) = [t for t in make_workflow_tools(client) if t.name == "patch_workflow"]
            first = await tool.run(self._call(list(operations)))
            self.first, self.asked = self.asked, []
            second: Json = await tool.run(self._call(list(operations)))
        assert first == second, "what is remembered from the first makes no difference"
        return second

    def _call(self, operations: list[Json]) -> Call:
        log = SimpleNamespace(warning=lambda message, **fields: self.asked.append(message))
        ctx = SimpleNamespace(run_id="0-r", node_id="own", log=log)
        arguments = {"operations": operations, "note": "n"}
        return Call(arguments, "0-r/own/1/1", cast("Context", ctx))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1").removeprefix("/runs/0-r")
        self.asked.append(f"{request.method} {path}".strip())
        if request.method == "POST":
            return httpx.Response(200, json={"status": "applied", "patch": "p", "changes": {}})
        headers = {"ETag": f'"{document_digest(BASE)}"'}
        answers: dict[str, Any] = {
            "": self._run,
            "/document": BASE,
            "/node-types": {"items": [CRM]},
            "/patches": {"items": self._known, "next_cursor": None},
        }
        return httpx.Response(200, json=answers[path], headers=headers)


def node(id: str, type: str = "transform", **config: Any) -> Json:
    return {"op": "add", "path": "/nodes/-", "value": {"id": id, "type": type, "config": config}}


def edge(source: str, target: str) -> Json:
    return {"op": "add", "path": "/edges/-", "value": {"from": source, "to": target}}


async def test_a_sound_change_is_asked_for() -> None:
    suite = Suite()
    answer = await suite.patch(node("n", value=1), edge("own", "n"))
    assert answer["status"] == "applied"
    assert suite.first == ["GET", "GET /document", "POST /patches"]
    assert suite.asked == ["GET", "POST /patches"]


@pytest.mark.parametrize(
    ("operations", "told"),
    [
        ([{"op": "test", "path": "/name", "value": "x"}], "/operations/0: the test failed"),
        ([edge("own", "nowhere")], "/document/edges/1"),
        ([node("n", value=1), edge("n", "own")], "no new edge"),
        ([{"op": "remove", "path": "/edges/0"}], "is resolved"),
        (
            [{"op": "replace", "path": "/nodes/by-id/before/config/value", "value": 2}],
            "'before' is succeeded and may not be changed",
        ),
        ([node("n", "http", url="https://evil.test/"), edge("own", "n")], "calls evil.test:443"),
        ([node("n", "nobody.knows"), edge("own", "n")], "unknown type"),
        ([node(f"a{i}", "agent", prompt="x") for i in range(5)], "6 agents"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_what_cannot_be_applied_is_told_without_asking(
    operations: list[Json], told: str
) -> None:
    suite = Suite()
    answer = await suite.patch(*operations)
    assert answer["status"] == "refused"
    assert told in " ".join(answer["reasons"])
    assert "POST /patches" not in suite.asked
    assert suite.asked[-1] == "patch_refused"


async def test_types_of_workers_are_learnt_when_they_are_met() -> None:
    suite = Suite()
    assert (await suite.patch(node("n", "crm.add"), edge("own", "n")))["status"] == "applied"
    assert "GET /node-types" in suite.first
    assert "GET /node-types" not in suite.asked


async def test_a_call_that_comes_again_gets_the_answer_of_the_first() -> None:
    """Its own change is in the document already, so that it cannot be applied any more."""
    suite = Suite(known=[{"patch": "0-r/own/1/1", "number": 3}])
    assert (await suite.patch(node("before", value=1)))["status"] == "applied"
    assert suite.asked[-1] == "POST /patches"


async def test_an_attempt_that_never_became_a_command_is_judged_anew() -> None:
    suite = Suite(known=[{"patch": "0-r/own/1/1", "number": None}])
    assert (await suite.patch(node("before", value=1)))["status"] == "refused"


async def test_what_became_of_an_ended_run_the_suite_tells() -> None:
    suite = Suite(ended_at="2026-01-01T00:00:00Z")
    await suite.patch(edge("own", "nowhere"))
    assert suite.asked == ["GET", "POST /patches"]
