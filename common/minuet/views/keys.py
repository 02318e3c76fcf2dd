"""API keys as the API shows them: to whoever makes them, once with their secret."""

from __future__ import annotations

from datetime import datetime

import msgspec


class KeyView(msgspec.Struct, frozen=True):
    """A key is the principal that its requests come from: approvals name its `id` or one of its
    `groups`. `revoked_at` is None while it is good."""

    id: str
    kind: str
    roles: list[str]
    groups: list[str]
    created_at: datetime
    revoked_at: datetime | None = None


class KeyPage(msgspec.Struct, frozen=True):
    items: list[KeyView]
    next_cursor: str | None = None


class MadeKey(KeyView, frozen=True, kw_only=True):
    """`secret` is told this once: only its hash is stored."""

    secret: str
