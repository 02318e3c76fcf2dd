"""What the coordinator measures. No run ids as labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)

STEPS = Counter("minuet_steps_total", "Executions whose end was committed")
RUNS_ENDED = Counter("minuet_runs_ended_total", "Runs ended, by status", ["status"])
DROPPED = Counter("minuet_signals_dropped_total", "Signals that named nothing live", ["kind"])
POISONED = Counter("minuet_signals_poisoned_total", "Signals dead-lettered")
COMMITS = Counter("minuet_commits_total", "Commits acknowledged")
FENCED = Counter("minuet_commits_fenced_total", "Commits refused or of unknown outcome", ["cause"])
COMMIT_SECONDS = Histogram(
    "minuet_commit_seconds", "From sending to acknowledgement", buckets=_FAST
)
ROUTE_SECONDS = Histogram("minuet_route_seconds", "Routing one batch", buckets=_FAST)
HOP_SECONDS = Histogram(
    "minuet_hop_seconds",
    "From the arrival of a signal to the commit that answers it",
    buckets=_FAST,
)
SIGNAL_LAG = Gauge("minuet_signal_lag_seconds", "Age of the oldest signal of the last batch")
BATCH_SIGNALS = Histogram("minuet_batch_signals", "Signals in a batch", buckets=_SIZES)
BATCH_RUNS = Histogram("minuet_batch_runs", "Runs in a batch", buckets=_SIZES)
PAGE_TOKENS = Histogram("minuet_page_tokens", "Tokens in a page", buckets=_SIZES[:7])
OUTSTANDING = Gauge("minuet_tokens_outstanding", "Tokens dispatched and not ended", ["type"])
CACHED_RUNS = Gauge("minuet_runs_cached", "Runs held in memory")
PARTITIONS = Gauge("minuet_partitions_owned", "Partitions owned")
TAKEOVERS = Counter("minuet_partition_acquisitions_total", "Partitions acquired")
