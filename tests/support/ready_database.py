"""A Postgres cluster with every migration applied, to be copied: initdb and migrations take longer
than all else at the first start of a suite."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from minuet.embedded.postgres import PostgresServer

from .background import BackgroundLoop

# A copy need not survive the loss of the machine; a killed server loses nothing that the system
# already has.
THROWAWAY = "fsync = off\nfull_page_writes = off\n"


def place_cluster(data_dir: Path) -> None:
    """Put a copy where a suite on `data_dir` looks for its cluster; none if there is one."""
    home = data_dir / "postgres"
    if not home.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.mkdir(mode=0o700)
        shutil.copytree(_template() / "cluster", home / "cluster")


@cache
def _template() -> Path:
    """The home of a stopped server, made once a process and removed at its end."""
    home = Path(tempfile.mkdtemp(prefix="minuet cluster "))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    server = PostgresServer(home, durable=False)
    with BackgroundLoop() as loop:
        loop.run(server.start())
        try:
            subprocess.run(
                [sys.executable, "-m", "minuet.migrations"],
                env={**os.environ, "MINUET_DATABASE_URL": server.url},
                check=True,
                timeout=60,
            )
        finally:
            loop.run(server.stop())
    with (home / "cluster" / "postgresql.conf").open("a") as settings:
        settings.write(THROWAWAY)
    return home
