"""Why a run does not move, asked of a real suite: each reason provoked, then lifted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.waiting import until

from .rig import Json, Rig, document, rig

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def suite_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("blockers")) as made:
        yield made


def reason_of(rig: Rig, run: str, node: str, kind: str) -> Json:
    """The node's reason, once it is of that kind."""

    def look() -> Json | None:
        found: Json = rig.get(f"/runs/{run}/blockers")
        return next((i for i in found["items"] if i["node"] == node and i["kind"] == kind), None)

    return until(look, f"{node} has the reason {kind}")


def recorded(rig: Rig, run: str, node: str, kind: str, field: str) -> Json:
    """The same once `field` is there: it is told by the history, which comes a moment later."""
    until(lambda: field in reason_of(rig, run, node, kind), f"{field} is recorded")
    return reason_of(rig, run, node, kind)


def whole(rig: Rig, run: str, kind: str) -> Json:
    def look() -> Json | None:
        found: Json | None = rig.get(f"/runs/{run}/blockers")["run"]
        return found if found is not None and found["kind"] == kind else None

    return until(look, f"the run has the reason {kind}")


def one(name: str, type: str, config: Json | None = None, **more: object) -> Json:
    return document(name, [{"id": "n", "type": type, "config": config or {}} | more])


def test_waiting_for_a_person_a_message_and_a_time(suite_rig: Rig) -> None:
    r = suite_rig
    nodes: list[Json] = [
        {"id": "ask", "type": "hitl",
         "config": {"message": "ok?", "assignees": ["ada"], "groups": ["legal"], "timeout": "1h"}},
        {"id": "hear", "type": "wait", "config": {"message": "paid", "timeout": "1h"}},
        {"id": "sleep", "type": "wait", "config": {"for": "1h"}},
    ]  # fmt: skip
    run = r.start(document("waits", nodes))
    asked = recorded(r, run, "ask", "approval", "approval")
    assert asked["blocks"]
    assert (asked["assignees"], asked["groups"]) == (["ada"], ["legal"])
    assert asked["since"] < asked["until"]
    heard = recorded(r, run, "hear", "message", "since")
    assert heard["message"] == "paid"
    assert heard["since"] < heard["until"]
    slept = recorded(r, run, "sleep", "timer", "since")
    assert slept["since"] < slept["until"]
    answer = r.get(f"/runs/{run}/blockers")
    assert answer["live"] == 3
    assert {group["kind"]: group["count"] for group in answer["groups"]} == {
        "approval": 1, "message": 1, "timer": 1,
    }  # fmt: skip
    r.http.post(f"/runs/{run}/cancel")
    assert r.wait(run)["status"] == "cancelled"
    assert r.get(f"/runs/{run}/blockers")["live"] == 0


def test_a_back_off_and_its_last_error(suite_rig: Rig) -> None:
    retry = {"max_attempts": 3, "initial": "30m", "max": "1h"}
    run = suite_rig.start(one("backs-off", "e2e.flaky", {"succeeds_at": 2}, retry=retry))
    found = recorded(suite_rig, run, "n", "backoff", "error")
    assert (found["attempt"], found["of"]) == (2, 3)
    assert "too early" in found["error"]


def test_running_and_the_line_behind_it(suite_rig: Rig) -> None:
    """One slot for a type, three tokens in one partition: one runs, the others have places."""
    r = suite_rig
    ids = ["a", "b", "c"]
    nodes: list[Json] = [{"id": n, "type": "late.held"} for n in ids]
    run = r.start(one("registers", "e2e.note"))
    r.wait(run)
    worker = r.work(
        "tests.e2e.held_nodes", "late.held", MINUET_WORKER_SLOTS="1", MINUET_WORKER_DRAIN_S="0.2"
    )
    run = r.start(document("lines-up", nodes))
    until(
        lambda: (
            {i["kind"] for i in r.get(f"/runs/{run}/blockers")["items"]} == {"running", "backlog"}
        ),
        "one runs, two wait",
    )
    items = r.get(f"/runs/{run}/blockers")["items"]
    waiting = [item for item in items if item["kind"] == "backlog"]
    assert sorted(item["position"] for item in waiting) == [1, 2]
    until(lambda: r.get("/workers") and _busy(r, worker.process.pid) == 1, "the slot is told busy")
    assert reason_of(r, run, waiting[0]["node"], "backlog")["slots"] == 1
    (runs,) = (item for item in items if item["kind"] == "running")
    assert not runs.get("blocks")
    assert recorded(r, run, runs["node"], "running", "since")["worker"] == runs["worker"]
    # Killed, it is gone from the list after its time, and its token waits for the lease.
    os.kill(worker.process.pid, signal.SIGSTOP)
    try:
        gone = reason_of_within(r, run, runs["node"], "worker_gone")
        assert gone["worker"] == runs["worker"]
        missing = reason_of(r, run, waiting[0]["node"], "no_worker")
        assert missing["type"] == "late.held"
    finally:
        os.kill(worker.process.pid, signal.SIGKILL)
    r.http.post(f"/runs/{run}/cancel")


def _busy(rig: Rig, pid: int) -> int:
    return next((w["busy"] for w in rig.get("/workers")["items"] if w["pid"] == pid), 0)


def reason_of_within(rig: Rig, run: str, node: str, kind: str, timeout_s: float = 40.0) -> Json:
    """A worker that goes silent is listed for 15 s more."""

    def look() -> Json | None:
        found = rig.get(f"/runs/{run}/blockers")["items"]
        return next((i for i in found if i["node"] == node and i["kind"] == kind), None)

    return until(look, f"{node} has the reason {kind}", timeout_s)


def test_paused_by_whom_and_since_when(suite_rig: Rig) -> None:
    r = suite_rig
    nodes: list[Json] = [
        {"id": "first", "type": "wait", "config": {"message": "go"}},
        {"id": "then", "type": "e2e.note"},
    ]
    run = r.start(document("pauses", nodes, [("first", "then")]))
    reason_of(r, run, "first", "message")
    assert r.http.post(f"/runs/{run}/pause", json={"reason": "lunch"}).status_code == 200
    paused = whole(r, run, "paused")
    assert paused["by"] == r.get("/info")["principal"]
    assert paused["since"]
    assert "lunch" in paused["text"]
    assert r.http.post(f"/runs/{run}/messages/go", json={}).status_code == 200
    assert reason_of(r, run, "then", "paused")["blocks"]
    assert r.http.post(f"/runs/{run}/resume").status_code == 200
    assert r.wait(run)["status"] == "succeeded"


def test_the_width_of_a_run(suite_rig: Rig) -> None:
    nodes: list[Json] = [{"id": n, "type": "e2e.patient"} for n in ("a", "b")]
    run = suite_rig.start(document("narrow", nodes, settings={"max_parallel": 1}))
    assert reason_of(suite_rig, run, "b", "max_parallel")["blocks"]
    suite_rig.http.post(f"/runs/{run}/cancel")
    suite_rig.wait(run)


def test_the_line_of_a_concurrency_key(suite_rig: Rig) -> None:
    r = suite_rig
    r.apply(one("keyed", "wait", {"message": "go"}) | {"concurrency": {"key": "k", "limit": 1}})
    first = r.start("keyed")
    reason_of(r, first, "n", "message")
    second, third = r.start("keyed"), r.start("keyed")
    held = whole(r, second, "concurrency")
    assert (held["position"], held["runs"], held["blocks"]) == (1, [first], True)
    assert whole(r, third, "concurrency")["position"] == 2
    for run in (third, second, first):
        r.http.post(f"/runs/{run}/cancel")
        assert r.wait(run)["status"] == "cancelled"


def test_a_start_that_no_coordinator_takes(suite_rig: Rig) -> None:
    pid = suite_rig.suite.pids()["coordinator"]
    os.kill(pid, signal.SIGSTOP)
    try:
        run = suite_rig.start(one("untaken", "e2e.note"))
        held = whole(suite_rig, run, "queued")
        assert held["blocks"]
        assert held["since"]
        assert whole(suite_rig, run, "no_coordinator")["blocks"]  # its lease runs out
    finally:
        os.kill(pid, signal.SIGCONT)
    assert suite_rig.wait(run)["status"] == "succeeded"


def test_what_was_handed_to_another_system(suite_rig: Rig) -> None:
    run = suite_rig.start(one("handed", "e2e.hand_over"))
    found = recorded(suite_rig, run, "n", "handed_over", "since")
    assert found["since"] < found["until"]
    suite_rig.http.post(f"/runs/{run}/cancel")
    suite_rig.wait(run)


def test_a_run_that_is_being_undone(suite_rig: Rig) -> None:
    nodes: list[Json] = [
        {"id": "book", "type": "e2e.note", "compensate": "unbook"},
        {"id": "unbook", "type": "e2e.sleep", "config": {"ms": 3000}},
        {"id": "crash", "type": "e2e.fail", "config": {"message": "no"},
         "retry": {"max_attempts": 1}},
    ]  # fmt: skip
    settings = {"compensate_on": ["failed"]}
    run = suite_rig.start(document("undone", nodes, [("book", "crash")], settings=settings))
    assert not whole(suite_rig, run, "compensating")["blocks"]
    assert reason_of(suite_rig, run, "unbook", "running")["worker"]
    assert suite_rig.wait(run)["status"] == "failed"


def test_child_runs_lead_to_what_they_wait_for(suite_rig: Rig) -> None:
    r = suite_rig
    body = {"nodes": [{"id": "hear", "type": "wait", "config": {"message": "go"}}], "edges": []}
    run = r.start(one("fans-out", "map", {"items": "[1, 2, 3]", "run": body}))

    def all_started() -> Json | None:
        found = reason_of(r, run, "n", "child")
        return found if len(found["runs"]) == 3 else None

    found = until(all_started, "three child runs")
    assert found["text"] == "It waits for its child runs: 0 of 3 have ended."
    first, *others = found["runs"]
    until(lambda: r.http.get(f"/runs/{first}").status_code == 200, "the child run is recorded")
    reason_of(r, first, "hear", "message")
    assert r.http.post(f"/runs/{first}/messages/go", json={}).status_code == 200
    until(lambda: reason_of(r, run, "n", "child")["runs"] == others, "one has ended")
    r.http.post(f"/runs/{run}/cancel")
    assert r.wait(run)["status"] == "cancelled"


def test_the_command_tells_it_too(suite_rig: Rig) -> None:

    run = suite_rig.start(one("told", "wait", {"message": "paid"}))
    reason_of(suite_rig, run, "n", "message")
    env = os.environ | {
        "MINUET_URL": suite_rig.suite.url, "MINUET_API_KEY": suite_rig.suite.api_key,
    }  # fmt: skip
    for command in (["blockers", run], ["run", "show", run]):
        told = subprocess.run(
            [sys.executable, "-m", "minuet.cli.main", *command],
            env=env, capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        assert "It waits for the message 'paid'." in told.stdout
