"""Pause, messages, retries and dead letters, through the whole suite."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.waiting import until

from .rig import Json, Rig, chain, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def post(rig: Rig, path: str, body: Any = None, *, status: int = 200) -> Json:
    answer = rig.http.post(path, json=body)
    assert answer.status_code == status, answer.text
    told: Json = answer.json()
    return told


def note(id: str, value: Any = None) -> Json:
    return {"id": id, "type": "e2e.note", "config": {"value": value}}


def gate(name: str = "gate") -> Json:
    return {"id": name, "type": "wait", "config": {"message": "go"}}


def test_a_pause_holds_dispatch_and_nothing_else(rig: Rig) -> None:
    run = rig.start(document("held", [gate(), note("after")], [("gate", "after")]))
    rig.until_node(run, "gate", "waiting")
    assert post(rig, f"/runs/{run}/pause", {"reason": "look first"})["status"] == "paused"
    again = post(rig, f"/runs/{run}/pause", status=409)
    assert (again["type"], again["reason"]) == ("/problems/command-refused", "paused")
    post(rig, f"/runs/{run}/messages/go")
    rig.until_node(run, "gate", "succeeded")
    assert rig.until_node(run, "after", "ready")["attempt"] == 1
    assert rig.get(f"/runs/{run}")["status"] == "paused"
    assert not rig.ledger_of(run)
    post(rig, f"/runs/{run}/resume")
    assert rig.wait(run)["status"] == "succeeded"
    assert rig.ledger_of(run)["after", "ran"] == 1
    assert post(rig, f"/runs/{run}/resume", status=409)["run_status"] == "succeeded"
    told = [event["type"] for event in rig.events(run)]
    assert told.index("run.paused") < told.index("message.received") < told.index("run.resumed")


def test_a_message_may_come_before_anybody_waits_and_not_after_the_end(rig: Rig) -> None:
    slow = {"id": "slow", "type": "e2e.sleep", "config": {"ms": 1500}}
    run = rig.start(
        document("early", [slow, gate()], [("slow", "gate")], outputs="${nodes.gate.output}")
    )
    sent = post(rig, f"/runs/{run}/messages/go", {"data": {"amount": 12}})
    assert (sent["name"], sent["state"]) == ("message", "recorded")
    ended = rig.wait(run)
    assert ended["outputs"] == {"name": "go", "data": {"amount": 12}, "by": sent["principal"]}
    late = post(rig, f"/runs/{run}/messages/go", status=409)
    assert late["type"] == "/problems/run-ended"


def broken(name: str) -> Json:
    """What comes before the broken node leaves lines; one of its outputs is a blob."""
    return document(
        name,
        [
            note("first", "kept"),
            {"id": "big", "type": "e2e.large", "config": {"size": 200_000}},
            {"id": "call", "type": "e2e.flaky", "config": {"succeeds_at": 9}},
            {"id": "size", "type": "e2e.measure", "config": {"text": "${nodes.big.output.text}"}},
            note("last", "${nodes.first.output.value}"),
        ],
        chain(["first", "big", "call", "size", "last"]),
        outputs={"said": "${nodes.last.output.value}", "size": "${nodes.size.output.size}"},
    )


CORRECTION = [
    {"op": "replace", "path": "/nodes/by-id/call/config/succeeds_at", "value": 1},
]


def test_a_corrected_retry_reuses_what_came_before_the_failure(rig: Rig) -> None:
    run = rig.run(broken("corrected"))
    assert run["status"] == "failed"
    told = post(rig, f"/runs/{run['id']}/retry", {"patch": CORRECTION, "dry_run": True})
    assert told["reused"] == ["first", "big"]
    assert [(each["id"], each["reason"]) for each in told["again"]] == [
        ("call", "changed"), ("size", "pending"), ("last", "pending"),
    ]  # fmt: skip
    assert told["again"][0]["last"]["attempts"] == 1

    started = post(rig, f"/runs/{run['id']}/retry", {"patch": CORRECTION}, status=202)
    healed = rig.wait(started["id"])
    assert (healed["status"], healed["retry_of"]) == ("succeeded", run["id"])
    assert healed["outputs"] == {"said": "kept", "size": 200_000}
    before, after = rig.ledger_of(run["id"]), rig.ledger_of(healed["id"])
    assert before["first", "ran"] == 1
    assert {node for node, _ in after} == {"call", "last"}
    events = rig.events(healed["id"])
    reused = {event["node"] for event in events if event.get("data", {}).get("reused")}
    assert reused == {"first", "big"}
    assert rig.get(f"/runs/{run['id']}")["status"] == "failed"


def test_a_replay_runs_a_node_and_what_follows_it_once_more(rig: Rig) -> None:
    nodes = [note("a"), note("b"), note("c")]
    run = rig.run(document("replayed", nodes, chain(["a", "b", "c"])))
    assert post(rig, f"/runs/{run['id']}/retry", status=409)["type"] == "/problems/conflict"
    again = rig.wait(post(rig, f"/runs/{run['id']}/retry", {"from": "b"}, status=202)["id"])
    assert again["status"] == "succeeded"
    assert rig.ledger_of(again["id"]) == {("b", "ran"): 1, ("c", "ran"): 1}


def test_only_the_workflows_newest_version_starts_over(rig: Rig) -> None:
    rig.apply(broken("improved"))
    run = rig.wait(rig.start("improved"))
    better = broken("improved")
    better["nodes"][2]["config"]["succeeds_at"] = 1
    rig.apply(better)
    assert rig.wait(post(rig, f"/runs/{run['id']}/retry", status=202)["id"])["status"] == "failed"
    newest = rig.wait(post(rig, f"/runs/{run['id']}/retry", {"newest": True}, status=202)["id"])
    assert (newest["status"], newest["version"]) == ("succeeded", 2)
    assert rig.ledger_of(newest["id"])["first", "ran"] == 1


def letters(rig: Rig, workflow: str, **query: Any) -> list[Json]:
    return list(rig.items("/dead-letters", workflow=workflow, **query))


def test_dead_letters_are_retried_and_discarded_in_bulk(rig: Rig) -> None:
    name = "buried"
    failed = [rig.run(broken(name))["id"] for _ in range(3)]
    until(lambda: len(letters(rig, name)) == 3, "three letters lie there")
    assert {each["reason"] for each in letters(rig, name)} == {"node_failed"}
    told = post(rig, "/dead-letters/retry", {"filter": {"workflow": name}})["items"]
    assert {each["status"] for each in told} == {"retried"}
    new = {each["run"] for each in told}
    assert {rig.wait(run)["retry_of"] for run in new} == set(failed)
    assert all(rig.ledger_of(run)["first", "ran"] == 0 for run in new)
    settled = letters(rig, name, status="retried")
    assert {each["retry_run"] for each in settled} == new

    until(lambda: len(letters(rig, name)) == 3, "the retries failed, too")
    ids = [each["id"] for each in letters(rig, name)]
    post(rig, "/dead-letters/discard", {"ids": ids})
    assert letters(rig, name) == []


def test_a_second_cancel_changes_nothing(rig: Rig) -> None:
    node = {"id": "busy", "type": "e2e.patient", "config": {}}
    run = rig.start(document("stopped", [node]))
    rig.until_noted(run, "busy", "began")
    told = [post(rig, f"/runs/{run}/cancel")["status"]]
    second = rig.http.post(f"/runs/{run}/cancel")
    assert second.status_code == 200 or second.json()["run_status"] == "cancelled"
    assert told[0] in ("cancelling", "cancelled")
    assert rig.wait(run)["status"] == "cancelled"


def test_a_map_is_taken_over_whole_and_its_children_are_retried_by_it(rig: Rig) -> None:
    body = {"nodes": [note("each", "${inputs.item}")], "outputs": "${nodes.each.output.value}"}
    fan = {"id": "fan", "type": "map", "config": {"items": "[1, 2, 3]", "run": body}}
    call = {"id": "call", "type": "e2e.flaky", "config": {"succeeds_at": 9}}
    last = {"id": "last", "type": "transform", "config": {"value": "${nodes.fan.output.results}"}}
    doc = document(
        "fanned", [fan, call, last], chain(["fan", "call", "last"]), outputs="${nodes.last.output}"
    )
    run = rig.run(doc)
    assert run["status"] == "failed"
    retry = f"/runs/{run['id']}/retry"
    healed = rig.wait(post(rig, retry, {"patch": CORRECTION}, status=202)["id"])
    assert (healed["status"], healed["outputs"]) == ("succeeded", [1, 2, 3])
    assert rig.get("/runs", parent=healed["id"])["items"] == []

    children = rig.get("/runs", parent=run["id"])["items"]
    assert len(children) == 3
    refused = post(rig, f"/runs/{children[0]['id']}/retry", {"from": "each"}, status=409)
    assert run["id"] in refused["detail"]
    wish = {"patch": CORRECTION, "from": "fan"}
    anew = rig.wait(post(rig, retry, wish, status=202)["id"])
    assert (anew["status"], anew["outputs"]) == ("succeeded", [1, 2, 3])
    assert len(rig.get("/runs", parent=anew["id"])["items"]) == 3
