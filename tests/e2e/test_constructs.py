"""Loops, compensation, guards, messages, error edges and paused maps, through a whole suite."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.support.waiting import until

from .rig import Json, Rig, chain, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]


def note(id: str, value: Any = None, **more: Any) -> Json:
    return {"id": id, "type": "e2e.note", "config": {"value": value}, **more}


def failing(id: str, **more: Any) -> Json:
    return {"id": id, "type": "e2e.fail", "config": {"message": f"{id} broke"}, **more}


def join(id: str, **more: Any) -> Json:
    return {"id": id, "type": "join", **more}


def edge(source: str, target: str, **more: Any) -> Json:
    return {"from": source, "to": target, **more}


def back(source: str, target: str, while_: str, most: int, **more: Any) -> Json:
    return edge(source, target, loop={"while": while_, "max_iterations": most}, **more)


def post(rig: Rig, path: str, body: Any = None, *, status: int = 200) -> Json:
    answer = rig.http.post(path, json=body)
    assert answer.status_code == status, answer.text
    told: Json = answer.json()
    return told


def history(rig: Rig, run: str) -> list[Json]:
    """The events of an ended run; there is no gap, and the end is the last of them."""
    events = rig.events(run)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run.ended"
    return events


def ends(events: list[Json], status: str = "succeeded") -> Counter[str]:
    """How often each node ended in that status."""
    return Counter(
        str(event["node"])
        for event in events
        if event["type"] == "node.ended" and event["data"]["status"] == status
    )


def ledger_order(rig: Rig, run: str) -> list[str]:
    """Nodes that left a line, in the order of their lines."""
    lines = (line.split() for line in rig.ledger.read_text().splitlines())
    return [node for of, node, _, _ in lines if of == run]


def ran(rig: Rig, run: str) -> Counter[str]:
    return Counter({node: n for (node, word), n in rig.ledger_of(run).items() if word == "ran"})


# ── loops ─────────────────────────────────────────────────────────────────────────────────────


def test_a_loop_of_five_around_a_diamond_with_an_approval_nested_twice(rig: Rig) -> None:
    ask = {"id": "ask", "type": "hitl", "config": {"message": "Round ${iteration}?"}}
    nodes = [*map(note, ("start", "head", "left", "meet", "inner", "outer", "after")), ask]
    edges = [
        edge("start", "head"), edge("head", "left"), edge("head", "ask"),
        edge("left", "meet"), edge("ask", "meet"), edge("ask", "meet", on="rejected"),
        edge("meet", "inner"), back("inner", "head", "true", 5),
        edge("inner", "outer", on="exhausted"), back("outer", "start", "iteration < 4", 9),
        edge("outer", "after"),
    ]  # fmt: skip
    run = rig.start(document("approved-rounds", nodes, edges))
    decided: list[str] = []
    for turn in range(25):
        found = until(lambda: _open_approval(rig, run, decided), f"question {turn} is asked")
        assert found["message"] == f"Round {turn % 5}?"
        decision = "reject" if turn % 3 == 0 else "approve"
        post(rig, f"/approvals/{found['id']}/decision", {"decision": decision})
        decided.append(found["id"])
    assert rig.wait(run)["status"] == "succeeded"
    events = history(rig, run)
    body = dict.fromkeys(("head", "left", "meet", "inner"), 25)
    expected = Counter({**body, "start": 5, "outer": 5, "after": 1})
    assert ran(rig, run) == expected
    assert ends(events) == expected + Counter({"ask": 25})
    assert ledger_order(rig, run)[-1] == "after"
    asked = [event for event in events if event["type"] == "approval.requested"]
    assert [event["data"]["approval"] for event in asked] == decided


def _open_approval(rig: Rig, run: str, decided: list[str]) -> Json | None:
    items = rig.get("/approvals", run=run)["items"]
    return next((each for each in items if each["id"] not in decided), None)


def test_late_completions_of_earlier_rounds_change_nothing(rig: Rig) -> None:
    """`slow` cannot be interrupted: it ends in a later round, while its next execution runs."""
    nodes = [
        note("begin"), {"id": "fast", "type": "e2e.sleep", "config": {"ms": 500}},
        {"id": "slow", "type": "e2e.heedless", "config": {"ms": 1300}},
        note("meet", join="any"), note("after", "${nodes.meet.output}"),
    ]  # fmt: skip
    edges = [
        edge("begin", "fast"), edge("begin", "slow"), edge("fast", "meet"), edge("slow", "meet"),
        back("meet", "begin", "iteration < 3", 9), edge("meet", "after"),
    ]  # fmt: skip
    run = rig.start(document("late-rounds", nodes, edges))
    assert rig.wait(run)["status"] == "succeeded"
    until(lambda: ran(rig, run)["slow"] == 4, "every execution of slow went to its end")
    events = history(rig, run)
    assert ran(rig, run) == {"begin": 4, "fast": 4, "slow": 4, "meet": 4, "after": 1}
    assert ends(events) == {"begin": 4, "fast": 4, "slow": 1, "meet": 4, "after": 1}
    assert ends(events, "cancelled") == {"slow": 3}
    rounds = [event["data"]["loop"] for event in events if "loop" in event.get("data", {})]
    assert rounds == [1, 2, 3]


# ── compensation ──────────────────────────────────────────────────────────────────────────────


def five_steps(fourth: Json, **undo: Json) -> Json:
    """Each with a step that undoes it, which hands on what the first one gave."""
    steps = [note(f"s{i}", i, compensate=f"u{i}") for i in range(1, 6)]
    steps[3] = {**fourth, "id": "s4", "compensate": "u4"}
    undoing = [undo.get(f"u{i}", note(f"u{i}", f"${{nodes.s{i}.output}}")) for i in range(1, 6)]
    return document(
        "five-steps",
        [*steps, *undoing],
        chain([f"s{i}" for i in range(1, 6)]),
        settings={"compensate_on": ["failed", "cancelled"]},
    )


def test_three_of_five_are_undone_in_reverse_when_the_fourth_fails(rig: Rig) -> None:
    run = rig.start(five_steps(failing("s4")))
    ended = rig.wait(run)
    assert (ended["status"], ended["error"]["node"]) == ("failed", "s4")
    assert "not_undone" not in ended["error"]
    assert ledger_order(rig, run) == ["s1", "s2", "s3", "u3", "u2", "u1"]
    events = history(rig, run)
    assert [event["type"] for event in events].count("run.compensating") == 1
    assert rig.get(f"/runs/{run}/nodes/u2")["output"]["value"] == {"node": "s2", "value": 2}
    shown = rig.nodes(run)
    assert [shown[id]["status"] for id in ("s4", "s5", "u4", "u5")] == [
        "failed", "pending", "pending", "pending",
    ]  # fmt: skip


def test_three_of_five_are_undone_in_reverse_when_the_run_is_cancelled(rig: Rig) -> None:
    run = rig.start(five_steps({"type": "e2e.patient"}))
    rig.until_noted(run, "s4", "began")
    assert rig.http.post(f"/runs/{run}/cancel", json={"reason": "enough"}).is_success
    ended = rig.wait(run)
    assert (ended["status"], ended["error"]["message"]) == ("cancelled", "enough")
    assert [node for node in ledger_order(rig, run) if node != "s4"] == [
        "s1", "s2", "s3", "u3", "u2", "u1",
    ]  # fmt: skip
    assert rig.ledger_of(run)["s4", "interrupted"] == 1
    kinds = [event["type"] for event in history(rig, run)]
    assert kinds.index("run.cancelling") < kinds.index("run.compensating")


def test_what_cannot_be_undone_is_named_and_the_rest_is_undone(rig: Rig) -> None:
    run = rig.start(five_steps(failing("s4"), u2=failing("u2")))
    ended = rig.wait(run)
    assert ended["status"] == "failed"
    assert (ended["error"]["node"], ended["error"]["not_undone"]) == ("s4", ["u2"])
    assert ledger_order(rig, run) == ["s1", "s2", "s3", "u3", "u1"]
    history(rig, run)


# ── guards, errors, messages ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wanted", [True, False])
def test_a_guard_leaves_out_its_node_and_what_only_it_leads_to(rig: Rig, wanted: bool) -> None:
    nodes = [note("a"), note("b", when="inputs.wanted"), note("c"), note("end")]
    edges = [edge("a", "b"), edge("b", "c"), edge("c", "end"), edge("a", "end")]
    run = rig.start(document("guarded", nodes, edges), {"wanted": wanted})
    assert rig.wait(run)["status"] == "succeeded"
    assert ledger_order(rig, run) == (["a", "b", "c", "end"] if wanted else ["a", "end"])
    skipped = {} if wanted else {"b": 1, "c": 1}
    assert ends(history(rig, run), "skipped") == skipped


def test_errors_lead_along_their_edges_or_are_passed_over(rig: Rig) -> None:
    nodes = [
        failing("caught"), note("mend"), note("unused"),
        failing("minor", on_error="continue"), note("on", "${nodes.minor.output}"),
    ]  # fmt: skip
    edges = [edge("caught", "mend", on="error"), edge("caught", "unused"), edge("minor", "on")]
    run = rig.start(document("errors", nodes, edges))
    assert rig.wait(run)["status"] == "succeeded"
    assert ran(rig, run) == {"mend": 1, "on": 1}
    events = history(rig, run)
    assert ends(events, "failed") == {"caught": 1, "minor": 1}
    assert ends(events, "skipped") == {"unused": 1}
    assert rig.get(f"/runs/{run}/nodes/on")["output"]["value"] is None
    assert rig.get(f"/runs/{run}/nodes/minor")["error"]["message"] == "ValueError: minor broke"


def test_messages_early_in_time_and_too_late(rig: Rig) -> None:
    """The first comes before anybody waits, the second while somebody does, the third never, and
    one that comes after that is kept in vain."""
    waits = [{"id": f"w{i}", "type": "wait", "config": {"message": "go"}} for i in (1, 2)]
    last: Json = {"id": "w3", "type": "wait", "config": {"message": "stop", "timeout": "300ms"}}
    nodes = [
        {"id": "open", "type": "e2e.sleep", "config": {"ms": 800}}, *waits, last,
        note("late"), {"id": "end", "type": "wait", "config": {"message": "end"}},
    ]  # fmt: skip
    edges = [
        edge("open", "w1"), edge("w1", "w2"), edge("w2", "w3"), edge("w3", "late", on="timeout"),
        edge("late", "end"),
    ]  # fmt: skip
    outputs = {id: f"${{nodes.{id}.output.data}}" for id in ("w1", "w2")}
    run = rig.start(document("messages", nodes, edges, outputs=outputs))
    post(rig, f"/runs/{run}/messages/go", {"data": 1})
    rig.until_node(run, "w2", "waiting")
    post(rig, f"/runs/{run}/messages/go", {"data": 2})
    rig.until_node(run, "end", "waiting")
    post(rig, f"/runs/{run}/messages/stop", {"data": 3})
    post(rig, f"/runs/{run}/messages/end")
    ended = rig.wait(run)
    assert (ended["status"], ended["outputs"]) == ("succeeded", {"w1": 1, "w2": 2})
    events = history(rig, run)
    assert ends(events, "timed_out") == {"w3": 1}
    kinds = Counter(event["type"] for event in events)
    assert (kinds["message.received"], kinds["message.taken"]) == (4, 3)


# ── maps ──────────────────────────────────────────────────────────────────────────────────────


def test_a_pause_holds_a_map(rig: Rig) -> None:
    body = {
        "nodes": [{"id": "work", "type": "e2e.sleep", "config": {"ms": 300}}],
        "outputs": "${inputs.item}",
    }
    config = {"items": "12", "run": body, "max_parallel": 3}
    fan = {"id": "fan", "type": "map", "config": config}
    run = rig.start(document("held-map", [fan], outputs="${nodes.fan.output.results}"))
    until(lambda: _items(rig, run)["node.item"] >= 3, "three items have ended")
    assert post(rig, f"/runs/{run}/pause")["status"] == "paused"
    until(lambda: _all_told(rig, run), "what had begun has ended")
    held = _items(rig, run)["node.item"]
    assert held < 12
    assert len(rig.get("/runs", parent=run)["items"]) == held
    post(rig, f"/runs/{run}/resume")
    ended = rig.wait(run)
    assert (ended["status"], ended["outputs"]) == ("succeeded", list(range(12)))
    kinds = [event["type"] for event in history(rig, run)]
    between = kinds[kinds.index("run.paused") : kinds.index("run.resumed")]
    assert "node.spawned" not in between
    assert "node.item" in between
    for child in rig.get("/runs", parent=run)["items"]:
        history(rig, child["id"])
        assert ran(rig, child["id"]) == {"work": 1}


def _items(rig: Rig, run: str) -> Counter[str]:
    return Counter(event["type"] for event in rig.events(run))


def _all_told(rig: Rig, run: str) -> bool:
    events = rig.events(run)
    spawned = [event["data"]["last"] + 1 for event in events if event["type"] == "node.spawned"]
    return len([event for event in events if event["type"] == "node.item"]) == int(max(spawned))


# ── versions of sub-workflows ─────────────────────────────────────────────────────────────────


def part(name: str, value: Any, *before: Json) -> Json:
    step = {"id": "give", "type": "transform", "config": {"value": value}}
    edges = chain([*(each["id"] for each in before), "give"])
    return document(name, [*before, step], edges, outputs="${nodes.give.output}")


def calling(name: str, other: str, node: str = "call") -> Json:
    call = {"id": node, "type": "workflow", "config": {"name": other}}
    return document(name, [call], outputs=f"${{nodes.{node}.output}}")


def test_a_start_finds_the_latest_version_however_deep_it_lies(rig: Rig) -> None:
    rig.apply(part("leaf", 1))
    rig.apply(calling("middle", "leaf"))
    rig.apply(calling("top", "middle"))
    rig.apply(part("leaf", 2))
    assert rig.wait(rig.start("top"))["outputs"] == 2
    assert rig.wait(rig.start("middle"))["outputs"] == 2


def test_workflows_that_lead_to_each_other_by_newer_versions_still_start(rig: Rig) -> None:
    rig.apply(part("hen", "first"))
    rig.apply(calling("egg", "hen"))
    rig.apply(calling("hen", "egg"))
    for name in ("egg", "hen"):
        assert rig.wait(rig.start(name))["outputs"] == "first"


def test_a_patch_leaves_what_is_run_as_it_was_when_the_run_started(rig: Rig) -> None:
    hear = {"id": "hear", "type": "wait", "config": {"message": "go"}}
    rig.apply(part("answer", 1, hear))
    run = rig.start(calling("asking", "answer"))
    [child] = until(lambda: rig.get("/runs", parent=run)["items"] or None, "the child run")
    rig.apply(part("answer", 2, hear))
    added = {"op": "add", "path": "/nodes/-", "value": note("more")}
    patched = rig.http.post(f"/runs/{run}/patches", json={"operations": [added]})
    assert patched.is_success, patched.text
    post(rig, f"/runs/{child['id']}/messages/go")
    ended = rig.wait(run)
    assert (ended["status"], ended["outputs"]) == ("succeeded", 1)
    assert ran(rig, run) == {"more": 1}
