"""What a retry keeps, what it runs again and why; then the retry is played, to see it hold."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from minuet.model.status import RunStatus
from minuet.model.token import Outcome
from minuet.services.orchestrator.retries.plan import Again, RetryPlan

from .play import (
    Answer,
    Json,
    Played,
    after,
    document,
    ended,
    fails,
    kept_of,
    play,
    reasons,
    succeeds,
    tasks,
)

CHAIN = document(tasks("a", "b", "c", "d"), ["a>b", "b>c", "c>d"])


def replay(before: Played, made: RetryPlan, doc: Json, **more: Any) -> Played:
    """Play the retry; nothing that is kept is executed, everything that succeeds ends it."""
    again = play(doc, kept=kept_of(before.past, made), inputs=more.pop("inputs", before.inputs),
                 **more)  # fmt: skip
    assert not set(again.executed) & set(made.kept)
    assert set(again.executed) <= {each.node for each in made.again}
    return again


def test_from_the_failed_node_with_what_came_before() -> None:
    failed = play(CHAIN, fails("c"))
    made = failed.retry()
    assert made.kept == ["a", "b"]
    assert reasons(made) == {"c": "failed", "d": "pending"}
    again = replay(failed, made, CHAIN)
    assert (again.executed, ended(again)) == (["c", "d"], RunStatus.SUCCEEDED)


def test_a_branch_beside_the_failure_stands_and_its_join_is_decided_anew() -> None:
    doc = document(tasks("a", "x", "y", "j"), ["a>x", "a>y", "x>j", "y>j"])
    failed = play(doc, fails("y"))
    made = failed.retry()
    assert made.kept == ["a", "x"]
    assert reasons(made) == {"y": "failed", "j": "pending"}
    assert ended(replay(failed, made, doc)) is RunStatus.SUCCEEDED


def test_what_did_not_wait_for_the_failed_node_stands() -> None:
    doc = document(
        [*tasks("slow", "quick"), {"id": "first", "join": "any"}, {"id": "last"}],
        ["slow>first", "quick>first", "first>last"],
    )
    failed = play(doc, fails("last"))
    assert failed.retry().kept == ["slow", "quick", "first"]
    cancelled = play(doc, cancel_at="last")
    assert reasons(cancelled.retry()) == {"last": "cancelled"}


def test_a_failure_that_was_handled_is_tried_again_with_all_that_followed_it() -> None:
    doc = document(
        tasks("a", "risky", "plan_b", "end"),
        ["a>risky", {"from": "risky", "to": "plan_b", "on": "error"}, "plan_b>end"],
    )
    failed = play(doc, fails("risky", "end"))
    made = failed.retry()
    assert made.kept == ["a"]
    assert after(made, "plan_b") == Again("plan_b", "after", "risky")
    healed = replay(failed, made, doc)
    assert healed.executed == ["risky"]
    assert ended(healed) is RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("node", "kept", "executed"),
    [("a", [], ["a", "b", "c", "d"]), ("c", ["a", "b"], ["c", "d"]), ("d", ["a", "b", "c"], ["d"])],
)
def test_a_replay_runs_the_named_node_and_everything_after_it(
    node: str, kept: list[str], executed: list[str]
) -> None:
    done = play(CHAIN)
    made = done.retry(from_node=node)
    assert made.kept == kept
    assert reasons(made)[node] == "asked"
    assert replay(done, made, CHAIN).executed == executed


def test_a_replay_leaves_branches_beside_it_alone() -> None:
    doc = document(tasks("a", "x", "y", "j"), ["a>x", "a>y", "x>j", "y>j"])
    made = play(doc).retry(from_node="x")
    assert made.kept == ["a", "y"]
    assert after(made, "j") == Again("j", "after", "x")


def test_a_corrected_config_runs_again_and_what_only_is_tried_longer_does_not() -> None:
    before = document([{"id": "a"}, {"id": "b", "config": {"n": 1}}, {"id": "c"}], ["a>b", "b>c"])
    failed = play(before, fails("c"))
    corrected = document(
        [{"id": "a", "timeout": "5m", "retry": {"max_attempts": 3}, "title": "A"},
         {"id": "b", "config": {"n": 2}}, {"id": "c"}],
        ["a>b", "b>c"],
    )  # fmt: skip
    made = failed.retry(corrected)
    assert made.kept == ["a"]
    assert reasons(made) == {"b": "changed", "c": "failed"}
    assert replay(failed, made, corrected).executed == ["b", "c"]


def test_new_nodes_and_moved_edges_run_what_they_lead_to() -> None:
    failed = play(CHAIN, fails("d"))
    wider = document(tasks("a", "b", "c", "d", "n"), ["a>b", "b>c", "c>d", "a>n", "n>c"])
    made = failed.retry(wider)
    assert made.kept == ["a", "b"]
    assert reasons(made)["n"] == "changed"
    assert reasons(made)["c"] == "changed"
    assert replay(failed, made, wider).executed == ["n", "c", "d"]
    shorter = document(tasks("a", "b", "d"), ["a>b", "b>d"])
    assert failed.retry(shorter).kept == ["a", "b"]


def test_another_condition_decides_anew_where_its_siblings_lead() -> None:
    def doc(limit: int) -> Json:
        return document(
            tasks("a", "big", "small", "end"),
            [{"from": "a", "to": "big", "when": f"output.gen > {limit}"},
             {"from": "a", "to": "small", "otherwise": True}, "big>end", "small>end"],
        )  # fmt: skip

    done = play(doc(5))
    assert done.executed == ["a", "small", "end"]
    made = done.retry(doc(0))
    assert made.kept == ["a"]
    assert replay(done, made, doc(0)).executed == ["big", "end"]


INPUTS = document(
    [{"id": "a", "config": {"v": "${inputs.x}"}}, {"id": "b", "config": {"v": "${inputs.y}"}},
     {"id": "c"}, {"id": "g", "when": "inputs.flag"}],
    ["a>c", "b>c", {"from": "c", "to": "g"}],
)  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({"x": 2}, ["b"]),
        ({"y": 2}, ["a"]),
        ({"flag": False}, ["a", "b", "c"]),
        ({"z": 1}, ["a", "b", "c", "g"]),
        ({"x": True}, ["b"]),  # as JSON, true is not 1
        ({}, ["a", "b", "c", "g"]),
    ],
)
def test_changed_inputs_run_what_reads_them_and_what_follows(
    changed: Json, kept: list[str]
) -> None:
    done = play(INPUTS, inputs={"x": 1, "y": 1, "flag": True})
    inputs = done.inputs | changed
    made = done.retry(inputs=inputs)
    assert made.kept == kept
    assert set(reasons(made).values()) <= {"inputs", "after"}
    assert ended(replay(done, made, INPUTS, inputs=inputs)) is RunStatus.SUCCEEDED


def test_a_condition_on_a_changed_input_keeps_its_source_and_decides_the_rest_anew() -> None:
    doc = document(
        tasks("a", "big", "small", "end"),
        [{"from": "a", "to": "big", "when": "inputs.n > 5"},
         {"from": "a", "to": "small", "otherwise": True}, "big>end", "small>end"],
    )  # fmt: skip
    done = play(doc, inputs={"n": 1})
    made = done.retry(inputs={"n": 9})
    assert made.kept == ["a"]
    assert replay(done, made, doc, inputs={"n": 9}).executed == ["big", "end"]


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_what_a_person_decided_stands(decision: str) -> None:
    doc = document(
        [{"id": "a"}, {"id": "ask", "type": "hitl", "config": {"message": "Go?"}},
         *tasks("yes", "no")],
        ["a>ask", {"from": "ask", "to": "yes"}, {"from": "ask", "to": "no", "on": "rejected"}],
    )  # fmt: skip
    way = "yes" if decision == "approve" else "no"
    failed = play(doc, fails(way), decide=decision)
    made = failed.retry()
    assert made.kept == ["a", "ask"]
    assert replay(failed, made, doc).executed == [way]


def test_skipped_nodes_stay_skipped_and_what_joins_behind_them_is_kept() -> None:
    doc = document(
        tasks("a", "x", "y", "j", "k"),
        [{"from": "a", "to": "x", "when": "output.gen == 1"},
         {"from": "a", "to": "y", "otherwise": True}, "x>j", "y>j", "j>k"],
    )  # fmt: skip
    failed = play(doc, fails("k"))
    made = failed.retry()
    assert made.kept == ["a", "x", "j"]
    assert reasons(made) == {"y": "skipped", "k": "failed"}
    assert replay(failed, made, doc).executed == ["k"]


def test_what_was_undone_runs_again_and_what_undoes_is_never_kept() -> None:
    doc = document(
        [{"id": "book", "compensate": "unbook"}, {"id": "mail"}, {"id": "pay"}, {"id": "unbook"}],
        ["book>mail", "mail>pay"],
        settings={"compensate_on": ["failed"]},
    )
    failed = play(doc, fails("pay"))
    assert failed.executed == ["book", "mail", "pay", "unbook"]
    made = failed.retry()
    assert made.kept == []
    assert reasons(made)["book"] == "undone"
    assert after(made, "mail") == Again("mail", "after", "book")
    assert "unbook" not in reasons(made)
    healed = replay(failed, made, doc)
    assert healed.executed == ["book", "mail", "pay"]


def test_what_is_kept_is_undone_if_the_retry_fails() -> None:
    doc = document(
        [{"id": "book", "compensate": "unbook"}, {"id": "pay"}, {"id": "unbook"}],
        ["book>pay"],
        settings={"compensate_on": ["failed"]},
    )
    cancelled = play(doc, cancel_at="pay")
    made = cancelled.retry()
    assert made.kept == ["book"]
    again = play(doc, fails("pay"), kept=kept_of(cancelled.past, made))
    assert again.executed == ["pay", "unbook"]


def looping(condition: str, last: str = "body_b", **source: Any) -> Json:
    """before > a > b >(back to a); then `tail`."""
    return document(
        [{"id": "before"}, {"id": "body_a"}, {"id": "body_b", **source}, {"id": "tail"}],
        ["before>body_a", "body_a>body_b", "body_b>tail",
         {"from": last, "to": "body_a", "loop": {"while": condition, "max_iterations": 4}}],
    )  # fmt: skip


BY_OUTPUT = looping("output.gen < 3")
BY_ROUND = looping("iteration < 2")


def test_a_finished_loop_is_kept_whole() -> None:
    failed = play(BY_OUTPUT, fails("tail"))
    assert failed.executed.count("body_a") == 3
    made = failed.retry()
    assert made.kept == ["before", "body_a", "body_b"]
    assert replay(failed, made, BY_OUTPUT).executed == ["tail"]


@pytest.mark.parametrize("node", ["body_a", "body_b"])
def test_a_loop_runs_whole_if_any_of_it_runs(node: str) -> None:
    done = play(BY_OUTPUT)
    made = done.retry(from_node=node)
    assert made.kept == ["before"]
    other = ({"body_a", "body_b"} - {node}).pop()
    assert reasons(made)[node] == "asked"
    assert reasons(made)[other] in ("loop", "after")
    assert replay(done, made, BY_OUTPUT).executed.count("body_a") == 3


def test_a_loop_that_failed_in_its_second_round_begins_anew() -> None:
    def answer(node: str, gen: int) -> Outcome:
        return fails("body_b")(node, gen) if gen == 2 else succeeds(node, gen)

    failed = play(BY_OUTPUT, answer)
    made = failed.retry()
    assert made.kept == ["before"]
    assert reasons(made)["body_b"] == "failed"
    assert after(made, "body_a") == Again("body_a", "loop", "body_b")


def test_a_loop_that_counts_its_rounds_never_mixes_kept_and_new_results() -> None:
    """Its results are kept whole if its condition leaves them alone, else none of them is."""
    failed = play(BY_ROUND, fails("tail"))
    made = failed.retry()
    assert made.kept in (["before"], ["before", "body_a", "body_b"])
    again = replay(failed, made, BY_ROUND)
    assert ended(again) is RunStatus.SUCCEEDED


def test_a_branch_in_a_loop_that_only_an_earlier_round_took_stays_consistent() -> None:
    doc = document(
        tasks("head", "odd", "even", "foot", "tail"),
        [{"from": "head", "to": "odd", "when": "output.gen == 1"},
         {"from": "head", "to": "even", "otherwise": True}, "odd>foot", "even>foot", "foot>tail",
         {"from": "foot", "to": "head", "loop": {"while": "output.gen < 2", "max_iterations": 4}}],
    )  # fmt: skip
    failed = play(doc, fails("tail"))
    made = failed.retry()
    assert made.kept == ["head", "even", "foot"]
    assert reasons(made)["odd"] == "skipped"
    assert replay(failed, made, doc).executed == ["tail"]


NESTED = document(
    tasks("outer", "inner", "foot", "tail"),
    ["outer>inner", "inner>foot", "foot>tail",
     {"from": "inner", "to": "inner",
      "loop": {"while": "output.gen % 2 == 1", "max_iterations": 9}},
     {"from": "foot", "to": "outer", "loop": {"while": "output.gen < 2", "max_iterations": 9}}],
)  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "kept"),
    [({}, ["outer", "inner", "foot"]), ({"from_node": "inner"}, []), ({"from_node": "foot"}, [])],
)
def test_nested_loops_are_kept_or_run_together(wish: Json, kept: list[str]) -> None:
    failed = play(NESTED, fails("tail"))
    made = failed.retry(**wish)
    assert made.kept == kept
    assert ended(replay(failed, made, NESTED)) is RunStatus.SUCCEEDED


def test_a_loop_in_another_branch_does_not_hinder() -> None:
    doc = document(
        tasks("a", "b", "x", "y", "end"),
        ["a>b", "x>y", "b>end", "y>end",
         {"from": "b", "to": "a", "loop": {"while": "output.gen < 2", "max_iterations": 3}}],
    )  # fmt: skip
    done = play(doc)
    made = done.retry(from_node="x")
    assert made.kept == ["a", "b"]
    assert replay(done, made, doc).executed == ["x", "y", "end"]


def test_a_retry_of_a_retry_keeps_what_was_kept() -> None:
    first = play(CHAIN, fails("b"))
    second = play(CHAIN, fails("d"), kept=kept_of(first.past, first.retry()))
    made = second.retry()
    assert made.kept == ["a", "b", "c"]
    assert second.past["a"].cost.rounds == 0
    assert replay(second, made, CHAIN).executed == ["d"]


def test_costs_sum_up_rounds_and_attempts() -> None:
    played = play(BY_OUTPUT)
    cost = played.past["body_a"].cost
    assert (cost.rounds, cost.attempts, cost.duration_ms) == (3, 3, 30)


def answers_of(doc: Json) -> Answer:
    return fails(doc["nodes"][-1]["id"])


@pytest.mark.parametrize("doc", [CHAIN, BY_OUTPUT, BY_ROUND, NESTED, INPUTS])
def test_outputs_of_kept_nodes_are_those_of_the_last_round(doc: Json) -> None:
    done = play(doc, answers_of(doc), inputs={"x": 1, "y": 1, "flag": True})
    made = done.retry()
    kept = kept_of(done.past, made)
    for node in made.kept:
        gen = done.state.frontier.cell(done.plan.index[node])[1]
        assert msgspec.json.decode(kept[node].output) == {"node": node, "gen": gen}
