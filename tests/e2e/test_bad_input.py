"""Whatever is sent: a problem document that points at the fault, and nothing is harmed."""

from __future__ import annotations

import base64
import json
import random
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(120)]

SECRET = "payload-that-no-log-may-hold"
MUTATIONS = 300
IN_FLIGHT = 20
POINTING = {"invalid-body", "invalid-document", "invalid-inputs"}
JSON_TYPE = {"Content-Type": "application/json"}

GUARDED = document(
    "guarded",
    [{"id": "n", "type": "transform", "config": {"value": "${inputs}"}}],
    inputs={
        "type": "object",
        "required": ["size"],
        "properties": {"size": {"type": "integer", "minimum": 0}, "tags": {"type": "array"}},
        "additionalProperties": False,
    },
)


class Flight:
    """What was under way before the first bad request."""

    def __init__(self, rig: Rig) -> None:
        self.pids = rig.suite.pids()
        nodes = [
            {"id": "pause", "type": "wait", "config": {"for": "3s"}},
            {"id": "slow", "type": "e2e.sleep", "config": {"ms": 3000}},
            {"id": "last", "type": "e2e.note", "config": {"value": "${inputs.text}"}},
        ]
        doc = document("in-flight", nodes, [("pause", "last"), ("slow", "last")])
        self.runs = [rig.start(doc, {"text": SECRET}) for _ in range(IN_FLIGHT)]


@pytest.fixture(scope="module", autouse=True)
def flight(rig: Rig) -> Flight:
    rig.apply(GUARDED)
    return Flight(rig)


def check(answer: httpx.Response, status: int | None = None) -> Json:
    """A problem document of 4xx in its full form."""
    assert 400 <= answer.status_code < 500, answer.text
    assert status in (None, answer.status_code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Json = answer.json()
    assert problem["type"].startswith("/problems/")
    assert problem["status"] == answer.status_code
    assert problem["title"]
    if problem["type"].removeprefix("/problems/") in POINTING:
        assert all("pointer" in each for each in problem["errors"]), problem
        assert problem["errors"]
    return problem


def slug(problem: Json) -> str:
    return str(problem["type"]).removeprefix("/problems/")


def places(problem: Json) -> list[str | None]:
    return [each.get("pointer", each.get("parameter")) for each in problem["errors"]]


def deep(levels: int) -> bytes:
    return b'{"document":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("body", "status", "type_"),
    [
        (b"", 400, "malformed-body"),
        (b"{", 400, "malformed-body"),
        (b"[]", 422, "invalid-body"),
        (b"null", 422, "invalid-body"),
        (b"\xff\xfe", 400, "malformed-body"),
        (b'{"workflow": "guarded", "inputs": {"size": NaN}}', 400, "malformed-body"),
        (b'{"workflow": "guarded", "inputs": {"size": Infinity}}', 400, "malformed-body"),
        (b'{"workflow": "guarded", "inputs": {"size": 1e999}}', 400, "malformed-body"),
        (b'{"inputs": {"size": 1' + b"0" * 400 + b"}}", 400, "malformed-body"),
        (b'{"workflow": "guarded", "workflow": "guarded"}', 400, "malformed-body"),
        (b'{"workflow": "guarded", "inputs": {"a": 1, "a": 2}}', 400, "malformed-body"),
        (b'{"workflow": "guarded"} trailing', 400, "malformed-body"),
        (b'{"workflow": "\\ud800"}', 400, "malformed-body"),
        (deep(1000), 400, "malformed-body"),
        (deep(200_000), 400, "malformed-body"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_bodies_that_are_no_strict_json(rig: Rig, body: bytes, status: int, type_: str) -> None:
    for path in ("/runs", "/workflows", "/workflows/validate"):
        problem = check(rig.http.post(path, content=body, headers=JSON_TYPE))
        if path == "/runs":
            assert (problem["status"], slug(problem)) == (status, type_)


def test_a_repeated_key_is_pointed_at(rig: Rig) -> None:
    body = b'{"document": {"name": "a", "nodes": [], "name": "b"}}'
    problem = check(rig.http.post("/workflows", content=body, headers=JSON_TYPE), 400)
    assert places(problem) == ["/document/name"]


def test_a_document_of_eleven_megabytes(rig: Rig) -> None:
    doc = document(
        "heavy", [{"id": "n", "type": "transform", "config": {"value": SECRET * 400_000}}]
    )
    for path in ("/workflows", "/workflows/validate", "/runs"):
        problem = check(rig.http.post(path, json={"document": doc}), 413)
        assert slug(problem) == "too-large"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": "Not A Name"}, "/document/name"),
        ({"apiVersion": "minuet/v9"}, "/document/apiVersion"),
        ({"nodes": []}, "/document/nodes"),
        ({"nodes": 5}, "/document/nodes"),
        ({"unheard": 1}, "/document/unheard"),
        ({"edges": [{"from": "n", "to": "nowhere"}]}, "/document/edges/0/to"),
        ({"edges": [{"from": "n", "to": "n"}]}, "/document/edges/0"),
        ({"edges": [{"from": "n", "to": "m", "when": "1 +"}]}, "/document/edges/0/when"),
        ({"edges": [{"from": "n", "to": "m", "on": 7}]}, "/document/edges/0/on"),
        ({"outputs": {"x": "${nodes.gone.output}"}}, "/document/outputs"),
        ({"settings": {"deadline": "soon"}}, "/document/settings/deadline"),
        ({"inputs": {"type": "no type"}}, "/document/inputs/type"),
    ],
    ids=str,
)
def test_faults_of_a_document_are_pointed_at(rig: Rig, change: Json, place: str) -> None:
    nodes = [{"id": id, "type": "transform", "config": {"value": 1}} for id in ("n", "m")]
    answer = rig.http.post("/workflows", json={"document": document("faulty", nodes) | change})
    problem = check(answer, 422)
    assert slug(problem) == "invalid-document"
    assert place in places(problem)


@pytest.mark.parametrize(
    ("inputs", "place"),
    [
        ({}, "/inputs"),
        ({"size": "3"}, "/inputs/size"),
        ({"size": -1}, "/inputs/size"),
        ({"size": 1, "tags": {}}, "/inputs/tags"),
        ({"size": 1, "more": SECRET}, "/inputs/more"),
        ([], "/inputs"),
        (None, "/inputs"),
    ],
)
def test_inputs_that_miss_the_schema(rig: Rig, inputs: Any, place: str) -> None:
    problem = check(rig.http.post("/runs", json={"workflow": "guarded", "inputs": inputs}), 422)
    assert slug(problem) in ("invalid-inputs", "invalid-body")
    assert place in places(problem)


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        ({"workflow": "guarded", "more": 1}, 422, "/more"),
        ({"workflow": 5}, 422, "/workflow"),
        ({}, 422, None),
        ({"workflow": "guarded", "document": {}}, 422, None),
        ({"workflow": "guarded", "labels": {"a": 1}}, 422, "/labels"),
        ({"workflow": "guarded", "labels": {"a": "\0"}}, 422, "/labels"),
        ({"workflow": "guarded", "a/b~": 1}, 422, "/a~1b~0"),
        ({"workflow": "never.heard-of"}, 404, "/workflow"),
        ({"workflow": "guarded@99"}, 404, "/workflow"),
        ({"workflow": "guarded@x y"}, 400, "/workflow"),
        ({"workflow": "../../etc/passwd"}, 404, "/workflow"),
        ({"workflow": "x" * 10_000}, 422, "/workflow"),
        ({"workflow": "a\0b"}, 422, "/workflow"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_starts_of_the_wrong_shape(
    rig: Rig, body: Json, status: int | None, place: str | None
) -> None:
    problem = check(rig.http.post("/runs", json=body), status)
    if place is not None:
        assert place in places(problem)


@pytest.mark.parametrize("reason", ["a\0b", "x" * 2001, 5, None])
def test_reasons_that_cannot_be_kept(rig: Rig, flight: Flight, reason: Any) -> None:
    problem = check(rig.http.post(f"/runs/{flight.runs[0]}/cancel", json={"reason": reason}), 422)
    assert places(problem) == ["/reason"]


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", "Basic dXNlcjpwdw==", "Bearer " + "x" * 4000,
     "Bearer \xe9", "Bearer a b c"],
)  # fmt: skip
def test_keys_that_are_wrong_or_missing(rig: Rig, authorization: str | None) -> None:
    given = [] if authorization is None else [authorization.encode("latin-1")]
    headers = [(b"Authorization", value) for value in given]
    for method, path in [("GET", "/runs"), ("POST", "/workflows"), ("GET", "/blobs/x")]:
        request = httpx.Request(method, f"{rig.suite.url}/api/v1{path}", headers=headers)
        with httpx.Client(trust_env=False) as client:
            problem = check(client.send(request), 401)
        assert slug(problem) == "unauthorized"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data", "", ";;", "application/jsonx", "a" * 5000]
)
def test_content_types_that_are_not_taken(rig: Rig, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    check(rig.http.post("/runs", content=b'{"workflow": "guarded"}', headers=headers), 415)
    check(rig.http.post("/workflows", content=b"{}", headers=headers), 415)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Idempotency-Key", "x" * 256),
        ("Idempotency-Key", ""),
        ("Idempotency-Key", "with space"),
        ("Idempotency-Key", "\xe9\xff"),
    ],
)
def test_absurd_headers(rig: Rig, name: str, value: str) -> None:
    answer = rig.http.post(
        "/runs", json={"workflow": "guarded", "inputs": {"size": 1}},
        headers=[(name.encode(), value.encode("latin-1"))],
    )  # fmt: skip
    problem = check(answer, 400)
    assert places(problem) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("Prefer", "wait=x"), ("Prefer", "wait=99999999999"), ("Prefer", "\xff" * 100),
     ("traceparent", "no trace"), ("Accept", "image/png"), ("If-Match", "x" * 5000),
     ("Range", "bytes=5-1"), ("Expect", "something"), ("X-Forwarded-For", "\xff" * 3000)],
)  # fmt: skip
def test_headers_that_mean_nothing_are_passed_over(rig: Rig, name: str, value: str) -> None:
    answer = rig.http.post(
        "/runs", json={"workflow": "guarded", "inputs": {"size": 1}},
        headers=[(name.encode(), value.encode("latin-1"))],
    )  # fmt: skip
    assert answer.status_code == 202, answer.text


LONG_LINE = b"X-Long: " + b"a" * 2_000_000
MANY_LINES = b"\r\n".join(b"X-%d: y" % i for i in range(5000))
TWO_LENGTHS = b"Content-Length: 5\r\nContent-Length: 6"


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /api/v1/runs HTTP/1.1\r\nHost: x\r\n" + LONG_LINE + b"\r\n\r\n",
        b"GET /api/v1/runs HTTP/1.1\r\nHost: x\r\n" + MANY_LINES + b"\r\n\r\n",
        b"POST /api/v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v1/runs HTTP/1.1\r\nHost: x\r\n" + TWO_LENGTHS + b"\r\n\r\nabcde",
        b"POST /api/v1/runs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"\r\n" * 1000,
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_no_http_is_refused_or_closed(rig: Rig, raw: bytes) -> None:
    port = httpx.URL(rig.suite.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.settimeout(5)
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        except OSError:  # it was closed under us
            answer = b""
    assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d ", answer)
    assert rig.http.get("/runs").status_code == 200


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("status=happy", "status"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", None),
        ("cursor=" + "A" * 20_000, "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=%FF%FE", "cursor"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_queries_that_make_no_sense(rig: Rig, query: str, parameter: str | None) -> None:
    problem = check(rig.http.get(f"/runs?{query}"), 400)
    if parameter is not None:
        assert places(problem) == [parameter]


@pytest.mark.parametrize("path", ["nodes", "events", "live", "nodes/last/logs"])
@pytest.mark.parametrize("value", ["-1", "x", "9" * 100, "W10", "bnVsbA", "WzFd"])
def test_cursors_of_other_lists(rig: Rig, flight: Flight, path: str, value: str) -> None:
    name = "after" if path in ("events", "live") else "cursor"
    answer = rig.http.get(f"/runs/{flight.runs[0]}/{path}", params={name: value})
    if answer.status_code != 200:  # the cursor of another list may be one of this
        problem = check(answer, 400)
        assert places(problem) == [name]


@pytest.mark.parametrize(
    "parts",
    [[2**70], [-1], [2**53], [2**60, "a"], [-5, "a"], [10**15, "a\0"], [2**62] * 3, [0, 2**53, 0]],
    ids=str,
)
def test_cursors_that_somebody_made_up(rig: Rig, flight: Flight, parts: list[Any]) -> None:
    text = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    run = f"/runs/{flight.runs[0]}"
    for path in ("/runs", "/workflows", "/workflows/guarded/versions", "/dead-letters",
                 f"{run}/nodes", f"{run}/nodes/last/logs", f"{run}/live"):  # fmt: skip
        answer = rig.http.get(path, params={"after" if path.endswith("live") else "cursor": text})
        if answer.status_code != 200:
            check(answer, 400)


def test_a_huge_query_is_refused_or_passed_over(rig: Rig) -> None:
    answer = rig.http.get("/runs?" + "&".join(f"x{i}=y" for i in range(2000)))
    assert answer.status_code == 200
    huge = rig.http.get("/runs?status=" + "x" * 60_000)
    assert slug(check(huge, 400)) == "invalid-request"


@pytest.mark.parametrize(
    "id",
    ["..", "../../workflows", "%2e%2e%2f", "a%00b", "x" * 10_000, "0-", "-1-a", "9999-01m7y7kn9a82",
     "0-01m7y7kn9a82ntnm8g5jb94cxr", "'; drop table runs; --", "\u202e", "%ff", " ", "*", "{p}"],
    ids=lambda value: ascii(value)[:20],
)  # fmt: skip
def test_run_ids_that_are_none(rig: Rig, id: str) -> None:
    quoted = id if "%" in id else quote(id, safe="")
    for method, path in [
        ("GET", ""), ("GET", "/nodes"), ("GET", "/nodes/n"), ("GET", "/events"),
        ("GET", "/document"), ("POST", "/cancel"), ("GET", "/commands/0"), ("GET", "/live"),
    ]:  # fmt: skip
        url = f"{rig.suite.url}/api/v1/runs/{quoted}{path}"
        answer = rig.http.request(method, url)
        if id != "..":  # resolved by the client to a list
            assert check(answer)["status"] in (400, 404)
    for area in ("workflows", "node-types", "blobs"):
        if id != "..":
            check(rig.http.get(f"{rig.suite.url}/api/v1/{area}/{quoted}"))


def test_addresses_and_methods_that_are_not(rig: Rig) -> None:
    assert slug(check(rig.http.get("/nothing"), 404)) == "not-found"
    problem = check(rig.http.request("PATCH", "/runs"), 405)
    assert slug(problem) == "method-not-allowed"
    check(rig.http.request("BREW", "/runs"))
    check(rig.http.get(f"{rig.suite.url}/elsewhere"), 404)


class Mutator:
    """Valid requests with one thing changed at random; the seed decides everything."""

    VALUES: tuple[Any, ...] = (
        None,
        True,
        -1,
        0,
        2**63,
        1.5,
        "",
        "x",
        "${inputs}",
        "${",
        "\0",
        [],
        {},
        [[]],
        {"": 1},
    )

    def __init__(self, seed: int, run: str) -> None:
        self.random = random.Random(seed)
        doc = GUARDED | {"name": "mutated", "edges": [], "outputs": {"x": "${nodes.n.output}"}}
        doc |= {"settings": {"deadline": "1h", "max_parallel": 5}}
        start = {
            "workflow": "guarded",
            "inputs": {"size": 1, "tags": [SECRET]},
            "labels": {"a": "b"},
        }
        self.valid: list[tuple[str, str, Any]] = [
            ("POST", "/workflows", {"document": doc}),
            ("POST", "/workflows/validate", {"document": doc}),
            ("POST", "/runs", start),
            ("POST", "/runs", {"document": doc, "inputs": {"size": 2}}),
            ("POST", f"/runs/{run}/cancel", {"reason": "tired"}),
            ("GET", f"/runs/{run}/events?after=0&limit=10&wait=0", None),
            ("GET", f"/runs/{run}/nodes?limit=5&status=succeeded", None),
            ("GET", "/runs?limit=3&workflow=guarded&status=failed", None),
            ("GET", "/workflows/guarded/versions/1", None),
        ]

    def request(self) -> tuple[str, str, bytes]:
        method, path, body = self.random.choice(self.valid)
        if body is None:
            return method, self._text(path), b""
        if self.random.random() < 0.3:
            return method, path, self._bytes(json.dumps(body).encode())
        changed = json.loads(json.dumps(body))
        self._change(changed)
        return method, path, json.dumps(changed).encode()

    def _text(self, path: str) -> str:
        at = self.random.randrange(1, len(path))
        noise = self.random.choice(
            ["%00", "%ff", "-", "9", "/", "&", "=", "é", "..", "?", "%2f", " "]
        )
        return quote(path[:at] + noise + path[at + self.random.randrange(3) :], safe="/?&=%")

    def _bytes(self, body: bytes) -> bytes:
        at = self.random.randrange(len(body))
        noise = self.random.choice(
            [b"", b"\xff", b"\0", b'"', b"{", b"}", b",", b"1e9", b"\\u0000"]
        )
        return body[:at] + noise + body[at + self.random.randrange(4) :]

    def _change(self, value: Any) -> None:
        """Replace, drop or add one thing somewhere within."""
        while True:
            keys = list(value) if isinstance(value, dict) else list(range(len(value)))
            key = self.random.choice(keys)
            inner = value[key]
            if not (isinstance(inner, dict | list) and inner) or self.random.random() < 0.15:
                break
            value = inner
        match self.random.randrange(4):
            case 0:
                del value[key]
            case 1 if isinstance(value, dict):
                value[self.random.choice(["more", "", "\0", "~/", "x" * 500])] = 1
            case _:
                value[key] = self.random.choice(self.VALUES)


def requests(seed: int, run: str) -> Iterator[tuple[str, str, bytes]]:
    mutator = Mutator(seed, run)
    for _ in range(MUTATIONS):
        yield mutator.request()


def test_mutated_requests_never_fail_the_server(rig: Rig) -> None:
    ended = rig.run(GUARDED, {"size": 1})["id"]
    refused = 0
    for method, path, body in requests(20_261_121, ended):
        headers = JSON_TYPE if body else {}
        answer = rig.http.request(method, path, content=body, headers=headers)
        assert answer.status_code < 500, (method, path, body, answer.text)
        if answer.status_code >= 400:
            check(answer)
            refused += 1
    assert refused > MUTATIONS / 2


def test_nothing_was_harmed(rig: Rig, flight: Flight) -> None:
    """The last one: all that came before left no trace but answers."""
    for run in flight.runs:
        assert rig.wait(run)["status"] == "succeeded"
    assert rig.suite.pids() == flight.pids
    logs = [*(rig.suite.data_dir / "logs").iterdir(), *rig.ledger.parent.glob("*.log")]
    assert len(logs) > 5
    for path in [*logs, rig.suite.output_path]:
        text = path.read_text()
        assert not re.search(
            r"Traceback|ERROR|FATAL|PANIC|\"level\": ?\"(error|critical)\"", text
        ), path
        assert rig.suite.api_key not in text or path == rig.suite.output_path, path
        assert SECRET not in text, path
