"""What a server says of itself, and what Minuet demands of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from typing import Protocol

OLDEST = {"redis": 7, "valkey": 8}


class Fitness(Protocol):
    """What is asked of a server, or of all masters of a cluster together."""

    @property
    def run_id(self) -> str: ...

    @property
    def memory_fraction(self) -> float: ...

    def faults(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """`run_id` changes with every start of the server. `maxmemory` is 0 if it is not set."""

    run_id: str
    name: str
    version: str
    used_memory_bytes: int
    max_memory_bytes: int
    eviction_policy: str
    aof_enabled: bool

    @property
    def memory_fraction(self) -> float:
        """Used of maxmemory; 0.0 if no maximum is set."""
        return self.used_memory_bytes / self.max_memory_bytes if self.max_memory_bytes else 0.0

    def faults(self) -> list[str]:
        """Why this server may lose what it accepted, a line each; empty if it may serve."""
        found = []
        if int(self.version.split(".")[0]) < OLDEST[self.name]:
            found.append(f"{self.name} {self.version} is too old: {OLDEST[self.name]} is needed")
        if self.eviction_policy != "noeviction":
            found.append(f"maxmemory-policy is {self.eviction_policy}: noeviction is needed")
        if not self.aof_enabled:
            found.append("appendonly is off: it must be on")
        if not self.max_memory_bytes:
            found.append("maxmemory is not set")
        return found


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """`masters` by address. A cluster is as full as its fullest master, because no other one can
    take what belongs there."""

    masters: Mapping[str, ServerInfo]

    @property
    def run_id(self) -> str:
        """Changes when any master was started anew or replaced."""
        ids = sorted(info.run_id for info in self.masters.values())
        return sha1("".join(ids).encode(), usedforsecurity=False).hexdigest()

    @property
    def memory_fraction(self) -> float:
        return max(info.memory_fraction for info in self.masters.values())

    def faults(self) -> list[str]:
        return [
            f"{address}: {fault}"
            for address, info in sorted(self.masters.items())
            for fault in info.faults()
        ]


def server_info(text: bytes) -> ServerInfo:
    """The reply of INFO, read."""
    lines = (line.partition(":") for line in text.decode().splitlines())
    said = {name: value for name, _, value in lines}
    name = "valkey" if "valkey_version" in said else "redis"
    return ServerInfo(
        run_id=said["run_id"],
        name=name,
        version=said[f"{name}_version"],
        used_memory_bytes=int(said["used_memory"]),
        max_memory_bytes=int(said["maxmemory"]),
        eviction_policy=said["maxmemory_policy"],
        aof_enabled=said["aof_enabled"] == "1",
    )
