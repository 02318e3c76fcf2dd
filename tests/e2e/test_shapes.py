"""Workflows of every shape through a whole suite: each node runs once and every run ends."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tests.support.waiting import until

from .rig import Json, Rig, chain, document, fan

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(120)]


def note(id: str, value: Any = None, **more: Any) -> Json:
    return {"id": id, "type": "e2e.note", "config": {"value": value}} | more


def statuses(nodes: dict[str, Json]) -> dict[str, str]:
    return {id: node["status"] for id, node in nodes.items()}


def seconds_between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def test_a_diamond_whose_branch_is_not_taken_ends(rig: Rig) -> None:
    edges = [
        {"from": "top", "to": "left", "when": "output.value > 10"},
        {"from": "top", "to": "right", "otherwise": True},
        {"from": "left", "to": "bottom"},
        {"from": "right", "to": "bottom"},
    ]
    nodes = [note("top", "${inputs.size}"), note("left"), note("right"), note("bottom")]
    run = rig.run(document("diamond", nodes, edges), {"size": 3})
    assert run["status"] == "succeeded"
    assert statuses(rig.nodes(run["id"])) == {
        "top": "succeeded", "left": "skipped", "right": "succeeded", "bottom": "succeeded",
    }  # fmt: skip
    assert rig.ledger_of(run["id"]) == Counter(
        {(node, "ran"): 1 for node in ("top", "right", "bottom")}
    )


def test_a_fan_of_a_thousand_runs_each_node_once(rig: Rig) -> None:
    ids = ["first", *(f"m{i}" for i in range(1000)), "last"]
    doc = document("thousand", [note(id) for id in ids], fan(ids[0], ids[1:-1], ids[-1]))
    run = rig.run(doc)
    assert (run["status"], run["counter"]) == ("succeeded", 0)
    assert rig.ledger_of(run["id"]) == Counter(dict.fromkeys(((id, "ran") for id in ids), 1))
    assert Counter(statuses(rig.nodes(run["id"])).values()) == {"succeeded": 1002}
    assert len(run["nodes"]) == 200
    assert run["nodes_next_cursor"] is not None


def test_a_chain_of_a_thousand_tasks_ends(rig: Rig) -> None:
    ids = [f"n{i}" for i in range(1000)]
    run = rig.run(document("long", [note(id) for id in ids], chain(ids)))
    assert run["status"] == "succeeded"
    assert rig.ledger_of(run["id"]) == Counter(dict.fromkeys(((id, "ran") for id in ids), 1))


def test_a_chain_of_inline_nodes_goes_on_over_commits(rig: Rig) -> None:
    """More than a transition may take."""
    ids = [f"t{i}" for i in range(1500)]
    nodes = [{"id": ids[0], "type": "transform", "config": {"value": 1}}] + [
        {"id": id, "type": "transform", "config": {"value": f"${{nodes.{before}.output + 1}}"}}
        for before, id in chain(ids)
    ]
    doc = document("inline", nodes, chain(ids), outputs={"n": f"${{nodes.{ids[-1]}.output}}"})
    run = rig.run(doc)
    assert (run["status"], run["outputs"]) == ("succeeded", {"n": 1500})


def test_a_fan_out_of_more_than_a_commit_ends(rig: Rig) -> None:
    ids = ["first", *(f"m{i}" for i in range(6000)), "last"]
    doc = document(
        "wide", [note(id) for id in ids], fan(ids[0], ids[1:-1], ids[-1]),
        settings={"max_parallel": 10_000},
    )  # fmt: skip
    run = rig.run(doc)
    assert run["status"] == "succeeded"
    assert rig.ledger_of(run["id"]) == Counter(dict.fromkeys(((id, "ran") for id in ids), 1))


def test_max_parallel_bounds_what_runs_at_once(rig: Rig) -> None:
    middle = [f"m{i}" for i in range(6)]
    nodes = [note("first"), note("last")] + [
        {"id": id, "type": "e2e.sleep", "config": {"ms": 50}} for id in middle
    ]
    doc = document("bounded", nodes, fan("first", middle, "last"), settings={"max_parallel": 2})
    run = rig.run(doc)
    assert run["status"] == "succeeded"
    live = most = 0
    for event in rig.events(run["id"]):
        if event.get("node") in middle:
            if event["type"] == "node.ready" and not event["data"].get("held"):
                live += 1
            live -= event["type"] == "node.ended"
            most = max(most, live)
    assert most == 2


@pytest.mark.parametrize(("join", "expected"), [("any", "b1"), (2, "b2"), ("all", "b3")])
def test_joins_wait_for_as_many_as_they_say(rig: Rig, join: str | int, expected: str) -> None:
    """Three branches that end one after the other; the join runs at the right one, once."""
    branches = {"b1": 10, "b2": 400, "b3": 800}
    nodes = [
        note("first"),
        *({"id": id, "type": "e2e.sleep", "config": {"ms": ms}} for id, ms in branches.items()),
        note("meet", join=join),
    ]
    run = rig.run(document("meeting", nodes, fan("first", list(branches), "meet")))
    assert run["status"] == "succeeded"
    assert rig.ledger_of(run["id"])["meet", "ran"] == 1
    ended: list[str] = []
    for event in rig.events(run["id"]):
        if event["type"] == "node.ready" and event["node"] == "meet":
            assert ended[-1] == expected
        if event["type"] == "node.ended":
            ended.append(event["node"])
    assert set(branches) < set(ended)


def test_a_join_that_cannot_come_about_is_skipped(rig: Rig) -> None:
    nodes = [note("first"), note("left"), note("right"), note("meet", join=2), note("after")]
    edges = [
        {"from": "first", "to": "left"},
        {"from": "first", "to": "right", "when": "false"},
        {"from": "left", "to": "meet"},
        {"from": "right", "to": "meet"},
        {"from": "meet", "to": "after"},
    ]
    run = rig.run(document("hopeless", nodes, edges))
    assert run["status"] == "succeeded"
    assert statuses(rig.nodes(run["id"])) == {
        "first": "succeeded", "left": "succeeded", "right": "skipped", "meet": "skipped",
        "after": "skipped",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size", "taken"), [(5, "small"), (50, "medium"), (500, "large"), (5000, "large")]
)
def test_branches_choose_one_port(rig: Rig, size: int, taken: str) -> None:
    cases = [{"when": "inputs.size > 100", "port": "large"}]
    cases.append({"when": "inputs.size > 10", "port": "medium"})
    ports = ["small", "medium", "large"]
    nodes: list[Json] = [
        {"id": "choose", "type": "branch", "config": {"cases": cases, "default": "small"}}
    ]
    nodes += [{"id": port, "type": "transform", "config": {"value": port}} for port in ports]
    edges = [{"from": "choose", "to": port, "on": port} for port in ports]
    run = rig.run(document("ports", nodes, edges), {"size": size})
    assert run["status"] == "succeeded"
    views = rig.nodes(run["id"])
    assert views["choose"]["port"] == taken
    assert [port for port in ports if views[port]["status"] == "succeeded"] == [taken]


def test_a_retry_succeeds_at_the_third_attempt(rig: Rig) -> None:
    retry = {"max_attempts": 5, "initial": "200ms", "multiplier": 2, "max": "5s"}
    node = {"id": "try_it", "type": "e2e.flaky", "config": {"succeeds_at": 3}, "retry": retry}
    run = rig.run(document("again", [node], outputs={"attempt": "${nodes.try_it.output}"}))
    assert (run["status"], run["outputs"]) == ("succeeded", {"attempt": 3})
    assert run["nodes"][0]["attempt"] == 3
    told = [event["data"] for event in rig.events(run["id"]) if event["type"] == "node.retrying"]
    assert [each["attempt"] for each in told] == [2, 3]
    assert {each["error"]["code"] for each in told} == {"retryable"}
    came = [int(word) for (_, word), _ in sorted(rig.ledger_of(run["id"]).items())]
    due = [datetime.fromisoformat(each["due_at"]).timestamp() * 1000 for each in told]
    assert len(came) == 3
    assert came[1] >= due[0] - 5
    assert came[2] >= due[1] - 5


def test_a_failure_without_an_edge_fails_the_run(rig: Rig) -> None:
    nodes = [
        {"id": "fails", "type": "e2e.fail", "config": {"message": "no luck"}},
        {"id": "beside", "type": "wait", "config": {"for": "1h"}},
    ]
    run = rig.run(document("failing", nodes))
    assert run["status"] == "failed"
    assert run["error"]["node"] == "fails"
    assert "no luck" in run["error"]["message"]
    assert statuses(rig.nodes(run["id"])) == {"fails": "failed", "beside": "cancelled"}
    letters = [letter for letter in rig.items("/dead-letters") if letter["run"] == run["id"]]
    assert [letter["node"] for letter in letters] == ["fails"]


def test_a_failure_goes_over_the_error_edge_or_on(rig: Rig) -> None:
    fails = {"type": "e2e.fail", "config": {"message": "no luck"}}
    nodes = [
        {"id": "caught", **fails}, {"id": "borne", **fails, "on_error": "continue"},
        note("helps"), note("never"),
    ]  # fmt: skip
    edges = [
        {"from": "caught", "to": "helps", "on": "error"},
        {"from": "caught", "to": "never"},
        {"from": "borne", "to": "never"},
    ]
    run = rig.run(document("caught", nodes, edges))
    assert run["status"] == "succeeded"
    assert statuses(rig.nodes(run["id"]))["helps"] == "succeeded"


@pytest.mark.parametrize("type_", ["e2e.stubborn", "e2e.patient"])
def test_a_node_that_takes_too_long_ends_on_timeout(rig: Rig, type_: str) -> None:
    nodes = [{"id": "slow", "type": type_, "timeout": "300ms"}, note("rescue"), note("never")]
    edges = [{"from": "slow", "to": "rescue", "on": "timeout"}, {"from": "slow", "to": "never"}]
    run = rig.run(document("too-slow", nodes, edges))
    assert run["status"] == "succeeded"
    views = rig.nodes(run["id"])
    assert (views["slow"]["status"], views["slow"]["port"]) == ("timed_out", "timeout")
    assert (views["rescue"]["status"], views["never"]["status"]) == ("succeeded", "skipped")


def test_a_wait_is_never_early(rig: Rig) -> None:
    nodes = [{"id": "pause", "type": "wait", "config": {"for": "1s"}}, note("after")]
    run = rig.start(document("pausing", nodes, [("pause", "after")]))
    waiting = rig.until_node(run, "pause", "waiting")
    assert waiting["due_at"] > waiting["started_at"]
    assert rig.get(f"/runs/{run}")["status"] == "waiting"
    assert rig.wait(run)["status"] == "succeeded"
    ended = rig.get(f"/runs/{run}/nodes/pause")
    assert 1.0 <= seconds_between(ended["started_at"], ended["ended_at"]) < 2.0


def test_a_run_past_its_deadline_is_timed_out(rig: Rig) -> None:
    nodes: list[Json] = [
        {"id": "busy", "type": "e2e.patient"},
        {"id": "idle", "type": "wait", "config": {"for": "1h"}},
    ]
    run = rig.run(document("hurried", nodes, settings={"deadline": "500ms"}))
    assert run["status"] == "timed_out"
    assert 0.5 <= seconds_between(run["accepted_at"], run["ended_at"]) < 3
    rig.until_noted(run["id"], "busy", "interrupted")


def test_cancel_reaches_what_runs(rig: Rig) -> None:
    nodes: list[Json] = [
        {"id": "plain", "type": "e2e.stubborn"},
        {"id": "coroutine", "type": "e2e.patient"},
        {"id": "idle", "type": "wait", "config": {"for": "1h"}},
        note("never"),
    ]
    run = rig.start(document("unwanted", nodes, [("plain", "never")]))
    rig.until_noted(run, "plain", "began")
    rig.until_noted(run, "coroutine", "began")
    answer = rig.http.post(f"/runs/{run}/cancel", json={"reason": "changed my mind"})
    assert answer.status_code == 200
    assert answer.json()["status"] in ("cancelling", "cancelled")
    rig.until_noted(run, "plain", "cancelled", 5)
    rig.until_noted(run, "coroutine", "interrupted", 5)
    shown = rig.wait(run)
    assert (shown["status"], shown["counter"]) == ("cancelled", 0)
    assert statuses(rig.nodes(run)) == {
        "plain": "cancelled", "coroutine": "cancelled", "idle": "cancelled", "never": "pending",
    }  # fmt: skip
    again = rig.http.post(f"/runs/{run}/cancel")
    problem = again.json()
    assert (again.status_code, problem["type"]) == (409, "/problems/run-ended")
    assert problem["run_status"] == "cancelled"


def test_large_outputs_arrive_whole(rig: Rig) -> None:
    size = 300_000
    nodes = [
        {"id": "make", "type": "e2e.large", "config": {"size": size}},
        {"id": "count", "type": "e2e.measure", "config": {"text": "${nodes.make.output.text}"}},
        {"id": "inline", "type": "transform", "config": {"value": "${nodes.make.output}"}},
    ]
    outputs = {"seen": "${nodes.count.output}"}
    doc = document("large", nodes, [("make", "count"), ("make", "inline")], outputs=outputs)
    run = rig.run(doc)
    assert run["status"] == "succeeded", run
    assert run["outputs"]["seen"]["size"] == size
    expected = {"text": ("0123456789abcdef" * (size // 16 + 1))[:size]}
    views = rig.nodes(run["id"])
    for id in ("make", "inline"):
        assert "output" not in views[id]
        reference = views[id]["output_ref"]
        blob = rig.http.get(f"/blobs/{reference['$cas']}")
        assert blob.json() == expected
        assert reference["$cas"] == f"sha256:{hashlib.sha256(blob.content).hexdigest()}"
        assert reference["size_bytes"] == len(blob.content)


def test_large_inputs_arrive_whole(rig: Rig) -> None:
    text = "ü" * 100_000 + "end."
    node = {"id": "count", "type": "e2e.measure", "config": {"text": "${inputs.text}"}}
    run = rig.run(document("large-inputs", [node]), {"text": text})
    assert run["status"] == "succeeded"
    assert run["nodes"][0]["output"] == {"size": len(text), "head": "üüüü", "tail": "end."}
    assert run["inputs"] is None
    assert rig.get(f"/blobs/{run['inputs_ref']['$cas']}") == {"text": text}


def test_outputs_of_middle_size_are_omitted_from_lists_only(rig: Rig) -> None:
    run = rig.run(document("middle", [note("a", "x" * 10_000)]))
    assert "output" not in run["nodes"][0]
    assert run["nodes"][0]["output_omitted"] is True
    assert rig.get(f"/runs/{run['id']}/nodes/a")["output"]["value"] == "x" * 10_000


def test_unknown_types_are_skipped_and_said(rig: Rig) -> None:
    nodes = [note("before"), {"id": "unheard", "type": "of.tomorrow"}, note("after")]
    doc = document("tomorrow", nodes, chain(["before", "unheard", "after"]))
    told = rig.apply(doc)["diagnostics"]
    assert [(d["severity"], d["path"]) for d in told] == [("warning", "/nodes/1/type")]
    run = rig.wait(rig.start("tomorrow"))
    assert run["status"] == "succeeded"
    skipped = rig.nodes(run["id"])["unheard"]
    assert (skipped["port"], skipped["skipped"]) == ("success", True)
    assert "warning" in [event["type"] for event in rig.events(run["id"])]
    refused = rig.http.post(
        "/workflows", json={"document": doc | {"settings": {"unknown_types": "fail"}}}
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (
        422, "/document/nodes/1/type",
    )  # fmt: skip


def test_a_known_type_waits_for_its_worker(rig: Rig) -> None:
    rig.work("tests.e2e.late_nodes", "e2e.late").stop()
    until(lambda: rig.serving("e2e.late") == 0, "nobody serves the type")
    doc = document("patience", [{"id": "n", "type": "e2e.late", "config": {"value": 7}}])
    run = rig.start(doc)
    rig.until_node(run, "n", "ready")
    assert rig.get("/node-types/e2e.late")["workers"] == 0
    late = rig.work("tests.e2e.late_nodes", "e2e.late")
    shown = rig.wait(run)
    assert (shown["status"], shown["nodes"][0]["output"]) == ("succeeded", 7)
    assert late.stop() == 0


def test_a_drained_worker_loses_nothing(rig: Rig) -> None:
    """Two workers share the nodes; one is asked to stop in the middle."""
    second = rig.work("tests.e2e.nodes", "e2e.sleep", MINUET_WORKER_SLOTS="4")
    middle = [f"m{i}" for i in range(300)]
    nodes = [note("first"), note("last")] + [
        {"id": id, "type": "e2e.sleep", "config": {"ms": 100}} for id in middle
    ]
    run = rig.start(document("drained", nodes, fan("first", middle, "last")))
    until(lambda: len(rig.ledger_of(run)) > 20, "the middle has begun")
    assert second.stop() == 0
    assert rig.wait(run)["status"] == "succeeded"
    expected = dict.fromkeys(((id, "ran") for id in ["first", *middle, "last"]), 1)
    assert rig.ledger_of(run) == Counter(expected)
    until(lambda: rig.serving("e2e.sleep") == 1, "the drained worker is not listed")


def test_logs_and_progress_are_readable_while_a_node_runs(rig: Rig) -> None:
    run = rig.start(document("telling", [{"id": "n", "type": "e2e.talkative"}]))
    running = rig.until_node(run, "n", "running")
    assert running["worker"]
    seen: list[Json] = []
    after: dict[str, str] = {}

    def told() -> bool:
        page = rig.get(f"/runs/{run}/live", **after)
        after["after"] = page["after"]
        seen.extend(page["items"])
        return {item["type"] for item in seen} == {"node.started", "node.log", "node.progress"}

    until(told, "start, logs and progress are told")
    assert rig.get(f"/runs/{run}")["status"] == "running"
    (progress,) = (item for item in seen if item["type"] == "node.progress")
    assert progress["data"] == {"fraction": 0.5, "message": "half way"}
    assert rig.wait(run)["status"] == "succeeded"
    lines = list(rig.items(f"/runs/{run}/nodes/n/logs"))
    assert [(line["level"], line["message"], line["fields"]) for line in lines] == [
        ("info", "half way", {"count": 1}), ("warning", "nearly there", {}),
    ]  # fmt: skip
    one_by_one = list(rig.items(f"/runs/{run}/nodes/n/logs", limit=1))
    assert one_by_one == lines


def test_events_are_a_long_poll_without_gaps(rig: Rig) -> None:
    nodes = [{"id": "pause", "type": "wait", "config": {"for": "1s"}}]
    run = rig.start(document("polled", nodes))
    seen: list[Json] = []
    page: Json = {"after": 0, "ended": False}
    polls = 0
    while not page["ended"]:
        page = rig.get(f"/runs/{run}/events", after=page["after"], wait=10)
        seen += page["items"]
        polls += 1
    assert [event["id"] for event in seen] == list(range(1, len(seen) + 1))
    assert [event["type"] for event in seen] == [
        "run.started", "node.waiting", "run.waiting", "node.ended", "run.ended",
    ]  # fmt: skip
    assert polls <= 4
    assert rig.get(f"/runs/{run}/events", after=page["after"], wait=30)["ended"] is True


def test_an_idempotency_key_starts_one_run(rig: Rig) -> None:
    doc = document("once", [note("n")])
    first, again = (rig.start(doc, {"a": 1}, **{"Idempotency-Key": "abc"}) for _ in range(2))
    assert first == again
    other = rig.http.post(
        "/runs", json={"document": doc, "inputs": {"a": 2}}, headers={"Idempotency-Key": "abc"}
    )
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-key-reused"
    assert rig.wait(first)["idempotency_key"] == "abc"


def test_lists_go_on_by_cursor(rig: Rig) -> None:
    rig.apply(document("listed", [note("n")]))
    runs = [rig.start("listed") for _ in range(7)]
    ids = [line["id"] for line in rig.items("/runs", workflow="listed", limit=3)]
    assert ids == runs[::-1]
    for run in runs:
        rig.wait(run)
    failed = rig.get("/runs", workflow="listed", status="failed")
    assert failed == {"items": [], "next_cursor": None}
    names = [each["name"] for each in rig.items("/workflows", limit=1)]
    assert len(names) == len(set(names))
    assert "listed" in names


def test_replacing_wants_the_present_version(rig: Rig) -> None:
    path = "/workflows/guarded"
    rig.apply(document("guarded", [note("n", 1)]))
    etag = rig.http.get(path).headers["etag"]
    body = {"document": document("guarded", [note("n", 2)])}
    assert rig.http.put(path, json=body).status_code == 428
    assert rig.http.put(path, json=body, headers={"If-Match": etag}).status_code == 200
    late = rig.http.put(path, json=body, headers={"If-Match": etag})
    assert late.status_code == 412
    assert late.headers["etag"] == rig.http.get(path).headers["etag"] != etag


def test_every_instant_of_the_api_is_rfc_3339(rig: Rig) -> None:
    """Whatever is called time or ends in _at, at any depth, in UTC and for every reader."""
    nodes = [note("n"), {"id": "w", "type": "wait", "config": {"for": "10ms"}}]
    nodes.append({"id": "again", "type": "e2e.flaky", "config": {"succeeds_at": 2}})
    nodes[-1]["retry"] = {"max_attempts": 2, "initial": "10ms"}
    run = rig.run(document("instants", nodes, settings={"deadline": "1h"}))
    found: list[str] = []
    for path in ("", "/nodes", "/nodes/n", "/events", "/live", "/commands/0"):
        found += _instants(rig.get(f"/runs/{run['id']}{path}"))
    for path in ("/runs", "/workflows", "/workers", "/dead-letters"):
        found += _instants(rig.get(path))
    assert len(found) > 20
    for text in found:
        assert text.endswith("Z")
        assert datetime.fromisoformat(text).tzinfo is not None


def _instants(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [each for item in value for each in _instants(item)]
    if not isinstance(value, dict):
        return []
    own = [v for k, v in value.items() if (k == "time" or k.endswith("_at")) and v is not None]
    return own + [each for k, v in value.items() if k != "document" for each in _instants(v)]


def test_the_document_of_a_run_is_the_one_that_was_sent(rig: Rig) -> None:
    doc = document("sent", [note("n", {"b": 1, "a": [None, 1.5, "ü"]})])
    run = rig.run(doc)
    answer = rig.http.get(f"/runs/{run['id']}/document")
    assert json.loads(answer.content) == doc | {"edges": []}
    assert answer.headers["etag"] == f'"{run["document_digest"]}"'
