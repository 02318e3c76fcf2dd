"""API keys. Only the sha256 of a secret is stored.

Secrets are 256 random bits, so a fast hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from .database import Connection


class ApiKeyRow(msgspec.Struct, frozen=True):
    id: str
    tenant: str
    kind: str
    roles: list[str]
    groups: list[str]


class KeyRow(msgspec.Struct, frozen=True):
    id: str
    kind: str
    roles: list[str]
    groups: list[str]
    created_at: datetime
    revoked_at: datetime | None


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def find_key(c: Connection, hashed: bytes) -> ApiKeyRow | None:
    """The key with this `secret_hash`, unless it was revoked."""
    row = await c.fetchrow(
        "select id, tenant, kind, roles, groups from api_keys "
        "where secret_hash = $1 and revoked_at is null",
        hashed,
    )
    return ApiKeyRow(**row) if row else None


async def keep_key(
    c: Connection,
    id: str,
    secret: str,
    *,
    tenant: str,
    name: str,
    roles: Sequence[str],
    groups: Sequence[str] = (),
    kind: str = "service",
) -> None:
    """Make `secret` the valid one of key `id`, whatever stood there before. Idempotent."""
    await c.execute(
        "insert into api_keys (id, tenant, name, secret_hash, roles, kind, groups, created_at) "
        "values ($1, $2, $3, $4, $5, $6, $7, now()) "
        "on conflict (id) do update set secret_hash = excluded.secret_hash, revoked_at = null",
        id, tenant, name, secret_hash(secret), list(roles), kind, list(groups),
    )  # fmt: skip


async def make_key(
    c: Connection,
    id: str,
    secret: str,
    *,
    tenant: str,
    kind: str,
    roles: Sequence[str],
    groups: Sequence[str],
) -> KeyRow | None:
    """A new key, or a revoked one of this tenant with another secret; None if `id` is taken."""
    row = await c.fetchrow(
        "insert into api_keys (id, tenant, name, secret_hash, roles, kind, groups, created_at) "
        "values ($1, $2, $1, $3, $4, $5, $6, now()) "
        "on conflict (id) do update set secret_hash = excluded.secret_hash, "
        "roles = excluded.roles, kind = excluded.kind, groups = excluded.groups, "
        "created_at = excluded.created_at, revoked_at = null "
        "where api_keys.revoked_at is not null and api_keys.tenant = excluded.tenant "
        "returning id, kind, roles, groups, created_at, revoked_at",
        id, tenant, secret_hash(secret), list(roles), kind, list(groups),
    )  # fmt: skip
    return KeyRow(**row) if row else None


async def list_keys(c: Connection, tenant: str, *, after: str, limit: int) -> list[KeyRow]:
    """The tenant's keys with an id above `after`, by id; revoked ones too."""
    rows = await c.fetch(
        "select id, kind, roles, groups, created_at, revoked_at from api_keys "
        "where tenant = $1 and id > $2 order by id limit $3",
        tenant, after, limit,
    )  # fmt: skip
    return [KeyRow(**row) for row in rows]


async def revoke_key(c: Connection, tenant: str, id: str) -> KeyRow | None:
    """The key, revoked now or before; None if the tenant has no such key."""
    row = await c.fetchrow(
        "update api_keys set revoked_at = coalesce(revoked_at, now()) "
        "where tenant = $1 and id = $2 "
        "returning id, kind, roles, groups, created_at, revoked_at",
        tenant, id,
    )  # fmt: skip
    return KeyRow(**row) if row else None
