"""What the API refuses of an agent, while its node is at work in a whole suite."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from threading import Timer
from typing import Any

import httpx
import pytest

from minuet.store.api_keys import keep_key
from minuet.store.database import Database
from tests.suite import Suite
from tests.support.waiting import until

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECRET = "secret-of-an-agent"
LIMIT = 20


@pytest.fixture(scope="module")
def silence() -> Iterator[str]:
    """A model server that takes every request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.fixture(scope="module")
def rig(silence: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("agents")
    env = {"MINUET_LLM_BASE_URL": silence, "MINUET_LLM_MODEL": "silent"}
    with Suite(folder / ".minuet", env=env) as suite:
        asyncio.run(_add_agent_key(suite))
        made = Rig(suite, folder / "ledger")
        yield made
        made.close()


async def _add_agent_key(suite: Suite) -> None:
    async with Database(suite.database_url) as database, database.connection() as c:
        await keep_key(c, "scout", SECRET, tenant="default", name="scout", roles=[], kind="agent")


@pytest.fixture
def run(rig: Rig) -> Iterator[str]:
    """A run whose agent is at work; what a test made of it must leave it able to end."""
    own = {"prompt": "p", "types": ["http"], "hosts": ["api.example.com"], "secrets": ["crm"]}
    nodes = [
        {"id": "own", "type": "agent", "config": own},
        {"id": "gate", "type": "hitl", "config": {"message": "Go on?"}},
        {"id": "ship", "type": "transform", "config": {"value": 1}},
    ]
    started = rig.start(document("watched", nodes, [("own", "gate"), ("gate", "ship")]))
    until(lambda: rig.get(f"/runs/{started}/nodes/own")["status"] == "running", "the agent works")
    yield started
    assert rig.get(f"/runs/{started}")["status"] == "running"
    assert rig.http.post(f"/runs/{started}/cancel", json={}).status_code == 200
    assert rig.wait(started)["status"] == "cancelled"


def ask(rig: Rig, run: str, key: str, *operations: Json) -> httpx.Response:
    headers = {"Authorization": f"Bearer {SECRET}", "Idempotency-Key": key}
    return rig.http.post(
        f"/runs/{run}/patches", json={"operations": list(operations)}, headers=headers
    )


def node(id: str, type: str = "transform", **config: Any) -> Json:
    return {"op": "add", "path": "/nodes/-", "value": {"id": id, "type": type, "config": config}}


def edge(source: str, target: str) -> Json:
    return {"op": "add", "path": "/edges/-", "value": {"from": source, "to": target}}


def http(url: str, **config: Any) -> list[Json]:
    return [node("n", "http", url=url, **config), edge("own", "n")]


REFUSED: dict[str, tuple[list[Json], str]] = {
    "another host": (http("https://evil.test/"), "calls evil.test:443"),
    "a host behind a user": (http("https://api.example.com@evil.test/"), "must name its host"),
    "a host from data": (http("https://${inputs.host}/"), "must name its host"),
    "another secret": (http("https://api.example.com/", body="${secrets.other}"), "'other'"),
    "another type": ([node("n", "agent", prompt="x"), edge("own", "n")], "type 'agent'"),
    "an unknown type": ([node("n", "nobody.knows"), edge("own", "n")], "unknown type"),
    "no approval": (
        [{"op": "remove", "path": "/nodes/by-id/gate"}, {"op": "remove", "path": "/edges/1"},
         {"op": "replace", "path": "/edges/0/to", "value": "ship"}],
        "'gate' may not be removed",
    ),
    "another question": (
        [{"op": "replace", "path": "/nodes/by-id/gate/config/message", "value": "Lunch?"}],
        "'gate' may not be changed",
    ),
    "a way around": ([edge("own", "ship")], "lead around"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_its_node_lacks_is_refused_and_told(rig: Rig, run: str, case: str) -> None:
    operations, told = REFUSED[case]
    before = rig.get(f"/runs/{run}/document")
    answer = ask(rig, run, f"{run}/own/1/1", *operations)
    assert (answer.status_code, answer.json()["reason"]) == (409, "policy"), answer.text
    assert told in answer.text
    (kept,) = rig.get(f"/runs/{run}/patches")["items"]
    assert (kept["status"], kept["reason"], kept["by_agent"]) == ("refused", "policy", True)
    assert told in " ".join(kept["detail"])
    assert rig.get(f"/runs/{run}/document") == before


def test_what_its_node_has_is_applied(rig: Rig, run: str) -> None:
    operations = http("https://api.example.com/${run.id}", body="${secrets.crm}")
    answer = ask(rig, run, f"{run}/own/1/1", *operations)
    assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.text


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("some-key", "key <run>/<node>/<gen>/<number>"),
        ("0-other/own/1/1", "key <run>/<node>/<gen>/<number>"),
        ("{run}/gate/1/1", "'gate' is not at work"),
        ("{run}/nobody/1/1", "'nobody' is not at work"),
    ],
)
def test_an_agent_that_is_not_at_work_changes_nothing(
    rig: Rig, run: str, key: str, told: str
) -> None:
    answer = ask(rig, run, key.format(run=run), node("n", value=1), edge("own", "n"))
    assert (answer.status_code, answer.json()["reason"]) == (409, "policy"), answer.text
    assert told in answer.text


def test_an_agent_that_is_quicker_than_the_recorder_is_waited_for(rig: Rig) -> None:
    own = {"id": "own", "type": "agent", "config": {"prompt": "p", "types": ["transform"]}}
    recorder = rig.suite.pids()["recorder"]
    os.kill(recorder, signal.SIGSTOP)
    going_on = Timer(1.0, os.kill, (recorder, signal.SIGCONT))
    try:
        run = rig.start(document("quick", [own], []))
        going_on.start()
        answer = ask(rig, run, f"{run}/own/1/1", node("n", value=1), edge("own", "n"))
    finally:
        going_on.cancel()
        os.kill(recorder, signal.SIGCONT)
    assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.text
    assert rig.http.post(f"/runs/{run}/cancel", json={}).status_code == 200
    assert rig.wait(run)["status"] == "cancelled"


def test_the_twenty_first_patch_of_agents_is_refused(rig: Rig, run: str) -> None:
    refused = ask(rig, run, f"{run}/own/1/99", *http("https://evil.test/"))
    assert refused.status_code == 409, "what is refused at once does not count"
    for n in range(1, LIMIT + 1):
        answer = ask(rig, run, f"{run}/own/1/{n}", node(f"n{n}", value=n), edge("own", f"n{n}"))
        assert answer.status_code == 200, answer.text
    more = [node("more", value=0), edge("own", "more")]
    answer = ask(rig, run, f"{run}/own/1/{LIMIT + 1}", *more)
    assert (answer.status_code, answer.json()["reason"]) == (409, "policy")
    assert f"{LIMIT} times already" in answer.text
    assert (
        ask(rig, run, f"{run}/own/1/1", node("n1", value=1), edge("own", "n1")).status_code == 200
    )
    body = {"operations": more}
    assert rig.http.post(f"/runs/{run}/patches", json=body).status_code == 200, "people still may"
    listed = list(rig.items(f"/runs/{run}/patches", limit=10))
    words = [each["status"] for each in listed]
    assert words == ["refused", *["applied"] * LIMIT, "refused", "applied"]
    assert rig.get(f"/runs/{run}")["patches"] == LIMIT + 1
