"""What the client sends to steer and retry runs, and what it makes of refusals."""

from __future__ import annotations

import httpx
import pytest

from minuet.client.errors import CommandRefused, RunGoesOn
from minuet.model.errors import Conflict

from .test_client import Suite

COMMAND = {
    "run": "0-a", "number": 3, "name": "pause", "principal": "anna", "state": "recorded",
    "created_at": "2026-01-01T00:00:00Z", "status": "paused",
}  # fmt: skip
ACCEPTED = {"id": "0-b", "status": "queued"}
COST = {"duration_ms": 20, "attempts": 2, "rounds": 1}
PREVIEW = {
    "retry_of": "0-a", "workflow": "w", "version": 1, "document_digest": "", "reused": ["one"],
    "again": [
        {"id": "two", "type": "http", "reason": "failed", "after": None, "effect": "idempotent",
         "outside": True, "method": "POST", "asks_people": False, "last": COST},
    ],
    "last": COST,
}  # fmt: skip


def test_commands_carry_a_key_and_their_reason() -> None:
    suite = Suite(httpx.Response(200, json=COMMAND))
    client = suite.client()
    assert client.runs.pause("0-a", "look first").status == "paused"
    client.runs.resume("0-a")
    client.runs.message("0-a", "paid", {"amount": 2}, idempotency_key="k")
    paths = [request.url.path.removeprefix("/api/v1") for request in suite.requests]
    assert paths == ["/runs/0-a/pause", "/runs/0-a/resume", "/runs/0-a/messages/paid"]
    assert [suite.body(i) for i in range(3)] == [
        {"reason": "look first"}, {"reason": ""}, {"data": {"amount": 2}},
    ]  # fmt: skip
    assert all(request.headers["idempotency-key"] for request in suite.requests)
    assert suite.requests[2].headers["idempotency-key"] == "k"


def test_a_refused_command_tells_its_reason() -> None:
    problem = {"type": "/problems/command-refused", "detail": "said", "reason": "paused"}
    suite = Suite(httpx.Response(409, json=problem))
    with pytest.raises(CommandRefused) as caught:
        suite.client().runs.pause("0-a")
    assert isinstance(caught.value, Conflict)
    assert caught.value.reason == "paused"


def test_a_retry_sends_what_is_to_be_different_and_nothing_else() -> None:
    suite = Suite(httpx.Response(202, json=ACCEPTED))
    runs = suite.client().runs
    assert runs.retry("0-a").id == "0-b"
    runs.retry("0-a", from_node="two", inputs={}, patch=[])
    runs.retry("0-a", newest=True)
    assert [suite.body(i) for i in range(3)] == [
        {}, {"from": "two", "inputs": {}, "patch": []}, {"newest": True},
    ]  # fmt: skip


def test_a_preview_asks_for_a_dry_run() -> None:
    suite = Suite(httpx.Response(200, json=PREVIEW))
    found = suite.client().runs.preview_retry("0-a", from_node="two")
    assert suite.body() == {"from": "two", "dry_run": True}
    assert found.again[0].last is not None
    assert found.again[0].last.input_tokens is None


def test_dead_letters_are_named_or_filtered() -> None:
    suite = Suite(httpx.Response(200, json={"items": [{"id": 1, "status": "retried", "run": "x"}]}))
    letters = suite.client().dead_letters
    assert letters.retry_many([1]).items[0].run == "x"
    letters.discard_many(workflow="w")
    assert [suite.body(i) for i in range(2)] == [
        {"ids": [1]}, {"filter": {"workflow": "w", "reason": None}},
    ]  # fmt: skip


def test_a_deletion_is_repeated_and_tells_what_holds_it_up() -> None:
    problem = {"type": "/problems/run-goes-on", "title": "t", "status": 409, "detail": "cancel it",
               "run_status": "waiting"}  # fmt: skip
    suite = Suite(httpx.Response(503), httpx.Response(204), httpx.Response(409, json=problem))
    client = suite.client()
    client.runs.delete("0-a")
    assert [request.method for request in suite.requests] == ["DELETE", "DELETE"]
    assert suite.requests[0].url.path.endswith("/runs/0-a")
    with pytest.raises(RunGoesOn, match="cancel it") as caught:
        client.runs.delete("0-a")
    assert isinstance(caught.value, Conflict)
    assert caught.value.status == "waiting"
