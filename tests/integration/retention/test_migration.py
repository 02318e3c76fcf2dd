"""What was recorded before uses were noted is not taken for unused."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from minuet.migrations.upgrade import upgrade
from minuet.model.canonical import canonical_json, digest
from minuet.services.orchestrator.retention.blobs import BlobCollector
from minuet.store.database import Database

from .runs import TENANT, ids

pytestmark = pytest.mark.anyio


async def test_what_earlier_versions_stored_keeps_its_values(empty_database_url: str) -> None:
    await upgrade(empty_database_url, "0012")
    datas = {name: canonical_json(f"{name} \u00e9 \\") for name in ("output", "inputs", "kept")}
    named = {name: digest(data) for name, data in datas.items()}
    datas["body"] = canonical_json({"nodes": []})
    datas["ir"] = canonical_json({"nodes": [{"child": {"ir": digest(datas["body"])}}]})
    async with Database(empty_database_url) as db:
        for data in [*datas.values(), b'"nobody\'s"']:
            await db.execute(
                "insert into blobs values ($1, $2, $3, $4)", TENANT, digest(data), data, len(data)
            )
        ref = {name: {"$cas": value, "size_bytes": 1} for name, value in named.items()}
        await db.execute(
            "insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, "
            "principal, inputs_ref, kept) values ('0-a', $1, 0, 'w', '', $2, 'me', $3, $4)",
            TENANT, digest(datas["ir"]), ref["inputs"],
            msgspec.json.encode({"n": {"port": "success", "output_ref": ref["kept"]}}),
        )  # fmt: skip
        events = [{"type": "node.ended", "data": {"output_ref": ref["output"], "text": "\u00e9"}}]
        await db.execute(
            "insert into transitions values ('0-a', 1, 1, 'c/1', '', now(), $1)",
            msgspec.json.encode(events),
        )
    await upgrade(empty_database_url)
    async with Database(empty_database_url) as db:
        assert await ids(db, "blob_uses", "digest") == set(named.values())
        collector = BlobCollector(db, grace=timedelta(0))
        assert [await collector.sweep(), await collector.sweep()].count(1) == 1
        assert await ids(db, "blobs", "digest") == {digest(data) for data in datas.values()}
