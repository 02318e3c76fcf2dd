"""Which blobs are collected: those that nothing has named for long, and no other."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from minuet.model.canonical import canonical_json, digest
from minuet.model.token import CasRef
from minuet.services.orchestrator.retention import blobs as collector
from minuet.services.orchestrator.retention.blobs import BlobCollector
from minuet.store import collecting
from minuet.store.blobs import Blobs, insert_blobs, missing_blobs
from minuet.store.database import Database
from minuet.store.uses import Use, note_uses, references_in

from .runs import TENANT, ids, insert_run

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
NOTHING = timedelta(0)


async def put(db: Database, text: str, tenant: str = TENANT) -> str:
    data = canonical_json(text)
    await Blobs(db).put(tenant, digest(data), data)
    return digest(data)


async def use(db: Database, run: str, name: str) -> None:
    async with db.connection() as c:
        await note_uses(c, [Use(TENANT, name, run)])


async def age(db: Database) -> None:
    """Let every mark be older than any grace."""
    await db.execute("update blobs set unreferenced_at = unreferenced_at - interval '2 hours'")


async def collect(db: Database) -> int:
    """Marked, left alone for the grace, collected."""
    sweeper = BlobCollector(db)
    assert await sweeper.sweep() == 0
    await age(db)
    return await sweeper.sweep()


async def test_whatever_names_a_blob_keeps_it(db: Database) -> None:
    names = ["used", "ir", "document", "now_ir", "now_document", "version", "version_ir", "patch",
             "patch_ir"]  # fmt: skip
    of = {name: await put(db, name) for name in names}
    body = canonical_json({"nodes": [{"child": {"ir": "x"}}]})
    linked = [await put(db, name) for name in ("body", "body's document", "an item")]
    owner = canonical_json(
        {"nodes": [{"ir": linked[0], "document": linked[1]}],
         "results": [{"$cas": linked[2], "size_bytes": 9}]}
    )  # fmt: skip
    await Blobs(db).put(TENANT, digest(owner), owner)
    await Blobs(db).put(TENANT, digest(body), body)
    run = await insert_run(db, ended=DAY, ir=of["ir"], document=of["document"])
    await use(db, run, of["used"])
    await use(db, run, digest(owner))
    await db.execute(
        "update runs set current_ir_digest = $1, current_document_digest = $2",
        of["now_ir"], of["now_document"],
    )  # fmt: skip
    await db.execute(
        "insert into workflow_versions (tenant, name, version, digest, document_digest, "
        "ir_digest, principal) values ($1, 'w', 1, 'x', $2, $3, 'me')",
        TENANT, of["version"], of["version_ir"],
    )  # fmt: skip
    await db.execute(
        "insert into patches (run_id, number, patch, tenant, by, by_agent, operations, "
        "base_document_digest, document_digest, ir_digest) "
        "values ($1, 1, 'p', $2, 'me', false, '[]', '', $3, $4)",
        run, TENANT, of["patch"], of["patch_ir"],
    )  # fmt: skip
    stranger = await put(db, "used", tenant="another")
    assert await collect(db) == 2
    assert await ids(db, "blobs", "digest") == {*of.values(), *linked, digest(owner)}
    assert stranger == of["used"]
    assert await ids(db, "blobs", "tenant") == {TENANT}


async def test_what_only_marked_blobs_name_goes_with_them(db: Database) -> None:
    item = await put(db, "an item")
    owner = canonical_json({"results": [{"$cas": item, "size_bytes": 9}]})
    await Blobs(db).put(TENANT, digest(owner), owner)
    sweeper = BlobCollector(db)
    for _ in range(2):
        assert await sweeper.sweep() == 0
    assert await db.fetchval("select count(unreferenced_at) from blobs") == 2
    await age(db)
    await Blobs(db).put(TENANT, digest(owner), owner)
    run = await insert_run(db)
    await use(db, run, digest(owner))
    assert await sweeper.sweep() == 0, "its mark is old, but what names it lives again"
    assert await db.fetchval("select count(unreferenced_at) from blobs") == 0
    await db.execute("delete from blob_uses")
    for _ in range(2):
        assert await sweeper.sweep() == 0
    await age(db)
    assert await sweeper.sweep() == 2
    assert await db.fetchval("select count(*) from blob_links") == 0


async def test_a_blob_is_left_alone_until_nothing_has_named_it_for_long(db: Database) -> None:
    await put(db, "x")
    sweeper = BlobCollector(db)
    for _ in range(3):
        assert await sweeper.sweep() == 0
    assert await db.fetchval("select unreferenced_at is not null from blobs")
    await age(db)
    assert await sweeper.sweep() == 1


async def test_putting_an_old_blob_again_takes_the_mark_away(db: Database) -> None:
    name = await put(db, "x")
    sweeper = BlobCollector(db)
    await sweeper.sweep()
    await age(db)
    await put(db, "x")
    assert await sweeper.sweep() == 0
    async with db.connection() as c:
        await age(db)
        # The recorder does not put what is there: it asks, and that counts as much.
        assert await missing_blobs(c, [(TENANT, name), (TENANT, "sha256:no")]) == {
            (TENANT, "sha256:no")
        }
    assert await sweeper.sweep() == 0


async def test_what_is_named_again_without_being_put_loses_its_mark(db: Database) -> None:
    name = await put(db, "x")
    sweeper = BlobCollector(db)
    await sweeper.sweep()
    await age(db)
    run = await insert_run(db, ir=name)
    assert await sweeper.sweep() == 0
    assert await db.fetchval("select unreferenced_at from blobs") is None
    await db.execute("delete from runs where id = $1", run)
    assert await sweeper.sweep() == 0, "its while begins anew"


async def test_a_writer_under_way_wins_against_the_collector(db: Database) -> None:
    """The put is not committed yet when the collector looks: it must wait, and then pass over."""
    name = await put(db, "x")
    data = canonical_json("x")
    await BlobCollector(db).sweep()
    await age(db)
    async with db.connection() as writer:
        transaction = writer.transaction()
        await transaction.start()
        await insert_blobs(writer, {(TENANT, name): data})
        run = await insert_run(db)
        await note_uses(writer, [Use(TENANT, name, run)])

        async def delete() -> tuple[int, int]:
            async with db.connection() as c:
                return await collecting.delete_unreferenced(c, grace=timedelta(hours=1), limit=9)

        deleting = asyncio.create_task(delete())
        async with asyncio.timeout(10):
            while not await db.fetchval(
                "select exists (select from pg_stat_activity where wait_event_type = 'Lock' "
                "and datname = current_database())"
            ):
                await asyncio.sleep(0.01)
        await transaction.commit()
        assert await deleting == (0, 0)
    assert await ids(db, "blobs", "digest") == {name}


async def test_a_collector_under_way_is_waited_for_and_made_good(db: Database) -> None:
    """The other way round: the blob is being deleted when it is put again."""
    name = await put(db, "x")
    await BlobCollector(db).sweep()
    await age(db)
    async with db.connection() as c:
        transaction = c.transaction()
        await transaction.start()
        assert await collecting.delete_unreferenced(
            c, grace=timedelta(hours=1), limit=9
        ) == (1, len(canonical_json("x")))  # fmt: skip
        putting = asyncio.create_task(put(db, "x"))
        async with asyncio.timeout(10):
            while not await db.fetchval(
                "select exists (select from pg_stat_activity where wait_event_type = 'Lock' "
                "and datname = current_database())"
            ):
                await asyncio.sleep(0.01)
        await transaction.commit()
        await putting
    assert await ids(db, "blobs", "digest") == {name}


async def test_a_long_way_is_walked_in_parts(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LOOKED_AT", 3)
    monkeypatch.setattr(collector, "LOOKS_A_SWEEP", 2)
    monkeypatch.setattr(collector, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr(collector, "DELETIONS_A_SWEEP", 2)
    for i in range(10):
        await put(db, f"blob {i}")
    sweeper = BlobCollector(db, grace=NOTHING)
    deleted = [await sweeper.sweep() for _ in range(4)]
    assert sum(deleted) == 10
    assert max(deleted) <= 4


def test_references_are_found_however_deep_they_stand() -> None:
    name = digest(b"x")
    text = canonical_json([{"data": {"a": {"$cas": name, "size_bytes": 1}}}, name])
    assert references_in(text) == {CasRef(name, 1).digest}
    assert references_in(canonical_json({"text": f'{{"$cas":"{name}"}}'})) == set()
