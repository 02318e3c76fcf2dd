"""Compiled documents, decoded; a few are kept, because many runs share one."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import msgspec

from minuet.ir.plan import Plan
from minuet.model.errors import NotFound
from minuet.model.ir import Ir

KEPT: Final = 64

_decode = msgspec.json.Decoder(Ir).decode


class Blobs(Protocol):
    async def get(self, tenant: str, digest: str) -> bytes | None: ...


class Plans:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._plans: dict[tuple[str, str], Plan] = {}

    async def get(self, tenant: str, digest: str) -> Plan:
        """Raises NotFound if no store has it, MsgspecError if it is no compiled document,
        Unavailable."""
        plan = self._plans.get((tenant, digest))
        if plan is None:
            data = await self._blobs.get(tenant, digest)
            if data is None:
                raise NotFound(f"no compiled document {digest}")
            plan = await asyncio.to_thread(lambda: Plan(_decode(data), digest))
            if len(self._plans) >= KEPT:
                self._plans.pop(next(iter(self._plans)))
            self._plans[tenant, digest] = plan
        return plan
