"""A child process in a session of its own, tied to this process by a death signal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

LAUNCHER = str(Path(__file__).with_name("launch.py"))


def launch_command(
    command: Sequence[str], death_signal: signal.Signals, identity: str = "same"
) -> list[str]:
    """The argument list that starts `command` so that it dies with this process.

    Start it from the main thread: the kernel sends the signal when the *thread* that forked ends.
    """
    wrapper = [sys.executable, "-I", "-S", LAUNCHER, str(int(death_signal)), str(os.getpid())]
    return [*wrapper, identity, "--", *command]


class Child:
    """One running process. Output goes straight to a file, so a dead parent never blocks it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        identity: str = "same",
    ) -> Self:
        """Start `command`; stdout and stderr are appended to `log_path`."""
        with log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *launch_command(command, death_signal, identity),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,  # a Ctrl-C reaches the supervisor alone
            )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal; harmless once the process has ended."""
        if self._process.returncode is None:
            self._process.send_signal(signal_number)

    async def stop(self, signal_number: signal.Signals, grace_s: float) -> int:
        """Ask it to stop, kill it after `grace_s`; returns the exit code. May be repeated."""
        self.send(signal_number)
        try:
            return await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            self.send(signal.SIGKILL)
            return await self._process.wait()
