"""A local suite from its first process to its last."""

from __future__ import annotations

import asyncio
import os
import signal

from minuet.embedded.child import Child
from minuet.embedded.suite_file import (
    ServiceEntry,
    SuiteFile,
    remove_suite_file,
    write_suite_file,
)

from .console import Reporter
from .data_dir import DataDir
from .errors import SuiteError
from .keeper import Keeper, describe_exit
from .logs import follow_logs, last_lines
from .plan import ServiceSpec, SuitePlan
from .ports import claim_port, free_ports
from .readiness import until_ready
from .servers import Servers, choose_servers, start_servers
from .settings import UpSettings
from .together import all_or_first_failure, all_to_the_end
from .unit import Process, ServiceProcess

# Together with the servers' grace below ten seconds.
SERVICE_GRACE_S = 5.5
SERVER_GRACE_S = 3.0
# What services get unless told otherwise: they must drain within their grace, and a workflow on
# one's own machine may call servers on that machine.
SERVICE_DEFAULTS = {"MINUET_DRAIN_TIMEOUT_S": "4", "MINUET_NET_ALLOW": "127.0.0.0/8,::1/128"}

# Given to the one service that is meant to have them, whatever stands in the environment.
OWN_KEYS = frozenset({"MINUET_BOOTSTRAP_API_KEY", "MINUET_AGENT_API_KEY", "MINUET_API_KEY"})


class LocalSuite:
    """Run once; `stop` it once or more, also after a start that failed half way."""

    def __init__(
        self, settings: UpSettings, plan: SuitePlan, data_dir: DataDir, reporter: Reporter
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._data_dir = data_dir
        self._reporter = reporter
        self._api_key = data_dir.api_key()
        self._agent_key = data_dir.agent_key()
        self._port = claim_port(settings.host, settings.port)
        self._fanout_port = claim_port(settings.host, settings.fanout_port, "MINUET_FANOUT_PORT")
        self._servers: Servers = choose_servers(settings, data_dir)
        self._services: list[ServiceProcess] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_announced = False

    @property
    def url(self) -> str:
        return f"http://{self._reachable_host}:{self._port}"

    @property
    def _reachable_host(self) -> str:
        """As it stands in a URL; a suite that listens everywhere is reached by loopback."""
        host = self._settings.host
        if host in ("0.0.0.0", "::"):  # noqa: S104
            return "127.0.0.1"
        return f"[{host}]" if ":" in host else host

    async def run(self) -> None:
        """Start everything, then watch for ever. Raises MinuetError if it cannot start."""
        await self._start()
        await asyncio.gather(*self._tasks)

    async def _start(self) -> None:
        """Servers, migrations, services, readiness: in this order."""
        await start_servers(self._servers, self._reporter)
        for name, process in self._servers.processes.items():
            self._keep(name, process)
        await self._migrate()
        await self._start_services()
        self._is_announced = True
        self._write_suite_file()
        self._reporter.ready(self.url, self._api_key, self._data_dir.path)

    async def stop(self) -> None:
        """Services first, servers last. Nothing is left; harmless when repeated."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        remove_suite_file(self._data_dir.path)
        await all_to_the_end(service.stop(SERVICE_GRACE_S) for service in self._services)
        servers = self._servers.processes.values()
        await all_to_the_end(server.stop(SERVER_GRACE_S) for server in servers)

    async def _migrate(self) -> None:
        if not self._plan.migration:
            return
        log_path = self._data_dir.log_path("migrations")
        with self._reporter.step("Migrating the database", "database schema up to date"):
            child = await Child.start(self._plan.migration, log_path=log_path, env=self._env())
            try:
                code = await child.wait()
            except asyncio.CancelledError:
                await child.stop(signal.SIGTERM, SERVER_GRACE_S)
                raise
        if code:
            said = last_lines(log_path, 1)
            raise SuiteError(
                f"The migration {describe_exit(code)}, see {log_path}"
                + (f"; it said: {said[0]}" if said else "")
            )

    async def _start_services(self) -> None:
        ports = free_ports(len(self._plan.services))
        pairs = zip(self._plan.services, ports, strict=True)
        self._services = [self._service(spec, port) for spec, port in pairs]
        self._follow_logs()
        names = ", ".join(service.spec.name for service in self._services)
        with self._reporter.step(f"Starting {names}", f"{names} ready"):
            await asyncio.gather(*(service.start() for service in self._services))
            keepers = [self._keep(service.spec.name, service) for service in self._services]
            await all_or_first_failure(
                until_ready(keeper, service, self._settings.ready_timeout_s)
                for keeper, service in zip(keepers, self._services, strict=True)
            )

    def _service(self, spec: ServiceSpec, metrics_port: int) -> ServiceProcess:
        env = self._env() | {"MINUET_METRICS_PORT": str(metrics_port)}
        log_path = self._data_dir.log_path(spec.name)
        if spec.serves_api:
            env["MINUET_BOOTSTRAP_API_KEY"] = self._api_key
            env["MINUET_AGENT_API_KEY"] = self._agent_key
            return ServiceProcess(spec, env, log_path, self._reachable_host, self._port)
        if spec.asks_api:
            env |= {"MINUET_URL": self.url, "MINUET_API_KEY": self._agent_key}
        return ServiceProcess(spec, env, log_path, "127.0.0.1", metrics_port)

    def _env(self) -> dict[str, str]:
        inherited = {k: v for k, v in self._settings.env.items() if k not in OWN_KEYS}
        return {
            **SERVICE_DEFAULTS,
            **inherited,
            "MINUET_REDIS_URL": self._servers.redis_url,
            "MINUET_DATABASE_URL": self._servers.database_url,
            "MINUET_HOST": self._settings.host,
            "MINUET_PORT": str(self._port),
            "MINUET_FANOUT_PORT": str(self._fanout_port),
            "PYTHONUNBUFFERED": "1",
        }

    def _keep(self, name: str, process: Process) -> Keeper:
        keeper = Keeper(name, process, self._process_changed)
        self._tasks.append(asyncio.create_task(keeper.run(), name=f"keep {name}"))
        return keeper

    def _follow_logs(self) -> None:
        paths = {service.spec.name: service.log_path for service in self._services}
        follow = follow_logs(paths, self._reporter.log)
        self._tasks.append(asyncio.create_task(follow, name="follow logs"))

    def _process_changed(self, name: str, what: str) -> None:
        self._reporter.change(name, what)
        if self._is_announced:
            self._write_suite_file()

    def _write_suite_file(self) -> None:
        write_suite_file(
            self._data_dir.path,
            SuiteFile(
                url=self.url,
                pid=os.getpid(),
                redis_url=self._servers.redis_url,
                database_url=self._servers.database_url,
                servers={name: server.pid for name, server in self._servers.processes.items()},
                services={
                    service.spec.name: ServiceEntry(service.pid, service.port)
                    for service in self._services
                },
            ),
        )
