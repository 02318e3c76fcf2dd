"""Which nodes a cluster has now, and a connection to each that serves slots."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import structlog

from minuet.model.errors import BusUnavailable, MinuetError

from .address import Address
from .cluster_node import Node
from .slots import NO_MAP, Place, Redirected, SlotMap

log = structlog.get_logger()

LOOK_S: Final = 2.0
"""Between looks while all is well: this finds a node that hangs without closing connections."""
TROUBLED_LOOK_S: Final = 0.2
RETIRE_S: Final = 1.0
"""What is under way on a node that serves nothing any more may still be answered for so long."""


class Topology:
    """`node_for` gives the node of a slot. Looks at the cluster when a call was redirected or has
    failed, and now and then: until `close`."""

    def __init__(self, address: Address, prefix: str) -> None:
        self._address = address
        self._prefix = prefix
        self._seeds = [Place(host, port) for host, port in address.seeds]
        self._nodes: dict[Place, Node] = {}
        self._map = NO_MAP
        self._looking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._retired: dict[Node, asyncio.Task[None]] = {}
        self._closed = False
        self._earlier_connections = 0

    @property
    def masters(self) -> list[Node]:
        """Every node that serves slots, in a fixed order; none before the first look."""
        return [self._node_at(place) for place in sorted(self._map.places)]

    @property
    def connections(self) -> int:
        """How often any node was connected to."""
        return self._earlier_connections + sum(n.connections for n in self._nodes.values())

    @property
    def trouble(self) -> str | None:
        if self._map is NO_MAP:
            return f"{self._address}: no node of the cluster answered yet"
        return next((node.trouble for node in self.masters if node.trouble), None)

    async def open(self) -> None:
        """Look, unless somebody did. Raises BusUnavailable if no node answers."""
        if self._map is NO_MAP:
            await self.look()
        self._watch()

    async def close(self) -> None:
        self._closed = True
        tasks = [self._watching, self._looking, *self._retired.values()]
        under_way = [task for task in tasks if task is not None]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.gather(*(node.close() for node in (*self._nodes.values(), *self._retired)))

    async def node_for(self, slot: int) -> Node:
        """Raises BusUnavailable if nobody serves it."""
        if self._map.masters[slot] is None:
            await self.look()
            self._watch()
        place = self._map.masters[slot]
        if place is None:
            raise BusUnavailable(f"{self._address}: no node serves slot {slot}")
        return self._node_at(place)

    def node_at(self, place: Place) -> Node:
        """A node that another one named; it may serve nothing yet."""
        return self._node_at(place)

    async def follow(self, slot: int, redirected: Redirected) -> None:
        """A node said who serves the slot, or only that it does not itself."""
        if redirected.place is not None:
            self._map = self._map.moved(slot, redirected.place)
            self.suspect()
        else:
            await self.look()

    def suspect(self) -> None:
        """Something failed: look soon."""
        self._wanted.set()
        self._watch()

    async def look(self) -> None:
        """Ask the nodes who serves what; whoever comes meanwhile gets the same look. Raises
        BusUnavailable if no node answers."""
        if self._closed:
            raise BusUnavailable("the bus was closed")
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())
            self._looking.add_done_callback(_note_failure)
        await asyncio.shield(self._looking)

    async def _look(self) -> None:
        best: SlotMap | None = None
        failure: BusUnavailable | None = None
        for node in self._to_ask():
            try:
                found = await node.map()
            except BusUnavailable as exc:
                failure = exc
                continue
            if best is None or (found.is_whole, found.epoch) > (best.is_whole, best.epoch):
                best = found
            # A node that was cut off tells what was: others are asked until one knows as much as
            # is known here already.
            if found.is_whole and found.epoch >= self._map.epoch:
                break
        if best is None or not best.places:
            raise BusUnavailable(f"{self._address}: {failure or 'no node serves anything'}")
        self._learn(best)

    def _to_ask(self) -> Iterable[Node]:
        """Those that answer first; then whoever the address names."""
        known = sorted(self._nodes.values(), key=lambda node: node.trouble is not None)
        seeds = [self._node_at(place) for place in self._seeds if place not in self._nodes]
        return [*known, *seeds]

    def _learn(self, found: SlotMap) -> None:
        moved = 0 if self._map is NO_MAP else self._map.changes(found)
        self._map = found
        if moved:
            log.info("slots_moved", slots=moved, masters=[str(p) for p in sorted(found.places)])
        for place in found.places:
            self._node_at(place).connect_soon()
        for place in [place for place in self._nodes if place not in found.places]:
            self._retire(self._nodes.pop(place))

    def _retire(self, node: Node) -> None:
        self._earlier_connections += node.connections
        self._retired[node] = asyncio.ensure_future(self._end(node))

    async def _end(self, node: Node) -> None:
        await asyncio.sleep(RETIRE_S)
        await node.close()
        del self._retired[node]

    def _node_at(self, place: Place) -> Node:
        node = self._nodes.get(place)
        if node is None:
            node = self._nodes[place] = Node(self._address.node(*place), self._prefix)
        return node

    def _watch(self) -> None:
        if self._watching is None and not self._closed:
            self._watching = asyncio.ensure_future(self._keep_looking())

    async def _keep_looking(self) -> None:
        while True:
            if not self.trouble:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.look()
            except MinuetError as exc:
                log.warning("cluster_away", reason=str(exc))
            # However many calls fail meanwhile, five looks a second are enough.
            await asyncio.sleep(TROUBLED_LOOK_S)


def _note_failure(look: asyncio.Task[None]) -> None:
    """Whoever waited may have been cancelled: its failure counts as seen."""
    if not look.cancelled():
        look.exception()
