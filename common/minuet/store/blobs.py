"""The durable side of the content-addressed store.

A blob that nothing names is marked, and deleted a while later (see `minuet.store.collecting`).
Whoever is about to name one puts it, or asks whether it is missing, shortly before: both take the
mark away.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import asyncpg

    from .database import Connection, Database

    AnyConnection: TypeAlias = Connection | asyncpg.Connection[Any]

Key: TypeAlias = tuple[str, str]
"""(tenant, digest)."""

_INSERT = """
insert into blobs (tenant, digest, data, size_bytes)
select b.tenant, b.digest, b.data, octet_length(b.data)
from unnest($1::text[], $2::text[], $3::bytea[]) as b (tenant, digest, data)
order by b.tenant, b.digest
on conflict on constraint blobs_pkey do nothing
"""

_MISSING = """
select wanted.tenant, wanted.digest
from unnest($1::text[], $2::text[]) as wanted (tenant, digest)
where not exists (
  select from blobs b where b.tenant = wanted.tenant and b.digest = wanted.digest
)
"""


# A statement of its own, before the insert: a marked blob may be deleted at any moment.
_REVIVE = """
update blobs set unreferenced_at = null where ctid = any(array(
  select b.ctid from blobs b join unnest($1::text[], $2::text[]) as w (tenant, digest)
    on b.tenant = w.tenant and b.digest = w.digest
  where b.unreferenced_at is not null order by b.tenant, b.digest for update of b
))
"""

_LINK = """
insert into blob_links (tenant, owner, digest)
select * from unnest($1::text[], $2::text[], $3::text[]) order by 1, 2, 3 on conflict do nothing
"""

# How compiled documents name those of their child runs, and manifests their items.
_NAMED: Final = re.compile(rb'"(?:\$cas|ir|document)":"(sha256:[0-9a-f]{64})"')


async def insert_blobs(c: AnyConnection, blobs: Mapping[Key, bytes]) -> None:
    """Insert where free. The caller vouches that each digest is that of its data. Sorted, so that
    two transactions with the same new blobs cannot wait for each other in a circle."""
    await revive_blobs(c, list(blobs))
    await c.execute(_INSERT, [k[0] for k in blobs], [k[1] for k in blobs], list(blobs.values()))
    links = {(*key, named) for key, data in blobs.items() for named in _named(data)}
    if links:
        await c.execute(_LINK, *(list(column) for column in zip(*links, strict=True)))


def _named(data: bytes) -> set[str]:
    return {digest.decode() for digest in _NAMED.findall(data)}


async def revive_blobs(c: AnyConnection, keys: Collection[Key]) -> None:
    """Take the mark of what nothing named from those that have it."""
    await c.execute(_REVIVE, [k[0] for k in keys], [k[1] for k in keys])


async def missing_blobs(c: AnyConnection, keys: Sequence[Key]) -> set[Key]:
    """Those that are not there. The others stay for a while, even if nothing names them yet."""
    await revive_blobs(c, keys)
    rows = await c.fetch(_MISSING, [k[0] for k in keys], [k[1] for k in keys])
    return {(row["tenant"], row["digest"]) for row in rows}


class Blobs:
    """Blobs in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant: str, digest: str) -> bytes | None:
        data: bytes | None = await self._database.fetchval(
            "select data from blobs where tenant = $1 and digest = $2", tenant, digest
        )
        return data

    async def put(self, tenant: str, digest: str, data: bytes) -> None:
        """Idempotent. The caller vouches that `digest` is that of `data`."""
        async with self._database.connection() as c:
            await insert_blobs(c, {(tenant, digest): data})
