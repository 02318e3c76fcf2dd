"""Two of every service at once: each run ends once, and what one does only one tells."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import httpx
import pytest

from minuet.services.up.ports import free_ports
from tests.prove.faults.metrics import metric
from tests.prove.fleet import API_KEY, Fleet
from tests.prove.judge import judge
from tests.prove.load import LEDGER_NODES, OUTPUTS, Load
from tests.support.follower import Follower
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(240)]

SECONDS = ("coordinator-2", "recorder-2", "http_worker-2", "hitl_worker-2", "worker-2")
ALONE = {"redis_lost", "redis_compared", "redis_went_back", "restore_sent"}


@pytest.fixture
def second_url(fleet: Fleet) -> str:
    """The second API; sockets of its tickets lead to the second fanout."""
    api, sockets = free_ports(2)
    ports = {"MINUET_PORT": str(api), "MINUET_FANOUT_PORT": str(sockets)}
    for name in SECONDS:
        fleet.add(name, wait=False)
    for name in ("orchestrator-2", "fanout-2"):
        fleet.add(name, env=ports, wait=False)
    for name in (*SECONDS, "fanout-2"):
        fleet.until_ready(name)
    url = f"http://127.0.0.1:{api}"
    until(lambda: answers(url), "the second orchestrator answers")
    return url


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2.0, trust_env=False).is_success
    except httpx.TransportError:
        return False


def owned(fleet: Fleet) -> list[int]:
    names = ("coordinator", "coordinator-2")
    return [int(metric(fleet, name, "minuet_partitions_owned")) for name in names]


def actions(fleet: Fleet, name: str) -> Counter[str]:
    lines = (json.loads(line) for line in fleet.log(name).splitlines() if line.startswith("{"))
    return Counter(line["action"] for line in lines)


async def follow(url: str, run: str) -> list[int]:
    """Ids of the events that a client of this API is shown."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    base = f"{url}/api/v1"
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as api:
        follower = Follower(url, api, run)
        await follower.follow()
    return follower.ids


async def follow_both(urls: list[str], run: str) -> list[list[int]]:
    async with asyncio.timeout(60):
        return await asyncio.gather(*(follow(url, run) for url in urls))


def test_runs_end_once_and_are_shown_alike_by_both(
    fleet: Fleet, work: Load, second_url: str
) -> None:
    until(lambda: owned(fleet) == [4, 4], "the coordinators share the partitions")
    runs = work.start(30) + work.start(30, "prove-chain")
    first, second = asyncio.run(follow_both([fleet.url, second_url], runs[-1]))
    assert first == second == list(range(1, len(first) + 1))
    work.until_ended(runs)
    assert work.wrong_outputs(runs[:30], OUTPUTS["prove-mixed"]) == []
    before = actions(fleet, "orchestrator")
    with fleet.away("valkey"):
        pass
    more = work.start(20)
    work.until_ended(more)
    verdict = judge(fleet, runs + more, ledger_nodes=LEDGER_NODES, expected="succeeded")
    assert verdict.violations == []
    since = actions(fleet, "orchestrator") - before + actions(fleet, "orchestrator-2")
    assert since["redis_lost"] == 1
    assert {name: n for name, n in since.items() if name in ALONE and n > 1} == {}
