"""What the API says of tickets."""

from __future__ import annotations

from datetime import datetime

import msgspec


class TicketView(msgspec.Struct, frozen=True):
    """Opens one socket until `expires_at`, as the holder of the API key: append to `url` the path
    (`/ws/runs` or `/ws/runs/{id}`) and `?ticket=`."""

    ticket: str
    expires_at: datetime
    url: str
