"""Follow the services' log files and pick out what a person should see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

POLL_S = 0.25
SHOWN_LEVELS = frozenset({"warning", "error", "critical"})
NOT_SHOWN = frozenset({"action", "level", "timestamp", "service", "exception"})


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines that are not empty, of at most the last 8 KiB."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()][-count:]


async def follow_logs(paths: dict[str, Path], show: Callable[[str, str], None]) -> None:
    """Call `show(service, text)` for each warning or error that is written from now on.

    Reads the files rather than pipes, so that a slow terminal never holds a service up.
    """
    followers = [Follower(name, path) for name, path in paths.items()]
    while True:
        for follower in followers:
            for text in follower.news():
                show(follower.name, text)
        await asyncio.sleep(POLL_S)


class Follower:
    """Reads what was added to one file since the last look; a started line waits for its end."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0
        self._started_line = b""

    def news(self) -> list[str]:
        if not self._path.exists() or self._path.stat().st_size <= self._position:
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            added = file.read()
        self._position += len(added)
        *lines, self._started_line = (self._started_line + added).split(b"\n")
        return [text for line in lines if (text := notable(line)) is not None]


def notable(line: bytes) -> str | None:
    """One log line as text, if it is a warning or worse; None for all else."""
    try:
        entry = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError:
        return None
    if entry.get("level") not in SHOWN_LEVELS:
        return None
    fields = " ".join(f"{name}={value}" for name, value in entry.items() if name not in NOT_SHOWN)
    return f"{entry['level']}: {entry.get('action', '')} {fields}".rstrip()
