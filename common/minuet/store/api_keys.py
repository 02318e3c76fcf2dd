"""API keys. Only the sha256 of a secret is stored.

Secrets are 256 random bits, so a fast hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
