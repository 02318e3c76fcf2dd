"""The containers of docker-compose.yml as processes of this machine.

Each container has ports of its own; here all share one machine. So every port gets another
number, every name of a container becomes loopback, and nothing listens for other machines.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWN = "minuet."  # our commands are modules
API, SOCKETS, METRICS = "8080", "8081", "9090"


@dataclass(frozen=True, slots=True)
class Container:
    command: list[str]
    env: dict[str, str]
    health_check: list[str]


def containers(
    services: Mapping[str, Mapping[str, Any]], servers: Mapping[str, str]
) -> dict[str, Container]:
    """Our own, by name: `coordinator`, and from the second replica on `coordinator-2`. `servers`
    wins over what Compose says of Valkey and Postgres."""
    ports = {API: free_port(), SOCKETS: free_port()}
    made = {}
    for name, service in services.items():
        if service.get("command", [""])[0].startswith(OWN):
            for number in range(1, replicas(service) + 1):
                here = ports | {METRICS: free_port()}
                made[name if number == 1 else f"{name}-{number}"] = Container(
                    command=service["command"],
                    env={**mapped_env(service["environment"], here), **servers},
                    health_check=health_check(service, here),
                )
    return made


def replicas(service: Mapping[str, Any]) -> int:
    return int(service.get("deploy", {}).get("replicas", 1))


def mapped_env(environment: Mapping[str, Any], ports: Mapping[str, int]) -> dict[str, str]:
    return {name: mapped(str(value or ""), ports) for name, value in environment.items()}


def health_check(service: Mapping[str, Any], ports: Mapping[str, int]) -> list[str]:
    kind, *words = service["healthcheck"].get("test", ["NONE"])
    assert kind in ("CMD", "NONE")
    return [mapped(word, ports) for word in words]


def mapped(text: str, ports: Mapping[str, int]) -> str:
    for port, own in ports.items():
        text = re.sub(rf"^{port}$|(?<=:){port}\b", str(own), text)
    return re.sub(r"^0\.0\.0\.0$|(?<=//)orchestrator(?=:)", "127.0.0.1", text)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
