"""The registry of node types: the built-in ones, and whatever a worker ever registered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import structlog

from minuet.ir.builtin import builtin_node_types
from minuet.model.errors import Unavailable
from minuet.model.node_type import NodeType
from minuet.store import node_types
from minuet.store.database import Database

from ..batcher import Batcher
from ..ports import Bus

log = structlog.get_logger(__name__)

SYNC_S: Final = 1.0


class NodeTypes:
    """`known` is replaced, never changed: hold on to it while one document is compiled."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus
        self.known: Mapping[str, NodeType] = builtin_node_types()
        self._refreshes: Batcher[None, bool] = Batcher(self._refresh)

    async def keep_fresh(self) -> None:
        """Duty: ask the workers once a second."""
        while True:
            try:
                await self.refresh()
            except Unavailable as error:
                log.warning("node_types_not_synced", code=error.code, reason=str(error))
            await asyncio.sleep(SYNC_S)

    async def refresh(self) -> bool:
        """Ask the workers and Postgres now; whether anything is new. New types are stored."""
        return await self._refreshes.submit(None)

    async def _refresh(self, callers: list[None]) -> list[bool]:
        told = {spec.name: spec for worker in await self._bus.workers() for spec in worker.types}
        async with self._db.connection() as c:
            stored = {spec.name: spec for spec in await node_types.load_node_types(c)}
            new = [
                spec
                for name, spec in told.items()
                if name not in builtin_node_types() and stored.get(name) != spec
            ]
            if new:
                await node_types.save_node_types(c, new)
                log.info("node_types_registered", names=[spec.name for spec in new])
        return [self._replace({**stored, **{spec.name: spec for spec in new}})] * len(callers)

    def _replace(self, registered: Mapping[str, NodeType]) -> bool:
        known = {**registered, **builtin_node_types()}
        changed = known != dict(self.known)
        if changed:
            self.known = MappingProxyType(known)
        return changed
