"""Memory of every process of a fleet and of what Redis holds, over time."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import redis

from tests.prove.fleet import Fleet

EVERY_S = 5.0
MIB = 1 << 20


class Sample(NamedTuple):
    at: float
    size_bytes: int


class Growth(NamedTuple):
    """Medians of the second and of the last quarter of the samples."""

    early_bytes: float
    late_bytes: float

    def exceeds(self, share: float, least_bytes: int) -> bool:
        """Whether it grew by more than `share` and by more than `least_bytes`."""
        grown = self.late_bytes - self.early_bytes
        return grown > max(share * self.early_bytes, least_bytes)

    def __str__(self) -> str:
        return f"{self.early_bytes / MIB:.1f} -> {self.late_bytes / MIB:.1f} MiB"


def growth(samples: list[Sample]) -> Growth:
    """The first quarter is warm-up: imports, caches, the first of everything."""
    quarter = len(samples) // 4
    second = samples[quarter : 2 * quarter]
    last = samples[3 * quarter :]
    return Growth(median(s.size_bytes for s in second), median(s.size_bytes for s in last))


class Memory:
    """`processes` by name and pid: a process that was started anew begins anew."""

    def __init__(self, fleet: Fleet) -> None:
        self.processes: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)
        self.redis: list[Sample] = []
        self._fleet = fleet
        self._stop = threading.Event()

    def run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.look()

    def stop(self) -> None:
        self._stop.set()

    def look(self) -> None:
        now = time.monotonic()
        for name in self._fleet.names:
            pid = self._fleet.pid(name)
            if (size := resident_bytes(pid)) is not None:
                self.processes[name, pid].append(Sample(now, size))
        with suppress(redis.ConnectionError, redis.BusyLoadingError):  # it was just killed
            self.redis.append(Sample(now, used_bytes(self._fleet.redis_url)))

    def long_lived(self, least_s: float) -> dict[str, Growth]:
        """Growth of each process that lived so long, by name and pid. Postgres is not among them:
        its first process does no work, and each connection has one of its own."""
        return {
            f"{name} ({pid})": growth(samples)
            for (name, pid), samples in self.processes.items()
            if name != "postgres" and samples[-1].at - samples[0].at >= least_s
        }


def resident_bytes(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) * 1024 if found else None


def used_bytes(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        memory: Any = client.info("memory")
        return int(memory["used_memory_dataset"])


@contextmanager
def sampled(fleet: Fleet) -> Iterator[Memory]:
    """A look each few seconds while the block goes on."""
    memory = Memory(fleet)
    thread = threading.Thread(target=memory.run, name="memory")
    thread.start()
    try:
        yield memory
    finally:
        memory.stop()
        thread.join()
