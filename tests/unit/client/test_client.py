"""What the client sends, repeats, and makes of answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stamina

from minuet.client import Client, ClientError, ServerFailed, Unauthorized, Unreachable
from minuet.client.errors import RunEnded
from minuet.model.errors import (
    Conflict,
    InvalidDocument,
    InvalidInput,
    InvalidInputs,
    MinuetError,
    NotFound,
    Overloaded,
    TooLarge,
)

URL = "http://suite.test"
RUN = {
    "id": "0-a", "workflow": "w", "version": 1, "status": "running", "seq": 3, "counter": 1,
    "principal": "p", "accepted_at": "2026-01-01T00:00:00Z", "nodes": [], "new_field": 1,
    "inputs": {}, "inputs_ref": None, "outputs": None, "outputs_ref": None, "error": None,
    "labels": {}, "idempotency_key": None, "retry_of": None, "patches": 0, "document_digest": "",
    "started_at": None, "ended_at": None, "nodes_next_cursor": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    """Repeat at once, three times in all."""
    with stamina.set_testing(True, attempts=3):
        yield


class Suite:
    """Answers requests in turn and remembers them; the last answer counts for all that follow."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> Client:
        return Client(URL, "mnt_key", transport=httpx.MockTransport(self))

    def body(self, index: int = 0) -> Any:
        return json.loads(self.requests[index].content)


def ok(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


def problem(status: int, slug: str, errors: list[dict[str, str]] | None = None, **more: Any) -> Any:
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": "so it is"}
    return httpx.Response(status, json=body | {"errors": errors or []} | more)


def test_requests_carry_the_key_and_the_base_path() -> None:
    suite = Suite(ok(RUN))
    assert suite.client().runs.show("0-a").status == "running"
    (request,) = suite.requests
    assert str(request.url) == f"{URL}/api/v1/runs/0-a"
    assert request.headers["authorization"] == "Bearer mnt_key"


def test_a_start_is_repeated_with_the_same_idempotency_key() -> None:
    suite = Suite(
        httpx.ConnectError("refused"),
        problem(503, "store-unavailable"),
        ok({"id": "0-a", "status": "queued"}, 202),
    )
    assert suite.client().runs.start("w", {"a": 1}).id == "0-a"
    keys = {request.headers["idempotency-key"] for request in suite.requests}
    assert len(suite.requests) == 3
    assert len(keys) == 1
    assert suite.body(2) == {"inputs": {"a": 1}, "workflow": "w"}


def test_what_is_not_safe_to_repeat_is_sent_once() -> None:
    suite = Suite(httpx.ConnectError("refused"))
    with pytest.raises(Unreachable, match=r"nothing answers at http://suite\.test"):
        suite.client().workflows.replace("w", {}, if_match='"x"')
    assert len(suite.requests) == 1


def test_refusals_are_not_repeated() -> None:
    suite = Suite(problem(404, "not-found"))
    with pytest.raises(NotFound, match="so it is"):
        suite.client().runs.show("0-a")
    assert len(suite.requests) == 1


def test_a_wait_beyond_the_patience_is_not_waited_for() -> None:
    answer = problem(503, "overloaded")
    answer.headers["retry-after"] = "60"
    suite = Suite(answer)
    with pytest.raises(Overloaded) as caught:
        suite.client().runs.show("0-a")
    assert caught.value.retry_after_s == 60
    assert len(suite.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(400, "malformed-body"), InvalidInput),
        (problem(401, "unauthorized"), Unauthorized),
        (problem(404, "not-found"), NotFound),
        (problem(405, "method-not-allowed"), ClientError),
        (problem(409, "conflict"), Conflict),
        (problem(412, "precondition-failed"), Conflict),
        (problem(413, "too-large"), TooLarge),
        (problem(500, "internal", incident="ab12"), ServerFailed),
        (problem(404, "of-a-later-version"), NotFound),
        (httpx.Response(404, text="<html>nginx</html>"), NotFound),
        (httpx.Response(418, text="teapot"), ClientError),
    ],
)
def test_problems_become_typed_errors(answer: httpx.Response, error: type[MinuetError]) -> None:
    with pytest.raises(error) as caught:
        Suite(answer).client().runs.show("0-a")
    carrier = caught.value if isinstance(caught.value, ClientError) else caught.value.__cause__
    assert isinstance(carrier, ClientError)
    assert carrier.problem.status == answer.status_code


def test_an_invalid_document_names_every_fault_within_the_document() -> None:
    errors = [
        {"pointer": "/document/nodes/0/type", "detail": "unknown"},
        {"pointer": "/document/edges/1/to", "detail": "no such node"},
    ]
    with pytest.raises(InvalidDocument) as caught:
        Suite(problem(422, "invalid-document", errors)).client().workflows.apply({})
    assert [d.path for d in caught.value.diagnostics] == ["/nodes/0/type", "/edges/1/to"]


def test_invalid_inputs_point_into_the_inputs() -> None:
    errors = [{"pointer": "/inputs/age", "detail": "not an integer"}]
    with pytest.raises(InvalidInputs) as caught:
        Suite(problem(422, "invalid-inputs", errors)).client().runs.start("w")
    assert caught.value.faults == [("/age", "not an integer")]


def test_a_cancel_that_came_late_tells_the_status() -> None:
    suite = Suite(problem(409, "run-ended", run_status="succeeded"))
    with pytest.raises(RunEnded) as caught:
        suite.client().runs.cancel("0-a")
    assert caught.value.status == "succeeded"
    assert isinstance(caught.value, Conflict)


def test_an_answer_that_is_none_of_the_apis_is_told() -> None:
    with pytest.raises(ServerFailed, match="not an answer of the API"):
        Suite(httpx.Response(200, text="<html>")).client().runs.show("0-a")


def line(name: str) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    return {"name": name, "version": 1, "digest": "d", "created_at": at, "updated_at": at}


@pytest.mark.parametrize(
    ("limit", "names", "requests"), [(None, "abc", 2), (2, "ab", 1), (3, "abc", 2)]
)
def test_lists_go_on_over_pages(limit: int | None, names: str, requests: int) -> None:
    suite = Suite(
        ok({"items": [line("a"), line("b")], "next_cursor": "c1"}),
        ok({"items": [line("c")], "next_cursor": None}),
    )
    assert [each.name for each in suite.client().workflows.list(limit)] == list(names)
    assert len(suite.requests) == requests
    if requests == 2:
        assert suite.requests[1].url.params["cursor"] == "c1"


def test_filters_repeat_their_parameter() -> None:
    suite = Suite(ok({"items": []}))
    assert list(suite.client().runs.list(status=["failed", "timed_out"])) == []
    assert suite.requests[0].url.params.get_list("status") == ["failed", "timed_out"]
    assert "cursor" not in suite.requests[0].url.params


def event(id: int) -> dict[str, Any]:
    return {"id": id, "run": "0-a", "type": "node.ready", "time": "2026-03-01T09:30:00Z"}


def test_events_are_followed_until_the_run_has_ended() -> None:
    suite = Suite(
        ok({"items": [event(1), event(2)], "after": 2, "ended": False}),
        ok({"items": [], "after": 2, "ended": False}),
        ok({"items": [event(3)], "after": 3, "ended": True}),
    )
    assert [each.id for each in suite.client().runs.events("0-a", follow=True)] == [1, 2, 3]
    assert [request.url.params["after"] for request in suite.requests] == ["0", "2", "2"]


def test_waiting_ends_with_the_run() -> None:
    suite = Suite(
        ok(RUN),
        ok({"items": [event(4)], "after": 4, "ended": True}),
        ok(RUN | {"status": "failed"}),
    )
    assert suite.client().runs.wait("0-a").status == "failed"
    assert suite.requests[1].url.params["after"] == "3"


def test_waiting_gives_up_in_time() -> None:
    now = iter(range(0, 1000, 6))
    suite = Suite(ok(RUN), ok({"items": [], "after": 3, "ended": False}), ok(RUN))
    clock: Callable[[], float] = lambda: float(next(now))  # noqa: E731
    with pytest.raises(TimeoutError, match="is running after 10 s"):
        suite.client().runs.wait("0-a", 10, clock=clock)


def test_names_stay_one_segment_of_the_address() -> None:
    suite = Suite(ok(RUN))
    suite.client().runs.show("../workflows?x")
    assert suite.requests[0].url.raw_path == b"/api/v1/runs/..%2Fworkflows%3Fx"
    with pytest.raises(InvalidInput):
        suite.client().runs.show("..")


def test_a_version_that_stood_already_is_told_from_a_new_one() -> None:
    applied = {"name": "w", "version": 2, "digest": "d"}
    assert Suite(ok(applied, 201)).client().workflows.apply({}).created
    assert not Suite(ok(applied, 200)).client().workflows.apply({}).created


def test_shown_versions_carry_their_etag() -> None:
    body = {"name": "w", "version": 2, "digest": "d", "created_at": "2026-01-01T00:00:00Z",
            "principal": "p", "document": {"name": "w"}}  # fmt: skip
    suite = Suite(ok(body, ETag='"sha256:ab"'))
    assert suite.client().workflows.show("w", 2).etag == '"sha256:ab"'
    assert suite.requests[0].url.path.endswith("/workflows/w/versions/2")
