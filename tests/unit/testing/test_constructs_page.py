"""Every example of docs/constructs.md runs in memory, word for word, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from minuet.model.yaml import parse_yaml
from minuet.testing import Harness, RetryableError, TerminalError

PAGE = (Path(__file__).parents[3] / "docs" / "constructs.md").read_text("utf-8")
EXAMPLES: dict[str, str] = {
    parse_yaml(text)["name"]: text
    for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}


def example(name: str) -> str:
    return EXAMPLES[name]


def raises(error: Exception) -> Any:
    def call(config: Any) -> None:
        raise error

    return call


def polished(*scores: int) -> Harness:
    harness = Harness(example("polished")).fake("publish", lambda config: config["text"])
    harness.fake("write", lambda config: f"text after {config['remarks']!r}")
    reviews = [{"score": score, "remarks": f"only {score}"} for score in scores]
    return harness.fake("review", each=reviews)


def test_loop_ends_when_its_condition_does_not_hold() -> None:
    run = polished(40, 85).run({"topic": "tea"})
    texts = [each.output for each in run.node("write").rounds]
    assert texts == ["text after ''", "text after 'only 40'"]
    assert run.outputs == {"published": texts[1], "given_up": None}
    assert len(run.node("publish").rounds) == 1


def test_loop_that_runs_out_ends_on_exhausted() -> None:
    run = polished(40, 50, 60).run({"topic": "tea"})
    assert run.outputs == {"published": None, "given_up": "nothing good about tea"}
    assert run.node("review").port == "exhausted"
    assert len(run.node("write").rounds) == 3


def signed_off() -> Harness:
    harness = Harness(example("signed-off")).fake("send", lambda config: config["text"])
    return harness.fake("draft", lambda config: f"text, {config['comment']}")


def test_person_sends_work_back() -> None:
    with signed_off().start() as live:
        live.reject("sign", comment="shorter")
        assert live.question("sign").payload == "text, shorter"
        live.approve("sign")
        run = live.finish()
    assert run.outputs == {"sent": "text, shorter"}
    assert run.ended == ["draft", "sign", "draft", "sign", "send"]


def test_work_that_nobody_signs_is_not_sent() -> None:
    run = signed_off().run()
    assert (run.status, run.outputs) == ("succeeded", {"sent": None})
    assert (run.node("sign").output["decision"], run.duration_ms) == ("expired", 172_800_000)


def test_loops_in_loops_multiply() -> None:
    run = Harness(example("doors")).fake("knock", lambda config: config).run()
    assert run.status == "succeeded"
    seen = [(each.output["street"], each.output["door"]) for each in run.node("knock").rounds]
    assert seen == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_map_runs_its_body_for_each_item() -> None:
    def load(config: dict[str, Any]) -> str:
        if config["name"] == "bad":
            raise TerminalError("no picture")
        return str(config["name"]) * 2

    harness = Harness(example("resize-all")).fake("load", load)
    harness.fake("shrink", lambda config: len(config["data"]))
    run = harness.run({"pictures": [{"name": "one"}, {"name": "bad"}, {"name": "x"}]})
    [error] = run.outputs.pop("errors")
    assert run.outputs == {
        "results": [{"size": 6, "place": 0}, None, {"size": 2, "place": 2}],
        "succeeded": 2,
        "failed": 1,
    }
    assert (error["item"], error["code"]) == (1, "child_failed")
    assert "no picture" in error["message"]
    assert [each.item for each in run.children("resized")] == [0, 1, 2]


def pages(*gone: str) -> Harness:
    def load(config: dict[str, Any]) -> dict[str, Any]:
        if config["url"].rpartition("/")[2] in gone:
            raise TerminalError("gone")
        return {"status": 200}

    return Harness(example("check-all")).workflow(example("check-page")).fake("load", load)


def test_map_runs_a_stored_workflow_and_tolerates_one() -> None:
    run = pages("b").run({"pages": ["a", "b", "c"]})
    assert run.outputs["codes"] == [200, None, 200]
    assert [each["item"] for each in run.outputs["failed"]] == [1]
    assert run.children("pages")[2].inputs == {"url": "https://example.com/c", "place": 2}


def test_map_fails_with_the_second() -> None:
    run = pages("b", "c").run({"pages": ["a", "b", "c"]})
    assert (run.status, run.node("pages").error["code"]) == ("failed", "item_failed")  # type: ignore[index]


def onboard(takes: str = "1h") -> Harness:
    harness = Harness(example("onboard")).workflow(example("open-account"))
    return harness.fake("vet", returns=9, takes=takes).fake("open", returns=4711)


def test_sub_workflow_gives_its_outputs() -> None:
    run = onboard().run({"email": "ana@example.com"})
    assert run.outputs == {"number": 4711, "late": None}
    assert run.child("account").inputs == {"email": "ana@example.com"}
    assert run.duration_ms == 3_600_000


def test_sub_workflow_that_takes_too_long_is_cancelled() -> None:
    run = onboard(takes="3h").run({"email": "ana@example.com"})
    assert run.outputs == {"number": None, "late": "ana@example.com is still being looked at"}
    assert run.child("account").status == "cancelled"
    assert run.duration_ms == 7_200_000


def test_sub_workflow_that_fails_comes_up() -> None:
    run = onboard().fake("open", raises(TerminalError("no more numbers"))).run({"email": "a@b.c"})
    assert run.error is not None
    assert (run.status, run.error["code"]) == ("failed", "child_failed")
    assert "no more numbers" in run.error["message"]


SHIP_AT = {"ship_at": "2030-01-01T06:00:00Z"}  # six hours after the start of a run in memory


def test_message_that_comes_while_the_run_waits() -> None:
    with Harness(example("paid-order")).start(SHIP_AT) as live:
        live.until("paid", "waiting")
        live.advance("1h")
        live.message("payment", {"amount": 12}, by="bank")
        run = live.finish()
    assert run.outputs == {"amount": 12, "reminded": None}
    assert run.node("paid").output["by"] == "bank"
    assert (run.node("settle").ended_ms, run.duration_ms) == (4_200_000, 21_600_000)


def test_message_that_does_not_come() -> None:
    run = Harness(example("paid-order")).run(SHIP_AT)
    assert run.outputs == {"amount": None, "reminded": "no payment came"}
    assert run.node("paid").port == "timeout"
    assert run.duration_ms == 86_400_000


def test_instant_that_has_passed_does_not_wait() -> None:
    with Harness(example("paid-order")).start({"ship_at": "2029-12-31T23:00:00Z"}) as live:
        live.message("payment", {"amount": 1})
        assert live.finish().duration_ms == 600_000


@pytest.mark.parametrize(
    ("vip", "ended"), [(True, ["note", "flowers", "card", "done"]), (False, ["note", "done"])]
)
def test_guard_leaves_out_what_only_it_leads_to(vip: bool, ended: list[str]) -> None:
    harness = Harness(example("greet")).fake("note", returns={"open": True, "name": "Ana"})
    run = harness.fake("florist", returns=1).fake("florist.card", returns=2).run({"vip": vip})
    assert (run.status, run.ended) == ("succeeded", ended)
    assert run.node("card").status == ("succeeded" if vip else "skipped")


def test_errors_lead_another_way_or_are_passed_over() -> None:
    harness = Harness(example("quote")).fake("rate", raises(TerminalError("closed")))
    run = harness.fake("old_rate", returns=7).fake("news", raises(TerminalError("quiet"))).run()
    assert run.outputs == {"rate": None, "old": 7, "news": None}
    assert [run.node(name).status for name in ("rate", "news")] == ["failed", "failed"]
    assert [run.node(name).port for name in ("rate", "news")] == ["error", "success"]


def test_nothing_goes_wrong_with_the_quote() -> None:
    harness = Harness(example("quote")).fake("rate", returns=8).fake("old_rate", returns=7)
    run = harness.fake("news", returns="calm").run()
    assert run.outputs == {"rate": 8, "old": None, "news": "calm"}
    assert run.node("old_rate").status == "skipped"


def trip() -> Harness:
    harness = Harness(example("trip")).fake("book", lambda config: f"the {config['what']}")
    return harness.fake("unbook", lambda config: config["booking"])


def test_what_was_done_is_undone_backwards() -> None:
    run = trip().fake("car", raises(TerminalError("sold out"))).run()
    assert (run.status, run.error and run.error["node"]) == ("failed", "car")
    assert run.ended == ["flight", "hotel", "car", "no_hotel", "no_flight"]
    assert run.node("no_hotel").output == "the hotel"
    run.assert_events("run.compensating", "node.ended no_hotel", "node.ended no_flight")


def test_what_cannot_be_undone_is_named() -> None:
    harness = trip().fake("car", raises(TerminalError("sold out")))
    run = harness.fake("no_hotel", raises(TerminalError("too late"))).run()
    assert run.ended == ["flight", "hotel", "car", "no_hotel", "no_flight"]
    assert run.error is not None
    assert run.error["not_undone"] == ["no_hotel"]


def test_cancelled_trip_is_undone_too() -> None:
    with trip().fake("hotel", returns="the hotel", takes="10s").start() as live:
        live.until("hotel", "ready")
        run = live.cancel("ill")
    assert run.status == "cancelled"
    assert run.ended == ["flight", "hotel", "no_flight"]
    assert run.node("hotel").status == "cancelled"


def test_trip_that_succeeds_is_not_undone() -> None:
    run = trip().run()
    assert (run.status, run.ended) == ("succeeded", ["flight", "hotel", "car"])


def test_retries_pass_their_back_off() -> None:
    harness = Harness(example("patient"))
    harness.fake("fetch", each=[RetryableError("busy")] * 3 + ["here"])
    run = harness.run()
    assert run.outputs == {"body": "here", "later": None}
    assert run.node("fetch").attempts == 4
    waits = [each.data["due_at"] for each in run.events_of("node.retrying")]
    assert len(waits) == 3
    assert 0 < run.duration_ms <= 1000 + 3000 + 5000


def test_terminal_error_is_not_tried_again() -> None:
    run = Harness(example("patient")).fake("fetch", raises(TerminalError("no"))).run()
    assert (run.status, run.node("fetch").attempts) == ("failed", 1)


def test_each_attempt_has_its_timeout() -> None:
    run = Harness(example("patient")).fake("fetch", returns=1, takes="1h").run()
    assert run.outputs == {"body": None, "later": "the service is slow today"}
    assert run.node("fetch").attempts == 4
    assert run.duration_ms > 4 * 30_000


def test_deadline_ends_the_run() -> None:
    error = RetryableError("busy", retry_after_s=3600)
    run = Harness(example("patient")).fake("fetch", raises(error)).run()
    assert (run.status, run.duration_ms) == ("timed_out", 600_000)


def test_every_example_is_run() -> None:
    used = set(re.findall(r'example\("([a-z-]+)"\)', Path(__file__).read_text("utf-8")))
    assert used == EXAMPLES.keys()
    assert len(EXAMPLES) == PAGE.count("apiVersion:")
