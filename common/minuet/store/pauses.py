"""Who paused a run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from .database import Connection


class Pause(msgspec.Struct, frozen=True):
    principal: str
    created_at: datetime
    reason: str | None


async def last_pause(c: Connection, run: str, *, at_most: int) -> Pause | None:
    """The last applied pause whose number is not above `at_most`."""
    row = await c.fetchrow(
        "select principal, created_at, data->>'reason' as reason from commands "
        "where run_id = $1 and name = 'pause' and number <= $2 and refused is null "
        "order by number desc limit 1",
        run, at_most,
    )  # fmt: skip
    return Pause(**row) if row else None
