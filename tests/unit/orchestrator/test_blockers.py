"""Why a run does not move: one reason for each token, from what is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from minuet.bus.api import TaskLine, WorkerInfo
from minuet.model.ids import child_run_id
from minuet.model.ir import Ir, IrNode, IrRetry
from minuet.model.node_type import NodeType
from minuet.model.state import Children, NodeRecord, Rest
from minuet.model.status import NodeStatus, RunStatus
from minuet.services.orchestrator.blockers.decide import LISTED, blockers, reason, run_reason
from minuet.services.orchestrator.blockers.facts import (
    ChildRuns,
    Facts,
    KeyLine,
    Load,
    Order,
    Question,
    Started,
    Token,
)
from minuet.services.orchestrator.blockers.service import (
    children_of,
    live_tokens,
    loads_of,
    positions_of,
)
from minuet.views.blockers import Blocker
from minuet.views.schemas import NodeView

RUN = "0-01k8vz4m0q7s2x9c5d6f7g8h9j"
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
TOKEN = Token("0-r/n/1/1", "n", "http", NodeStatus.READY)
FACTS = Facts("0-r", RunStatus.RUNNING, NOW, loads={"http": Load(4, 3)})


def why(token: Token = TOKEN, **known: Any) -> Blocker:
    return reason(token, replace(FACTS, **known))


def test_a_token_in_line_is_told_its_place_and_the_load() -> None:
    found = why(positions={TOKEN.id: 7})
    assert (found.kind, found.position, found.slots, found.busy) == ("backlog", 7, 4, 3)
    assert found.blocks
    assert found.text == "It is number 7 in line for http: 3 of 4 slots are busy."


def test_without_a_worker_the_line_does_not_move() -> None:
    found = why(positions={TOKEN.id: 1}, loads={"python": Load(9, 0)})
    assert (found.kind, found.type, found.blocks) == ("no_worker", "http", True)


@pytest.mark.parametrize(("loads", "kind"), [({}, "no_worker"), ({"http": Load(1, 1)}, "backlog")])
def test_a_place_beyond_what_was_read_is_not_guessed(loads: dict[str, Load], kind: str) -> None:
    found = why(long_lines={"http"}, loads=loads)
    assert (found.kind, found.position) == (kind, None)


def test_a_token_that_runs_names_its_worker_and_blocks_nothing() -> None:
    found = why(
        held={TOKEN.id: "w1"}, live_workers={"w1"}, began={TOKEN.id: Started("w1", NOW)},
        positions={TOKEN.id: 3},
    )  # fmt: skip
    assert (found.kind, found.worker, found.since, found.blocks) == ("running", "w1", NOW, False)


def test_the_start_of_another_worker_is_not_this_ones() -> None:
    found = why(held={TOKEN.id: "w2"}, live_workers={"w2"}, began={TOKEN.id: Started("w1", NOW)})
    assert (found.kind, found.since) == ("running", None)


def test_a_token_of_a_dead_worker_waits_for_its_lease() -> None:
    found = why(held={TOKEN.id: "w1"}, live_workers={"w2"})
    assert (found.kind, found.worker, found.blocks) == ("worker_gone", "w1", True)


def test_a_token_that_stands_nowhere_is_under_way() -> None:
    found = why()
    assert (found.kind, found.blocks) == ("under_way", False)


def test_a_back_off_tells_attempt_time_and_last_error() -> None:
    token = replace(
        TOKEN, status=NodeStatus.RETRYING, attempt=3, max_attempts=5, due_at=LATER, error="503"
    )
    found = why(token)
    assert (found.kind, found.attempt, found.of, found.until) == ("backoff", 3, 5, LATER)
    assert found.error == "503"


WAITING = replace(TOKEN, status=NodeStatus.WAITING, since=NOW, due_at=LATER)


def test_an_approval_tells_who_may_decide_and_until_when() -> None:
    question = Question("apr-1", NOW, LATER, ["ada"], ["legal"])
    found = why(replace(WAITING, asks=True), questions={"n": question})
    assert (found.kind, found.approval, found.since, found.until) == (
        "approval", "apr-1", NOW, LATER,
    )  # fmt: skip
    assert found.text == "It waits for the approval of ada, group legal."
    open_to_all = replace(question, assignees=[], groups=[])
    found = why(replace(WAITING, asks=True), questions={"n": open_to_all})
    assert found.text.endswith("of anybody.")
    assert why(replace(WAITING, asks=True)).kind == "approval"  # before it is recorded


def test_a_message_is_named() -> None:
    found = why(replace(WAITING, awaits="paid", inline=True))
    assert (found.kind, found.message, found.since, found.until) == ("message", "paid", NOW, LATER)


def test_timers_children_and_hand_overs_are_told_apart() -> None:
    timer = why(replace(WAITING, type="wait", inline=True))
    assert (timer.kind, timer.until) == ("timer", LATER)
    one = {"n": ChildRuns(["0-c"], 0, 1)}
    child = why(replace(WAITING, type="workflow"), children=one)
    assert (child.kind, child.runs, child.text) == ("child", ["0-c"], "It waits for run 0-c.")
    many = {"n": ChildRuns(["0-c", "0-d"], 7, 40)}
    mapped = why(replace(WAITING, type="map"), children=many)
    assert mapped.text == "It waits for its child runs: 7 of 40 have ended."
    stopping = why(replace(WAITING, status=NodeStatus.CANCELLING), children=many)
    assert (stopping.kind, stopping.runs) == ("cancelling", ["0-c", "0-d"])
    assert why(WAITING).kind == "handed_over"


ARMED = replace(TOKEN, status=NodeStatus.ARMED)


def test_armed_tokens_are_held_by_a_pause_or_by_the_runs_width() -> None:
    assert why(ARMED, status=RunStatus.PAUSED).kind == "paused"
    assert why(ARMED, max_parallel=2, out=2).kind == "max_parallel"
    moving = why(ARMED, max_parallel=2, out=1)
    assert (moving.kind, moving.blocks) == ("dispatching", False)


def test_a_cancelled_token_waits_for_its_worker_until_the_grace_is_over() -> None:
    token = replace(TOKEN, status=NodeStatus.CANCELLING)
    found = why(token, held={token.id: "w1"}, stops_at=LATER)
    assert (found.kind, found.worker, found.until, found.blocks) == (
        "cancelling", "w1", LATER, False,
    )  # fmt: skip
    assert why(token).worker is None


# ── the run as a whole ─────────────────────────────────────────────────────────────────────────


def whole(status: RunStatus, **known: Any) -> Blocker | None:
    return run_reason(replace(FACTS, status=status, **known))


def test_a_queued_run_tells_what_holds_its_start() -> None:
    plain = whole(RunStatus.QUEUED, in_redis=False)
    assert plain is not None
    assert (plain.kind, plain.since) == ("queued", NOW)
    held = whole(RunStatus.QUEUED, starts_held="Redis uses 80% of its memory")
    assert held is not None
    assert "Redis uses 80%" in held.text
    line = whole(RunStatus.QUEUED, key_line=KeyLine("northwind", ["0-a"], 3))
    assert line is not None
    assert (line.kind, line.runs, line.position) == ("concurrency", ["0-a"], 3)


def test_a_paused_run_tells_who_paused_it() -> None:
    found = whole(RunStatus.PAUSED, paused=Order("ada", NOW, "look at it"))
    assert found is not None
    assert (found.by, found.since, found.text) == ("ada", NOW, "ada paused the run: look at it.")
    unknown = whole(RunStatus.PAUSED)
    assert unknown is not None
    assert unknown.kind == "paused"


def test_stopping_runs_say_so_and_running_ones_nothing() -> None:
    stopping = whole(RunStatus.CANCELLING, stops_at=LATER)
    assert stopping is not None
    assert (stopping.kind, stopping.until, stopping.blocks) == ("cancelling", LATER, False)
    undoing = whole(RunStatus.COMPENSATING)
    assert undoing is not None
    assert undoing.kind == "compensating"
    assert whole(RunStatus.RUNNING) is None


def test_a_run_that_redis_lost_is_being_restored() -> None:
    found = whole(RunStatus.RUNNING, in_redis=False)
    assert found is not None
    assert found.kind == "restoring"


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.PAUSED])
def test_without_an_owner_nothing_is_decided(status: RunStatus) -> None:
    found = whole(status, owned=False)
    assert found is not None
    assert (found.kind, found.blocks) == ("no_coordinator", True)
    line = whole(RunStatus.QUEUED, owned=False, key_line=KeyLine("k", ["0-a"], 1))
    assert line is not None
    assert line.kind == "concurrency"
    assert whole(RunStatus.FAILED, owned=False) is None


def test_an_ended_run_has_no_blockers() -> None:
    found = blockers(replace(FACTS, status=RunStatus.SUCCEEDED, tokens=[TOKEN]))
    assert (found.live, found.items, found.groups, found.run) == (0, [], [], None)


def test_many_tokens_are_counted_and_those_in_the_way_are_listed_first() -> None:
    running = [replace(TOKEN, id=f"0-r/a{n}/1/1", node=f"a{n}") for n in range(LISTED)]
    stuck = [replace(TOKEN, id=f"0-r/b{n}/1/1", node=f"b{n}") for n in range(3)]
    found = blockers(
        replace(
            FACTS, tokens=[*running, *stuck], live_workers={"w"},
            held={token.id: "w" for token in running},
            positions={token.id: n for n, token in enumerate(stuck, start=1)},
        )
    )  # fmt: skip
    assert found.live == LISTED + 3
    assert [item.node for item in found.items[:4]] == ["b0", "b1", "b2", "a0"]
    assert len(found.items) == LISTED
    assert [(group.kind, group.count) for group in found.groups] == [
        ("running", LISTED), ("backlog", 3),
    ]  # fmt: skip


# ── from state and registry to facts ───────────────────────────────────────────────────────────


def test_live_tokens_are_read_from_the_owners_state() -> None:
    nodes = [
        IrNode("a", "http"),
        IrNode("b", "http", retry=IrRetry(max_attempts=4)),
        IrNode("c", "wait", config=msgspec.Raw(b'{"message":"paid"}'), inline=True),
    ]
    records = {
        "a": NodeRecord(NodeStatus.SUCCEEDED, 1, 1),
        "b": NodeRecord(NodeStatus.RETRYING, 2, 3, due_at=1_000),
        "c": NodeRecord(NodeStatus.WAITING, 1, 1),
    }
    views = {"b": NodeView("b", "http", "retrying", gen=2, error={"message": "503"})}
    b, c = live_tokens("0-r", Ir("w", nodes, []), records, views)
    assert (b.id, b.max_attempts, b.error) == ("0-r/b/2/3", 4, "503")
    assert b.due_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert (c.awaits, c.inline, c.due_at) == ("paid", True, None)
    old = {"b": replace_gen(views["b"])}
    (stale, _) = live_tokens("0-r", Ir("w", nodes, []), records, old)
    assert stale.error is None


def replace_gen(view: NodeView) -> NodeView:
    return NodeView(view.id, view.type, view.status, gen=1, error=view.error)


def test_child_runs_are_named_by_token_and_item() -> None:
    token = replace(TOKEN, status=NodeStatus.WAITING, type="map", id=f"{RUN}/n/1/1")
    rest = Rest(children={"n": Children(count=9, next=5, low=1, beyond=[3])})
    found = children_of([token, replace(token, node="other")], rest)
    ids = [child_run_id(token.id, item) for item in (1, 2, 4)]
    assert found == {"n": ChildRuns(ids, 2, 9)}


def test_loads_add_up_and_places_count_from_one() -> None:
    def worker(id: str, types: list[str], slots: int, busy: int) -> WorkerInfo:
        return WorkerInfo(id, "python", [NodeType(name) for name in types], slots, "h", 1, 0, busy)

    loads = loads_of([worker("a", ["x", "y"], 4, 1), worker("b", ["x"], 2, 2)])
    assert loads == {"x": Load(6, 3), "y": Load(4, 1)}
    lines = [TaskLine(["t1", "t2"], {}, True), TaskLine(["t3"], {}, True)]
    assert positions_of(lines) == {"t1": 1, "t2": 2, "t3": 1}
