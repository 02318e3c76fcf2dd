"""The durable side of the content-addressed store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

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


async def insert_blobs(c: AnyConnection, blobs: Mapping[Key, bytes]) -> None:
    """Insert where free. The caller vouches that each digest is that of its data. Sorted, so that
    two transactions with the same new blobs cannot wait for each other in a circle."""
    await c.execute(_INSERT, [k[0] for k in blobs], [k[1] for k in blobs], list(blobs.values()))


async def missing_blobs(c: AnyConnection, keys: Sequence[Key]) -> set[Key]:
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
