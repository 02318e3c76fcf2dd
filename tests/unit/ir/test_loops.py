"""Loops: what they run again, how often, and what waits for their end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from minuet.ir import reference
from minuet.ir.advance import advance
from minuet.ir.compile import compile_document
from minuet.ir.fold import fold
from minuet.ir.loops import LoopFault, find_loops
from minuet.ir.plan import Plan
from minuet.ir.routing import Router
from minuet.ir.run_state import RunState
from minuet.ir.transition import Completion, RunInput
from minuet.model.event import Event
from minuet.model.node_type import NodeType
from minuet.model.signal import Command, Start
from minuet.model.status import RunStatus
from minuet.model.token import ApprovalRequest, Failure, Outcome

TYPES = {"task": NodeType("task", effect="pure")}
Answer = Callable[[str, int], Outcome]


def run(document: dict[str, Any], router: Any, answer: Answer | None = None) -> RunState:
    """Run it to its end; every task succeeds with its gen unless `answer` says otherwise."""
    compiled = compile_document(whole(document), TYPES)
    assert compiled.diagnostics == []
    plan = Plan(compiled.require(), compiled.digest, router)
    start = Start("0-r", "t", compiled.digest, "looped", accepted_at=0)
    state = RunState(plan, start)
    events: list[Event] = []
    inputs: list[RunInput] = [start]
    while inputs:
        transition = advance(state, inputs, 0)
        events += transition.events
        inputs = [_answered(plan, token.id, answer) for token in transition.tokens]
        inputs += _decisions(state, transition.events)
    wire = msgspec.json.decode(msgspec.json.encode(events), type=list[Event])
    assert fold(plan, start, wire).records() == state.records()
    COUNTS.clear()
    COUNTS.update(e.node for e in events if e.type == "node.ended" and "port" in e.data)
    EVENTS[:] = events
    return state


def whole(document: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "minuet/v1", "name": "looped", **document}


COUNTS: Counter[str | None] = Counter()
EVENTS: list[Event] = []


def _answered(plan: Plan, token: str, answer: Answer | None) -> Completion:
    _, node, gen, attempt = token.split("/")
    if plan.nodes[plan.index[node]].asks:
        outcome = Outcome(waiting=True, approval=ApprovalRequest("?"))
    elif answer is not None:
        outcome = answer(node, int(gen))
    else:
        outcome = Outcome(output=msgspec.Raw(gen.encode()))
    return Completion(node, int(gen), int(attempt), outcome)


def _decisions(state: RunState, events: list[Event]) -> list[RunInput]:
    asked = [event for event in events if event.type == "approval.requested"]
    return [
        Command(
            "0-r", state.cmd + 1 + i, "decision",
            data={"node": event.node, "gen": event.gen, "decision": "approve", "by": "ana"},
        )
        for i, event in enumerate(asked)
    ]  # fmt: skip


@pytest.fixture(params=[Router, reference.Router], ids=["compiled", "reference"])
def router(request: pytest.FixtureRequest) -> Any:
    return request.param


def task(*ids: str) -> list[dict[str, Any]]:
    return [{"id": each, "type": "task"} for each in ids]


def edge(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {"from": source, "to": target, **more}


def back(source: str, target: str, while_: str, limit: int, **more: Any) -> dict[str, Any]:
    return edge(source, target, loop={"while": while_, "max_iterations": limit}, **more)


def test_loop_runs_as_often_as_its_condition_says(router: Any) -> None:
    document = {
        "nodes": task("a", "b", "c"),
        "edges": [edge("a", "b"), back("b", "a", "iteration < 3", 10), edge("b", "c")],
        "outputs": "${nodes.b.output}",
    }
    assert run(document, router).status is RunStatus.SUCCEEDED
    assert COUNTS == {"a": 4, "b": 4, "c": 1}
    assert EVENTS[-1].data["outputs"] == 4


def test_node_may_loop_by_itself(router: Any) -> None:
    document = {"nodes": task("a"), "edges": [back("a", "a", "output < 3", 10)]}
    assert run(document, router).status is RunStatus.SUCCEEDED
    assert COUNTS == {"a": 3}


def test_loop_of_five_nested_twice_around_a_diamond_with_an_approval(router: Any) -> None:
    document = {
        "nodes": [
            *task("start", "head", "left", "join", "inner", "outer", "after"),
            {"id": "ask", "type": "hitl", "config": {"message": "?"}},
        ],
        "edges": [
            edge("start", "head"), edge("head", "left"), edge("head", "ask"),
            edge("left", "join"), edge("ask", "join"),
            edge("join", "inner"), back("inner", "head", "true", 5),
            edge("inner", "outer", on="exhausted"), back("outer", "start", "iteration < 4", 9),
            edge("outer", "after"),
        ],
    }  # fmt: skip
    assert run(document, router).status is RunStatus.SUCCEEDED
    body = dict.fromkeys(("head", "left", "ask", "join", "inner"), 25)
    assert {**body, "start": 5, "outer": 5, "after": 1} == COUNTS


def test_exhausted_fails_the_run_if_nothing_listens(router: Any) -> None:
    document = {"nodes": task("a"), "edges": [back("a", "a", "true", 3)]}
    assert run(document, router).status is RunStatus.FAILED
    assert EVENTS[-1].data["error"]["code"] == "exhausted"
    assert COUNTS == {"a": 3}


def failing(*gens: int) -> Answer:
    """`b` fails in these executions."""

    def answer(node: str, gen: int) -> Outcome:
        if node == "b" and gen in gens:
            return Outcome("error", failure=Failure("broken", "it broke", retryable=False))
        return Outcome(output=msgspec.Raw(str(gen).encode()))

    return answer


def error_loop(while_: str, **b: Any) -> dict[str, Any]:
    return {
        "nodes": [*task("a", "c"), {"id": "b", "type": "task", **b}],
        "edges": [edge("a", "b"), edge("b", "c"), back("b", "a", while_, 3, on="error")],
    }


def test_failure_may_go_round(router: Any) -> None:
    assert run(error_loop("true"), router, failing(1, 2)).status is RunStatus.SUCCEEDED
    assert COUNTS == {"a": 3, "b": 3, "c": 1}


def test_failure_that_runs_out_of_rounds_is_exhausted(router: Any) -> None:
    assert run(error_loop("true"), router, failing(1, 2, 3)).status is RunStatus.FAILED
    assert EVENTS[-1].data["error"]["code"] == "exhausted"


def test_failure_that_does_not_go_round_fails_the_run(router: Any) -> None:
    assert run(error_loop("iteration < 1"), router, failing(1, 2)).status is RunStatus.FAILED
    assert EVENTS[-1].data["error"]["code"] == "broken"
    assert COUNTS == {"a": 2, "b": 2}


def test_failure_that_does_not_go_round_may_be_passed_over(router: Any) -> None:
    for while_ in ("iteration < 1", "true"):
        document = error_loop(while_, on_error="continue")
        assert run(document, router, failing(1, 2, 3)).status is RunStatus.SUCCEEDED
        assert COUNTS["c"] == 1


def test_failure_whose_condition_fails_fails_the_run(router: Any) -> None:
    assert run(error_loop("output.nothing > 1"), router, failing(1)).status is RunStatus.FAILED
    assert EVENTS[-1].data["error"]["code"] == "expression"


def test_way_out_of_the_middle_waits_for_the_end(router: Any) -> None:
    """`done` is decided by the last round, though the edge to it was dead in the first two."""
    document = {
        "nodes": task("check", "fix", "done"),
        "edges": [
            edge("check", "done", when="output >= 3"), edge("check", "fix", otherwise=True),
            back("fix", "check", "true", 10),
        ],
    }  # fmt: skip
    assert run(document, router).status is RunStatus.SUCCEEDED
    assert COUNTS == {"check": 3, "fix": 2, "done": 1}


def test_way_out_that_was_taken_in_an_earlier_round_is_taken_back(router: Any) -> None:
    document = {
        "nodes": [*task("a", "b", "side"), {"id": "z", "type": "join", "join": "any"}],
        "edges": [
            edge("a", "b"), edge("a", "side", when="output == 1"),
            back("b", "a", "iteration < 1", 9), edge("b", "z"), edge("side", "z"),
        ],
    }  # fmt: skip
    assert run(document, router).status is RunStatus.SUCCEEDED
    assert COUNTS == {"a": 2, "b": 2, "z": 1}


def test_round_reads_the_output_of_the_round_before(router: Any) -> None:
    document = {
        "nodes": [
            {"id": "draft", "type": "transform",
             "config": {"value": "${iteration > 0 ? nodes.review.output + '!' : 'hello'}"}},
            {"id": "review", "type": "transform", "config": {"value": "${nodes.draft.output}"}},
        ],
        "edges": [edge("draft", "review"), back("review", "draft", "iteration < 3", 9)],
        "outputs": "${nodes.review.output}",
    }  # fmt: skip
    run(document, router)
    assert EVENTS[-1].data["outputs"] == "hello!!!"


def test_what_is_late_in_a_round_is_cancelled_and_dropped(router: Any) -> None:
    """`slow` still runs when `fast` starts the next round: its completion counts for nothing."""
    document = {
        "nodes": [*task("a", "fast", "slow"), {"id": "m", "type": "task", "join": "any"}],
        "edges": [
            edge("a", "fast"), edge("a", "slow"), edge("fast", "m"), edge("slow", "m"),
            back("m", "a", "iteration < 1", 9),
        ],
    }  # fmt: skip
    compiled = compile_document(whole(document), TYPES)
    plan = Plan(compiled.require(), compiled.digest, router)
    start = Start("0-r", "t", compiled.digest, "looped", accepted_at=0)
    state = RunState(plan, start)
    advance(state, [start], 0)
    advance(state, [Completion("a", 1, 1, Outcome())], 0)
    advance(state, [Completion("fast", 1, 1, Outcome())], 0)
    again = advance(state, [Completion("m", 1, 1, Outcome())], 0)
    assert again.cancelled == ["0-r/slow/1/1"]
    assert [token.id for token in again.tokens] == ["0-r/a/2/1"]
    late = advance(state, [Completion("slow", 1, 1, Outcome())], 0)
    assert (late.dropped, late.events) == (1, [])
    assert state.counter == 1


@pytest.mark.parametrize(
    ("edges", "back", "reason"),
    [
        ([(0, 1), (1, 0)], [False, True], None),
        ([(0, 1), (0, 1)], [False, True], "backless"),
        ([(0, 1), (2, 1), (1, 0)], [False, False, True], "entered"),
        ([(0, 1), (1, 2), (2, 3), (2, 0), (3, 1)], [False] * 3 + [True] * 2, "crossed"),
        ([(0, 1), (1, 2), (2, 0), (2, 1)], [False] * 2 + [True] * 2, "shared"),
    ],
)
def test_unsound_loops_are_told(
    edges: list[tuple[int, int]], back: list[bool], reason: str | None
) -> None:
    if reason is None:
        assert find_loops(4, edges, back).loops[0].body == (0, 1)
        return
    with pytest.raises(LoopFault) as caught:
        find_loops(4, edges, back)
    assert caught.value.reason == reason
