"""Patches race with completions, with a cancel, with each other and with takeovers, 500 times."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator

import asyncpg
import httpx
import msgspec
import pytest

from minuet.ir.fold import fold, plans_needed
from minuet.ir.plan import Plan
from minuet.model.event import Event
from minuet.model.ir import Ir
from minuet.model.signal import Start
from minuet.model.status import NodeStatus
from minuet.services.dev_llm.serving import claim_port
from tests.suite import Suite
from tests.support.services import Service
from tests.support.waiting import until

from .racing import Racer, Round, check_round
from .rig import Rig
from .rig import rig as started

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

ROUNDS = 500
AT_ONCE = 20
KILLS = 15
SEED = 20_261_121
# Takeovers come within a second, so that the race goes on instead of waiting for leases.
QUICK_LEASES = {"MINUET_COORDINATOR_LEASE_MS": "900", "MINUET_COORDINATOR_RENEW_MS": "200"}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with started(tmp_path_factory.mktemp("race"), QUICK_LEASES) as made:
        yield made


@pytest.fixture(scope="module")
def victim(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A second coordinator: the suite's own takes over from it, and it comes back for its share."""
    servers = {
        "MINUET_REDIS_URL": rig.suite.redis_url, "MINUET_DATABASE_URL": rig.suite.database_url,
    }  # fmt: skip
    folder, port = tmp_path_factory.mktemp("victim"), claim_port("127.0.0.1", 0)
    with Service("coordinator", {**QUICK_LEASES, **servers}, folder, port) as service:
        yield service


class Course:
    """All rounds, `AT_ONCE` at a time, and a coordinator killed at seeded moments of them."""

    def __init__(self, suite: Suite, victim: Service) -> None:
        self._suite = suite
        self._victim = victim
        self._numbers = iter(range(ROUNDS))
        self._begun = asyncio.Condition()
        self.running = 0
        self.started = 0
        self.rounds: list[Round] = []
        self.killed_under: list[int] = []

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=AT_ONCE * 5)
        async with (
            httpx.AsyncClient(
                base_url=f"{self._suite.url}/api/v1", timeout=60, trust_env=False, limits=limits,
                headers={"Authorization": f"Bearer {self._suite.api_key}"},
            ) as http,
            asyncio.TaskGroup() as group,
        ):  # fmt: skip
            group.create_task(self._kill())
            for _ in range(AT_ONCE):
                group.create_task(self._race(Racer(http)))

    async def _race(self, racer: Racer) -> None:
        for number in self._numbers:
            rng = random.Random(f"{SEED}-{number}")
            async with self._begun:
                self.started += 1
                self.running += 1
                self._begun.notify_all()
            self.rounds.append(await racer.round(rng, patches=3, cancel=number % 5 < 2))
            self.running -= 1

    async def _kill(self) -> None:
        rng = random.Random(SEED)
        for at in sorted(rng.sample(range(AT_ONCE, ROUNDS - AT_ONCE), KILLS)):
            async with self._begun:
                await self._begun.wait_for(lambda at=at: self.started >= at)  # type: ignore[misc]
            await asyncio.to_thread(until, self._has_share, "the coordinator has its share")
            await asyncio.sleep(rng.uniform(0, 0.2))
            self.killed_under.append(self.running)
            self._victim.kill()
            self._victim.start()

    def _has_share(self) -> bool:
        return (self._victim.metric("minuet_partitions_owned") or 0) > 0


async def check_replays(database_url: str, rounds: list[Round]) -> None:
    """Folding what is recorded gives the document and the state that the API tells."""
    connection = await asyncpg.connect(database_url)
    plans: dict[str, Plan] = {}

    async def plan(digest: str) -> Plan:
        if digest not in plans:
            data = await connection.fetchval("select data from blobs where digest = $1", digest)
            plans[digest] = Plan(msgspec.json.decode(data, type=Ir), digest)
        return plans[digest]

    for round in rounds:
        run = await connection.fetchrow("select * from runs where id = $1", round.run)
        assert run is not None
        rows = await connection.fetch(
            "select events from transitions where run_id = $1 order by first_seq", round.run
        )
        events = [e for row in rows for e in msgspec.json.decode(row["events"], type=list[Event])]
        assert [e.type for e in events] == [e["type"] for e in round.events]
        start = Start(round.run, run["tenant"], run["ir_digest"], run["workflow"], 0)
        led_to = {digest: await plan(digest) for digest in plans_needed(events)}
        state = fold(await plan(run["ir_digest"]), start, events, led_to)
        assert state.plan.digest == (run["current_ir_digest"] or run["ir_digest"])
        assert state.plan.ir.document == round.shown["document_digest"]
        assert (state.status.word, state.counter) == (round.shown["status"], 0)
        assert state.seq == round.shown["seq"]
        folded = {n.id: NodeStatus(state.frontier.cell(n.index)[0]).word for n in state.plan.nodes}
        assert folded == {id: node["status"] for id, node in round.nodes.items()}
    await connection.close()


def test_patches_are_whole_whatever_they_race_with(rig: Rig, victim: Service) -> None:
    began = time.monotonic()

    async def race() -> Course:
        course = Course(rig.suite, victim)
        await course.run()
        print(f"raced for {time.monotonic() - began:.0f} s")
        await check_replays(rig.suite.database_url, course.rounds)
        return course

    course = asyncio.run(race())
    told: Counter[str] = Counter()
    for each in course.rounds:
        told += check_round(each)
    cancels = Counter(each.cancel_won for each in course.rounds)
    print(f"{dict(told)}, cancels {dict(cancels)}, {time.monotonic() - began:.0f} s")
    assert len({each.run for each in course.rounds}) == ROUNDS
    assert told.total() == 3 * ROUNDS
    assert len(course.killed_under) == KILLS
    assert min(course.killed_under) > 0
    # The race is one only if every side of it wins now and then.
    assert min(told[word] for word in ("applied", "conflict", "base_moved", "run_ended")) >= 20
    assert cancels[True] >= 20
    assert cancels[False] >= 5
