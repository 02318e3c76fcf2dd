"""Every Redis key that Minuet uses. Nothing else builds a key name.

Keys of a partition carry the hash tag `{p}`: they lie in one slot of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass


def partition_of(run: str) -> int:
    """The partition a run id starts with ("3-01k8..." -> 3). Raises ValueError if it has none."""
    return int(run.split("-", 1)[0])


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under an optional prefix, so that suites and tests can share a server."""

    prefix: str = ""

    def _of(self, p: int, name: str) -> str:
        return f"{self.prefix}{{{p}}}:{name}"

    def signals(self, p: int) -> str:
        return self._of(p, "signals")

    def events(self, p: int) -> str:
        return self._of(p, "events")

    def live(self, p: int) -> str:
        return self._of(p, "live")

    def dead(self, p: int) -> str:
        return self._of(p, "dead")

    def tasks(self, p: int, type: str) -> str:
        return self._of(p, f"tasks:{type}")

    def splits(self, p: int) -> str:
        """Hash: "<type> <entry id>" -> token id in hand of a split page."""
        return self._of(p, "splits")

    def types(self, p: int) -> str:
        """Set: node types that have had tasks here (for gauges)."""
        return self._of(p, "types")

    def timers(self, p: int) -> str:
        return self._of(p, "timers")

    def cancelled(self, p: int) -> str:
        return self._of(p, "cancelled")

    def lease(self, p: int) -> str:
        return self._of(p, "lease")

    def voucher(self, p: int) -> str:
        """Gone with all the rest if the server was emptied."""
        return self._of(p, "voucher")

    def stale(self, p: int) -> str:
        """Runs of which an older state came back than was recorded."""
        return self._of(p, "stale")

    def run(self, p: int, run: str) -> str:
        return self._of(p, f"run:{run}")

    def out(self, p: int, run: str) -> str:
        return self._of(p, f"out:{run}")

    def cas(self, tenant: str, digest: str) -> str:
        return f"{self.prefix}cas:{tenant}:{digest}"

    def journal(self, tenant: str, key: str) -> str:
        """How far one execution got: the digest of its last entry."""
        return f"{self.prefix}journal:{tenant}:{key}"

    def ticket(self, name: str) -> str:
        """Who may open one socket: gone when it was taken, or after its time."""
        return f"{self.prefix}ticket:{name}"

    @property
    def partitions(self) -> str:
        return f"{self.prefix}partitions"

    @property
    def coordinators(self) -> str:
        """Zset: coordinator id -> instant (ms) at which it counts as gone."""
        return f"{self.prefix}coordinators"

    @property
    def workers(self) -> str:
        return f"{self.prefix}workers"

    @property
    def announcements(self) -> str:
        """Pub/sub channel."""
        return f"{self.prefix}announcements"
