"""The registry of node types that workers ever registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from minuet.model.node_type import NodeType

if TYPE_CHECKING:
    from .database import Connection


async def load_node_types(c: Connection, tenant: str = "") -> list[NodeType]:
    rows = await c.fetch("select spec from node_types where tenant = $1 order by name", tenant)
    return [msgspec.convert(row["spec"], NodeType) for row in rows]


async def save_node_types(c: Connection, types: Sequence[NodeType], tenant: str = "") -> None:
    """Add these types or replace what stood under their names. Idempotent."""
    await c.execute(
        "insert into node_types (tenant, name, spec, first_seen_at, last_seen_at) "
        "select $1, n.name, n.spec::jsonb, now(), now() "
        "from unnest($2::text[], $3::text[]) as n (name, spec) "
        "on conflict (tenant, name) do update set spec = excluded.spec, last_seen_at = now()",
        tenant,
        [spec.name for spec in types],
        [msgspec.json.encode(spec).decode() for spec in types],
    )
