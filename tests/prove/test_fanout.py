"""A fanout killed while it shows runs: whoever watches sees every event once all the same."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

import httpx
import pytest

from tests.support.follower import Follower

from .conftest import FleetFactory
from .fleet import API_KEY, Fleet
from .judge import judge
from .load import LEDGER_NODES, load
from .proof import Proof
from .proxy import Rule, When

pytestmark = [pytest.mark.prove, pytest.mark.slow, pytest.mark.timeout(180)]

RUNS = 10
LONG = "prove-long"
WHENS: list[When] = ["before", "after"]
STEPS: list[tuple[str, Literal["redis", "postgres"]]] = [
    ("read events", "redis"),
    ("SELECT", "postgres"),
]


def test_a_killed_fanout_costs_nobody_an_event(fleet: FleetFactory, proof: Proof) -> None:
    made = fleet()
    made.start_all(proxied=True)
    with load(made) as work:
        for (step, server), when in itertools.product(STEPS, WHENS):
            with proof.scenario(f"fanout killed {when} {step}", workflow=LONG) as scenario:
                runs = work.start(RUNS, LONG)
                proxies = made.proxies["fanout"]
                proxy = proxies.redis if server == "redis" else proxies.postgres
                followers = asyncio.run(watch(made, runs, partial(proxy.arm, step, when)))
                scenario.kills = 1
                work.until_ended(runs)
                scenario.take(judge(made, runs, ledger_nodes=LEDGER_NODES, expected="succeeded"))
                scenario.violations += missed(made, runs, followers)


def missed(fleet: Fleet, runs: list[str], followers: list[Follower]) -> Iterable[str]:
    """Whoever was not shown 1, 2, 3 ... to the end."""
    for run, follower in zip(runs, followers, strict=True):
        seq = fleet.get(f"/runs/{run}")["seq"]
        if follower.ids != list(range(1, seq + 1)):
            yield f"{run}: of {seq} events shown were {follower.ids}"


async def watch(fleet: Fleet, runs: list[str], arm: Callable[[], Rule]) -> list[Follower]:
    """Follow each run to its end; the rule is armed when all are being shown, and must fire."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with httpx.AsyncClient(base_url=f"{fleet.url}/api/v1", headers=headers) as api:
        followers = [Follower(fleet.url, api, run) for run in runs]
        async with asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.follow())
            for follower in followers:
                await follower.met_run.wait()
            await asyncio.to_thread(arm().wait, 30)
    return followers
