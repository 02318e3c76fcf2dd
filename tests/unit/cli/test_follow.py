"""Following a run: what is folded, and how the follower bears a suite that goes away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from minuet.cli.follow import PATIENCE_S, follow_run
from minuet.cli.progress import Progress, Row
from minuet.cli.sinks import MAX_ROWS, most_urgent
from minuet.client import Client, Unreachable
from minuet.client.views import EventPage, LiveItem, LivePage, Node, Run, RunEvent


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def event(id: int, type: str, node: str | None = None, **data: Any) -> RunEvent:
    return RunEvent(id, "0-a", type, at(id), node, 1 if node else None, data)


def live(type: str, node: str, attempt: int = 1, **data: Any) -> LiveItem:
    return LiveItem(type, node, 1, attempt, at(1.5), data)


def progress() -> Progress:
    return Progress([Node("a", "http", "pending")], 0)


def test_a_node_goes_from_ready_over_running_to_its_end() -> None:
    seen = progress()
    row = seen.rows["a"]
    seen.apply(event(1, "node.ready", "a", attempt=1))
    assert row.status == "ready"
    seen.hear(live("node.progress", "a", fraction=0.5, message="half"))
    assert (row.status, row.fraction, row.note) == ("running", 0.5, "half")
    seen.apply(event(2, "node.ended", "a", status="succeeded", port="success"))
    assert (row.status, row.ended_at, row.fraction, row.note) == ("succeeded", at(2), None, "")


def test_a_running_node_of_a_cancelled_run_is_cancelling() -> None:
    seen = progress()
    row = seen.rows["a"]
    seen.apply(event(1, "node.ready", "a", attempt=1))
    seen.hear(live("node.started", "a"))
    seen.apply(event(2, "run.cancelling", status="cancelled"))
    assert row.status == "cancelling"
    seen.hear(live("node.progress", "a", fraction=0.5))
    assert row.status == "cancelling"
    seen.apply(event(3, "node.ended", "a", status="cancelled"))
    assert row.status == "cancelled"


def test_late_news_never_revives_a_node() -> None:
    seen = progress()
    seen.apply(event(1, "node.ready", "a", attempt=1))
    seen.apply(event(2, "node.ended", "a", status="failed", error={"message": "no"}))
    seen.hear(live("node.started", "a"))
    assert (seen.rows["a"].status, seen.rows["a"].note) == ("failed", "no")


def test_news_of_an_earlier_attempt_is_dropped() -> None:
    seen = progress()
    seen.apply(event(1, "node.ready", "a", attempt=2))
    seen.hear(live("node.started", "a", attempt=1))
    assert seen.rows["a"].status == "ready"


def test_an_event_counts_once() -> None:
    seen = progress()
    seen.apply(event(1, "node.ready", "a", attempt=1))
    seen.apply(event(2, "node.ended", "a", status="succeeded"))
    seen.apply(event(1, "node.ready", "a", attempt=1))
    assert seen.counts() == {"succeeded": 1}


def test_retries_show_the_coming_attempt_and_the_error() -> None:
    seen = progress()
    error = {"code": "http_503", "message": "busy"}
    seen.apply(event(1, "node.retrying", "a", attempt=2, error=error))
    row = seen.rows["a"]
    assert (row.status, row.attempt, row.note) == ("retrying", 2, "busy")


def test_what_is_under_way_is_shown_before_what_is_done() -> None:
    rows = [Row(f"n{i}", "http", "succeeded") for i in range(MAX_ROWS * 2)]
    rows[-1].status = "failed"
    rows[7].status = "running"
    shown = most_urgent(rows)
    assert len(shown) == MAX_ROWS
    assert {"n7", rows[-1].id} <= {row.id for row in shown}
    assert [row.id for row in shown] == sorted((r.id for r in shown), key=lambda id: int(id[1:]))


class Recorder:
    """A sink that writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, run: Run, progress: Progress) -> None:
        self.told.append("begin")

    def event(self, event: RunEvent) -> None:
        self.told.append(f"event {event.id}")

    def live(self, item: LiveItem) -> None:
        self.told.append(item.type)

    def away(self, reason: str) -> None:
        self.told.append("away")

    def end(self, run: Run | None) -> None:
        self.told.append(f"end {run.status if run else 'unknown'}")


class FakeRuns:
    """The part of the client that a follower uses; `pages` are answered in turn."""

    def __init__(self, *pages: EventPage | Exception) -> None:
        self.pages = list(pages)
        self.asked_after: list[int] = []
        self.status = "running"

    def show(self, run_id: str) -> Run:
        return Run(
            id=run_id, workflow="w", version=1, status=self.status, seq=0, counter=1,
            principal="p", accepted_at=datetime(2026, 1, 1, tzinfo=UTC), nodes=[], inputs={},
            inputs_ref=None, outputs=None, outputs_ref=None, error=None, labels={},
            idempotency_key=None, retry_of=None, patches=0, document_digest="", started_at=None,
            ended_at=None, nodes_next_cursor=None,
        )  # fmt: skip

    def nodes(self, run_id: str) -> list[Node]:
        return [Node("a", "http", "pending")]

    def events_page(self, run_id: str, after: int, *, wait_s: float) -> EventPage:
        self.asked_after.append(after)
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(page, Exception):
            raise page
        self.status = "succeeded" if page.ended else "running"
        return page

    def live(self, run_id: str, after: str | None) -> LivePage:
        return LivePage([live("node.log", "a", message="hello")] if after is None else [], "1")


class FakeClient:
    def __init__(self, *pages: EventPage | Exception) -> None:
        self.runs = FakeRuns(*pages)


AWAY = Unreachable("http://suite.test", "refused")


def follow(client: FakeClient, sink: Recorder, **options: Any) -> Run:
    return follow_run(cast(Client, client), "0-a", sink, pause=lambda _: None, **options)


def test_a_follower_survives_a_suite_that_comes_back() -> None:
    client = FakeClient(
        EventPage([event(1, "run.started")], 1, False),
        AWAY,
        EventPage([event(2, "run.ended")], 2, True),
    )
    sink = Recorder()
    assert follow(client, sink).status == "succeeded"
    assert sink.told == ["begin", "node.log", "event 1", "away", "event 2", "end succeeded"]
    assert client.runs.asked_after == [0, 1, 1]


def test_a_suite_that_stays_away_is_given_up() -> None:
    now = iter(range(0, 10_000, 7))
    sink = Recorder()
    with pytest.raises(Unreachable):
        follow(FakeClient(AWAY), sink, clock=lambda: float(next(now)))
    assert 0 < sink.told.count("away") <= PATIENCE_S
    assert sink.told[-1] == "end unknown"


def test_following_stops_in_time() -> None:
    now = iter(range(0, 10_000, 7))
    sink = Recorder()
    with pytest.raises(TimeoutError):
        follow(
            FakeClient(EventPage([], 0, False)), sink, timeout_s=20, clock=lambda: float(next(now))
        )
    assert sink.told[-1] == "end unknown"
