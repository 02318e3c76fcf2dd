"""Making tickets, and knowing where they are shown."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from minuet.bus.api import TicketBus
from minuet.model.ticket import Ticket, ticket_name
from minuet.settings import FanoutSettings

from ..auth import Principal
from .schemas import TicketView

TTL_S: Final = 30
SECRET_BYTES: Final = 32


class Tickets:
    def __init__(self, bus: TicketBus, fanout: FanoutSettings) -> None:
        self._bus = bus
        self._fanout = fanout

    async def issue(self, principal: Principal, url: str) -> TicketView:
        """Raises BusUnavailable, and Overloaded when Redis is full."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        holder = msgspec.json.encode(Ticket(principal.id, principal.tenant))
        expires_at = datetime.now(UTC) + timedelta(seconds=TTL_S)
        await self._bus.put_ticket(ticket_name(secret), holder, ttl_s=TTL_S)
        return TicketView(secret, expires_at, url)

    def socket_url(self, scheme: str, hostname: str | None) -> str:
        """Where the fanout is, without a path: as set, or on the host by which a request with
        this URL reached the API."""
        if self._fanout.url is not None:
            return self._fanout.url.rstrip("/")
        host = hostname or self._fanout.host
        host = f"[{host}]" if ":" in host else host
        return f"{'wss' if scheme == 'https' else 'ws'}://{host}:{self._fanout.port}"
