"""The data directory: its layout, its lock, the suite's key."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

from minuet.embedded.suite_file import KEY_FILE_NAME

from .errors import SuiteError

AGENT_KEY_FILE_NAME = "agent-key"
LOG_LIMIT_BYTES = 10 * 1024 * 1024


class DataDir:
    """An opened and locked data directory; `close` gives it free, as the death of the process does.

    Raises SuiteError if it cannot be written or another suite runs on it.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        path = path.absolute()
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            (path / "logs").mkdir(exist_ok=True)
        except OSError as exc:
            raise SuiteError(
                f"Cannot write to the data directory {path} ({exc.strerror}): "
                "choose another with --data-dir or MINUET_DATA_DIR"
            ) from exc
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = os.pread(lock, 20, 0).decode().strip() or "unknown"
            os.close(lock)
            raise SuiteError(
                f"The data directory {path} is in use by another suite (pid {pid}): "
                "stop that one, or choose another with --data-dir or MINUET_DATA_DIR"
            ) from exc
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return cls(path, lock)

    def close(self) -> None:
        os.close(self._lock)

    def log_path(self, name: str) -> Path:
        """Where `name` logs; a file over the limit is put aside, replacing the one before it."""
        path = self.path / "logs" / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path

    def api_key(self) -> str:
        """The key of this suite, made at the first call; the file's mode is 0600."""
        return self._key(KEY_FILE_NAME)

    def agent_key(self) -> str:
        """The key of this suite's agent runner, kept in the same way."""
        return self._key(AGENT_KEY_FILE_NAME)

    def _key(self, name: str) -> str:
        path = self.path / name
        if path.exists() and (key := path.read_text().strip()):
            return key
        key = f"mnt_{secrets.token_urlsafe(32)}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key + "\n")
        return key
