"""Runs that nodes start: maps and sub-workflows in memory, and what a test sees of them."""

from __future__ import annotations

from typing import Any

import pytest

from minuet.model.errors import InvalidDocument
from minuet.testing import FakeError, Harness, Refused, RetryableError, TerminalError
from minuet.testing.due import Timers


def document(name: str, *nodes: dict[str, Any], edges: Any = (), **more: Any) -> dict[str, Any]:
    pairs = [{"from": a, "to": b} for a, b in edges]
    return {"apiVersion": "minuet/v1", "name": name, "nodes": list(nodes), "edges": pairs, **more}


def task(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "task", **more}


STEP = task("step", config={"n": "${inputs.item}"})
BODY = {"nodes": [STEP], "outputs": "${nodes.step.output}"}


def fan(items: str, run: dict[str, Any] = BODY, **config: Any) -> dict[str, Any]:
    return {"id": "fan", "type": "map", "config": {"items": items, "run": run, **config}}


def call(name: str, node: str = "call", **config: Any) -> dict[str, Any]:
    return {"id": node, "type": "workflow", "config": {"name": name, **config}}


def test_fake_stands_inside_the_body_of_a_map() -> None:
    harness = Harness(document("m", fan("[5, 3]"), outputs="${nodes.fan.output.results}"))
    harness.fake("step", lambda config: config["n"] * 2)
    run = harness.run()
    assert (run.status, run.outputs) == ("succeeded", [10, 6])
    assert [(each.item, each.inputs, each.outputs) for each in run.children("fan")] == [
        (0, {"item": 5, "index": 0}, 10),
        (1, {"item": 3, "index": 1}, 6),
    ]
    assert run.children("fan")[1].node("step").calls[0].config == {"n": 3}
    assert run.children("fan")[0].workflow == "m.fan"


def test_items_run_side_by_side_as_far_as_max_parallel_lets_them() -> None:
    harness = Harness(document("m", fan("10", max_parallel=3))).fake("task", returns=1, takes="1s")
    run = harness.run()
    assert run.duration_ms == 4000
    assert [each.duration_ms for each in run.children("fan")] == [1000] * 10


def test_failed_item_stops_the_others_at_once() -> None:
    def fails(config: dict[str, Any]) -> None:
        if config["n"] == 2:
            raise TerminalError("broken")

    nodes = [
        {"id": "pause", "type": "wait", "config": {"for": "${inputs.item}s"}},
        STEP,
    ]
    body = {"nodes": nodes, "edges": [{"from": "pause", "to": "step"}]}
    run = Harness(document("m", fan("5", body))).fake("step", fails).run()
    assert (run.status, run.duration_ms) == ("failed", 2000)
    assert run.error is not None
    assert run.error["code"] == "item_failed"
    statuses = ["succeeded", "succeeded", "failed", "cancelled", "cancelled"]
    assert [each.status for each in run.children("fan")] == statuses


def test_sub_workflow_is_named_and_fakes_stand_inside_it() -> None:
    harness = Harness(document("top", call("part"), outputs="${nodes.call.output}"))
    harness.workflow(document("part", task("work"), outputs={"got": "${nodes.work.output}"}))
    run = harness.fake("work", returns=7).run()
    assert run.outputs == {"got": 7}
    assert run.child("call").workflow == "part"
    assert run.child("call").node("work").calls[0].output == 7


def test_versions_count_from_one_and_the_last_is_the_latest() -> None:
    def part(value: int) -> dict[str, Any]:
        step = {"id": "a", "type": "transform", "config": {"value": value}}
        return document("part", step, outputs="${nodes.a.output}")

    nodes = [call("part"), call("part", "fixed", version=1)]
    outputs = ["${nodes.call.output}", "${nodes.fixed.output}"]
    harness = Harness(document("top", *nodes, outputs=outputs))
    assert harness.workflow(part(10)).workflow(part(20)).run().outputs == [20, 10]


def test_latest_version_is_found_however_deep_it_lies() -> None:
    def leaf(value: int) -> dict[str, Any]:
        step = {"id": "a", "type": "transform", "config": {"value": value}}
        return document("leaf", step, outputs="${nodes.a.output}")

    def passing(name: str, other: str) -> dict[str, Any]:
        return document(name, call(other), outputs="${nodes.call.output}")

    harness = Harness(passing("top", "middle"))
    harness.workflow(leaf(1)).workflow(passing("middle", "leaf")).workflow(leaf(2))
    assert harness.run().outputs == 2
    harness.workflow(passing("leaf", "middle"))  # a circle: closed by middle as it was stored
    assert harness.run().outputs == 1


def test_workflows_may_run_those_stored_before_them() -> None:
    harness = Harness(document("top", call("middle")))
    harness.workflow(document("leaf", task("work"))).workflow(document("middle", call("leaf")))
    run = harness.fake("work", TerminalErrorRaiser("no")).run()
    assert run.status == "failed"
    leaf = run.child("call").child("call")
    assert (leaf.workflow, leaf.status) == ("leaf", "failed")
    assert run.error is not None
    assert "no" in run.error["message"]


class TerminalErrorRaiser:
    def __init__(self, message: str) -> None:
        self._message = message

    def __call__(self, config: Any) -> None:
        raise TerminalError(self._message)


def test_workflow_that_was_not_stored_is_named() -> None:
    with pytest.raises(InvalidDocument, match="there is no workflow 'part'"):
        Harness(document("top", call("part"))).run()


def test_retried_node_starts_another_run() -> None:
    retry = {"max_attempts": 2, "initial": "1s"}
    harness = Harness(document("top", {**call("part"), "retry": retry}))
    harness.workflow(document("part", task("work")))
    run = harness.fake("work", each=[RetryableError("busy"), 1]).run()
    assert [each.status for each in run.children("call")] == ["failed", "succeeded"]
    with pytest.raises(AssertionError, match="started 2 runs"):
        run.child("call")


def test_children_of_no_node_and_of_one_that_starts_none() -> None:
    run = Harness(document("m", task("a"))).fake("a", returns=1).run()
    assert run.children("a") == []
    with pytest.raises(KeyError, match="there are a"):
        run.children("b")


def test_person_answers_inside_an_item() -> None:
    ask = {"id": "ask", "type": "hitl", "config": {"message": "Ship ${inputs.item}?"}}
    body = {"nodes": [ask], "outputs": "${nodes.ask.output.by}"}
    harness = Harness(document("m", fan("['a', 'b']", body), outputs="${nodes.fan.output.results}"))
    with harness.start() as live:
        assert live.child("fan", 1).question("ask").message == "Ship b?"
        live.child("fan", 1).approve("ask", by="ben")
        live.advance("1h")
        live.child("fan").approve("ask", by="ana")
        run = live.finish()
    assert run.outputs == ["ana", "ben"]
    assert [each.duration_ms for each in run.children("fan")] == [3_600_000, 0]


def test_child_takes_commands_of_its_own() -> None:
    wait = {"id": "hear", "type": "wait", "config": {"message": "go"}}
    harness = Harness(document("top", call("part"), outputs="${nodes.call.output}"))
    harness.workflow(document("part", wait, outputs="${nodes.hear.output.data}"))
    with harness.start() as live:
        child = live.child("call")
        child.message("go", 3)
        assert live.run.outputs == 3
        with pytest.raises(Refused, match="ended"):
            child.pause()


def test_child_of_a_finished_run_can_be_patched_while_it_waits() -> None:
    wait = {"id": "hear", "type": "wait", "config": {"message": "go"}}
    harness = Harness(document("top", fan("1", {"nodes": [wait]})))
    added = {"id": "more", "type": "transform", "config": {"value": 1}}
    with harness.start() as live:
        child = live.child("fan")
        child.patch(
            [
                {"op": "add", "path": "/nodes/-", "value": added},
                {"op": "add", "path": "/edges", "value": [{"from": "hear", "to": "more"}]},
            ]
        )
        child.message("go")
        run = live.finish()
    assert run.children("fan")[0].ended == ["hear", "more"]


def test_patch_brings_a_map_with_a_body_of_its_own() -> None:
    wait = {"id": "hear", "type": "wait", "config": {"message": "go"}}
    with Harness(document("top", wait)).fake("step", returns=4, late=True).start() as live:
        live.patch(
            [
                {"op": "add", "path": "/nodes/-", "value": fan("2")},
                {"op": "add", "path": "/edges/-", "value": {"from": "hear", "to": "fan"}},
            ]
        )
        live.message("go")
        run = live.finish()
    assert run.node("fan").output["results"] == [4, 4]


def test_patch_leaves_what_is_run_as_it_was_when_the_run_started() -> None:
    """Also where that is not fixed by a version, and a newer one was stored meanwhile."""

    def part(value: int) -> dict[str, Any]:
        wait = {"id": "hear", "type": "wait", "config": {"message": "go"}}
        step = {"id": "a", "type": "transform", "config": {"value": value}}
        return document("part", wait, step, edges=[("hear", "a")], outputs="${nodes.a.output}")

    nodes = [call("part", "one"), call("part", "two")]
    harness = Harness(document("top", *nodes, edges=[("one", "two")])).workflow(part(1))
    with harness.start() as live:
        live.child("one")
        harness.workflow(part(2))
        live.patch([{"op": "add", "path": "/nodes/-", "value": call("part", "three")}])
        for name in ("one", "two", "three"):
            live.child(name).message("go")
        run = live.finish()
    assert [run.node(name).output for name in ("one", "two", "three")] == [1, 1, 2]


def test_child_that_never_comes_is_named() -> None:
    with (
        Harness(document("m", fan("1"))).fake("step", returns=1).start() as live,
        pytest.raises(FakeError, match="never started a run for item 3"),
    ):
        live.child("fan", 3)


def test_cancel_goes_down_to_calls_under_way() -> None:
    harness = Harness(document("top", call("part")))
    harness.workflow(document("part", task("work"))).fake("work", returns=1, takes="30s")
    with harness.start() as live:
        live.child("call").until("work", "ready")
        run = live.cancel("enough")
    assert (run.status, run.duration_ms) == ("cancelled", 0)
    assert run.child("call").status == "cancelled"


def test_large_results_come_whole() -> None:
    harness = Harness(document("m", fan("3"), outputs={"all": "${nodes.fan.output.results}"}))
    run = harness.fake("step", returns="x" * 40_000).run()
    assert run.outputs == {"all": ["x" * 40_000] * 3}


def test_logs_are_of_the_run_that_said_them() -> None:
    def says(config: dict[str, Any], ctx: Any) -> None:
        ctx.log.info("item", n=config["n"])

    run = Harness(document("m", fan("2"))).fake("step", says).run()
    assert run.logs == []
    assert [[line.fields["n"] for line in each.logs] for each in run.children("fan")] == [[0], [1]]


def test_run_that_was_looked_at_stays_as_it_was() -> None:
    body = {"nodes": [{"id": "hear", "type": "wait", "config": {"message": "go"}}]}
    with Harness(document("m", fan("2", body))).start() as live:
        live.child("fan").message("go")
        early = live.run
        live.child("fan", 1).message("go")
        late = live.finish()
    assert [each.status for each in early.children("fan")] == ["succeeded", "waiting"]
    assert [each.status for each in late.children("fan")] == ["succeeded", "succeeded"]


def test_rounds_of_a_loop_are_kept() -> None:
    nodes = [task("try_it"), {"id": "rest", "type": "wait", "config": {"for": "10s"}}]
    loop = {"while": "nodes.try_it.output < 3", "max_iterations": 9}
    edges = [{"from": "try_it", "to": "rest"}, {"from": "rest", "to": "try_it", "loop": loop}]
    looped = document("l", *nodes) | {"edges": edges}
    run = Harness(looped).fake("try_it", each=[1, 2, 3]).run()
    assert [each.output for each in run.node("try_it").rounds] == [1, 2, 3]
    assert [each.ended_ms for each in run.node("rest").rounds] == [10_000, 20_000, 30_000]


def test_question_that_nobody_answers_is_asked_again() -> None:
    ask = {"id": "ask", "type": "hitl", "config": {"message": "Well?", "timeout": "1h"}}
    again = {"while": "iteration < 2", "max_iterations": 9}
    edges = [{"from": "ask", "to": "ask", "on": "timeout", "loop": again}]
    run = Harness(document("l", ask) | {"edges": edges}).run()
    assert (run.status, run.duration_ms) == ("succeeded", 3 * 3_600_000)
    assert [each.port for each in run.node("ask").rounds] == ["timeout"] * 3


def test_cancelled_run_waits_for_what_a_child_undoes_but_not_for_ever() -> None:
    undone = document(
        "part",
        task("do", compensate="undo"),
        {"id": "rest", "type": "wait", "config": {"for": "1h"}},
        task("undo"),
        edges=[("do", "rest")],
        settings={"compensate_on": ["cancelled"]},
    )
    for takes, duration_ms in (("5s", 5_000), ("30s", 15_000)):
        harness = Harness(document("top", call("part"))).workflow(undone)
        harness.fake("do", returns=1).fake("undo", returns=1, takes=takes)
        with harness.start() as live:
            live.child("call").until("rest", "waiting")
            assert live.cancel("enough").status == "cancelling"
            run = live.finish()
        assert (run.status, run.duration_ms) == ("cancelled", duration_ms)
        assert run.child("call").status == "cancelled"
        assert run.child("call").node("undo").status == "succeeded"


def test_pause_starts_no_further_items() -> None:
    harness = Harness(document("m", fan("4", max_parallel=1))).fake("step", returns=1, takes="1s")
    with harness.start() as live:
        live.child("fan").until("step", "ready")
        live.pause()
        assert len(live.advance("1h").children("fan")) == 1
        live.resume()
        run = live.finish()
    assert (run.status, run.duration_ms) == ("succeeded", 3_600_000 + 3_000)


def test_thousands_of_items_are_no_matter() -> None:
    harness = Harness(document("m", fan("2000"), outputs="${nodes.fan.output.succeeded}"))
    assert harness.fake("step", lambda config: config["n"]).run().outputs == 2000


def test_moved_timer_is_due_at_its_last_instant_only() -> None:
    timers = Timers()
    timers.add("a", 5)
    timers.add("b", 7)
    timers.add("a", 9)
    assert timers.first() == (7, "b")
    timers.drop("b")
    timers.drop("c")
    assert timers.first() == (9, "a")
    timers.drop("a")
    assert timers.first() is None
