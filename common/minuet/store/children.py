"""Child runs: written when their first transition is recorded, asked for by their parents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from minuet.model.signal import Start

if TYPE_CHECKING:
    from .database import Connection


class ChildState(msgspec.Struct, frozen=True):
    """A recorded child run: how it was started, and how it stands."""

    id: str
    status: int
    child: dict[str, Any]
    outputs: bytes | None
    outputs_ref: dict[str, Any] | None
    error: dict[str, Any] | None


class Orphan(msgspec.Struct, frozen=True):
    """A live child run whose parent has ended."""

    id: str
    partition: int


_INSERT = """
with new as (
  insert into runs (id, tenant, partition, workflow, version, document_digest, ir_digest, status,
    principal, accepted_at, relayed_at, inputs, traceparent, parent_run, child, priority)
  select n.id, p.tenant, p.partition, n.workflow, n.version, n.document, n.ir, 0, p.principal,
    n.accepted_at, n.accepted_at, n.inputs, n.traceparent, p.id, n.child::jsonb, p.priority
  from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[],
    $7::timestamptz[], $8::bytea[], $9::text[], $10::text[])
    as n (id, parent, workflow, version, document, ir, accepted_at, inputs, traceparent, child)
  join runs p on p.id = n.parent
  on conflict do nothing
  returning id, principal, accepted_at
)
insert into commands (run_id, number, name, data, principal, created_at)
select id, 0, 'start', '{}'::jsonb, principal, accepted_at from new
"""


async def insert_children(c: Connection, starts: Iterable[Start]) -> None:
    """Write the rows of child runs, those of parents first. One that stands already stays as it is;
    one whose parent nobody knows, or that names itself as its ancestor, is left out."""
    left = {start.run: start for start in starts if start.parent is not None}
    while ready := [start for start in left.values() if _parent(start) not in left]:
        await _insert(c, ready)
        for start in ready:
            del left[start.run]


def _parent(start: Start) -> str:
    assert start.parent is not None
    return start.parent.run


async def _insert(c: Connection, starts: Sequence[Start]) -> None:
    await c.execute(
        _INSERT,
        [s.run for s in starts],
        [_parent(s) for s in starts],
        [s.workflow for s in starts],
        [s.workflow_version for s in starts],
        [s.document or "" for s in starts],
        [s.ir for s in starts],
        [datetime.fromtimestamp(s.accepted_at / 1000, UTC) for s in starts],
        [bytes(s.inputs) for s in starts],
        [s.traceparent for s in starts],
        [_child(s) for s in starts],
    )


def _child(start: Start) -> str:
    """What a row says of a run because it is a child run."""
    data = {
        "parent": start.parent,
        "deadline_at": start.deadline_at,
        "returns": start.returns,
        "document": start.document,
    }
    return msgspec.json.encode(data).decode()


async def children(c: Connection, ids: Sequence[str]) -> list[ChildState]:
    """In no order; those that are not recorded are left out."""
    rows = await c.fetch(
        "select id, status, child, outputs, outputs_ref, error from runs "
        "where id = any($1::text[]) and child is not null",
        list(ids),
    )
    return [ChildState(**row) for row in rows]


async def orphans(c: Connection, *, limit: int) -> list[Orphan]:
    """Live child runs whose parent has ended; mostly they are about to be stopped."""
    rows = await c.fetch(
        "select ch.id, ch.partition from runs ch join runs p on p.id = ch.parent_run "
        "where ch.status < 6 and ch.cmd >= 0 and p.status >= 6 order by ch.id limit $1",
        limit,
    )
    return [Orphan(**row) for row in rows]
