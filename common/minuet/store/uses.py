"""Which blobs a run uses beside its documents: what its history, its inputs and its kept results
name. A blob stays as long as it has a use."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from .database import Connection

_REFERENCE: Final = re.compile(rb'"\$cas":"(sha256:[0-9a-f]{64})"')


class Use(NamedTuple):
    """A row of `blob_uses`, in the order of its columns."""

    tenant: str
    digest: str
    run_id: str


_NOTE = """
insert into blob_uses (tenant, digest, run_id)
select * from unnest($1::text[], $2::text[], $3::text[]) order by 1, 2, 3 on conflict do nothing
"""


def references_in(text: bytes) -> set[str]:
    """The digests that a JSON text of ours names as references, however deep they stand."""
    return {digest.decode() for digest in _REFERENCE.findall(text)}


async def note_uses(c: Connection, uses: Collection[Use]) -> None:
    """In the transaction that writes what names the blobs. Harmless when repeated."""
    await c.execute(_NOTE, *(list(column) for column in zip(*uses, strict=True)))


_ENDED_ALONE = """
select distinct u.tenant, u.digest from blob_uses u
where u.run_id = any($1::text[]) and not exists (
  select from blob_uses o join runs r on r.id = o.run_id
  where o.tenant = u.tenant and o.digest = u.digest and r.status < 6
)
union
select r.tenant, d.digest from runs r
cross join lateral unnest(array[r.document_digest, r.ir_digest]) as d (digest)
where r.id = any($1::text[]) and r.version is null and not exists (
  select from runs o where o.tenant = r.tenant and o.status < 6
    and (o.document_digest = d.digest or o.ir_digest = d.digest)
)
"""


async def used_by_ended_alone(c: Connection, runs: Sequence[str]) -> list[tuple[str, str]]:
    """(tenant, digest) of what these runs use and no live run does; documents only if they were
    sent along with a start."""
    return [(tenant, digest) for tenant, digest in await c.fetch(_ENDED_ALONE, runs)]


async def used_by_live(
    c: Connection, after: tuple[str, str], *, limit: int
) -> list[tuple[str, str]]:
    """(tenant, digest) of what live runs use beside their documents, in order, after `after`."""
    rows = await c.fetch(
        "select distinct u.tenant, u.digest from runs r join blob_uses u on u.run_id = r.id "
        "where r.status < 6 and (u.tenant, u.digest) > ($1, $2) order by 1, 2 limit $3",
        *after, limit,
    )  # fmt: skip
    return [(tenant, digest) for tenant, digest in rows]
