"""What a running local suite says about itself, in `<data directory>/suite.json`.

The supervisor writes it, the command line reads it to find address and key by itself.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE_NAME = "suite.json"
KEY_FILE_NAME = "api-key"
DEFAULT_DATA_DIR = Path(".minuet")


class ServiceEntry(msgspec.Struct, frozen=True):
    """`port` answers /healthz, /readyz and /metrics."""

    pid: int
    port: int


class SuiteFile(msgspec.Struct, frozen=True, kw_only=True):
    """`pid` is the supervisor's. Addresses are those that the services got."""

    url: str
    pid: int
    redis_url: str
    database_url: str
    servers: dict[str, int]
    services: dict[str, ServiceEntry]


def write_suite_file(data_dir: Path, content: SuiteFile) -> None:
    """Replace the file in one step, so that a reader never sees half of it. Mode 0600."""
    draft = data_dir / f"{FILE_NAME}.new"
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(content)))
    draft.replace(data_dir / FILE_NAME)


def remove_suite_file(data_dir: Path) -> None:
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def read_suite_file(data_dir: Path = DEFAULT_DATA_DIR) -> SuiteFile | None:
    """The suite that runs on `data_dir`, or None if none does (a killed one leaves its file)."""
    try:
        content = msgspec.json.decode((data_dir / FILE_NAME).read_bytes(), type=SuiteFile)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
    return content if _is_alive(content.pid) else None


def read_api_key(data_dir: Path = DEFAULT_DATA_DIR) -> str | None:
    """The key that the suite made at its first start; it outlives restarts."""
    try:
        return (data_dir / KEY_FILE_NAME).read_text().strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
