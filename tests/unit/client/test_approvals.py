"""What the client makes of answers about approvals."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from minuet.client import Client
from minuet.client.errors import AlreadyDecided, Forbidden
from minuet.client.views import Approval, Command
from minuet.model.errors import Conflict, InvalidInput, MinuetError

from .test_client import Suite

APPROVAL = {
    "id": "apr-1", "run": "0-a", "node": "ask", "gen": 1, "workflow": "w", "message": "Go?",
    "payload": {"n": 1}, "form": None, "assignees": [], "groups": [], "status": "approved",
    "requested_at": "2026-01-01T00:00:00Z", "expires_at": None, "decided_at": None,
    "decided_by": "anna", "comment": None, "decided_payload": {"n": 1}, "may_decide": True,
}  # fmt: skip
COMMAND = {
    "run": "0-a", "number": 3, "name": "decision", "principal": "anna", "state": "accepted",
    "created_at": "2026-01-01T00:00:00Z", "status": "waiting",
}  # fmt: skip


def refusal(status: int, slug: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"type": f"/problems/{slug}", "detail": "said", **more})


@pytest.mark.parametrize(
    ("answer", "shape"),
    [(httpx.Response(200, json=APPROVAL), Approval), (httpx.Response(202, json=COMMAND), Command)],
)
def test_a_decision_answers_with_the_approval_or_with_its_command(
    answer: httpx.Response, shape: type[object]
) -> None:
    suite = Suite(answer)
    assert isinstance(suite.client().approvals.approve("apr-1", "fine"), shape)
    assert suite.body() == {"decision": "approve", "comment": "fine"}
    assert suite.requests[0].headers["idempotency-key"]


def test_a_payload_of_null_is_sent_and_an_absent_one_is_not() -> None:
    suite = Suite(httpx.Response(200, json=APPROVAL))
    suite.client().approvals.approve("apr-1", payload=None)
    suite.client().approvals.reject("apr-1")
    assert suite.body(0)["payload"] is None
    assert "payload" not in suite.body(1)


def test_the_loser_learns_who_what_and_when() -> None:
    decided = {"status": "approved", "by": "anna", "at": "2026-01-01T00:00:00Z"}
    suite = Suite(refusal(409, "already-decided", decided=decided))
    with pytest.raises(AlreadyDecided) as caught:
        suite.client().approvals.reject("apr-1")
    assert isinstance(caught.value, Conflict)
    assert caught.value.decided is not None
    assert (caught.value.decided.by, caught.value.decided.status) == ("anna", "approved")
    assert caught.value.decided.at is not None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(refusal(403, "forbidden"), Forbidden), (refusal(422, "invalid-payload"), InvalidInput)],
)
def test_refusals(answer: httpx.Response, kind: type[MinuetError]) -> None:
    with pytest.raises(kind):
        Suite(answer).client().approvals.approve("apr-1")


def test_lists_ask_page_by_page() -> None:
    suite = Suite(
        httpx.Response(200, json={"items": [APPROVAL], "next_cursor": "c"}),
        httpx.Response(200, json={"items": [APPROVAL], "next_cursor": None}),
    )
    client: Client = suite.client()
    assert len(list(client.approvals.list(status=["pending"], mine=True))) == 2
    assert str(suite.requests[0].url.query, "ascii") == "status=pending&mine=true"
    assert "cursor=c" in str(suite.requests[1].url)
