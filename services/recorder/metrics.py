"""What the recorder counts."""

from prometheus_client import Counter, Gauge, Histogram

LAG_SECONDS = Gauge("minuet_recorder_lag_seconds", "Age of the oldest entry not yet recorded")
LAG_ENTRIES = Gauge("minuet_recorder_lag_entries", "Entries read and not yet recorded")
TRANSITIONS = Counter("minuet_recorder_transitions_total", "Transitions stored")
BATCH_TRANSITIONS = Histogram(
    "minuet_recorder_batch_transitions",
    "Transitions in one transaction",
    buckets=(1, 4, 16, 64, 256, 1024, 4096),
)
BATCH_SECONDS = Histogram(
    "minuet_recorder_batch_seconds",
    "Duration of one transaction",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)
DUPLICATES = Counter("minuet_recorder_duplicates_total", "Transitions that were stored before")
FORKS = Counter("minuet_recorder_forks_total", "Transitions that do not follow the stored history")
GAPS = Counter("minuet_recorder_gaps_total", "Transitions before which Postgres lacks others")
POISON = Counter(
    "minuet_recorder_poison_total", "Transitions and entries dead-lettered", ["reason"]
)
BLOBS = Counter("minuet_recorder_blobs_total", "Blobs made durable")
BLOBS_MISSING = Counter("minuet_recorder_blobs_missing_total", "Blobs that no store has")
FAILURES = Counter("minuet_recorder_failures_total", "Turns given up and tried again", ["code"])
LIVE = Counter("minuet_recorder_live_total", "Live events stored", ["type"])
