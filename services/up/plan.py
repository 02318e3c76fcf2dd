"""Which processes make a suite: one table."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """`command` is run as it is.

    `serves_api`: it listens on the suite's own port, answers probes there, and learns the key.
    Any other service answers probes on MINUET_METRICS_PORT.
    `asks_api`: it learns the suite's address and the key of the agent runner.

    `death_signal` is sent by the kernel when the supervisor dies. SIGKILL leaves nothing behind
    whatever the service does; runs survive that.
    """

    name: str
    command: tuple[str, ...]
    serves_api: bool = False
    asks_api: bool = False
    death_signal: signal.Signals = signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePlan:
    """`migration`, if not empty, must end with code 0 before the services start."""

    services: tuple[ServiceSpec, ...]
    migration: tuple[str, ...] = ()


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


DEFAULT_PLAN = SuitePlan(
    migration=_module("minuet.migrations"),
    services=(
        ServiceSpec(
            name="orchestrator", command=_module("minuet.services.orchestrator"), serves_api=True
        ),
        ServiceSpec(name="coordinator", command=_module("minuet.services.coordinator")),
        ServiceSpec(name="http_worker", command=_module("minuet.services.http_worker")),
        ServiceSpec(name="hitl_worker", command=_module("minuet.services.hitl_worker")),
        ServiceSpec(
            name="agent_runner", command=_module("minuet.services.agent_runner"), asks_api=True
        ),
        ServiceSpec(name="recorder", command=_module("minuet.services.recorder")),
        ServiceSpec(name="fanout", command=_module("minuet.services.fanout")),
    ),
)
