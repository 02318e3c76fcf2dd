"""Compiled documents by digest, kept in memory."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from minuet.ir.plan import Plan
from minuet.model.errors import NotFound
from minuet.model.ir import Ir

from .kept import PLAN_NODES, Kept

_decode = msgspec.json.Decoder(Ir).decode


class Blobs(Protocol):
    """The part of the content-addressed store that is needed here."""

    async def get(self, tenant: str, digest: str) -> bytes | None:
        """What is missing is None, or raises NotFound."""


class PlanCache:
    """Few large plans or many small ones, least recently used first out."""

    def __init__(self, blobs: Blobs, *, capacity_nodes: int = PLAN_NODES) -> None:
        self._blobs = blobs
        self._plans: Kept[Plan] = Kept(capacity_nodes)

    def cached(self, tenant: str, digest: str) -> Plan | None:
        return self._plans.get(tenant, digest)

    async def get(self, tenant: str, digest: str) -> Plan:
        """Raises NotFound if no store has the IR, or it is of a version we cannot read."""
        plan = self.cached(tenant, digest)
        if plan is None:
            data = await self._blobs.get(tenant, digest)
            if data is None:
                raise NotFound(f"there is no compiled document {digest}")
            try:
                # Off the loop: a large document takes a while, and leases are not the only ones
                # who wait.
                plan = await asyncio.to_thread(lambda: Plan(_decode(data), digest))
            except msgspec.MsgspecError as exc:
                raise NotFound(f"IR {digest} cannot be read: {exc}") from exc
            self._plans.put(tenant, digest, plan, weight_of(plan.ir))
        return plan


def weight_of(ir: Ir) -> int:
    """Nodes and edges; never 0."""
    return 1 + len(ir.nodes) + len(ir.edges)
