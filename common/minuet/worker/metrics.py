"""What a worker counts. Labels are node types and ports, never run ids."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

TOKENS = Counter("minuet_worker_tokens_total", "Tokens that ended here", ["type", "port"])
EXECUTION_SECONDS = Histogram(
    "minuet_worker_execution_seconds",
    "From a token's start to its end",
    ["type"],
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800),
)
PAGE_TOKENS = Histogram(
    "minuet_worker_page_tokens", "Tokens in a page", ["type"], buckets=(1, 2, 4, 8, 16, 32, 64)
)
SLOTS = Gauge("minuet_worker_slots", "Pages that may run at once")
SLOTS_BUSY = Gauge("minuet_worker_slots_busy", "Pages that run")
LOST_ENTRIES = Counter(
    "minuet_worker_lost_entries_total", "Pages that another worker took over", ["type"]
)
SPLITS = Counter("minuet_worker_splits_total", "Pages given back in part", ["type"])
CLAIMS = Counter("minuet_worker_claims_total", "Stale entries of other workers taken", ["type"])
STUCK = Counter(
    "minuet_worker_stuck_total", "Tokens that the heartbeat thread had to time out", ["type"]
)
LIVE_DROPPED = Counter("minuet_worker_live_dropped_total", "Live events dropped, buffer full")


@cache
def tokens(type: str, port: str) -> Counter:
    """TOKENS of these labels; looking a child up costs as much as counting."""
    return TOKENS.labels(type, port)


@cache
def execution_seconds(type: str) -> Histogram:
    return EXECUTION_SECONDS.labels(type)


@cache
def page_tokens(type: str) -> Histogram:
    return PAGE_TOKENS.labels(type)
