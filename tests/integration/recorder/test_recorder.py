"""What stands in Postgres after the recorder met duplicates, forks, crashes and bad data."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from minuet.bus.api import Entry
from minuet.bus.memory import MemoryBus
from minuet.model.canonical import digest
from minuet.model.errors import BusUnavailable
from minuet.model.event import Event
from minuet.services.recorder.recorder import Recorder
from minuet.store import commands
from minuet.store.database import Database
from tests.support.records import TENANT, Owner, accept, ending, run_named, transition

pytestmark = pytest.mark.anyio
RUN = run_named("a")


async def history(database: Database, run: str = RUN) -> list[tuple[int, int, str]]:
    rows = await database.fetch(
        "select first_seq, last_seq, commit_id from transitions where run_id = $1 "
        "order by first_seq",
        run,
    )
    return [tuple(row) for row in rows]


async def row_of(database: Database, run: str = RUN) -> dict[str, Any]:
    row = await database.fetchrow("select * from runs where id = $1", run)
    assert row is not None
    return dict(row)


async def left(bus: MemoryBus, p: int = 0) -> int:
    return len(await bus.read_events({p: "0-0"}, count=100, block_ms=0))


async def archived(bus: MemoryBus) -> int:
    signals = await bus.read_signals({0: "0-0"}, count=100, block_ms=0)
    return sum(("k", b"archived") in entry.fields for entry in signals)


async def test_a_run_is_stored_from_first_event_to_last(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    two = [Event("run.started"), Event("node.ready", "a", 1, {"attempt": 1})]
    first = await owner.commit(transition(RUN, seq=2, events=two))
    await recorder.turn()
    row = await row_of(database)
    assert (row["status"], row["seq"], row["cmd"], row["last_commit"]) == (1, 2, 0, first)
    assert row["ended_at"] is None

    last = await owner.commit(ending(RUN, seq=3, prev=first, outputs={"x": [1, "\0"]}))
    await recorder.turn()
    row = await row_of(database)
    assert (row["status"], row["counter"], row["outputs"]) == (6, 0, b'{"x":[1,"\\u0000"]}')
    assert row["started_at"] is not None
    assert row["ended_at"] is not None
    assert await history(database) == [(1, 2, first), (3, 3, last)]
    assert await left(bus) == 0
    assert await archived(bus) == 1


async def test_a_failed_run_keeps_its_error_even_with_a_nul_in_it(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    await owner.commit(ending(RUN, seq=1, prev="", error={"code": "x", "message": "a\0b"}))
    await recorder.turn()
    assert (await row_of(database))["error"] == {"code": "x", "message": "a\ufffdb"}


async def test_several_transitions_of_a_run_fit_in_one_batch(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    """Every turn reads more: 4 entries, 8, 16."""
    others = [run_named(f"b{i}") for i in range(20)]
    await accept(database_url, RUN, *others)
    prev = ""
    for seq in range(1, 30):
        more = [transition(o, seq=1) for o in others] if seq == 7 else []
        prev = await owner.commit(transition(RUN, seq=seq, prev=prev), *more)
    while await recorder.turn():
        pass
    assert [first for first, _, _ in await history(database)] == list(range(1, 30))
    assert all([len(await history(database, o)) == 1 for o in others])


@pytest.mark.parametrize("method", ["announce", "send", "delete_events"])
async def test_a_crash_after_the_transaction_stores_nothing_twice_and_still_archives(
    method: str,
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder,
) -> None:  # fmt: skip
    await accept(database_url, RUN)
    first = await owner.commit(transition(RUN, seq=1))
    await owner.commit(ending(RUN, seq=2, prev=first))
    bus.fail_next(method)
    with pytest.raises(BusUnavailable):
        await recorder.turn()
    assert len(await history(database)) == 2
    assert await left(bus) == 2
    await recorder.turn()
    assert len(await history(database)) == 2
    assert await left(bus) == 0
    assert await archived(bus) >= 1


async def test_a_fork_is_refused_and_asks_for_a_restore_until_the_history_goes_on(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    first = await owner.commit(transition(RUN, seq=1))
    second = await owner.commit(transition(RUN, seq=2, prev=first))
    await recorder.turn()
    forked = await owner.commit(transition(RUN, seq=2, prev=first))
    await owner.commit(transition(RUN, seq=3, prev=forked))
    await recorder.turn()
    row = await row_of(database)
    assert (row["restore_requested"], row["fork"], row["last_commit"]) == (True, True, second)
    assert [seq for seq, _, _ in await history(database)] == [1, 2]
    assert await left(bus) == 0

    await owner.commit(transition(RUN, seq=3, prev=second))
    await recorder.turn()
    row = await row_of(database)
    assert (row["restore_requested"], row["fork"], row["seq"]) == (False, False, 3)


async def test_an_ended_run_is_not_opened_again(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    end = await owner.commit(ending(RUN, seq=1, prev=""))
    await owner.commit(transition(RUN, seq=2, prev=end))
    await recorder.turn()
    row = await row_of(database)
    assert (row["status"], row["seq"], row["restore_requested"]) == (6, 1, True)


async def test_what_nobody_can_store_becomes_a_dead_letter_and_holds_nothing_up(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    await owner.commit(transition(run_named("nobody"), seq=1))
    await owner.commit(event=b"{nonsense\0")
    await owner.commit(
        *[transition(RUN, seq=1)],
        transition(run_named("b"), seq=1),
    )
    await recorder.turn()
    kinds = await database.fetch("select kind, run_id from dead_letters order by id")
    assert sorted(row["kind"] for row in kinds) == [
        "unknown_run", "unknown_run", "unreadable_event_entry",
    ]  # fmt: skip
    assert len(await history(database)) == 1
    assert await left(bus) == 0


async def test_a_transition_that_postgres_refuses_does_not_stop_its_neighbours(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    others = [run_named(f"b{i}") for i in range(5)]
    await accept(database_url, RUN, *others)
    bad = transition(RUN, seq=1, counter=-1)
    await owner.commit(*[transition(o, seq=1) for o in others[:3]], bad)
    await owner.commit(*[transition(o, seq=1) for o in others[3:]])
    await recorder.turn()
    assert all([len(await history(database, o)) == 1 for o in others])
    assert await history(database) == []
    letter = await database.fetchrow("select kind, run_id, tenant from dead_letters")
    assert letter is not None
    assert tuple(letter) == ("refused_transition", RUN, TENANT)


async def test_blobs_are_durable_with_the_event_that_names_them(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    data = b'"' + b"x" * 9000 + b'"'
    name = digest(data)
    await bus.cas_put(TENANT, name, data, ttl_s=60)
    ref = {"$cas": name, "size_bytes": len(data)}
    output = Event("node.ended", "a", 1, {"status": "succeeded", "output_ref": ref})
    lost = Event("node.ended", "b", 1, {"output_ref": {"$cas": digest(b"1"), "size_bytes": 1}})
    first = await owner.commit(transition(RUN, seq=2, events=[output, lost]))
    whole = b'{"said":"more"}'
    await bus.cas_put(TENANT, digest(whole), whole, ttl_s=60)
    inside = {"$cas": digest(whole), "size_bytes": len(whole), "path": "said"}
    refs = {"all": ref, "said": inside}
    await owner.commit(ending(RUN, seq=3, prev=first, outputs_ref=refs))
    bus.fail_next("cas_get")
    with pytest.raises(BusUnavailable):
        await recorder.turn()
    assert await history(database) == []
    await recorder.turn()
    rows = await database.fetch("select digest, data, size_bytes from blobs")
    kept = {(name, data, len(data)), (digest(whole), whole, len(whole))}
    assert {tuple(row) for row in rows} == kept
    assert (await row_of(database))["outputs_ref"] == refs


async def test_steps_whose_results_redis_lost_with_their_events_are_not_recorded(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    """Redis is emptied while the recorder has the events in hand: the steps run again."""
    await accept(database_url, RUN)
    data = b'"' + b"x" * 9000 + b'"'
    await bus.cas_put(TENANT, digest(data), data, ttl_s=60)
    ref = {"$cas": digest(data), "size_bytes": len(data)}
    output = Event("node.ended", "a", 1, {"status": "succeeded", "output_ref": ref})
    await owner.commit(transition(RUN, seq=1, events=[output]))
    real = bus.read_events

    async def read_events(cursors: Mapping[int, str], *, count: int, block_ms: int) -> list[Entry]:
        entries = await real(cursors, count=count, block_ms=block_ms)
        if entries:
            bus.empty()
        return entries

    bus.read_events = read_events  # type: ignore[method-assign]
    with pytest.raises(BusUnavailable, match="lost the events"):
        await recorder.turn()
    assert await history(database) == []
    assert await recorder.turn() == 0


async def test_two_recorders_store_everything_once(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner
) -> None:
    runs = [run_named(f"r{i}") for i in range(10)]
    await accept(database_url, *runs)
    stop = asyncio.Event()
    two = [Recorder(database, bus, block_ms=5) for _ in range(2)]
    tasks = [asyncio.create_task(each.run(stop)) for each in two]
    prev = ""
    for seq in range(1, 31):
        prev = await owner.commit(*[transition(r, seq=seq, prev=prev) for r in runs])
    async with asyncio.timeout(20):
        while await left(bus):
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*tasks)
    assert all([len(await history(database, r)) == 30 for r in runs])
    assert await database.fetchval("select count(*) from runs where restore_requested") == 0


async def test_recorded_runs_are_announced(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    messages = bus.announcements()
    heard = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)
    await owner.commit(transition(RUN, seq=1))
    await recorder.turn()
    async with asyncio.timeout(5):
        assert await heard == f'{{"runs":[["{RUN}",1,0,1]]}}'.encode()


async def test_a_refused_command_is_marked_with_its_reason(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    async with database.transaction() as c:
        for name in ("pause", "pause"):
            await commands.add_command(c, RUN, name, tenant=TENANT, principal="anna", data={})
    refused = {"number": 2, "name": "pause", "reason": "paused"}
    events = [Event("run.paused", data={"number": 1}), Event("command.refused", data=refused)]
    await owner.commit(transition(RUN, seq=2, events=events, cmd=2))
    await recorder.turn()
    async with database.connection() as c:
        states = [await commands.get_command(c, TENANT, RUN, number) for number in (1, 2)]
    assert [state and state.refused for state in states] == [None, "paused"]
