"""A run is stopped in the middle: people answer, somebody cancels, patches come."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from minuet.model.errors import InvalidDocument, PatchError
from minuet.testing import FakeError, Harness, LiveRun, Refused, Result, RetryableError

FORM = {"type": "object", "properties": {"amount": {"type": "number", "maximum": 500}}}
ASK = {
    "id": "ask",
    "type": "hitl",
    "config": {
        "message": "Pay ${inputs.amount} EUR?",
        "payload": {"amount": "${inputs.amount}"},
        "form": FORM,
        "assignees": ["anna"],
        "timeout": "48h",
    },
}
PAY = {"id": "pay", "type": "http", "config": {"method": "POST", "url": "http://bank/pay"}}
REFUSE = {"id": "refuse", "type": "transform", "config": {"value": "${nodes.ask.output}"}}
DOCUMENT = {
    "apiVersion": "minuet/v1",
    "name": "payment",
    "nodes": [ASK, PAY, REFUSE],
    "edges": [{"from": "ask", "to": "pay"}, {"from": "ask", "to": "refuse", "on": "rejected"}],
    "outputs": {"refused": "${nodes.refuse.output}"},
}


def chain(*names: str) -> dict[str, Any]:
    return {
        "apiVersion": "minuet/v1",
        "name": "chain",
        "nodes": [{"id": name, "type": "step"} for name in names],
        "edges": [{"from": a, "to": b} for a, b in pairwise(names)],
    }


def payment() -> LiveRun:
    return Harness(DOCUMENT).fake("pay", returns={"status": 200}).start({"amount": 100})


def chained(*names: str) -> LiveRun:
    return Harness(chain(*names)).fake("step", returns=1, takes="10s").start()


NOTIFY = [
    {"op": "add", "path": "/nodes/-", "value": {"id": "notify", "type": "notify"}},
    {"op": "add", "path": "/edges/-", "value": {"from": "b", "to": "notify"}},
]


def test_the_question_is_what_people_would_see() -> None:
    with payment() as live:
        question = live.question("ask")
    assert question.message == "Pay 100 EUR?"
    assert (question.payload, question.form) == ({"amount": 100}, FORM)
    assert (question.assignees, question.groups) == (["anna"], [])
    assert (question.asked_ms, question.expires_ms) == (0, 48 * 3_600_000)


def test_approved_as_proposed() -> None:
    with payment() as live:
        live.approve("ask", by="anna", comment="fine")
        run = live.finish()
    assert (run.status, run.ended) == ("succeeded", ["ask", "pay"])
    assert run.node("ask").output == {
        "decision": "approved", "by": "anna", "comment": "fine", "payload": {"amount": 100},
    }  # fmt: skip
    assert run.event("approval.decided", "ask", by="anna").data["decision"] == "approve"


def test_approved_with_another_payload_after_a_while() -> None:
    with payment() as live:
        live.advance("2h")
        live.approve("ask", payload={"amount": 80})
        run = live.finish()
    assert run.node("ask").output["payload"] == {"amount": 80}
    assert run.node("ask").ended_ms == run.duration_ms == 2 * 3_600_000


def test_rejected() -> None:
    with payment() as live:
        live.reject("ask", by="anna", comment="too much")
        run = live.finish()
    assert run.status == "succeeded"
    assert run.outputs["refused"]["comment"] == "too much"
    assert run.node("pay").status == "skipped"


def test_nobody_answers_in_time() -> None:
    with payment() as live:
        assert live.advance("47h").node("ask").status == "waiting"
        assert live.run.status == "waiting"
        run = live.advance("1h")
    assert run.outputs["refused"]["decision"] == "expired"
    run.assert_events("approval.requested ask", "approval.expired", "node.ended refuse")


def test_run_without_anybody_goes_on_after_the_timeout() -> None:
    harness = Harness(DOCUMENT).fake("pay", returns={})
    assert harness.run({"amount": 1}).duration_ms == 48 * 3_600_000


def test_a_fake_may_stand_in_for_people() -> None:
    harness = Harness(DOCUMENT).fake("ask", returns={}, port="approved").fake("pay", returns=1)
    run = harness.run({"amount": 1})
    assert (run.ended, run.duration_ms) == (["ask", "pay"], 0)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda live: live.approve("ask", payload={"amount": 501}),
        lambda live: live.approve("pay"),
        lambda live: live.question("nobody"),
        lambda live: live.until("ask", "running"),
        lambda live: live.until("pay", "failed"),
    ],
)
def test_mistakes_of_the_test_are_told(mistake: Callable[[LiveRun], Any]) -> None:
    with payment() as live, pytest.raises(FakeError):
        mistake(live)


def test_a_question_is_answered_once() -> None:
    with payment() as live:
        live.approve("ask")
        with pytest.raises(FakeError, match="never was waiting: it is succeeded"):
            live.reject("ask")


def test_a_faked_approval_asks_nothing() -> None:
    harness = Harness(DOCUMENT).fake("ask", lambda config: Result(waiting=True))
    with harness.start({"amount": 1}) as live, pytest.raises(FakeError, match="asks nothing"):
        live.approve("ask")


def test_time_moves_by_what_is_asked_for() -> None:
    with chained("a", "b", "c") as live:
        assert live.run.node("a").status == "ready"
        run = live.advance("15s")
        assert (run.ended, live.now_ms) == (["a"], 15_000)
        assert live.until("b", "succeeded").ended_ms == 20_000
        assert live.until("c").status == "ready"
        assert live.finish().duration_ms == 30_000
        assert run.ended == ["a"]


def test_until_sees_what_comes_between() -> None:
    document = chain("a")
    document["nodes"][0]["retry"] = {"max_attempts": 2, "initial": "10s"}
    with Harness(document).fake("a", each=[RetryableError("busy"), 1]).start() as live:
        assert live.until("a", "retrying").attempts == 2
        assert live.until("a", "succeeded", "failed").status == "succeeded"


def test_a_cancelled_run_ends_at_once() -> None:
    with chained("a", "b") as live:
        live.advance("15s")
        run = live.cancel("changed my mind", by="anna")
        assert live.finish() == run
        with pytest.raises(Refused, match="ended: cancelled") as refused:
            live.cancel()
    assert refused.value.reason == "ended"
    assert (run.status, run.duration_ms) == ("cancelled", 15_000)
    assert run.error == {"code": "cancelled", "by": "anna", "message": "changed my mind"}
    assert (run.node("a").status, run.node("b").status) == ("succeeded", "cancelled")


def test_a_paused_run_starts_nothing_until_it_is_resumed() -> None:
    with chained("a", "b") as live:
        live.pause()
        assert live.advance("1h").ended == ["a"]
        assert live.run.status == "paused"
        live.resume()
        assert live.finish().duration_ms == 3_610_000
        with pytest.raises(Refused):
            live.resume()


def test_a_message_ends_the_wait_for_it() -> None:
    document = chain("a") | {
        "nodes": [{"id": "a", "type": "wait", "config": {"message": "paid"}}],
    }
    with Harness(document).start() as live:
        live.message("something_else")
        assert live.finish().status == "waiting"
        live.message("paid", {"amount": 3}, by="bank")
        run = live.finish()
    assert run.status == "succeeded"
    assert [event.data["name"] for event in run.events_of("message.received")] == [
        "something_else",
        "paid",
    ]


def test_cancel_takes_a_question_back() -> None:
    with payment() as live:
        live.question("ask")
        run = live.cancel()
    run.assert_events("approval.requested ask", "approval.cancelled ask", "run.ended")


def test_a_patch_adds_nodes_to_a_run_under_way() -> None:
    harness = Harness(chain("a", "b")).fake("step", returns=1, takes="10s")
    harness.fake("notify", lambda config: "told", late=True)
    with harness.start() as live:
        live.until("b", "ready")
        live.patch(NOTIFY, by="anna", note="tell them")
        run = live.finish()
    assert (run.status, run.ended) == ("succeeded", ["a", "b", "notify"])
    assert run.node("notify").output == "told"
    assert run.event("patch.applied").data["note"] == "tell them"
    assert [each["id"] for each in live.document["nodes"]] == ["a", "b", "notify"]
    assert harness.document == chain("a", "b")


def test_an_edge_out_of_an_ended_node_is_followed_at_once() -> None:
    operations = [
        {"op": "add", "path": "/nodes/-", "value": {"id": "d", "type": "step"}},
        {"op": "add", "path": "/edges/-", "value": {"from": "a", "to": "d"}},
    ]
    with chained("a", "b") as live:
        live.until("a", "succeeded")
        live.patch(operations)
        assert live.run.node("d").started_ms == 10_000
        assert live.finish().status == "succeeded"


def test_patches_follow_one_another() -> None:
    with chained("a", "b") as live:
        for name in ("c", "d"):
            live.patch([{"op": "add", "path": "/nodes/-", "value": {"id": name, "type": "step"}}])
        run = live.finish()
    assert [event.data["patch"] for event in run.events_of("patch.applied")] == [
        "patch-1",
        "patch-2",
    ]
    assert sorted(run.ended) == ["a", "b", "c", "d"]


def test_the_past_cannot_be_patched() -> None:
    with chained("a", "b") as live:
        with pytest.raises(Refused) as refused:
            live.patch(
                [{"op": "remove", "path": "/nodes/by-id/a"}, {"op": "remove", "path": "/edges/0"}]
            )
        assert refused.value.reason == "conflict"
        assert "may not be removed" in str(refused.value)
        assert live.finish().ended == ["a", "b"]


def test_agents_may_do_less() -> None:
    document = chain("b") | {"nodes": [{"id": "b", "type": "agent", "config": {"prompt": "?"}}]}
    harness = Harness(document).fake("b", returns=1).fake("notify", returns=1, late=True)
    with harness.start() as live:
        with pytest.raises(Refused, match="notify") as refused:
            live.patch(NOTIFY, agent="b")
        assert refused.value.reason == "policy"
        live.patch(NOTIFY, by="anna")
        assert live.finish().ended == ["b", "notify"]


def test_unsound_patches_are_refused() -> None:
    with chained("a", "b") as live:
        with pytest.raises(PatchError):
            live.patch([{"op": "remove", "path": "/nodes/7"}])
        with pytest.raises(InvalidDocument):
            live.patch([{"op": "add", "path": "/edges/-", "value": {"from": "b", "to": "a"}}])
        live.finish()
        with pytest.raises(Refused) as refused:
            live.patch(NOTIFY[:1])
    assert refused.value.reason == "ended"


def test_events_are_found_and_their_order_is_told() -> None:
    with chained("a", "b") as live:
        run = live.finish()
    assert [str(event) for event in run.events_of("node.ended")] == ["node.ended a", "node.ended b"]
    run.assert_events("run.started", "node.ready b", "node.ended", "run.ended")
    with pytest.raises(AssertionError, match=r"no 'node.ready a' after 'node.ended a' in"):
        run.assert_events("node.ended a", "node.ready a")
    with pytest.raises(AssertionError, match="2 such events, not 1"):
        run.event("node.ended")
    with pytest.raises(AssertionError, match="0 such events, not 1"):
        run.event("node.ended", "a", port="error")


def test_a_start_that_fails_leaves_nothing_open() -> None:
    def fail(config: Any) -> None:
        raise AssertionError("not so")

    harness = Harness(chain("a")).fake("a", fail)
    with pytest.raises(AssertionError, match="not so"), harness.start():
        pass
