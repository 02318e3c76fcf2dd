"""The runs table: acceptance, and the projections that the recorder keeps up to date."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from minuet.model.status import RunStatus
from minuet.model.token import CasRef

from .page import Position

if TYPE_CHECKING:
    from .database import Connection

DEFAULT_PRIORITY: Final = 5


@dataclass(frozen=True, slots=True)
class NewRun:
    """An accepted run as it is first written. Exactly one of `inputs` (canonical JSON) and
    `inputs_ref` is set; `start_values` goes with the latter. `kept` is the JSON of what is taken
    over from the run `retry_of`: {node: Kept}. One with a `concurrency_key` is not sent before it
    is granted its place among at most `concurrency_limit` runs. `uses` are the digests of blobs
    that inputs and kept results name: without, they are not kept."""

    id: str
    tenant: str
    partition: int
    workflow: str
    version: int | None
    document_digest: str
    ir_digest: str
    principal: str
    accepted_at: datetime
    inputs: bytes | None
    inputs_ref: CasRef | None = None
    start_values: dict[str, Any] | None = None
    labels: dict[str, str] | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None
    traceparent: str | None = None
    retry_of: str | None = None
    kept: bytes | None = None
    priority: int = DEFAULT_PRIORITY
    concurrency_key: str | None = None
    concurrency_limit: int | None = None
    uses: Collection[str] = ()


class StartRow(msgspec.Struct, frozen=True):
    """What the start signal of a run is made of."""

    id: str
    tenant: str
    partition: int
    workflow: str
    version: int | None
    ir_digest: str
    accepted_at: datetime
    inputs: bytes | None
    inputs_ref: dict[str, Any] | None
    start_values: dict[str, Any] | None
    traceparent: str | None
    retry_of: str | None = None
    kept: bytes | None = None
    priority: int = DEFAULT_PRIORITY
    child: dict[str, Any] | None = None


class RunRow(msgspec.Struct, frozen=True):
    """A run as the API shows it; the digests are of what it is on now."""

    id: str
    partition: int
    workflow: str
    version: int | None
    patches: int
    document_digest: str
    ir_digest: str
    status: int
    cmd: int
    seq: int
    counter: int
    inputs: bytes | None
    inputs_ref: dict[str, Any] | None
    outputs: bytes | None
    outputs_ref: dict[str, Any] | None
    error: dict[str, Any] | None
    labels: dict[str, str] | None
    principal: str
    idempotency_key: str | None
    retry_of: str | None
    child: dict[str, Any] | None
    accepted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    priority: int
    concurrency_key: str | None


class RunLine(msgspec.Struct, frozen=True):
    """A row of the list of runs: no payloads."""

    id: str
    workflow: str
    version: int | None
    status: int
    counter: int
    labels: dict[str, str] | None
    accepted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Progress(msgspec.Struct, frozen=True):
    """How far a run is recorded."""

    id: str
    status: int
    seq: int
    cmd: int

    @property
    def ended(self) -> bool:
        return RunStatus(self.status).ended


_RUN = """id, partition, workflow, version, patches,
 coalesce(current_document_digest, document_digest) as document_digest,
 coalesce(current_ir_digest, ir_digest) as ir_digest, status, cmd,
 seq, counter, inputs, inputs_ref, outputs,
 outputs_ref, error, labels,
 principal, idempotency_key, retry_of, child, accepted_at, started_at, ended_at, priority,
 concurrency_key"""

_LIST = """
select id, workflow, version, status, counter, labels, accepted_at, started_at, ended_at from runs
where {} order by accepted_at desc, id desc limit $2
"""

START_COLUMNS = """r.id, r.tenant, r.partition, r.workflow, r.version, r.ir_digest, r.accepted_at,
 r.inputs, r.inputs_ref, r.start_values, r.traceparent, r.retry_of, r.kept, r.priority, r.child"""

_INSERT = """
with new as (
  insert into runs (id, tenant, partition, workflow, version, document_digest, ir_digest, status,
    principal, accepted_at, relayed_at, inputs, inputs_ref, start_values, labels, idempotency_key,
    request_digest, traceparent, retry_of, kept, priority, concurrency_key, concurrency_limit)
  select n.id, n.tenant, n.partition, n.workflow, n.version, n.document_digest, n.ir_digest, 0,
    n.principal, n.accepted_at, case when n.concurrency_key is null then n.accepted_at end,
    n.inputs, n.inputs_ref::jsonb,
    n.start_values::jsonb, n.labels::jsonb, n.idempotency_key, n.request_digest, n.traceparent,
    n.retry_of, n.kept, n.priority, n.concurrency_key, n.concurrency_limit
  from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::int[], $6::text[], $7::text[],
    $8::text[], $9::timestamptz[], $10::bytea[], $11::text[], $12::text[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[], $18::bytea[],
    $19::smallint[], $20::text[], $21::int[])
    as n (id, tenant, partition, workflow, version, document_digest, ir_digest, principal,
      accepted_at, inputs, inputs_ref, start_values, labels, idempotency_key, request_digest,
      traceparent, retry_of, kept, priority, concurrency_key, concurrency_limit)
  order by n.tenant, n.idempotency_key
  on conflict do nothing
  returning id, tenant, principal, idempotency_key, accepted_at
), command as (
  insert into commands (run_id, number, name, data, principal, idempotency_key, created_at)
  select id, 0, 'start', '{}'::jsonb, principal, idempotency_key, accepted_at from new
), use as (
  insert into blob_uses (tenant, digest, run_id)
  select new.tenant, u.digest, new.id
  from unnest($22::text[], $23::text[]) as u (run_id, digest) join new on new.id = u.run_id
)
select id from new
"""


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def insert_runs(c: Connection, runs: Sequence[NewRun]) -> set[str]:
    """Write runs and their command 0, all in one statement; the ids that were written.

    A run whose idempotency key is taken is left out. Everything stands or nothing. Sorted, so
    that two batches with the same keys cannot wait for each other in a circle.
    """
    rows = await c.fetch(
        _INSERT,
        [r.id for r in runs],
        [r.tenant for r in runs],
        [r.partition for r in runs],
        [r.workflow for r in runs],
        [r.version for r in runs],
        [r.document_digest for r in runs],
        [r.ir_digest for r in runs],
        [r.principal for r in runs],
        [r.accepted_at for r in runs],
        [r.inputs for r in runs],
        [_json(r.inputs_ref) for r in runs],
        [_json(r.start_values) for r in runs],
        [_json(r.labels or {}) for r in runs],
        [r.idempotency_key for r in runs],
        [r.request_digest for r in runs],
        [r.traceparent for r in runs],
        [r.retry_of for r in runs],
        [r.kept for r in runs],
        [r.priority for r in runs],
        [r.concurrency_key for r in runs],
        [r.concurrency_limit for r in runs],
        [r.id for r in runs for _ in r.uses],
        [digest for r in runs for digest in r.uses],
    )
    return {row["id"] for row in rows}


async def find_by_key(c: Connection, tenant: str, key: str) -> tuple[str, str, int] | None:
    """(run id, request digest, status) of the run that was started with this idempotency key."""
    row = await c.fetchrow(
        "select id, request_digest, status from runs where tenant = $1 and idempotency_key = $2",
        tenant, key,
    )  # fmt: skip
    return (row["id"], row["request_digest"] or "", row["status"]) if row else None


async def known_keys(
    c: Connection, names: Sequence[tuple[str, str]]
) -> set[tuple[str, str | None]]:
    """Those among these (tenant, idempotency key) that have a run."""
    rows = await c.fetch(
        "select r.tenant, r.idempotency_key from runs r "
        "join unnest($1::text[], $2::text[]) as w (tenant, key) "
        "on r.tenant = w.tenant and r.idempotency_key = w.key",
        [tenant for tenant, _ in names],
        [key for _, key in names],
    )
    return {(row["tenant"], row["idempotency_key"]) for row in rows}


async def get_run(c: Connection, tenant: str, id: str) -> RunRow | None:
    row = await c.fetchrow(
        f"select {_RUN} from runs where id = $1 and tenant = $2",  # noqa: S608 - constant columns
        id, tenant,
    )  # fmt: skip
    return RunRow(**row) if row else None


async def get_progress(c: Connection, ids: Sequence[str]) -> list[Progress]:
    """In no order; runs that do not exist are left out."""
    rows = await c.fetch("select id, status, seq, cmd from runs where id = any($1::text[])", ids)
    return [Progress(**row) for row in rows]


async def list_runs(
    c: Connection,
    tenant: str,
    *,
    statuses: Sequence[int] | None,
    workflow: str | None,
    after: Position | None,
    limit: int,
    parent: str | None = None,
) -> list[RunLine]:
    """Newest first; one row more than `limit` if there is a further page. Child runs are listed
    only with their `parent`."""
    clauses = ["tenant = $1"]
    args: list[Any] = [tenant, limit + 1]
    if parent is None:
        clauses.append("parent_run is null")
    else:
        args.append(parent)
        clauses.append(f"parent_run = ${len(args)}")
    if statuses is not None:
        # As literals: only then can the planner see that a partial index covers them.
        numbers = ", ".join(str(int(status)) for status in statuses) or "null"
        clauses.append(f"status in ({numbers})")
    if workflow is not None:
        args.append(workflow)
        clauses.append(f"workflow = ${len(args)}")
    if after is not None:
        args += after
        clauses.append(f"(accepted_at, id) < (${len(args) - 1}, ${len(args)})")
    rows = await c.fetch(_LIST.format(" and ".join(clauses)), *args)
    return [RunLine(**row) for row in rows]
