"""One thing that must keep running: a server or a service."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from minuet.embedded.child import Child

from .errors import SuiteError
from .plan import ServiceSpec


class Process(Protocol):
    """What embedded servers and services have in common."""

    @property
    def pid(self) -> int: ...
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def stop(self, grace_s: float = ...) -> None: ...


class ServiceProcess:
    """A service as a child process; started again it gets the same environment and ports.

    It answers probes on `host` and `port`.
    """

    def __init__(
        self, spec: ServiceSpec, env: Mapping[str, str], log_path: Path, host: str, port: int
    ) -> None:
        self.spec = spec
        self.port = port
        self.ready_url = f"http://{host}:{port}/readyz"
        self.log_path = log_path
        self._env = env
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    async def start(self) -> None:
        self._child = await Child.start(
            self.spec.command,
            log_path=self.log_path,
            env=self._env,
            death_signal=self.spec.death_signal,
        )

    async def wait(self) -> int:
        return await self._running().wait()

    async def stop(self, grace_s: float = 5.0) -> None:
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, grace_s)

    def _running(self) -> Child:
        if self._child is None:
            raise SuiteError(f"{self.spec.name} was not started")
        return self._child
