"""What may be set about a worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """`grace_s` is how long past its timeout a function may take to end by itself. A running token
    that was cancelled is told so within twice `watch_s`."""

    slots: int = 64
    lease_ms: int = 30_000
    heartbeat_ms: int = 5_000
    max_deliveries: int = 5
    drain_s: float = 5.0
    inline_limit_bytes: int = 64 * 1024
    max_output_bytes: int = 10 * 1024 * 1024
    split_after_s: float = 0.1
    announce_after_s: float = 0.05
    grace_s: float = 5.0
    watch_s: float = 0.4
    register_s: float = 5.0
    partitions_s: float = 10.0
    block_ms: int = 1_000
    kind: str = "python"
