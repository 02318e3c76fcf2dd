"""What the orchestrator counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RUNS_ACCEPTED: Final = Counter("minuet_runs_accepted_total", "Runs accepted")
STARTS_REFUSED: Final = Counter("minuet_starts_refused_total", "Starts refused by admission")
COMMANDS_ACCEPTED: Final = Counter("minuet_commands_accepted_total", "Commands accepted", ["name"])
START_BATCH: Final = Histogram(
    "minuet_start_batch_size", "Runs accepted by one transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)  # fmt: skip
RELAYED: Final = Counter(
    "minuet_relay_signals_total", "Signals sent for commands, repeats included"
)
RELAY_FAILED: Final = Counter("minuet_relay_failures_total", "Signals that could not be sent")
UNCONFIRMED: Final = Gauge(
    "minuet_relay_unconfirmed_runs", "Live runs with a command that no transition confirms yet"
)
WAITING: Final = Gauge(
    "minuet_concurrency_waiting_runs", "Runs that wait for their concurrency key"
)
GRANTED: Final = Counter(
    "minuet_concurrency_handed_over_total", "Runs that got a concurrency key after waiting for it"
)
REDIS_MEMORY: Final = Gauge(
    "minuet_redis_memory_ratio", "Memory of Redis in use, as a part of maxmemory"
)
UNRECORDED: Final = Gauge("minuet_unrecorded_commits", "Commits that wait in Redis to be recorded")
OPEN: Final = Gauge("minuet_admission_open", "1 while starts are accepted, 0 while they get 503")
RESTORES: Final = Counter(
    "minuet_reconciler_restores_total", "Restores sent, and those that could not be made", ["kind"]
)
BEHIND: Final = Gauge(
    "minuet_reconciler_runs_behind", "Runs still to be restored by the sweep under way"
)
LOSSES: Final = Counter(
    "minuet_reconciler_losses_total",
    "Partitions whose Redis was emptied or started anew", ["finding"],
)  # fmt: skip
REVENANTS: Final = Counter(
    "minuet_reconciler_revenants_total", "Ended runs that an old copy of Redis brought back"
)
WITHDRAWN: Final = Counter(
    "minuet_reconciler_withdrawn_tokens_total", "Tokens that an old copy of Redis brought back"
)
SWEEP_SECONDS: Final = Histogram(
    "minuet_reconciler_sweep_seconds", "Comparing all live runs with Redis",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)  # fmt: skip
REEMITTED: Final = Counter(
    "minuet_reconciler_reemitted_tokens_total", "Tokens that stood in no stream, asked for again"
)
CHILDREN_HEALED: Final = Counter(
    "minuet_reconciler_healed_children_total", "Signals sent again between parents and child runs"
)
RUNS_DELETED: Final = Counter(
    "minuet_runs_deleted_total", "Runs deleted, child runs included", ["reason"]
)
LOGS_EXPIRED: Final = Counter(
    "minuet_retention_log_rows_total", "Rows told beside histories that were kept long enough"
)
LETTERS_EXPIRED: Final = Counter(
    "minuet_retention_dead_letters_total", "Settled dead letters that were kept long enough"
)
BLOBS_COLLECTED: Final = Counter(
    "minuet_blobs_collected_total", "Blobs deleted because nothing named them"
)
BLOBS_COLLECTED_BYTES: Final = Counter("minuet_blobs_collected_bytes_total", "Their bytes")
LEFTOVERS: Final = Counter(
    "minuet_leftovers_total", "What runs and workers that are gone had left on Redis", ["kind"]
)
RETENTION_SECONDS: Final = Histogram(
    "minuet_retention_seconds", "How long a part of a sweep took", ["part"],
    buckets=(0.01, 0.1, 0.5, 1, 5, 15, 60, 300),
)  # fmt: skip
RETENTION_FAILED: Final = Counter(
    "minuet_retention_failures_total", "Parts of sweeps given up until the next", ["part"]
)
REEMIT_SKIPPED: Final = Counter(
    "minuet_reconciler_reemit_skipped_total",
    "Searches for lost tokens given up, by the place that was too full or unclear", ["place"],
)  # fmt: skip
