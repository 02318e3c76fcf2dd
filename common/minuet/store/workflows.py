"""Workflows and their versions. Documents and compiled forms themselves lie in the blobs table."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from .page import Position

if TYPE_CHECKING:
    from .database import Connection


class WorkflowRow(msgspec.Struct, frozen=True):
    name: str
    latest_version: int
    digest: str
    created_at: datetime
    updated_at: datetime


class VersionRow(msgspec.Struct, frozen=True):
    """`digest` tells versions apart and leaves the drawing (`ui`) out; `document_digest` names the
    blob with the whole document."""

    name: str
    version: int
    digest: str
    document_digest: str
    ir_digest: str
    created_at: datetime
    principal: str


_VERSION = "v.name, v.version, v.digest, v.document_digest, v.ir_digest, v.created_at, v.principal"


async def lock_workflow(c: Connection, tenant: str, name: str) -> None:
    """Keep others from adding a version until the transaction ends, a first one included."""
    await c.execute(
        "select pg_advisory_xact_lock(hashtextextended($1 || chr(1) || $2, 20))", tenant, name
    )


async def latest_number(c: Connection, tenant: str, name: str) -> int:
    """The highest version number ever used, deleted workflows included; 0 if there is none."""
    number = await c.fetchval(
        "select max(version) from workflow_versions where tenant = $1 and name = $2", tenant, name
    )
    return int(number or 0)


async def find_digest(c: Connection, tenant: str, name: str, digest: str) -> VersionRow | None:
    row = await c.fetchrow(
        f"select {_VERSION} from workflow_versions v "  # noqa: S608 - a constant list of columns
        "where v.tenant = $1 and v.name = $2 and v.digest = $3",
        tenant, name, digest,
    )  # fmt: skip
    return VersionRow(**row) if row else None


async def add_version(c: Connection, tenant: str, row: VersionRow) -> None:
    await c.execute(
        "insert into workflow_versions "
        "(tenant, name, version, digest, document_digest, ir_digest, created_at, principal) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant, row.name, row.version, row.digest, row.document_digest, row.ir_digest,
        row.created_at, row.principal,
    )  # fmt: skip


async def point_to(c: Connection, tenant: str, name: str, version: int) -> None:
    """Make `version` the latest one; makes the workflow or brings a deleted one back."""
    await c.execute(
        "insert into workflows (tenant, name, latest_version) values ($1, $2, $3) "
        "on conflict (tenant, name) do update set latest_version = excluded.latest_version, "
        "updated_at = now(), deleted_at = null",
        tenant, name, version,
    )  # fmt: skip


async def mark_deleted(c: Connection, tenant: str, name: str) -> bool:
    """False if there is no such workflow. Runs and versions stay."""
    status = await c.execute(
        "update workflows set deleted_at = now(), updated_at = now() "
        "where tenant = $1 and name = $2 and deleted_at is null",
        tenant, name,
    )  # fmt: skip
    return bool(status.endswith(" 1"))


async def find_versions(
    c: Connection, wanted: list[tuple[str, str, int | None]]
) -> list[VersionRow | None]:
    """For each (tenant, name, version or None for the latest) its row, None where there is none.

    One query, whatever the number asked for.
    """
    rows = await c.fetch(
        f"select w.at as at, {_VERSION} "  # noqa: S608 - a constant list of columns
        "from unnest($1::text[], $2::text[], $3::int[]) "
        "with ordinality as w (tenant, name, version, at) "
        "join workflows f on f.tenant = w.tenant and f.name = w.name and f.deleted_at is null "
        "join workflow_versions v on v.tenant = f.tenant and v.name = f.name "
        "and v.version = coalesce(w.version, f.latest_version)",
        [tenant for tenant, _, _ in wanted],
        [name for _, name, _ in wanted],
        [version for _, _, version in wanted],
    )
    found: list[VersionRow | None] = [None] * len(wanted)
    for at, *values in rows:
        found[at - 1] = VersionRow(*values)
    return found


async def list_workflows(
    c: Connection, tenant: str, *, after: Position | None, limit: int
) -> list[WorkflowRow]:
    """Newest change first; one row more than `limit` if there is a further page."""
    rows = await c.fetch(
        "select w.name, w.latest_version, v.digest, w.created_at, w.updated_at from workflows w "
        "join workflow_versions v on v.tenant = w.tenant and v.name = w.name "
        "and v.version = w.latest_version "
        "where w.tenant = $1 and w.deleted_at is null "
        "and ($2::timestamptz is null or (w.updated_at, w.name) < ($2, $3)) "
        "order by w.updated_at desc, w.name desc limit $4",
        tenant, after and after.at, after and after.id, limit + 1,
    )  # fmt: skip
    return [WorkflowRow(**row) for row in rows]


async def list_versions(
    c: Connection, tenant: str, name: str, *, before: int | None, limit: int
) -> list[VersionRow]:
    """Newest first; one row more than `limit` if there is a further page."""
    rows = await c.fetch(
        f"select {_VERSION} from workflow_versions v "  # noqa: S608 - a constant list of columns
        "join workflows w on w.tenant = v.tenant and w.name = v.name and w.deleted_at is null "
        "where v.tenant = $1 and v.name = $2 and ($3::bigint is null or v.version < $3) "
        "order by v.version desc limit $4",
        tenant, name, before, limit + 1,
    )  # fmt: skip
    return [VersionRow(**row) for row in rows]


async def set_content(c: Connection, tenant: str, row: VersionRow) -> None:
    """The same version drawn anew, or compiled anew because a node type is known now."""
    await c.execute(
        "update workflow_versions set document_digest = $4, ir_digest = $5 "
        "where tenant = $1 and name = $2 and version = $3",
        tenant, row.name, row.version, row.document_digest, row.ir_digest,
    )  # fmt: skip
