"""Patches of runs: written by the API with their command, settled by the recorder; those that the
API refuses are written as they ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from .database import Connection


class NewPatch(NamedTuple):
    """One attempt, in the order of the parameters of its insert. `operations` is JSON."""

    run_id: str
    number: int
    patch: str
    tenant: str
    by: str
    by_agent: bool
    note: str | None
    operations: bytes
    base_document_digest: str
    document_digest: str
    ir_digest: str


class RefusedPatch(NamedTuple):
    """An attempt that never became a command, in the order of the parameters of its insert."""

    run_id: str
    patch: str
    tenant: str
    by: str
    by_agent: bool
    note: str | None
    operations: bytes
    base_document_digest: str
    reason: str
    detail: list[str]


class Verdict(NamedTuple):
    """How an attempt ended, in the order of the parameters of its update; `reason` is None if it
    was applied."""

    run_id: str
    number: int
    status: str
    reason: str | None
    detail: list[str]
    decided_at: datetime
    seq: int


class Moved(NamedTuple):
    """A run that is on another document since its event `seq`."""

    run_id: str
    document_digest: str
    ir_digest: str


class PatchRow(msgspec.Struct, frozen=True):
    """`number` and `document_digest` are None for one that never became a command."""

    id: int
    number: int | None
    patch: str
    by: str
    by_agent: bool
    note: str | None
    operations: bytes
    base_document_digest: str
    document_digest: str | None
    status: str
    reason: str | None
    detail: Any
    created_at: datetime
    decided_at: datetime | None
    seq: int | None


_ROW = """id, number, patch, by, by_agent, note, operations, base_document_digest, document_digest,
 status, reason, detail, created_at, decided_at, seq"""

_SETTLE = """
update patches p set status = v.status, reason = v.reason, detail = v.detail::jsonb,
  decided_at = v.decided_at, seq = v.seq
from unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
  $7::bigint[]) as v (run_id, number, status, reason, detail, decided_at, seq)
where p.run_id = v.run_id and p.number = v.number and p.status = 'pending'
"""

_KEEP_REFUSED = """
insert into patches (run_id, patch, tenant, by, by_agent, note, operations, base_document_digest,
  status, reason, detail, decided_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'refused', $9, $10, now())
on conflict (run_id, patch) where number is null do update
set note = excluded.note, operations = excluded.operations, reason = excluded.reason,
  base_document_digest = excluded.base_document_digest, detail = excluded.detail,
  decided_at = excluded.decided_at
"""

_MOVE = """
update runs r set current_document_digest = m.document_digest, current_ir_digest = m.ir_digest,
  patches = r.patches + 1
from unnest($1::text[], $2::text[], $3::text[]) as m (run_id, document_digest, ir_digest)
where r.id = m.run_id
"""


async def insert_patch(c: Connection, patch: NewPatch) -> None:
    """Write an attempt in the transaction of its command."""
    await c.execute(
        "insert into patches (run_id, number, patch, tenant, by, by_agent, note, operations, "
        "base_document_digest, document_digest, ir_digest) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        *patch,
    )


async def keep_refused(c: Connection, refused: RefusedPatch) -> None:
    """The same patch again replaces what was refused of it before."""
    await c.execute(_KEEP_REFUSED, *refused)


async def settle(c: Connection, verdicts: Sequence[Verdict]) -> None:
    """What is settled already stays: an event may be told twice."""
    columns = list(zip(*verdicts, strict=True))
    columns[4] = tuple(msgspec.json.encode(detail).decode() for detail in columns[4])
    await c.execute(_SETTLE, *map(list, columns))


async def move_runs(c: Connection, moved: Sequence[Moved]) -> None:
    """Once for each applied patch, in order; the caller stores its event in this transaction."""
    for each in moved:  # two patches of one run in a batch must not race in one statement
        await c.execute(_MOVE, [each.run_id], [each.document_digest], [each.ir_digest])


async def get_patch(c: Connection, run: str, number: int) -> PatchRow | None:
    row = await c.fetchrow(
        f"select {_ROW} from patches where run_id = $1 and number = $2",  # noqa: S608 - constant
        run, number,
    )  # fmt: skip
    return PatchRow(**row) if row else None


async def find_patch(c: Connection, run: str, patch: str) -> PatchRow | None:
    """The attempt that was applied of the patch with this id, else the latest command."""
    row = await c.fetchrow(
        f"select {_ROW} from patches where run_id = $1 and patch = $2 "  # noqa: S608 - constant
        "and number is not null order by status = 'applied' desc, number desc limit 1",
        run, patch,
    )  # fmt: skip
    return PatchRow(**row) if row else None


async def list_patches(
    c: Connection, tenant: str, run: str, *, after: int, limit: int
) -> list[PatchRow]:
    """Attempts above id `after`, in order."""
    rows = await c.fetch(
        f"select {_ROW} from patches where run_id = $1 and tenant = $2 "  # noqa: S608 - constant
        "and id > $3 order by id limit $4",
        run, tenant, after, limit,
    )  # fmt: skip
    return [PatchRow(**row) for row in rows]


async def count_by_agents(c: Connection, run: str, *, besides: str) -> int:
    """Different patches that agents brought to the run's owner, without the one with this id."""
    count: int = await c.fetchval(
        "select count(distinct patch) from patches "
        "where run_id = $1 and by_agent and patch <> $2 and number is not null",
        run, besides,
    )  # fmt: skip
    return count
