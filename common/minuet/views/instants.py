"""Instants as people and programs read them: RFC 3339 in UTC. The history itself counts ms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

LAST_MS: Final = 253_402_300_799_999  # the year 9999, where datetime ends


def instant(ms: int) -> datetime:
    """`ms` since the epoch, aware; clipped to the years that exist, as workers may say anything."""
    return datetime.fromtimestamp(min(max(ms, 0), LAST_MS) / 1000, UTC)


def with_instants(data: dict[str, Any]) -> dict[str, Any]:
    """An event's data with the instants of its own fields (`..._at`); what users sent, further
    down, is left alone. `data` itself is not changed."""
    found = {
        name: instant(value)
        for name, value in data.items()
        if name.endswith("_at") and isinstance(value, int)
    }
    return data | found if found else data
