"""A whole local suite in a process of its own, as `minuet up` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

from minuet.embedded.child import launch_command
from minuet.embedded.suite_file import SuiteFile, read_api_key, read_suite_file
from tests.support.ready_database import place_cluster
from tests.support.waiting import is_running, until

UP = (sys.executable, "-m", "minuet.services.up")
READY_TIMEOUT_S = 90.0
STOP_LIMIT_S = 10.0


class Suite:
    """Start with `start` or `with`; `stop` asserts nothing but the limit of ten seconds.

    Ports are free ones. `env` is added to this process's environment, in which no `MINUET_*`
    variable of the caller is kept. Must be started from the main thread.

    A `fresh` suite makes its database itself and writes it as safely as a user's; any other gets a
    copy of one that is ready, which is quicker and outlives every process but not the machine.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = UP,
        fresh: bool = False,
    ) -> None:
        self.data_dir = data_dir
        self.output_path = data_dir.parent / f"{data_dir.name}.output"
        self._command = tuple(command)
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("MINUET_")}
        self._env |= {"MINUET_DATA_DIR": str(data_dir), "MINUET_PORT": "0", **(env or {})}
        self._fresh = fresh
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the supervisor without waiting; it stops if this process dies."""
        if not self._fresh and "MINUET_DATABASE_URL" not in self._env:
            place_cluster(self.data_dir)
        with self.output_path.open("wb") as output:
            self._process = subprocess.Popen(
                launch_command(self._command, signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )
        return self._process

    def start(self) -> None:
        """Start and wait until every service is ready."""
        process = self.spawn()
        until(
            lambda: self._is_announced() or process.poll() is not None,
            "the suite is ready",
            READY_TIMEOUT_S,
        )
        assert process.poll() is None, f"the suite ended at start:\n{self.output()}"

    def output(self) -> str:
        """What the supervisor printed so far."""
        return self.output_path.read_text()

    @property
    def file(self) -> SuiteFile:
        content = read_suite_file(self.data_dir)
        assert content is not None, f"no suite runs:\n{self.output()}"
        return content

    @property
    def url(self) -> str:
        return self.file.url

    @property
    def redis_url(self) -> str:
        return self.file.redis_url

    @property
    def database_url(self) -> str:
        return self.file.database_url

    @property
    def api_key(self) -> str:
        key = read_api_key(self.data_dir)
        assert key is not None
        return key

    def pid(self, name: str) -> int:
        """Of a service, or of the server `valkey` or `postgres`; a restart changes it."""
        content = self.file
        return content.servers[name] if name in content.servers else content.services[name].pid

    def pids(self) -> dict[str, int]:
        content = self.file
        return content.servers | {name: entry.pid for name, entry in content.services.items()}

    def log(self, name: str) -> str:
        return (self.data_dir / "logs" / f"{name}.log").read_text()

    def kill(self, name: str, signal_number: signal.Signals = signal.SIGKILL) -> int:
        """Kill one process of the suite; returns the pid that it had."""
        pid = self.pid(name)
        os.kill(pid, signal_number)
        return pid

    def until_restarted(self, name: str, old_pid: int, timeout_s: float = 30.0) -> int:
        """Wait until `name` runs under another pid, and return that."""

        def new_pid() -> int | None:
            pid = self.pid(name)
            return pid if pid != old_pid and is_running(pid) else None

        return until(new_pid, f"{name} runs again", timeout_s)

    def until_ready(self, name: str, timeout_s: float = 30.0) -> None:
        """Wait until the service `name` answers /readyz with 200, after a restart for instance."""
        port = self.file.services[name].port

        def is_ready() -> bool:
            try:
                url = f"http://127.0.0.1:{port}/readyz"
                return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        until(is_ready, f"{name} is ready", timeout_s)

    def kill_supervisor(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> int:
        """Ask for a stop and return the exit code; harmless if it has ended."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal_number)
        return self._process.wait(STOP_LIMIT_S)

    def _is_announced(self) -> bool:
        return read_suite_file(self.data_dir) is not None
