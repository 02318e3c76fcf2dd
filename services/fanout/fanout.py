"""The parts of the fanout and how they are put together."""

from __future__ import annotations

from typing import Protocol

import msgspec

from minuet.bus.api import RecorderBus, SignalBus, TicketBus
from minuet.cas.durable import DurableCas
from minuet.model.errors import StoreUnavailable
from minuet.model.ir import Ir
from minuet.service import Duty
from minuet.settings import FanoutSettings
from minuet.store.database import Database
from minuet.views.runs import RunViews

from . import announcements
from .announcements import Announcements
from .hub import Hub
from .listing import RunList
from .sockets import Sockets
from .views import Views


class Bus(RecorderBus, SignalBus, TicketBus, announcements.Bus, Protocol):
    """The part of the bus that the fanout uses."""


class Fanout:
    def __init__(self, settings: FanoutSettings, db: Database, bus: Bus, cas: DurableCas) -> None:
        self._cas = cas
        run_views = RunViews(db, self._load_ir)
        self.hub = Hub(db, bus, run_views)
        self.listing = RunList(db)
        views = Views(db, self.hub, self.listing, run_views, buffer_frames=settings.buffer_frames)
        self.sockets = Sockets(settings, bus, views)
        self._announcements = Announcements(bus, self._recorded, self.hub.deleted)

    @property
    def trouble(self) -> str | None:
        """Why clients cannot be served, None if all is well: for /readyz."""
        if not self.sockets.listening:
            return "starting"
        return self.hub.events.trouble

    def duties(self) -> dict[str, Duty]:
        return {
            "events": self.hub.events.run,
            "live": self.hub.live.run,
            "verify": self.hub.verify,
            "list": self.listing.run,
            "announcements": self._announcements.run,
            "ping": self.sockets.ping,
            "sockets": self.sockets.run,
        }

    def _recorded(self, run: str, seq: int, status: int) -> None:
        self.hub.recorded(run, seq)
        self.listing.recorded(run, status)

    async def _load_ir(self, tenant: str, digest: str) -> Ir:
        data = await self._cas.get(tenant, digest)
        if data is None:
            raise StoreUnavailable(f"the blob {digest} is missing")
        return msgspec.json.decode(data, type=Ir)
