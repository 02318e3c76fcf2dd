"""Compiled documents by digest, kept in memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Protocol

import msgspec

from minuet.ir.plan import Plan
from minuet.model.errors import NotFound
from minuet.model.ir import Ir

_decode = msgspec.json.Decoder(Ir).decode


class Blobs(Protocol):
    """The part of the content-addressed store that is needed here."""

    async def get(self, tenant: str, digest: str) -> bytes:
        """Raises NotFound."""


class PlanCache:
    """At most `capacity` plans, least recently used first out."""

    def __init__(self, blobs: Blobs, *, capacity: int = 512) -> None:
        self._blobs = blobs
        self._capacity = capacity
        self._plans: OrderedDict[tuple[str, str], Plan] = OrderedDict()

    def cached(self, tenant: str, digest: str) -> Plan | None:
        plan = self._plans.get((tenant, digest))
        if plan is not None:
            self._plans.move_to_end((tenant, digest))
        return plan

    async def get(self, tenant: str, digest: str) -> Plan:
        """Raises NotFound if no store has the IR, or it is of a version we cannot read."""
        plan = self.cached(tenant, digest)
        if plan is None:
            data = await self._blobs.get(tenant, digest)
            try:
                # Off the loop: a large document takes a while, and leases are not the only ones
                # who wait.
                plan = await asyncio.to_thread(lambda: Plan(_decode(data), digest))
            except msgspec.MsgspecError as exc:
                raise NotFound(f"IR {digest} cannot be read: {exc}") from exc
            self._plans[(tenant, digest)] = plan
            while len(self._plans) > self._capacity:
                self._plans.popitem(last=False)
        return plan
