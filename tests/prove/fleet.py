"""A suite whose processes can be added, killed and put behind proxies one by one.

What `minuet up` starts, without its supervisor: servers of the fleet's own, services under names,
as many of a kind as wanted, each started again when it dies as a suite would.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from minuet.embedded.child import Child
from minuet.embedded.postgres import PostgresServer
from minuet.embedded.valkey import ValkeyServer
from minuet.services.up.keeper import Keeper
from minuet.services.up.ports import free_ports
from tests.crash.nodes import LEDGER_VARIABLE
from tests.support.background import BackgroundLoop
from tests.support.waiting import is_running, until

from .proxy import PostgresProxy, RedisProxy

Env = Mapping[str, str]
READY_S = 60.0
STOP_S = 10.0
API_KEY = "prove-administrator"
AGENT_KEY = "prove-agent"
SERVICES = (
    "orchestrator", "coordinator", "http_worker", "hitl_worker", "agent_runner", "recorder",
    "fanout",
)  # fmt: skip
WORKER = "worker"
BASE_ENV = {
    "MINUET_DRAIN_TIMEOUT_S": "4",
    "MINUET_NET_ALLOW": "127.0.0.0/8,::1/128",
    "MINUET_BOOTSTRAP_API_KEY": API_KEY,
    "MINUET_AGENT_API_KEY": AGENT_KEY,
    "MINUET_API_KEY": AGENT_KEY,
    "PYTHONUNBUFFERED": "1",
    "PYTHONFAULTHANDLER": "1",  # what dies by itself says where
    "PYTHONDONTWRITEBYTECODE": "",  # restarts take what they take elsewhere, too
    "PYTHONPYCACHEPREFIX": f"/tmp/minuet-{os.geteuid()}-bytecode",
}


@dataclass(frozen=True)
class Proxies:
    """What stands between one process and its servers."""

    redis: RedisProxy
    postgres: PostgresProxy


class Member:
    """A process under a name; started again it gets the same environment and port."""

    def __init__(self, command: list[str], env: Env, log_path: Path, ready_url: str) -> None:
        self.ready_url = ready_url
        self.log_path = log_path
        self._command = command
        self._env = env
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        self._child = await Child.start(
            self._command, log_path=self.log_path, env=self._env, death_signal=signal.SIGKILL
        )

    async def wait(self) -> int:
        assert self._child is not None
        return await self._child.wait()

    async def stop(self, grace_s: float = STOP_S) -> None:
        """A stopped (SIGSTOP) process cannot obey: it is continued first."""
        if self._child is not None:
            self._child.send(signal.SIGCONT)
            await self._child.stop(signal.SIGTERM, grace_s)


class Fleet:
    """`with Fleet(folder) as fleet: fleet.start_all()`.

    `env` holds for every process, that of `add` for one. Names are those of the services; a second
    one of a kind is `coordinator-2`: what stands before the dash says which service it is.
    `worker` is a Python worker of `tests.prove.nodes`. Not for use by several threads.
    """

    def __init__(
        self, folder: Path, *, env: Env | None = None, valkey: ValkeyServer | None = None,
        postgres: PostgresServer | None = None,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ledger = folder / "ledger"
        self.ledger.touch()
        self.loop = BackgroundLoop()
        self.valkey = valkey or ValkeyServer(folder / "valkey")
        self.postgres = postgres or PostgresServer(folder / "postgres")
        self.proxies: dict[str, Proxies] = {}
        self.deaths: list[tuple[float, str, str]] = []
        self._env = dict(env or {})
        self._members: dict[str, Member | ValkeyServer | PostgresServer] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._sockets = Path(tempfile.mkdtemp(prefix="prove-", dir="/tmp"))
        self._port, self._fanout_port = free_ports(2)
        self._http: httpx.Client | None = None

    # ── life ────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        """Servers running, tables made; no service yet."""
        self.loop.__enter__()
        try:
            self.loop.run(self._start_servers())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything, servers last."""
        if self._http is not None:
            self._http.close()
        self.loop.run(self._stop())
        self.loop.__exit__()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def start_all(self, *more: str, without: tuple[str, ...] = (), proxied: bool = False) -> None:
        """Every service and one worker, and `more` names beside; returns when all are ready."""
        names = [name for name in (*SERVICES, WORKER, *more) if name not in without]
        for name in names:
            self.add(name, proxied=proxied, wait=False)
        for name in names:
            self.until_ready(name)
        until(lambda: self.serves("prove.step"), "the worker's types are known", READY_S)

    def add(
        self, name: str, *, env: Env | None = None, proxied: bool = False, restart: bool = True,
        wait: bool = True, module: str = "tests.prove.nodes",
    ) -> None:  # fmt: skip
        """Start one more process. `restart=False`: if it dies, it stays dead. `proxied`: its
        connections go through `proxies[name]`. `module`: of a worker."""
        assert name not in self._members, name
        if proxied:
            self.proxies[name] = self.loop.run(self._make_proxies(name))
        member = self._member(name, module, env or {})
        self._members[name] = member
        self.loop.run(member.start())
        if restart:
            self.loop.run(self._keep(name, member))
        if wait:
            self.until_ready(name)

    def add_model(self, script: Path, port: int) -> None:
        """A scripted model server, `model`, on a port of the loopback."""
        command = [sys.executable, "-m", "minuet.cli.main", "dev-llm", str(script)]
        command += ["--port", str(port), "--ledger", str(self.folder / "asked.jsonl")]
        url = f"http://127.0.0.1:{port}/healthz"
        member = Member(command, self._environment({}), self.folder / "model.log", url)
        self._members["model"] = member
        self.loop.run(member.start())
        self.until_ready("model")

    def remove(self, name: str, grace_s: float = STOP_S) -> None:
        """Stop one process as a deployment would (SIGTERM); it does not come back."""
        self.loop.run(self._forget(name))
        member = self._members.pop(name)
        self.loop.run(member.stop(grace_s))

    # ── what there is ───────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def redis_url(self) -> str:
        """The server itself, past every proxy."""
        return self.valkey.url

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def names(self) -> list[str]:
        """Of the processes that were added and not removed, the two servers too."""
        return list(self._members)

    def pid(self, name: str) -> int:
        """A restart changes it. The servers are called `valkey` and `postgres`."""
        return self._members[name].pid

    def probes(self, name: str) -> str:
        """Where a service answers /healthz, /readyz and /metrics."""
        member = self._members[name]
        assert isinstance(member, Member)
        return member.ready_url.removesuffix("/readyz")

    def log(self, name: str) -> str:
        member = self._members[name]
        assert isinstance(member, Member)
        return member.log_path.read_text()

    @property
    def http(self) -> httpx.Client:
        """A client of the API, with the administrator's key."""
        if self._http is None:
            self._http = httpx.Client(
                base_url=f"{self.url}/api/v1",
                headers={"Authorization": f"Bearer {API_KEY}"},
                timeout=30,
                trust_env=False,
            )
        return self._http

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def apply(self, document: Mapping[str, Any]) -> None:
        answer = self.http.post("/workflows", json={"document": document})
        assert answer.status_code in (200, 201), answer.text

    def serves(self, type_: str) -> bool:
        return any(each["name"] == type_ for each in self.get("/node-types")["items"])

    # ── faults ──────────────────────────────────────────────────────────────────────────────

    def kill(self, name: str, signal_number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal (also SIGSTOP, SIGCONT); the pid that it had."""
        pid = self.pid(name)
        os.kill(pid, signal_number)
        return pid

    @contextmanager
    def away(self, name: str, signal_number: signal.Signals = signal.SIGKILL) -> Iterator[None]:
        """Dead while the block goes on, then started as a supervisor would."""
        self.loop.run(self._forget(name))
        pid = self.kill(name, signal_number)
        until(lambda: not is_running(pid), f"{name} has ended")
        try:
            yield
        finally:
            self.loop.run(self._start_again(name))

    def until_restarted(self, name: str, old_pid: int, timeout_s: float = READY_S) -> None:
        until(
            lambda: self.pid(name) != old_pid and is_running(self.pid(name)),
            f"{name} runs again",
            timeout_s,
        )

    def until_ready(self, name: str, timeout_s: float = READY_S) -> None:
        """Until its /readyz answers 200, after a restart for instance."""
        member = self._members[name]
        if not isinstance(member, Member):
            return

        def is_ready() -> bool:
            try:
                return httpx.get(member.ready_url, timeout=2.0, trust_env=False).is_success
            except httpx.TransportError:
                return False

        until(is_ready, f"{name} is ready (see {member.log_path})", timeout_s)

    # ── inside ──────────────────────────────────────────────────────────────────────────────

    async def _start_servers(self) -> None:
        await asyncio.gather(self.valkey.start(), self.postgres.start())
        self._members |= {"valkey": self.valkey, "postgres": self.postgres}
        for name in ("valkey", "postgres"):
            await self._keep(name, self._members[name])
        env = self._environment({}) | {"MINUET_DATABASE_URL": self.database_url}
        migration = await Child.start(
            [sys.executable, "-m", "minuet.migrations"],
            log_path=self.folder / "migrations.log",
            env=env,
        )
        assert await migration.wait() == 0, (self.folder / "migrations.log").read_text()

    async def _stop(self) -> None:
        for name in list(self._keepers):
            await self._forget(name)
        servers = ("valkey", "postgres")
        services = [member for name, member in self._members.items() if name not in servers]
        await asyncio.gather(*(member.stop() for member in services))
        for proxies in self.proxies.values():
            await proxies.redis.close()
            await proxies.postgres.close()
        await asyncio.gather(self.valkey.stop(), self.postgres.stop())

    async def _keep(self, name: str, member: Member | ValkeyServer | PostgresServer) -> None:
        keeper = Keeper(name, member, self._note_change)
        self._keepers[name] = asyncio.create_task(keeper.run(), name=f"keep {name}")

    async def _start_again(self, name: str) -> None:
        await self._members[name].start()
        await self._keep(name, self._members[name])

    async def _forget(self, name: str) -> None:
        """Whatever happens to it now, it is not started again."""
        keeper = self._keepers.pop(name, None)
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    def _note_change(self, name: str, what: str) -> None:
        self.deaths.append((time.time(), name, what))

    async def _make_proxies(self, name: str) -> Proxies:
        folder = self._sockets / name
        folder.mkdir()
        redis = RedisProxy(self.redis_url.removeprefix("unix://"), folder / "redis.sock")
        postgres_folder = self.database_url.partition("?host=")[2]
        postgres = PostgresProxy(f"{postgres_folder}/.s.PGSQL.5432", folder / ".s.PGSQL.5432")
        await redis.open()
        await postgres.open()
        return Proxies(redis, postgres)

    def _member(self, name: str, module: str, env: Env) -> Member:
        kind = name.partition("-")[0]
        (port,) = free_ports(1)
        full = self._environment(env) | self._addresses(name)
        full["MINUET_METRICS_PORT"] = str(port)
        command = [sys.executable, "-m", f"minuet.services.{kind}"]
        if kind == WORKER:
            command = [sys.executable, "-m", "minuet.cli.main", "worker", module]
        ready = self._port if kind == "orchestrator" else port
        url = f"http://127.0.0.1:{ready}/readyz"
        return Member(command, full, self.folder / f"{name}.log", url)

    def _addresses(self, name: str) -> dict[str, str]:
        proxies = self.proxies.get(name)
        if proxies is None:
            return {"MINUET_REDIS_URL": self.redis_url, "MINUET_DATABASE_URL": self.database_url}
        return {
            "MINUET_REDIS_URL": f"unix://{proxies.redis.path}",
            "MINUET_DATABASE_URL": f"postgresql://minuet@/minuet?host={proxies.postgres.path.parent}",
        }

    def _environment(self, env: Env) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MINUET_")}
        return {
            **inherited,
            **BASE_ENV,
            LEDGER_VARIABLE: str(self.ledger),
            "MINUET_HOST": "127.0.0.1",
            "MINUET_PORT": str(self._port),
            "MINUET_FANOUT_PORT": str(self._fanout_port),
            "MINUET_URL": self.url,
            **self._env,
            **env,
        }
