"""A cancelled run really stops: connections close, functions are interrupted, lines are left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.silent_server import SilentServer, silent_server
from tests.support.waiting import until

from .rig import Json, Rig, document, rig

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]

LETS_GO_S = 2.0
ENDS_S = 3.0
GRACE_S = 15.0


@dataclass
class Bench:
    rig: Rig
    far: SilentServer


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with silent_server() as far:
        env = {
            "MINUET_NET_ALLOW": f"127.0.0.1:{far.port}",
            "MINUET_LLM_BASE_URL": f"http://127.0.0.1:{far.port}/mute",
            "MINUET_LLM_MODEL": "m",
        }
        with rig(tmp_path_factory.mktemp("cancel"), env) as made:
            yield Bench(made, far)


def cancel(rig: Rig, run: str) -> float:
    """The moment before the cancel was sent."""
    began = time.monotonic()
    answer = rig.http.post(f"/runs/{run}/cancel")
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] in ("cancelling", "cancelled")
    return began


def until_cancelled(rig: Rig, run: str, timeout_s: float = 30.0) -> float:
    shown = rig.wait(run, timeout_s)
    assert shown["status"] == "cancelled"
    assert {node["status"] for node in shown["nodes"]} <= {"cancelled", "succeeded"}
    return time.monotonic()


def test_calls_and_functions_are_stopped(bench: Bench) -> None:
    r, url = bench.rig, f"http://127.0.0.1:{bench.far.port}"
    nodes: list[Json] = [
        {"id": "call", "type": "http", "timeout": "60s",
         "config": {"method": "GET", "url": f"{url}/call"}},
        {"id": "think", "type": "agent", "timeout": "60s", "config": {"prompt": "hm"}},
        {"id": "say", "type": "agent", "timeout": "60s",
         "config": {"prompt": "hm", "base_url": f"{url}/begun", "model": "m"}},
        {"id": "sleeper", "type": "e2e.patient"},
        {"id": "poller", "type": "e2e.stubborn"},
    ]  # fmt: skip
    run = r.start(document("stops", nodes))
    paths = ["/call", "/mute/chat/completions", "/begun/chat/completions"]
    for path in paths:
        until(lambda path=path: bench.far.asked.get(path), f"{path} is asked", 20)  # type: ignore[misc]
    r.until_noted(run, "sleeper", "began")
    r.until_noted(run, "poller", "began")
    began = cancel(r, run)
    ended = until_cancelled(r, run)
    until(lambda: set(paths) <= bench.far.closed_at.keys(), "every peer hung up")
    r.until_noted(run, "sleeper", "interrupted")
    r.until_noted(run, "poller", "cancelled")
    late = {path: bench.far.closed_at[path] - began for path in paths}
    print(f"closed after {late}, ended after {ended - began:.2f} s")
    assert max(late.values()) < LETS_GO_S
    assert ended - began < ENDS_S
    assert {path: bench.far.asked[path] for path in paths} == dict.fromkeys(paths, 1)
    kinds = [event["type"] for event in r.events(run)]
    assert kinds.index("run.cancelling") < kinds.index("run.ended")


def test_a_token_in_line_ends_as_soon_as_it_is_taken(bench: Bench) -> None:
    """Of three tokens for one slot the first is stopped, and the others never begin."""
    r = bench.rig
    r.work("tests.e2e.held_nodes", "late.held", MINUET_WORKER_SLOTS="1")
    ids = ["a", "b", "c"]
    run = r.start(document("in-line", [{"id": n, "type": "late.held"} for n in ids]))

    def waiting() -> bool:
        items = r.get(f"/runs/{run}/blockers")["items"]
        return sorted(item["kind"] for item in items) == ["backlog", "backlog", "running"]

    until(waiting, "one runs and two wait")
    began = cancel(r, run)
    assert until_cancelled(r, run) - began < ENDS_S
    assert sum(r.ledger_of(run).values()) == 1


def test_who_does_not_listen_is_left_behind_after_the_grace(bench: Bench) -> None:
    r = bench.rig
    run = r.start(document("deaf", [{"id": "deaf", "type": "e2e.deaf"}]))
    r.until_noted(run, "deaf", "began")
    began = cancel(r, run)
    shown = r.get(f"/runs/{run}")
    assert shown["status"] == "cancelling"
    assert [node["status"] for node in shown["nodes"]] == ["cancelling"]
    (item,) = r.get(f"/runs/{run}/blockers")["items"]
    worker = until(lambda: r.get(f"/runs/{run}/nodes/deaf").get("worker"), "its start is recorded")
    assert (item["kind"], item["worker"]) == ("cancelling", worker)
    took = until_cancelled(r, run) - began
    assert GRACE_S - 1 < took < GRACE_S + 5
