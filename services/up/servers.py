"""The two servers of a suite: embedded, or somebody else's."""

from __future__ import annotations

from dataclasses import dataclass

from minuet.embedded.checks import require_fit_servers
from minuet.embedded.postgres import PostgresServer
from minuet.embedded.valkey import ValkeyServer

from .console import Reporter
from .data_dir import DataDir
from .settings import UpSettings
from .together import all_or_first_failure
from .unit import Process


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses for the services, and the embedded processes behind them by name."""

    redis_url: str
    database_url: str
    processes: dict[str, Process]


def choose_servers(settings: UpSettings, data_dir: DataDir) -> Servers:
    """Decide which servers are used; nothing is started."""
    processes: dict[str, Process] = {}
    redis_url, database_url = settings.redis_url, settings.database_url
    if redis_url is None:
        valkey = ValkeyServer(
            data_dir.path / "valkey",
            log_path=data_dir.log_path("valkey"),
            max_memory_bytes=settings.valkey_max_memory_bytes,
        )
        processes["valkey"], redis_url = valkey, valkey.url
    if database_url is None:
        postgres = PostgresServer(
            data_dir.path / "postgres", log_path=data_dir.log_path("postgres")
        )
        processes["postgres"], database_url = postgres, postgres.url
    return Servers(redis_url, database_url, processes)


async def start_servers(servers: Servers, reporter: Reporter) -> None:
    """Start the embedded ones together, then check all; raises ServerError or ServerUnfit."""
    names = ", ".join(name.capitalize() for name in servers.processes)
    if names:
        with reporter.step(f"Starting {names}", f"{names} running"):
            await all_or_first_failure(process.start() for process in servers.processes.values())
    with reporter.step("Checking the servers", "servers fit"):
        await require_fit_servers(servers.redis_url, servers.database_url)
