"""Collecting blobs that nothing names: marked when that is seen, deleted when it has been so for a
while.

The while is what makes it safe. Who names a blob put it, asked for it or read a row that named it
not long before: the first two take the mark away, and after the third it cannot be old enough.
What only marked blobs name is marked too, so that a tree of them goes within one such while; who
puts the root of one puts its leaves before.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from .blobs import Key

if TYPE_CHECKING:
    from .database import Connection

FIRST: Final[Key] = ("", "")

_USED = """(
  exists (select from blob_uses u where u.tenant = b.tenant and u.digest = b.digest)
  or exists (select from blob_links l
    join blobs o on o.tenant = l.tenant and o.digest = l.owner and o.unreferenced_at is null
    where l.tenant = b.tenant and l.digest = b.digest)
  or exists (select from workflow_versions v
    where v.tenant = b.tenant and v.document_digest = b.digest)
  or exists (select from workflow_versions v where v.tenant = b.tenant and v.ir_digest = b.digest)
  or exists (select from runs r where r.tenant = b.tenant and r.document_digest = b.digest)
  or exists (select from runs r where r.tenant = b.tenant and r.ir_digest = b.digest)
  or exists (select from runs r where r.tenant = b.tenant and r.current_document_digest = b.digest)
  or exists (select from runs r where r.tenant = b.tenant and r.current_ir_digest = b.digest)
  or exists (select from patches p where p.tenant = b.tenant and p.document_digest = b.digest)
  or exists (select from patches p where p.tenant = b.tenant and p.ir_digest = b.digest)
)"""

_PAGE = """
select tenant, digest from blobs where (tenant, digest) > ($1, $2)
order by tenant, digest limit $3
"""

_MARK = f"""
with page as (
  select b.tenant, b.digest, b.unreferenced_at, {_USED} as used from blobs b
  where (b.tenant, b.digest) > ($1, $2) and (b.tenant, b.digest) <= ($3, $4)
)
update blobs b set unreferenced_at = case when page.used then null else now() end
from page
where b.tenant = page.tenant and b.digest = page.digest
  and page.used = (page.unreferenced_at is not null)
  and b.unreferenced_at is not distinct from page.unreferenced_at
"""  # noqa: S608 - constants

_DELETE = f"""
with doomed as (
  select tenant, digest from blobs where unreferenced_at < now() - $1::interval
  order by unreferenced_at limit $2
), gone as (
  delete from blobs b using doomed d
  where b.tenant = d.tenant and b.digest = d.digest
    and b.unreferenced_at < now() - $1::interval and not {_USED}
  returning b.tenant, b.digest, b.size_bytes
), links as (
  delete from blob_links l using gone where l.tenant = gone.tenant and l.owner = gone.digest
)
select count(*), coalesce(sum(size_bytes), 0) from gone
"""  # noqa: S608 - constants


async def mark_page(c: Connection, after: Key, *, limit: int) -> Key | None:
    """Look at the next blobs after `after` in order; the last one, or None at the end of all."""
    rows = await c.fetch(_PAGE, *after, limit)
    if not rows:
        return None
    last = rows[-1]["tenant"], rows[-1]["digest"]
    await c.execute(_MARK, *after, *last)
    return last if len(rows) == limit else None


async def delete_unreferenced(c: Connection, *, grace: timedelta, limit: int) -> tuple[int, int]:
    """Delete up to `limit` blobs that nothing has named for `grace`: how many, and their bytes."""
    row = await c.fetchrow(_DELETE, grace, limit)
    assert row is not None
    return int(row[0]), int(row[1])
