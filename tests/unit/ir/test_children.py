"""Child runs: maps and sub-workflows, with cancel and failure in both directions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from minuet.ir.advance import advance, reinstate
from minuet.ir.compile import compile_document
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, Limits
from minuet.model.ids import is_run_id
from minuet.model.signal import Command, Continue, Start
from minuet.model.status import NodeStatus, RunStatus
from minuet.model.token import Failure, Outcome, TaskToken

from .family import ROOT, TYPES, Family

BODY: dict[str, Any] = {
    "nodes": [{"id": "step", "type": "task", "config": {"n": "${inputs.item}"}}],
    "outputs": "${nodes.step.output}",
}


def mapped(items: str = "inputs.list", **config: Any) -> dict[str, Any]:
    node = {"id": "fan", "type": "map", "config": {"items": items, "run": BODY, **config}}
    return {"name": "mapped", "nodes": [node], "outputs": "${nodes.fan.output}"}


def doubled(token: TaskToken) -> Outcome:
    return Outcome(output=msgspec.Raw(str(2 * value_of(token)).encode()))


def value_of(token: TaskToken) -> int:
    value: int = msgspec.json.decode(token.context["inputs.item"])
    return value


def failing(*bad: int) -> Any:
    def answer(token: TaskToken) -> Outcome:
        if value_of(token) in bad:
            return Outcome("error", failure=Failure("broken", "it broke", retryable=False))
        return doubled(token)

    return answer


def end_of(family: Family) -> dict[str, Any]:
    event = family.events[ROOT][-1]
    assert event.type == "run.ended"
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event.data))
    return data


@pytest.mark.parametrize("limits", [Limits(), Limits(tokens=2, inline_steps=1)])
def test_map_collects_in_the_order_of_the_items(limits: Limits) -> None:
    family = Family(doubled, limits)
    family.start(family.save(mapped(max_parallel=3)), {"list": [5, 3, 9, 1, 7]})
    assert end_of(family)["outputs"] == {
        "results": [10, 6, 18, 2, 14], "errors": [], "succeeded": 5, "failed": 0,
    }  # fmt: skip
    assert len(family.children()) == 5
    assert all(is_run_id(run) and run.startswith("3-") for run in family.runs)
    family.check_history()


def test_map_over_a_number_of_10_000_items_keeps_few_runs_alive() -> None:
    family = Family(doubled)
    family.start(family.save(mapped("10000", max_parallel=50)))
    assert end_of(family)["status"] == "succeeded"
    assert len(family.children()) == 10_000
    assert family.most_alive <= 51
    assert end_of(family)["outputs"]["results"] == [2 * i for i in range(10_000)]


def test_large_results_go_to_the_store() -> None:
    family = Family(lambda _: Outcome(output=msgspec.Raw(b'"%s"' % (b"x" * 1000))))
    document = mapped("100")
    document["outputs"] = {"count": "${nodes.fan.output.succeeded}"}
    family.start(family.save(document))
    assert end_of(family)["outputs"] == {"count": 100}
    [data] = family.blobs.values()
    assert msgspec.json.decode(data)["results"] == ["x" * 1000] * 100
    family.check_history()


def test_errors_count_among_the_results_that_a_map_may_gather() -> None:
    long = Outcome("error", failure=Failure("broken", "x" * 1_000_000, retryable=False))
    family = Family(lambda _: long)
    family.start(family.save(mapped("20", on_item_error="collect", max_parallel=2)))
    assert end_of(family)["error"]["code"] == "too_large"
    assert len(family.children()) < 12
    family.check_history()


def test_empty_map_succeeds_at_once() -> None:
    family = Family(doubled)
    family.start(family.save(mapped()), {"list": []})
    assert end_of(family)["outputs"]["results"] == []
    family.check_history()


@pytest.mark.parametrize(
    ("policy", "bad", "status"),
    [
        ("fail", [3], "failed"),
        ("collect", [3, 4], "succeeded"),
        ({"tolerate": 1}, [3], "succeeded"),
        ({"tolerate": 1}, [3, 4], "failed"),
    ],
)
def test_failed_items_are_judged_by_the_policy(policy: Any, bad: list[int], status: str) -> None:
    family = Family(failing(*bad))
    family.start(family.save(mapped("6", on_item_error=policy)))
    end = end_of(family)
    assert end["status"] == status
    if status == "failed":
        assert end["error"]["code"] == "item_failed"
        assert "item 3" in end["error"]["message"]
    else:
        expected = [None if i in bad else 2 * i for i in range(6)]
        assert end["outputs"]["results"] == expected
        assert [each["item"] for each in end["outputs"]["errors"]] == bad
    assert all(each.status.ended for each in family.children())
    family.check_history()


def test_retry_of_a_map_runs_its_items_again() -> None:
    tries = iter([False, False, True, True, True, True])

    def answer(token: TaskToken) -> Outcome:
        if value_of(token) == 1 and not next(tries):
            return Outcome("error", failure=Failure("broken", "it broke", retryable=False))
        return doubled(token)

    family = Family(answer)
    document = mapped("2")
    document["nodes"][0]["retry"] = {"max_attempts": 3, "initial": "1s"}
    family.start(family.save(document))
    family.pass_time(1000)
    family.pass_time(2000)
    assert end_of(family)["outputs"]["results"] == [0, 2]
    assert len(family.children()) == 6
    family.check_history()


def test_items_that_are_no_list_fail_the_node() -> None:
    family = Family(doubled)
    family.start(family.save(mapped("'abc'")))
    assert "expected a list or a number" in end_of(family)["error"]["message"]


def nest(family: Family, depth: int) -> str:
    """w0 runs a task; w<i> runs w<i-1>. The IR digest of the last."""
    ir = family.save({"name": "w0", "nodes": [{"id": "work", "type": "task"}], "outputs": "${7}"})
    for i in range(1, depth + 1):
        call = {"id": "call", "type": "workflow", "config": {"name": f"w{i - 1}"}}
        ir = family.save({"name": f"w{i}", "nodes": [call], "outputs": "${nodes.call.output}"})
    return ir


def test_output_comes_up_from_three_deep() -> None:
    family = Family(lambda _: Outcome())
    family.start(nest(family, 3))
    assert end_of(family)["outputs"] == 7
    assert len(family.runs) == 4
    family.check_history()


def test_failure_comes_up_from_three_deep() -> None:
    broken = Outcome("error", failure=Failure("broken", "it broke", retryable=False))
    family = Family(lambda _: broken)
    family.start(nest(family, 3))
    assert end_of(family)["error"]["code"] == "child_failed"
    assert "it broke" in end_of(family)["error"]["message"]
    assert {each.status for each in family.runs.values()} == {RunStatus.FAILED}


def test_cancel_goes_down_three_deep_and_waits_for_the_worker() -> None:
    family = Family(lambda _: None)
    state = family.start(nest(family, 3))
    assert state.status is RunStatus.WAITING
    family.give(ROOT, Command(ROOT, 1, "cancel"))
    family.play()
    assert {each.status for each in family.runs.values()} == {RunStatus.CANCELLED}
    assert not family.timers
    family.check_history()


def test_cancel_in_the_middle_of_a_map_stops_its_items() -> None:
    family = Family(lambda token: doubled(token) if value_of(token) < 3 else None)
    state = family.start(family.save(mapped("9", max_parallel=4)))
    assert sum(not each.status.ended for each in family.children()) == 4
    family.give(ROOT, Command(ROOT, 1, "cancel"))
    family.play()
    assert state.status is RunStatus.CANCELLED
    assert all(each.status.ended for each in family.children())
    assert len(family.children()) == 7
    family.check_history()


def test_child_that_does_not_end_is_stopped_at_the_timeout() -> None:
    family = Family(lambda _: None)
    family.save({"name": "slow", "nodes": [{"id": "work", "type": "task"}]})
    call = {"id": "call", "type": "workflow", "timeout": "1m", "config": {"name": "slow"}}
    family.start(family.save({"name": "root", "nodes": [call]}))
    family.pass_time(60_000)
    assert end_of(family)["error"]["code"] == "timeout"
    assert family.children()[0].status is RunStatus.CANCELLED
    family.check_history()


def test_retry_of_the_node_starts_another_run() -> None:
    outcomes = [Outcome("error", failure=Failure("broken", "no", retryable=False)), Outcome()]
    family = Family(lambda _: outcomes.pop(0))
    family.save({"name": "shaky", "nodes": [{"id": "work", "type": "task"}]})
    retry = {"max_attempts": 2, "initial": "1s"}
    call = {"id": "call", "type": "workflow", "retry": retry, "config": {"name": "shaky"}}
    family.start(family.save({"name": "root", "nodes": [call]}))
    family.pass_time(1000)
    assert end_of(family)["status"] == "succeeded"
    assert [each.status.word for each in family.children()] == ["failed", "succeeded"]
    family.check_history()


def test_inputs_that_miss_the_schema_fail_the_child() -> None:
    family = Family(lambda _: Outcome())
    schema = {"type": "object", "required": ["a"]}
    family.save({"name": "strict", "inputs": schema, "nodes": [{"id": "work", "type": "task"}]})
    call = {"id": "call", "type": "workflow", "config": {"name": "strict"}}
    family.start(family.save({"name": "root", "nodes": [call]}))
    assert "'a'" in end_of(family)["error"]["message"]
    family.check_history()


def test_late_and_repeated_ends_of_children_count_once() -> None:
    family = Family(doubled)
    family.start(family.save(mapped("3", max_parallel=1)))
    before = family.runs[ROOT].seq
    for item in (0, 1, 7):
        family._done(f"{ROOT}/fan/1/1", Outcome(output=msgspec.Raw(b"1"), item=item))
    family.play()
    assert family.runs[ROOT].seq == before


@pytest.mark.parametrize("limits", [Limits(), Limits(tokens=2, inline_steps=1)])
def test_items_whose_inputs_cannot_be_made_fail_one_by_one(limits: Limits) -> None:
    family = Family(doubled, limits)
    document = mapped("6", on_item_error="collect", max_parallel=2)
    run = document["nodes"][0]["config"]["run"]
    document["nodes"][0]["config"]["run"] = {**run, "inputs": {"item": "${[7, 8][index % 3]}"}}
    family.start(family.save(document))
    outputs = end_of(family)["outputs"]
    assert outputs["results"] == [14, 16, None, 14, 16, None]
    assert [(each["item"], each["code"]) for each in outputs["errors"]] == [
        (2, "expression"), (5, "expression"),
    ]  # fmt: skip
    family.check_history()


def test_map_none_of_whose_items_can_start_ends() -> None:
    family = Family(doubled)
    document = mapped("3000", on_item_error="collect")
    run = document["nodes"][0]["config"]["run"]
    document["nodes"][0]["config"]["run"] = {**run, "inputs": {"item": "${[][index]}"}}
    document["outputs"] = {"failed": "${nodes.fan.output.failed}"}
    family.start(family.save(document))
    assert end_of(family)["outputs"]["failed"] == 3000
    assert not family.children()
    family.check_history()


def test_map_without_a_live_child_is_cancelled_at_once() -> None:
    """Paused before its first item: nobody would tell that it let go."""
    family = Family(doubled)
    start = Start(ROOT, "t", family.save(mapped("3")), "root", accepted_at=0)
    family.runs[ROOT] = state = RunState(family.plans[start.ir], start)
    family.starts[ROOT] = start
    made = advance(state, [start], 0, Limits(tokens=0))
    family.events[ROOT] = made.events
    family.timers = dict(made.timers_add)
    assert state.rest.children["fan"].next == 0
    family.give(ROOT, Command(ROOT, 1, "cancel"))
    family.play()
    assert state.status is RunStatus.CANCELLED
    family.check_history()


def test_end_that_cannot_be_read_fails_the_map_and_no_other_item() -> None:
    family = Family(lambda _: None)
    state = family.start(family.save(mapped("3")))
    broken = Outcome("error", failure=Failure("bad_result", "no JSON", retryable=False))
    family._done(f"{ROOT}/fan/1/1", broken)
    family.play()
    assert state.status is RunStatus.FAILED
    assert end_of(family)["error"]["code"] == "bad_result"
    assert "node.item" not in [event.type for event in family.events[ROOT]]
    assert all(each.status.ended for each in family.children())
    family.check_history()


def test_items_stay_with_their_map_when_a_patch_moves_it() -> None:
    """A patch numbers the nodes anew."""
    family = Family(lambda token: doubled(token) if value_of(token) < 10 else None)
    first = mapped("inputs.a", max_parallel=1)
    config = mapped("inputs.b", max_parallel=1)["nodes"][0]["config"]
    other = {"id": "other", "type": "map", "config": config}
    first["nodes"].append(other)
    state = family.start(family.save(first), {"a": [10, 1], "b": [20, 2]})
    patched = {**first, "nodes": [other, {"id": "new", "type": "task"}, first["nodes"][0]]}
    patched["edges"] = [{"from": "other", "to": "new"}]
    plan = family.plans[family.save({**patched, "name": "mapped"})]
    assert plan.index != state.plan.index
    data = {"patch": "p", "base": state.plan.digest, "ir": plan.digest, "by": "x"}
    made = advance(state, [Command(ROOT, 1, "patch", data=data)], 0, plans={plan.digest: plan})
    assert [event.type for event in made.events] == ["patch.applied"]
    for node in ("fan", "other"):
        done = Completion(node, 1, 1, Outcome(output=msgspec.Raw(b"0"), item=0))
        made = advance(state, [done], 0)
        [start] = made.starts
        item = {"fan": 1, "other": 2}[node]
        assert msgspec.json.decode(start.inputs) == {"item": item, "index": 1}


def test_state_is_restored_twice_from_one_snapshot() -> None:
    family = Family(lambda _: None)
    state = family.start(family.save(mapped("3", max_parallel=3)))
    children: dict[str, Outcome | None] = {child.run: None for child in family.children()}
    children[family.children()[1].run] = Outcome(output=msgspec.Raw(b"8"), item=1)
    snapshot = state.snapshot()
    made = []
    for _ in range(2):
        restored = RunState.from_snapshot(state.plan, snapshot)
        made.append([each.type for each in reinstate(restored, 0, children=children).events])
    assert made == [["warning", "node.item"]] * 2


def test_restored_parent_takes_over_what_history_knows() -> None:
    """Item 0 is known to have ended, 1 to be alive; 2 is known to nobody and starts again."""
    family = Family(lambda _: None)
    state = family.start(family.save(mapped("3", max_parallel=3)))
    runs = [start.run for start in family.starts.values() if start.parent is not None]
    restored = RunState.from_snapshot(state.plan, state.snapshot())
    children = {runs[0]: Outcome(output=msgspec.Raw(b"8"), item=0), runs[1]: None}
    made = reinstate(restored, 0, children=children)
    assert [start.run for start in made.starts] == [runs[2]]
    assert [event.type for event in made.events] == ["warning", "node.item"]


def test_restored_parent_starts_again_when_its_blob_has_come() -> None:
    family = Family(lambda token: big(family) if token.node == "make" else None)
    document = mapped("nodes.make.output", max_parallel=3)
    document["nodes"].insert(0, {"id": "make", "type": "task"})
    document["edges"] = [{"from": "make", "to": "fan"}]
    state = family.start(family.save(document))
    runs = [child.run for child in family.children()]
    assert len(runs) == 3
    restored = RunState.from_snapshot(state.plan, state.snapshot())
    made = reinstate(restored, 0)
    assert (made.starts, made.more) == ([], True)
    [wanted] = restored.wanted
    restored.blobs[wanted] = family.blobs[wanted]
    found: list[str] = []
    while made.more:
        made = advance(restored, [Continue(ROOT)], 0, Limits(tokens=2))
        found += [start.run for start in made.starts]
    assert found == runs


def test_blob_that_holds_the_items_is_asked_for() -> None:
    family = Family(lambda token: doubled(token) if token.node == "step" else big(family))
    document = mapped("nodes.make.output")
    document["nodes"].append({"id": "make", "type": "task"})
    document["edges"] = [{"from": "make", "to": "fan"}]
    family.start(family.save(document))
    assert end_of(family)["status"] == "succeeded"
    assert len(family.children()) == 3
    family.check_history()


def test_blob_that_no_store_has_fails_the_node() -> None:
    family = Family(lambda _: big(family))
    document = mapped("nodes.make.output")
    document["nodes"].append({"id": "make", "type": "task"})
    document["edges"] = [{"from": "make", "to": "fan"}]
    ir = family.save(document)
    family.blobs = Forgetful()
    family.start(ir)
    assert "no store has the blob" in end_of(family)["error"]["message"]


class Forgetful(dict[str, bytes]):
    def __setitem__(self, name: str, data: bytes) -> None:
        pass


def big(family: Family) -> Outcome:
    from minuet.model.canonical import digest
    from minuet.model.token import CasRef

    data = b"[1,2,3]"
    family.blobs[digest(data)] = data
    return Outcome(output_ref=CasRef(digest(data), len(data)))


DOCUMENT = {"apiVersion": "minuet/v1", "name": "parent"}


@pytest.mark.parametrize(
    ("node", "path", "message"),
    [
        ({"type": "workflow", "config": {"name": "nope"}}, "/config/name", "there is no workflow"),
        ({"type": "workflow", "config": {}}, "/config", "'name' is missing"),
        (
            {"type": "map", "config": {"items": "${x}", "run": BODY}},
            "/config/items",
            "without ${ }",
        ),
        (
            {"type": "map", "config": {"items": "3", "run": {"nodes": [{"id": "a"}]}}},
            "/config/run/nodes/0",
            "'type' is missing",
        ),
        (
            {"type": "map", "config": {"items": "3", "run": {**BODY, "workflow": "x"}}},
            "/config/run",
            "",
        ),
        (
            {"type": "map",
             "config": {"items": "3", "run": {**BODY, "inputs": {"a": "${itm.x}"}}}},
            "/config/run/inputs/a",
            "itm",
        ),
    ],
)  # fmt: skip
def test_faults_of_spawning_nodes_are_named(node: dict[str, Any], path: str, message: str) -> None:
    compiled = compile_document({**DOCUMENT, "nodes": [{"id": "n", **node}]}, TYPES)
    assert compiled.ir is None
    found = [(each.path, each.message) for each in compiled.diagnostics]
    assert any(at == f"/nodes/0{path}" and message in text for at, text in found), found


def test_nesting_deeper_than_ten_is_refused() -> None:
    family = Family(lambda _: Outcome())
    nest(family, 10)
    call = {"id": "call", "type": "workflow", "config": {"name": "w10"}}
    compiled = compile_document({**DOCUMENT, "nodes": [call]}, TYPES, family.known)
    assert [each.message for each in compiled.diagnostics] == [
        "child runs are nested 11 deep, the limit is 10"
    ]


def test_status_of_the_node_while_its_children_run() -> None:
    family = Family(lambda _: None)
    state = family.start(family.save(mapped("2")))
    assert state.frontier.cell(0)[0] == NodeStatus.WAITING
    assert state.counter == 1
    assert state.timers().keys() == {f"wait {ROOT}/fan/1/1"}
