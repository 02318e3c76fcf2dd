"""Limits on runs at once: kept in Postgres, whatever is known of Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from minuet.bus.keys import partition_of
from minuet.bus.redis import RedisBus
from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.services.orchestrator.core import Core
from minuet.store import concurrency
from minuet.store.concurrency import Key
from minuet.store.database import Database

from .history import History
from .test_runs import signals

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


def limited(document: Json, **concurrency: Any) -> Json:
    return {**document, "concurrency": {"key": "${inputs.domain}", **concurrency}}


async def post(
    api: httpx.AsyncClient, document: Json, domain: str = "a", *, key: str = "", **extra: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"document": document, "inputs": {"domain": domain}, **extra}
    return await api.post("/runs", json=body, headers=headers)


async def start(api: httpx.AsyncClient, document: Json, domain: str = "a", **extra: Any) -> str:
    answer = await post(api, document, domain, **extra)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def standing(api: httpx.AsyncClient, run: str) -> tuple[int, list[str]]:
    shown = (await api.get(f"/runs/{run}")).json()
    assert shown["status"] == "queued"
    return shown["concurrency"]["place"], shown["concurrency"]["holders"]


async def sent(core: Core, bus: RedisBus, *runs: str) -> list[str]:
    """Those of the runs whose start was sent to be run."""
    await core.relay.flush()
    found = [each for p in range(8) for each in await signals(bus, p)]
    return [run for run in runs if any(s.run == run for k, s in found if k == "start")]


async def end(history: History, run: str, status: RunStatus = RunStatus.SUCCEEDED) -> None:
    await history.record(run, Event("run.ended", None, None, {}), status=status)


async def test_a_run_beyond_the_limit_is_not_sent_and_tells_its_place(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, document: Json
) -> None:
    flow = limited(document)
    first, second, third = [await start(api, flow) for _ in range(3)]
    other = await start(api, flow, "b")
    await core.relay.sweep()
    assert await sent(core, bus, first, second, third, other) == [first, other]
    assert await standing(api, first) == (0, [])
    assert await standing(api, second) == (1, [first])
    assert await standing(api, third) == (2, [first])


async def test_the_key_is_handed_on_when_its_holder_is_recorded_as_ended(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json
) -> None:
    runs = [await start(api, limited(document, limit=2)) for _ in range(4)]
    await end(history, runs[1])
    assert await core.granting.hand_over([runs[1]]) == 1
    assert await core.granting.hand_over([runs[1]]) == 0
    assert await sent(core, bus, *runs) == runs[:3]
    assert await standing(api, runs[3]) == (1, [runs[0], runs[2]])


@pytest.mark.usefixtures("duties")
async def test_an_announced_end_hands_the_key_on(
    core: Core, api: httpx.AsyncClient, history: History, document: Json, db: Database
) -> None:
    first, second = [await start(api, limited(document)) for _ in range(2)]
    await end(history, first)
    async with asyncio.timeout(10):
        while (await api.get(f"/runs/{second}")).json()["concurrency"]["granted_at"] is None:
            await asyncio.sleep(0.05)


async def test_what_was_granted_by_a_killed_orchestrator_is_sent_by_the_sweep(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json,
    db: Database,
) -> None:  # fmt: skip
    """It may die after the grant and before the sending, however long the run had waited."""
    first, second = [await start(api, limited(document)) for _ in range(2)]
    await db.execute(
        "update commands set created_at = created_at - interval '1 hour' where run_id = $1", second
    )
    await end(history, first)
    async with db.transaction() as c:
        await concurrency.lock_keys(c, [Key("default", "greet", "a")])
        assert [row.id for row in await concurrency.grant(c, Key("default", "greet", "a"))] == [
            second
        ]
    assert await sent(core, bus, second) == []
    await db.execute(
        "update runs set relayed_at = relayed_at - interval '3 s', "
        "granted_at = granted_at - interval '3 s' where id = $1",
        second,
    )
    await core.relay.sweep()
    assert await sent(core, bus, second) == [second]


async def test_two_orchestrators_cannot_grant_one_place_twice(
    core: Core, api: httpx.AsyncClient, history: History, document: Json, db: Database
) -> None:
    runs = [await start(api, limited(document)) for _ in range(9)]
    for turn in range(8):
        await end(history, runs[turn])
        granted = await asyncio.gather(*(core.granting.sweep() for _ in range(6)))
        assert sum(granted) == 1
    assert await db.fetchval("select count(granted_at) from runs") == 9


async def test_the_next_in_line_is_the_first_by_priority_then_by_age(
    core: Core, api: httpx.AsyncClient, history: History, document: Json
) -> None:
    flow = limited({**document, "settings": {"priority": 3}})
    first = await start(api, flow)
    low, low_too = [await start(api, flow) for _ in range(2)]
    high = await start(api, flow, priority=9)
    assert (await api.get(f"/runs/{high}")).json()["priority"] == 9
    assert (await api.get(f"/runs/{low}")).json()["priority"] == 3
    places = [(await standing(api, run))[0] for run in (high, low, low_too)]
    assert places == [1, 2, 3]
    await end(history, first)
    await core.granting.sweep()
    assert await standing(api, high) == (0, [])


async def test_a_run_that_may_not_wait_is_refused_with_the_holders(
    api: httpx.AsyncClient, document: Json, db: Database
) -> None:
    flow = limited(document, on_limit="reject", limit=2)
    runs = [await start(api, flow) for _ in range(2)]
    refused = await post(api, flow)
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"] == "/problems/limit-reached"
    assert sorted(problem["holders"]) == sorted(runs)
    assert await db.fetchval("select count(*) from runs") == 2


async def test_a_repeated_start_is_answered_with_its_run_although_the_limit_is_reached(
    api: httpx.AsyncClient, document: Json
) -> None:
    flow = limited(document, on_limit="reject")
    answers = await asyncio.gather(*(post(api, flow, key="same") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_of_many_simultaneous_starts_as_many_are_accepted_as_may_go_on(
    api: httpx.AsyncClient, document: Json
) -> None:
    flow = limited(document, on_limit="reject", limit=3)
    answers = await asyncio.gather(*(post(api, flow) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [409] * 37


async def test_the_newest_takes_the_place_of_the_oldest(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json
) -> None:
    flow = limited(document, on_limit="cancel_oldest")
    first, second, third = [await start(api, flow) for _ in range(3)]
    commands = [(s.run, s.number) for k, s in await all_signals(core, bus) if k == "command"]
    assert (first, 1) in commands
    # The second was never granted: it is sent to be ended, so that nothing of it runs.
    await core.relay.sweep()
    [stopped] = [s for k, s in await all_signals(core, bus) if k == "start" and s.run == second]
    assert (stopped.stop.number, stopped.stop.name) == (1, "cancel")
    assert stopped.stop.data == {"reason": f"run {third} takes its place"}
    assert await standing(api, third) == (1, [first])
    await end(history, first, RunStatus.CANCELLED)
    await core.granting.sweep()
    assert await standing(api, third) == (0, [])


async def test_a_cancelled_run_leaves_the_line_unsent(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json
) -> None:
    first, second, third = [await start(api, limited(document)) for _ in range(3)]
    cancelling = asyncio.create_task(api.post(f"/runs/{second}/cancel"))
    async with asyncio.timeout(10):
        while await core.relay.sweep() == 0 or not await sent(core, bus, second):
            await asyncio.sleep(0.05)
    assert await standing(api, third) == (1, [first])
    await end(history, first)
    assert await core.granting.sweep() == 1
    assert await standing(api, third) == (0, [])
    # The owner ends it by its start, with the number of the cancel.
    ended = Event("run.ended", None, None, {"status": "cancelled"})
    await history.record(second, ended, status=RunStatus.CANCELLED, cmd=1)
    await core.recorded.wait(second, lambda run: run.ended, timeout_s=5)
    answer = await cancelling
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_a_version_with_a_higher_limit_does_not_overtake_for_ever(
    core: Core, api: httpx.AsyncClient, history: History, document: Json
) -> None:
    wide = [await start(api, limited(document, limit=3)) for _ in range(2)]
    narrow = await start(api, limited(document, limit=1))
    late = await start(api, limited(document, limit=3))
    assert await standing(api, narrow) == (1, wide)
    assert await standing(api, late) == (2, wide)
    for run in wide:
        await end(history, run)
    assert await core.granting.sweep() == 1
    assert await standing(api, narrow) == (0, [])
    assert await standing(api, late) == (1, [narrow])


async def test_inputs_that_make_no_key_are_refused(api: httpx.AsyncClient, document: Json) -> None:
    flow = {**document, "concurrency": {"key": "${inputs.nobody.knows}"}}
    answer = await post(api, flow)
    assert answer.status_code == 422
    assert "the concurrency key cannot be made" in answer.json()["errors"][0]["detail"]
    long = await post(api, limited(document), "x" * 501)
    assert (long.status_code, long.json()["errors"][0]["pointer"]) == (422, "/inputs")


async def test_a_number_or_an_object_is_a_key_too(api: httpx.AsyncClient, document: Json) -> None:
    flow = {**document, "concurrency": {"key": "${[inputs.domain, inputs.domain]}"}}
    run = await start(api, flow)
    assert (await api.get(f"/runs/{run}")).json()["concurrency"]["key"] == '["a","a"]'


async def all_signals(core: Core, bus: RedisBus) -> list[tuple[str, Any]]:
    await core.relay.flush()
    return [each for p in range(8) for each in await signals(bus, p)]


async def test_a_backlog_of_starts_is_sent_by_priority_then_by_age(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, document: Json, db: Database
) -> None:
    """What Redis did not take at once, because it was away or overloaded."""
    runs = {}
    for priority in [1, 5, 9] * 4:
        runs[await start(api, document, priority=priority)] = priority
    core.admission.decide(0.9, 0)
    await core.relay.flush()
    assert await sent(core, bus, *runs) == []
    await db.execute("update runs set relayed_at = null")
    core.admission.decide(0.1, 0)
    await core.relay.sweep()
    for p in range(8):
        arrived = [s.run for _, s in await signals(bus, p)]
        mine = [run for run in runs if partition_of(run) == p]
        assert arrived == sorted(mine, key=lambda run: -runs[run])


async def test_while_starts_rest_cancels_and_other_commands_go_on(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json,
    db: Database,
) -> None:  # fmt: skip
    going, unsent, resting = [await start(api, document) for _ in range(3)]
    await history.record(going, Event("run.started", None, None, {}))
    core.admission.decide(0.9, 0)
    await core.relay.flush()
    refused = await post(api, document)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    asked = [asyncio.create_task(api.post(f"/runs/{run}/cancel")) for run in (going, unsent)]
    async with asyncio.timeout(10):
        while await db.fetchval("select count(*) from commands where number = 1") < 2:
            await asyncio.sleep(0.02)
    await db.execute("update runs set relayed_at = null")
    await core.relay.sweep()
    found = await all_signals(core, bus)
    for task in asked:
        task.cancel()
    assert {s.run for kind, s in found if kind == "command"} == {going, unsent}
    starts = [s for kind, s in found if kind == "start"]
    assert [(s.run, s.stop and s.stop.name) for s in starts] == [(unsent, "cancel")]
    core.admission.decide(0.1, 0)
    await core.relay.sweep()
    assert resting in await sent(core, bus, resting)
