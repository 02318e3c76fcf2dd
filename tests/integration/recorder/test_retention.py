"""What the recorder does for deletion: it notes uses of blobs, and passes over deleted runs."""

from __future__ import annotations

import asyncio

import pytest

from minuet.bus.memory import MemoryBus
from minuet.model.canonical import digest
from minuet.model.errors import BusUnavailable
from minuet.model.event import Event
from minuet.model.signal import Parent, Start
from minuet.services.recorder.recorder import Recorder
from minuet.store import deletion, history
from minuet.store.database import Database
from tests.support.records import TENANT, Owner, accept, ending, run_named, transition

pytestmark = pytest.mark.anyio
RUN, OTHER = run_named("a"), run_named("b")


async def delete(database: Database, run: str) -> None:
    async with database.transaction() as c:
        await history.lock_partitions(c, [0])
        await deletion.delete_runs(c, await deletion.family_of(c, TENANT, run), by="me")


async def letters(database: Database) -> int:
    return int(await database.fetchval("select count(*) from dead_letters"))


async def test_every_blob_that_a_history_names_is_noted_once(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    datas = [b'"x"', b'"y"', b'"z"']
    for data in datas:
        await bus.cas_put(TENANT, digest(data), data, ttl_s=60)
    refs = [{"$cas": digest(data), "size_bytes": 3} for data in datas]
    told = [
        Event("node.ended", "a", 1, {"status": "succeeded", "output_ref": refs[0]}),
        Event("node.ended", "b", 1, {"status": "succeeded", "output_ref": refs[0]}),
        Event("node.item", "c", 1, {"item": 0, "deep": {"er": [refs[1]]}}),
    ]
    first = await owner.commit(transition(RUN, seq=3, events=told))
    await owner.commit(ending(RUN, seq=4, prev=first, outputs_ref={"all": refs[2]}))
    bus.fail_next("delete_events")
    with pytest.raises(BusUnavailable):
        await recorder.turn()
    await recorder.turn()
    rows = await database.fetch("select tenant, digest, run_id from blob_uses")
    assert sorted(map(tuple, rows)) == sorted((TENANT, digest(data), RUN) for data in datas)


async def test_what_is_told_again_of_a_deleted_run_is_dropped(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    """The recorder dies after its transaction; the run is deleted; the entries come again, with
    news of a run that nobody ever accepted."""
    await accept(database_url, RUN)
    first = await owner.commit(transition(RUN, seq=1))
    await owner.commit(ending(RUN, seq=2, prev=first))
    bus.fail_next("delete_events")
    with pytest.raises(BusUnavailable):
        await recorder.turn()
    await delete(database, RUN)
    await owner.commit(transition(OTHER, seq=1))
    await recorder.turn()
    assert await bus.read_events({0: "0-0"}, count=9, block_ms=0) == []
    assert await database.fetchval("select count(*) from runs") == 0
    row = await database.fetchrow("select run_id, kind from dead_letters")
    assert row is not None
    assert tuple(row) == (OTHER, "unknown_run")
    assert await letters(database) == 1


async def test_a_child_of_a_deleted_run_is_not_born_again(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    child = Start(
        run=OTHER, tenant=TENANT, ir="sha256:i", workflow="w", accepted_at=1_790_000_000_000,
        parent=Parent(RUN, "m", 1, 1, 0),
    )  # fmt: skip
    born = Event("run.started", data={"start": child})
    first = await owner.commit(
        transition(RUN, seq=1), transition(OTHER, seq=1, events=[born])
    )  # fmt: skip
    await owner.commit(ending(RUN, seq=2, prev=first), ending(OTHER, seq=2, prev=first))
    bus.fail_next("delete_events")
    with pytest.raises(BusUnavailable):
        await recorder.turn()
    await delete(database, RUN)
    assert await database.fetchval("select count(*) from deleted_runs") == 2
    await recorder.turn()
    assert await database.fetchval("select count(*) from runs") == 0
    assert await letters(database) == 0


async def test_a_deletion_waits_for_the_transaction_of_the_recorder(
    database: Database, database_url: str
) -> None:
    await accept(database_url, RUN)
    async with database.transaction() as c:
        await history.lock_partitions(c, [0])
        deleting = asyncio.create_task(delete(database, RUN))
        async with asyncio.timeout(10):
            while not await database.fetchval(
                "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
            ):
                await asyncio.sleep(0.01)
        assert not deleting.done()
    await deleting
    assert await database.fetchval("select count(*) from runs") == 0
