"""Calls to a cluster: each command goes to the node that serves its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from minuet.model.errors import BusUnavailable

from . import functions
from .address import Address
from .blocking import Rescue
from .cluster_node import Node
from .codes import FunctionName
from .connection import PAUSES_S
from .keys import Keys
from .slots import Redirected, key_of, key_slot
from .topology import Topology
from .wire import Argument, Reply


class ClusterConnection:
    """As Connection, for all nodes at once; `call_many` may touch several, and is then no longer
    one write: if one of them is away it raises BusUnavailable when all others have answered."""

    def __init__(self, address: Address, prefix: str = "") -> None:
        self.keys = Keys(prefix)
        self.address = address
        self._topology = Topology(address, prefix)

    @property
    def connections(self) -> int:
        return self._topology.connections

    @property
    def trouble(self) -> str | None:
        return self._topology.trouble

    async def open(self) -> None:
        await self._topology.open()

    async def close(self) -> None:
        await self._topology.close()

    async def masters(self) -> list[Node]:
        """Every node that serves slots, in a fixed order."""
        await self._topology.open()
        return self._topology.masters

    async def call(self, *args: Argument) -> Reply:
        return await self._routed(key_of(args), args, lambda node: node.call(*args))

    async def fcall(
        self, name: FunctionName, keys: Sequence[str | bytes], args: Sequence[Argument]
    ) -> Reply:
        command = (b"FCALL", functions.registered(name), len(keys), *keys, *args)
        return await self._routed(keys[0], command, lambda node: node.call(*command))

    async def call_blocking(
        self, block_ms: int, *args: Argument, rescue: Rescue | None = None
    ) -> Reply:
        """All keys of it in one slot. While that slot is given away the call does not wait: what
        it asks for may come wherever the slot is then."""

        async def call(node: Node) -> Reply:
            return await node.call_blocking(block_ms, *args, rescue=rescue)

        return await self._routed(key_of(args), _unblocking(args), call)

    async def call_many(self, commands: Sequence[tuple[Argument, ...]]) -> list[Reply]:
        nodes = await self._nodes_of(_keys_of(commands))
        groups: dict[Node, list[int]] = {}
        for i, node in enumerate(nodes):
            groups.setdefault(node, []).append(i)
        outcomes: list[Reply] = [None] * len(commands)

        async def ask(node: Node, places: list[int]) -> None:
            answers = await node.submit_many([commands[i] for i in places])
            for i, answer in zip(places, answers, strict=True):
                outcomes[i] = answer

        if len(groups) == 1:
            await ask(*next(iter(groups.items())))
        else:
            await asyncio.gather(*(ask(node, places) for node, places in groups.items()))
        return [
            await self._settled(command, outcome)
            for command, outcome in zip(commands, outcomes, strict=True)
        ]

    async def _settled(self, command: tuple[Argument, ...], outcome: Reply) -> Reply:
        if isinstance(outcome, Redirected):
            return await self.call(*command)
        if isinstance(outcome, BusUnavailable):
            self._topology.suspect()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def _nodes_of(self, keys: Sequence[str | bytes | None]) -> list[Node]:
        return [
            await self._topology.node_for(key_slot(key)) if key is not None else await self.any()
            for key in keys
        ]

    async def _routed(
        self,
        key: str | bytes | None,
        args: tuple[Argument, ...],
        act: Callable[[Node], Awaitable[Reply]],
    ) -> Reply:
        """`act` on the node of the key; `args` is what is sent to one that may only be asked."""
        if key is None:
            return await self._guarded(act, await self.any())
        slot = key_slot(key)
        reason: Redirected | None = None
        for pause in PAUSES_S:
            node = await self._topology.node_for(slot)
            try:
                return await self._guarded(act, node)
            except Redirected as exc:
                reason = exc
            if reason.asking and reason.place is not None:
                try:
                    return await self._topology.node_at(reason.place).asking(args)
                except Redirected as exc:
                    reason = exc  # half of the keys are there, or it is all over: begin anew
            else:
                await self._topology.follow(slot, reason)
            await asyncio.sleep(pause)
        raise BusUnavailable(f"the cluster keeps redirecting: {reason}")

    async def _guarded(self, act: Callable[[Node], Awaitable[Reply]], node: Node) -> Reply:
        try:
            return await act(node)
        except Redirected:
            raise
        except BusUnavailable:
            self._topology.suspect()
            raise

    async def any(self) -> Node:
        """The first that is well, so that time is asked of one clock while that one lives."""
        masters = await self.masters()
        return next((node for node in masters if node.trouble is None), masters[0])


def _keys_of(commands: Sequence[tuple[Argument, ...]]) -> list[str | bytes | None]:
    """Of each command; one without a key borrows that of the next one that has one."""
    keys: list[str | bytes | None] = []
    borrowed: str | bytes | None = None
    for command in reversed(commands):
        borrowed = key_of(command) or borrowed
        keys.append(borrowed)
    return keys[::-1]


def _unblocking(args: tuple[Argument, ...]) -> tuple[Argument, ...]:
    """The same command without a wait."""
    if b"BLOCK" not in args:
        return args
    at = args.index(b"BLOCK")
    return (*args[:at], *args[at + 2 :])
