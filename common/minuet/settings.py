"""Every setting of every process: one frozen class a concern, defaults visible, units in names.

A main calls `Settings.from_env(os.environ)` once and hands the parts on; nothing else reads the
environment. All faults are reported together. Secrets and addresses stay out of `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from .environment import EnvironmentReader, SettingsError

__all__ = [
    "BlobSettings",
    "CoordinatorSettings",
    "DatabaseSettings",
    "DrainSettings",
    "FanoutSettings",
    "LogSettings",
    "MetricsSettings",
    "NetworkSettings",
    "OrchestratorSettings",
    "RedisSettings",
    "RetentionSettings",
    "Settings",
    "SettingsError",
    "WorkerSettings",
]

REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
DATABASE_SCHEMES = ("postgresql",)
SOCKET_SCHEMES = ("ws", "wss")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """`url` is of a server or a cluster, as `minuet.bus.address` reads it. `key_prefix` parts
    suites on one server."""

    url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    key_prefix: str = ""

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(
            url=env.address("MINUET_REDIS_URL", cls().url, REDIS_SCHEMES),
            key_prefix=env.text("MINUET_KEY_PREFIX", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """`url` is postgresql://, as asyncpg reads it; SQLAlchemy wants `sqlalchemy_url`."""

    url: str = field(default="postgresql://minuet@127.0.0.1:5432/minuet", repr=False)
    pool_size: int = 10

    @property
    def sqlalchemy_url(self) -> str:
        return self.url.replace("postgresql://", "postgresql+asyncpg://", 1)

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(
            url=env.address("MINUET_DATABASE_URL", cls().url, DATABASE_SCHEMES),
            pool_size=env.integer("MINUET_DATABASE_POOL_SIZE", 10, low=1, high=500),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    level: str = "info"

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(level=env.choice("MINUET_LOG_LEVEL", "info", LOG_LEVELS))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where a process serves /healthz, /readyz and /metrics. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(
            host=env.text("MINUET_METRICS_HOST", "127.0.0.1"),
            port=env.integer("MINUET_METRICS_PORT", 0, low=0, high=65535),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorSettings:
    """`bootstrap_api_key`, if set, is an administrator's key from the first start on,
    `agent_api_key` that of the agent runner, whose patches are held to what agents may. `site_dir`
    holds a built front end; without it a checkout's own build is served."""

    host: str = "127.0.0.1"
    port: int = 8080
    bootstrap_api_key: str | None = field(default=None, repr=False)
    agent_api_key: str | None = field(default=None, repr=False)
    max_body_bytes: int = 10 * 1024 * 1024
    partitions: int = 8
    reconcile_interval_s: float = 30.0
    site_dir: Path | None = None

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(
            host=env.text("MINUET_HOST", "127.0.0.1"),
            port=env.integer("MINUET_PORT", 8080, low=0, high=65535),
            bootstrap_api_key=env.secret("MINUET_BOOTSTRAP_API_KEY"),
            agent_api_key=env.secret("MINUET_AGENT_API_KEY"),
            max_body_bytes=env.integer(
                "MINUET_MAX_BODY_BYTES", 10 * 1024 * 1024, low=1024, high=1 << 30
            ),
            partitions=env.integer("MINUET_PARTITIONS", 8, low=1, high=4096),
            reconcile_interval_s=env.decimal(
                "MINUET_RECONCILE_INTERVAL_S", 30.0, low=0.1, high=3600.0
            ),
            site_dir=Path(site_dir) if (site_dir := env.text("MINUET_SITE_DIR", "")) else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FanoutSettings:
    """`url` is where clients reach the sockets, for a suite behind a proxy; without it they use
    the host name by which they reach the API, and `port`. `origins` are those whose pages may
    connect. A client that is more than `buffer_frames` behind gets a snapshot instead."""

    host: str = "127.0.0.1"
    port: int = 8081
    url: str | None = None
    origins: tuple[str, ...] = field(default_factory=lambda: own_origins("127.0.0.1", 8080))
    max_clients: int = 10_000
    buffer_frames: int = 2_000
    ping_s: float = 15.0
    session_s: float = 3_600.0

    @classmethod
    def read(cls, env: EnvironmentReader, api: OrchestratorSettings) -> Self:
        return cls(
            host=env.text("MINUET_FANOUT_HOST", api.host),
            port=env.integer("MINUET_FANOUT_PORT", 8081, low=0, high=65535),
            url=env.optional_address("MINUET_FANOUT_URL", SOCKET_SCHEMES),
            origins=env.items("MINUET_FANOUT_ORIGINS") or own_origins(api.host, api.port),
            max_clients=env.integer("MINUET_FANOUT_MAX_CLIENTS", 10_000, low=1, high=1_000_000),
            buffer_frames=env.integer("MINUET_FANOUT_BUFFER_FRAMES", 2_000, low=10, high=1_000_000),
            ping_s=env.decimal("MINUET_FANOUT_PING_S", 15.0, low=0.05, high=3_600.0),
            session_s=env.decimal("MINUET_FANOUT_SESSION_S", 3_600.0, low=0.05, high=86_400.0),
        )


def own_origins(host: str, port: int) -> tuple[str, ...]:
    """Origins of pages that the orchestrator on `host` and `port` serves, loopback included."""
    names = dict.fromkeys((f"[{host}]" if ":" in host else host, "localhost", "127.0.0.1", "[::1]"))
    return tuple(f"http://{name}:{port}" for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorSettings:
    """A killed coordinator's partitions are taken over after at most `lease_ms`, and what it takes
    others to look: within 3 s at the defaults."""

    lease_ms: int = 2_000
    renew_ms: int = 600
    batch_signals: int = 512

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        settings = cls(
            lease_ms=env.integer("MINUET_COORDINATOR_LEASE_MS", 2_000, low=300, high=60_000),
            renew_ms=env.integer("MINUET_COORDINATOR_RENEW_MS", 600, low=50, high=20_000),
            batch_signals=env.integer("MINUET_COORDINATOR_BATCH_SIGNALS", 512, low=1, high=4_000),
        )
        env.require(
            settings.renew_ms * 3 < settings.lease_ms,
            "MINUET_COORDINATOR_RENEW_MS must be under a third of MINUET_COORDINATOR_LEASE_MS",
        )
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """`slots` is how many pages run at once in one process."""

    lease_ms: int = 30_000
    heartbeat_ms: int = 5_000
    slots: int = 64
    max_deliveries: int = 5

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        settings = cls(
            lease_ms=env.integer("MINUET_WORKER_LEASE_MS", 30_000, low=300, high=3_600_000),
            heartbeat_ms=env.integer("MINUET_WORKER_HEARTBEAT_MS", 5_000, low=50, high=1_200_000),
            slots=env.integer("MINUET_WORKER_SLOTS", 64, low=1, high=10_000),
            max_deliveries=env.integer("MINUET_WORKER_MAX_DELIVERIES", 5, low=1, high=100),
        )
        env.require(
            settings.heartbeat_ms * 3 < settings.lease_ms,
            "MINUET_WORKER_HEARTBEAT_MS must be under a third of MINUET_WORKER_LEASE_MS",
        )
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """What nodes may dial although it is not global unicast: networks or host names."""

    allow: tuple[str, ...] = ()

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(allow=env.items("MINUET_NET_ALLOW"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSettings:
    """Values up to `inline_limit_bytes` travel inside tokens and events, larger ones by digest.

    Until the recorder has stored an output, Redis alone holds it: `cache_ttl_s` bounds how long a
    recorder may be away, so it must be the same in all processes and is never short.
    """

    inline_limit_bytes: int = 65_536
    cache_ttl_s: int = 86_400

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(
            inline_limit_bytes=env.integer(
                "MINUET_INLINE_LIMIT_BYTES", 65_536, low=0, high=1 << 20
            ),
            cache_ttl_s=env.integer("MINUET_BLOB_CACHE_TTL_S", 86_400, low=3_600, high=30 * 86_400),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """How long is kept what nobody deletes; 0 days means for ever."""

    runs_days: float = 0.0
    logs_days: float = 0.0
    dead_letters_days: float = 0.0
    sweep_s: float = 60.0

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(
            runs_days=env.decimal("MINUET_RETENTION_RUNS_DAYS", 0.0, low=0.0, high=36_500.0),
            logs_days=env.decimal("MINUET_RETENTION_LOGS_DAYS", 0.0, low=0.0, high=36_500.0),
            dead_letters_days=env.decimal(
                "MINUET_RETENTION_DEAD_LETTERS_DAYS", 0.0, low=0.0, high=36_500.0
            ),
            sweep_s=env.decimal("MINUET_RETENTION_SWEEP_S", 60.0, low=0.1, high=3600.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainSettings:
    """How long a process that was asked to stop may finish what it has in hand."""

    timeout_s: float = 5.0

    @classmethod
    def read(cls, env: EnvironmentReader) -> Self:
        return cls(timeout_s=env.decimal("MINUET_DRAIN_TIMEOUT_S", 5.0, low=0.0, high=3600.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    redis: RedisSettings = field(default_factory=RedisSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    orchestrator: OrchestratorSettings = field(default_factory=OrchestratorSettings)
    fanout: FanoutSettings = field(default_factory=FanoutSettings)
    coordinator: CoordinatorSettings = field(default_factory=CoordinatorSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    blob: BlobSettings = field(default_factory=BlobSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    drain: DrainSettings = field(default_factory=DrainSettings)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read all settings; raises SettingsError with every fault at once."""
        reader = EnvironmentReader(env)
        settings = cls(
            redis=RedisSettings.read(reader),
            database=DatabaseSettings.read(reader),
            log=LogSettings.read(reader),
            metrics=MetricsSettings.read(reader),
            orchestrator=(api := OrchestratorSettings.read(reader)),
            fanout=FanoutSettings.read(reader, api),
            coordinator=CoordinatorSettings.read(reader),
            worker=WorkerSettings.read(reader),
            network=NetworkSettings.read(reader),
            blob=BlobSettings.read(reader),
            retention=RetentionSettings.read(reader),
            drain=DrainSettings.read(reader),
        )
        reader.raise_if_faulty()
        return settings
