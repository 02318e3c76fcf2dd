"""Patches of live runs, through the whole suite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.support.waiting import until

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def waiting(name: str, seconds: str = "30s") -> Json:
    """first ends at once, then the run waits; after it comes last."""
    return document(
        name,
        [
            {"id": "first", "type": "transform", "config": {"value": {"x": 1}}},
            {"id": "pause", "type": "wait", "config": {"for": seconds}},
            {"id": "last", "type": "transform", "config": {"value": "${nodes.first.output.x}"}},
        ],
        [("first", "pause"), ("pause", "last")],
        outputs={"last": "${nodes.last.output}"},
    )


def node(id: str, value: Any = 1) -> Json:
    return {
        "op": "add",
        "path": "/nodes/-",
        "value": {"id": id, "type": "transform", "config": {"value": value}},
    }


def edge(source: str, target: str, **more: Any) -> Json:
    return {"op": "add", "path": "/edges/-", "value": {"from": source, "to": target, **more}}


def agent(id: str) -> Json:
    value = {"id": id, "type": "agent", "config": {"prompt": "x"}}
    return {"op": "add", "path": "/nodes/-", "value": value}


def patch(rig: Rig, run: str, operations: list[Any], **headers: str) -> Any:
    body = {"operations": operations, "note": "test"}
    return rig.http.post(f"/runs/{run}/patches", json=body, headers=headers)


def start_waiting(rig: Rig, name: str, seconds: str = "30s") -> str:
    run = rig.start(waiting(name, seconds))
    until(lambda: rig.get(f"/runs/{run}")["status"] == "waiting", "the run waits")
    return run


def test_added_nodes_run_also_behind_a_node_that_ended(rig: Rig) -> None:
    run = start_waiting(rig, "patched", "2s")
    answer = patch(
        rig,
        run,
        [
            node("side", "${nodes.first.output.x + 10}"),
            edge("first", "side"),
            node("never"),
            edge("first", "never", when="output.x > 5"),
            {"op": "replace", "path": "/nodes/by-id/last/config/value", "value": "changed"},
        ],
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["status"] == "applied"
    assert told["changes"]["nodes_added"] == ["side", "never"]
    assert told["changes"]["nodes_changed"] == ["last"]
    ended = rig.wait(run)
    assert ended["status"] == "succeeded"
    assert ended["outputs"] == {"last": "changed"}
    assert ended["patches"] == 1
    nodes = {each["id"]: each for each in ended["nodes"]}
    assert nodes["side"]["output"] == 11
    assert nodes["never"]["status"] == "skipped"
    listed = rig.get(f"/runs/{run}/patches")["items"]
    assert [each["status"] for each in listed] == ["applied"]
    ids = [each["id"] for each in rig.get(f"/runs/{run}/document")["nodes"]]
    assert ids == ["first", "pause", "last", "side", "never"]


REFUSALS: dict[str, tuple[list[Any], int, str, str]] = {
    "cycle": ([edge("last", "last")], 422, "/problems/invalid-document", "last"),
    "two-node cycle": (
        [node("a"), edge("last", "a"), edge("a", "last")],
        422,
        "/problems/invalid-document",
        "cycle",
    ),
    "change of a finished node": (
        [{"op": "replace", "path": "/nodes/by-id/first/config/value", "value": 2}],
        409,
        "/problems/patch-refused",
        "'first' is succeeded and may not be changed",
    ),
    "removal of a waiting node": (
        [
            {"op": "remove", "path": "/nodes/by-id/pause"},
            {"op": "remove", "path": "/edges/1"},
            {"op": "replace", "path": "/edges/0/to", "value": "last"},
        ],
        409,
        "/problems/patch-refused",
        "'pause' is waiting and may not be removed",
    ),
    "new edge into a waiting node": (
        [node("a"), edge("a", "pause")],
        409,
        "/problems/patch-refused",
        "no new edge",
    ),
    "resolved edge": (
        [{"op": "replace", "path": "/edges/0/when", "value": "true"}],
        422,
        "/problems/invalid-patch",
        "when",
    ),
    "orphan edge": ([edge("last", "nowhere")], 422, "/problems/invalid-document", "nowhere"),
    "failing test": (
        [{"op": "test", "path": "/name", "value": "other"}, node("a")],
        422,
        "/problems/invalid-patch",
        "other",
    ),
    "unknown type": (
        [
            {"op": "add", "path": "/settings", "value": {"unknown_types": "fail"}},
            {"op": "add", "path": "/nodes/-", "value": {"id": "a", "type": "nobody.knows"}},
        ],
        422,
        "/problems/invalid-document",
        "nobody.knows",
    ),
    "sixth agent": (
        [agent(f"a{i}") for i in range(6)],
        409,
        "/problems/patch-refused",
        "6 agents; at most 5",
    ),
    "large value": (
        [node("a", "x" * (10 * 1024 * 1024))],
        422,
        "/problems/invalid-patch",
        "more than 1048576 bytes",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_patches_say_why_and_change_nothing(rig: Rig, case: str) -> None:
    operations, status, type_, reason = REFUSALS[case]
    run = start_waiting(rig, "refusing", "1500ms")
    answer = patch(rig, run, operations)
    assert (answer.status_code, answer.json()["type"]) == (status, type_), answer.text
    assert reason in answer.text
    (kept,) = rig.get(f"/runs/{run}/patches")["items"]
    assert (kept["status"], kept["number"], kept["seq"]) == ("refused", None, None)
    assert kept["reason"] == answer.json().get("reason", kept["reason"])
    assert reason in " ".join(kept["detail"])
    ended = rig.wait(run)
    assert (ended["status"], ended["outputs"], ended["patches"]) == ("succeeded", {"last": 1}, 0)


def test_second_patch_on_a_stale_base_is_refused_if_the_base_was_named(rig: Rig) -> None:
    run = start_waiting(rig, "stale")
    base = rig.get(f"/runs/{run}")["document_digest"]
    assert patch(rig, run, [node("a"), edge("last", "a")]).status_code == 200
    answer = patch(rig, run, [node("b"), edge("last", "b")], **{"If-Match": f'"{base}"'})
    assert answer.status_code == 412
    assert answer.headers["ETag"].strip('"') == rig.get(f"/runs/{run}")["document_digest"]
    listed = rig.get(f"/runs/{run}/patches")["items"]
    assert [(each["status"], each["reason"]) for each in listed] == [
        ("applied", None), ("refused", "base_moved"),
    ]  # fmt: skip
    assert listed[1]["changes"]["nodes_added"] == ["b"]
    assert patch(rig, run, [node("b"), edge("last", "b")]).status_code == 200
    rig.http.post(f"/runs/{run}/cancel", json={})


def test_same_key_applies_once(rig: Rig) -> None:
    run = start_waiting(rig, "keyed")
    first = patch(rig, run, [node("a"), edge("last", "a")], **{"Idempotency-Key": "k"})
    again = patch(rig, run, [node("a"), edge("last", "a")], **{"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["number"] == again.json()["number"]
    assert rig.get(f"/runs/{run}")["patches"] == 1
    rig.http.post(f"/runs/{run}/cancel", json={})
    answer = patch(rig, run, [node("b"), edge("last", "b")])
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/run-ended")


def test_a_key_with_another_patch_is_refused(rig: Rig) -> None:
    run = start_waiting(rig, "reused")
    key = {"Idempotency-Key": "k"}
    assert patch(rig, run, [node("a"), edge("last", "a")], **key).status_code == 200
    other = patch(rig, run, [node("b"), edge("last", "b")], **key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert [each["id"] for each in rig.get(f"/runs/{run}/document")["nodes"]][3:] == ["a"]


def test_one_request_sent_twice_at_once_is_applied_once(rig: Rig) -> None:
    """Also where it names the base, which it moves itself."""
    run = start_waiting(rig, "doubled")
    base = rig.get(f"/runs/{run}")["document_digest"]
    headers = {"Idempotency-Key": "k", "If-Match": f'"{base}"'}
    send = partial(patch, rig, run, [node("a"), edge("last", "a")], **headers)
    with ThreadPoolExecutor(4) as pool:
        answers = [each.result() for each in [pool.submit(send) for _ in range(4)]]
    assert [each.status_code for each in answers] == [200] * 4, [a.text for a in answers]
    assert rig.get(f"/runs/{run}")["patches"] == 1


def test_dry_run_changes_nothing(rig: Rig) -> None:
    run = start_waiting(rig, "dry", "1s")
    body = {"operations": [node("a"), edge("last", "a")], "dry_run": True}
    answer = rig.http.post(f"/runs/{run}/patches", json=body)
    assert answer.json()["status"] == "possible"
    assert answer.json()["changes"]["nodes_added"] == ["a"]
    assert rig.get(f"/runs/{run}/patches")["items"] == []
    assert rig.wait(run)["patches"] == 0
