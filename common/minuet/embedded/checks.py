"""Whether a Redis and a Postgres that somebody else runs are fit for Minuet.

Each function returns one line for every violation, with the fix, and an empty list if all is well;
an unreachable server is a violation too. Passwords in addresses are not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from minuet.bus.address import Address
from minuet.model.errors import InvalidInput

from .errors import ServerUnfit

OLDEST_REDIS = (7, 0)
OLDEST_VALKEY = (8, 0)
OLDEST_POSTGRES = 14
CONNECT_TIMEOUT_S = 5.0


async def require_fit_servers(redis_url: str, database_url: str) -> None:
    """Raises ServerUnfit with every violation of both servers."""
    faults = [*await redis_faults(redis_url), *await database_faults(database_url)]
    if faults:
        raise ServerUnfit(faults)


async def redis_faults(url: str) -> list[str]:
    """Of a server, or of every node of a cluster: a replica becomes a master one day."""
    try:
        address = Address.parse(url)
    except InvalidInput as exc:
        return [f"MINUET_REDIS_URL: {exc}"]
    if not address.is_cluster:
        return await _server_faults(address)
    try:
        nodes = await _nodes(address)
    except (RedisError, OSError) as exc:
        return [_unusable(address, exc)]
    found = [(node, await _server_faults(node)) for node in nodes]
    return [f"{node.host}:{node.port}: {fault}" for node, faults in found for fault in faults]


async def _server_faults(address: Address) -> list[str]:
    try:
        async with _client(address) as client:
            info = await client.info()
    except (RedisError, OSError) as exc:
        return [_unusable(address, exc)]
    return info_faults(info)


async def _nodes(address: Address) -> list[Address]:
    """Masters and replicas, by the word of the first node that answers."""
    failure: Exception = OSError("no address")
    for host, port in address.seeds:
        try:
            async with _client(address.node(host, port)) as client:
                slots = await client.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as exc:
            failure = exc
            continue
        places = {
            (name.decode() or host, port) for _, _, *nodes in slots for name, port, *_ in nodes
        }
        return [address.node(*place) for place in sorted(places)]
    raise failure


def _client(address: Address) -> Redis:
    return Redis.from_url(address.url, socket_connect_timeout=CONNECT_TIMEOUT_S, retry=None)


def _unusable(address: Address, exc: Exception) -> str:
    shown = str(address) if address.is_cluster else without_password(address.url)
    return (
        f"Cannot use the Redis at {shown} ({exc}): "
        "start it, or unset MINUET_REDIS_URL to use the embedded Valkey"
    )


def info_faults(info: Mapping[str, object]) -> list[str]:
    """Judge the answer of INFO (CONFIG is forbidden on many hosted servers)."""
    faults = _version_faults(info)
    if int(str(info.get("aof_enabled", 0))) != 1:
        faults.append("Redis must keep an append-only file: CONFIG SET appendonly yes")
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        faults.append(
            f"Redis must not evict keys (its policy is {policy}): "
            "CONFIG SET maxmemory-policy noeviction"
        )
    if int(str(info.get("maxmemory", 0))) == 0:
        faults.append("Redis must have a memory limit: CONFIG SET maxmemory 1gb (or what fits)")
    return faults


def _version_faults(info: Mapping[str, object]) -> list[str]:
    is_valkey = "valkey_version" in info
    name, oldest = ("Valkey", OLDEST_VALKEY) if is_valkey else ("Redis", OLDEST_REDIS)
    version = str(info["valkey_version" if is_valkey else "redis_version"])
    found = tuple(int(part) for part in version.split(".")[:2])
    if found >= oldest:
        return []
    wanted = ".".join(map(str, oldest))
    return [f"{name} {version} is too old: Minuet needs {wanted} or newer"]


async def database_faults(url: str) -> list[str]:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as exc:
        return [
            f"Cannot use the Postgres at {without_password(url)} ({exc!r}): "
            "start it, or unset MINUET_DATABASE_URL to use the embedded one"
        ]
    try:
        version = connection.get_server_version()
    finally:
        await connection.close()
    if version.major >= OLDEST_POSTGRES:
        return []
    return [f"Postgres {version.major} is too old: Minuet needs {OLDEST_POSTGRES} or newer"]


def without_password(url: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user = f"{parts.username}:***@" if parts.username else ":***@"
    return parts._replace(netloc=user + parts.netloc.rpartition("@")[2]).geturl()
