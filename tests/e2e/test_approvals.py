"""People decide on real processes: one of them wins, and waiting outlives everything."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from minuet.client import Client
from minuet.client.views import Approval
from tests.suite import Suite
from tests.support.starts import Starter
from tests.support.waiting import until

from .people import Json, People
from .rig import document

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

AT_ONCE = 10
RACES = 30
QUICK_LEASES = {"MINUET_WORKER_LEASE_MS": "1500", "MINUET_WORKER_HEARTBEAT_MS": "250"}


def asking(name: str = "ask", **config: Any) -> Json:
    """A question, and a node behind each way that it can end on."""
    ask = {"id": "ask", "type": "hitl", "config": {"message": "Go on?", "payload": 1, **config}}
    said = {"value": "${nodes.ask.output}"}
    nodes = [ask, *({"id": f"on_{p}", "type": "transform", "config": said} for p in PORTS)]
    edges = [{"from": "ask", "to": f"on_{p}", "on": p} for p in PORTS]
    return document(name, nodes, edges)


PORTS = ["approved", "rejected"]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with Suite(tmp_path_factory.mktemp("approvals") / ".minuet", env=QUICK_LEASES) as running:
        yield running


def with_people(suite: Suite, scene: Callable[[People], Coroutine[Any, Any, None]]) -> None:
    async def play() -> None:
        async with People.of(suite, "anna", "bert") as people:
            await scene(people)

    asyncio.run(play())


def ways(run: Json) -> dict[str, str]:
    return {node["id"]: node["status"] for node in run["nodes"]}


async def decide_opposite_things(people: People) -> None:
    """One round: whoever is recorded as the winner is the only one who was told so."""
    run = await people.start(asking())
    approval = await people.asked(run)
    sides = list(zip(people.persons, ["approve", "reject"], strict=True))
    random.shuffle(sides)
    answers = await asyncio.gather(
        *(person.decide(approval, decision, comment=person.id) for person, decision in sides)
    )
    told = dict(zip(sides, answers, strict=True))
    (won,) = [side for side, answer in told.items() if answer.status_code == 200]
    (lost,) = [side for side, answer in told.items() if answer.status_code == 409]
    winner, decision = won
    status = {"approve": "approved", "reject": "rejected"}[decision]

    assert told[won].json()["status"] == status
    assert told[lost].json()["type"] == "/problems/already-decided"
    decided = told[lost].json()["decided"]
    assert (decided["status"], decided["by"], decided["comment"]) == (status, winner.id, winner.id)
    assert decided["at"]

    over = await people.ended(run)
    other = "rejected" if status == "approved" else "approved"
    assert ways(over) == {
        "ask": "succeeded", f"on_{status}": "succeeded", f"on_{other}": "skipped",
    }  # fmt: skip
    node = await people.get(f"/runs/{run}/nodes/on_{status}")
    assert node["output"] == {
        "decision": status, "by": winner.id, "comment": winner.id, "payload": 1,
    }  # fmt: skip
    assert len(await people.events(run, "approval.decided")) == 1
    again = await winner.decide(approval, decision, comment=winner.id)
    assert again.status_code == 200


def play_rounds(suite: Suite, rounds: int) -> None:
    async def scene(people: People) -> None:
        for _ in range(rounds // AT_ONCE):
            await asyncio.gather(*(decide_opposite_things(people) for _ in range(AT_ONCE)))

    with_people(suite, scene)


def test_two_people_decide_opposite_things_at_once_and_one_wins(suite: Suite) -> None:
    play_rounds(suite, 100)


@pytest.mark.slow
def test_two_people_decide_opposite_things_five_hundred_times(suite: Suite) -> None:
    play_rounds(suite, 500)


@pytest.mark.parametrize(
    ("on_timeout", "status", "way"), [("reject", "succeeded", "succeeded"), ("fail", "failed", "")]
)
def test_an_approval_after_the_timeout_learns_what_happened(
    suite: Suite, on_timeout: str, status: str, way: str
) -> None:
    async def scene(people: People) -> None:
        run = await people.start(asking(timeout="150ms", on_timeout=on_timeout))
        over = await people.ended(run)
        assert over["status"] == status
        assert not way or ways(over)["on_rejected"] == way
        answer = await people.persons[0].decide(await people.asked(run), "approve")
        assert answer.status_code == 409
        assert answer.json()["decided"]["status"] == "expired"
        assert "was expired at 20" in answer.json()["detail"]

    with_people(suite, scene)


def test_an_approval_after_the_cancel_learns_what_happened(suite: Suite) -> None:
    async def scene(people: People) -> None:
        run = await people.start(asking())
        approval = await people.asked(run)
        assert (await people.persons[1].cancel(run)).status_code == 200
        answer = await people.persons[0].decide(approval, "approve")
        assert answer.status_code == 409
        assert answer.json()["decided"]["status"] == "cancelled"
        assert "was cancelled at 20" in answer.json()["detail"]

    with_people(suite, scene)


def test_an_answer_racing_with_the_timeout_is_counted_or_told_that_it_was_late(
    suite: Suite,
) -> None:
    async def race(people: People) -> str:
        run = await people.start(asking(timeout="400ms"))
        approval = await people.asked(run)
        expires_at = (await people.events(run, "approval.requested"))[0]["data"]["expires_at"]
        shown = await people.get(f"/approvals/{approval}")
        assert shown["expires_at"] is not None
        assert expires_at is not None
        await asyncio.sleep(random.uniform(0.2, 0.45))
        answer = await people.persons[0].decide(approval, "approve")
        over = await people.ended(run)
        said = answer.json() if answer.status_code == 200 else answer.json()["decided"]
        wanted = "on_approved" if answer.status_code == 200 else "on_rejected"
        assert (answer.status_code, said["status"]) in [(200, "approved"), (409, "expired")]
        assert ways(over)[wanted] == "succeeded"
        return str(said["status"])

    async def scene(people: People) -> None:
        ends = await asyncio.gather(*(race(people) for _ in range(RACES)))
        assert set(ends) <= {"approved", "expired"}

    with_people(suite, scene)


def test_an_answer_racing_with_a_cancel_agrees_with_what_became_of_the_run(suite: Suite) -> None:
    async def race(people: People) -> None:
        run = await people.start(asking())
        approval = await people.asked(run)
        anna, bert = people.persons
        calls = [anna.decide(approval, "approve"), bert.cancel(run)]
        answers = await asyncio.gather(*calls)
        over = await people.ended(run)
        codes = tuple(answer.status_code for answer in answers)
        shown = await people.get(f"/approvals/{approval}")
        assert (codes, over["status"], shown["status"]) in [
            ((200, 409), "succeeded", "approved"),
            ((409, 200), "cancelled", "cancelled"),
            ((200, 200), "cancelled", "approved"),  # the cancel found the next node at work
        ]

    async def scene(people: People) -> None:
        for _ in range(RACES // AT_ONCE):
            await asyncio.gather(*(race(people) for _ in range(AT_ONCE)))

    with_people(suite, scene)


def test_only_those_who_are_asked_may_answer(suite: Suite) -> None:
    async def scene(people: People) -> None:
        run = await people.start(asking(assignees=["anna"]))
        approval = await people.asked(run)
        anna, bert = people.persons
        assert (await bert.decide(approval, "approve")).status_code == 403
        assert (await anna.decide(approval, "approve")).status_code == 200
        assert (await people.ended(run))["status"] == "succeeded"

    with_people(suite, scene)


def test_waiting_outlives_a_restart_of_everything(tmp_path: Path) -> None:
    suite = Suite(tmp_path / ".minuet")
    suite.start()
    with Client(suite.url, suite.api_key) as client:
        patient = client.runs.start(document=asking()).id
        hasty = client.runs.start(document=asking(timeout="3s")).id
        until(lambda: len(list(client.approvals.list())) == 2, "both ask")
    suite.stop()

    with suite, Client(suite.url, suite.api_key) as client:
        (asked,) = client.approvals.list(run=patient)
        assert asked.status == "pending"
        answer = client.approvals.approve(asked.id, "still here")
        assert isinstance(answer, Approval)
        assert client.runs.wait(patient, 20).status == "succeeded"
        assert client.runs.node(patient, "on_approved").output["comment"] == "still here"
        assert client.runs.wait(hasty, 20).status == "succeeded"
        assert [each.status for each in client.approvals.list(run=hasty)] == ["expired"]


def test_a_killed_hitl_worker_loses_no_question_and_asks_none_twice(suite: Suite) -> None:
    count = 200
    with Client(suite.url, suite.api_key) as client:
        client.workflows.apply(asking("killed"))
        starter = Starter(suite.url, suite.api_key)

        def asked() -> set[str]:
            return {each.run for each in client.approvals.list(workflow="killed")}

        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(starter.start, "killed", count, key="killed")
            until(asked, "the first run asks")
            old_pid = suite.kill("hitl_worker")
            assert len(asked()) < count
            suite.until_restarted("hitl_worker", old_pid)
            runs = starting.result()
        until(lambda: asked() == set(runs), "every run asks", 60)
        for each in client.approvals.list(workflow="killed", status=["pending"]):
            client.approvals.approve(each.id)
        for run in runs:
            over = client.runs.wait(run, 60)
            assert over.status == "succeeded"
            kinds = [event.type for event in client.runs.events(run)]
            assert kinds.count("approval.requested") == 1
            assert kinds.count("approval.decided") == 1


def call(suite: Suite, *arguments: str, code: int = 0) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MINUET_")}
    env |= {"MINUET_DATA_DIR": str(suite.data_dir)}
    done = subprocess.run(
        [sys.executable, "-m", "minuet.cli.main", *arguments],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_shell_lists_shows_approves_and_rejects(suite: Suite) -> None:
    config = {
        "message": "Refund [b]240[/b] EUR?",
        "payload": {"amount": 240, "to": "a"},
        "form": {"type": "object", "properties": {"amount": {"type": "number", "maximum": 500}}},
        "timeout": "1h",
    }
    with Client(suite.url, suite.api_key) as client:
        runs = [client.runs.start(document=asking("shell", **config)).id for _ in range(2)]
        until(lambda: len(list(client.approvals.list(workflow="shell"))) == 2, "both ask")
        first, second = (next(client.approvals.list(run=run)).id for run in runs)

        listed = call(suite, "approvals", "--workflow", "shell")
        assert first in listed
        assert "Refund [b]240[/b] EUR?" in listed
        assert "needs an answer" in listed
        assert '"amount": 240' in call(suite, "approvals", first)
        assert len(json.loads(call(suite, "approvals", "-w", "shell", "--json"))) == 2
        assert "maximum" in call(suite, "approve", first, "--payload", "amount:=501", code=2)
        said = call(suite, "approve", first, "--comment", "fine", "--payload", "amount:=120")
        assert "approved" in said
        assert "rejected" in call(suite, "reject", second, "--comment", "no")
        late = call(suite, "reject", first, code=6)
        assert "approved by bootstrap at" in late
        assert call(suite, "approvals", "apr-none", code=3)

        assert client.runs.wait(runs[0], 20).status == "succeeded"
        assert client.runs.node(runs[0], "on_approved").output == {
            "decision": "approved", "by": "bootstrap", "comment": "fine",
            "payload": {"amount": 120, "to": "a"},
        }  # fmt: skip
        assert client.runs.node(runs[1], "on_rejected").output["comment"] == "no"
