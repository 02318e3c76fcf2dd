"""Watching runs of a whole suite, whatever becomes of the fanout."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.conftest import SuiteFactory
from tests.support.follower import Follower

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(120)]

LENGTH = 25
DOCUMENT = {
    "apiVersion": "minuet/v1",
    "name": "slow-chain",
    "nodes": [{"id": f"n{i}", "type": "wait", "config": {"for": "200ms"}} for i in range(LENGTH)],
    "edges": [{"from": f"n{i}", "to": f"n{i + 1}"} for i in range(LENGTH - 1)],
}


async def test_a_killed_fanout_costs_no_client_an_event(suite: SuiteFactory) -> None:
    made = suite()
    headers = {"Authorization": f"Bearer {made.api_key}"}
    async with httpx.AsyncClient(base_url=f"{made.url}/api/v1", headers=headers) as api:
        answer = await api.post("/runs", json={"document": DOCUMENT, "inputs": {}})
        run = answer.json()["id"]
        followers = [Follower(made.url, api, run) for _ in range(10)]
        async with asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.follow())
            for _ in range(2):
                for follower in followers:
                    follower.met_run.clear()
                for follower in followers:
                    await follower.met_run.wait()
                killed = made.kill("fanout")
                await asyncio.to_thread(made.until_restarted, "fanout", killed)
        # Sockets tell what Redis holds, REST what is recorded: the end may be milliseconds away.
        await api.get(f"/runs/{run}/events", params={"after": len(followers[0].ids) - 1, "wait": 5})
        shown = (await api.get(f"/runs/{run}")).json()
    assert shown["status"] == "succeeded"
    for follower in followers:
        assert follower.ids == list(range(1, shown["seq"] + 1))
        assert follower.connections >= 2
