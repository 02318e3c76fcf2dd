"""The supervisor with fake services and real servers, as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.up.plain_valkey import plain_valkey
from tests.suite import Suite
from tests.support.waiting import is_running, until

FAKE = str(Path(__file__).with_name("fake_suite.py"))
MakeSuite = Callable[..., Suite]

pytestmark = pytest.mark.serial


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeSuite]:
    """Makes suites of fake services, in a path with spaces; they are stopped after the test."""
    made: list[Suite] = []
    home = tmp_path / "a path with spaces"
    home.mkdir()

    def make_suite(*arguments: str, env: dict[str, str] | None = None) -> Suite:
        suite = Suite(
            home / "the data",
            env=env,
            command=(sys.executable, FAKE, *(arguments or ("steady",))),
            fresh=True,
        )
        made.append(suite)
        return suite

    yield make_suite
    for suite in made:
        suite.stop()


def refusal(suite: Suite) -> str:
    """Start, expect a failure, and return the only line on which it is explained."""
    process = suite.spawn()
    assert process.wait(30) == 1
    lines = [line for line in suite.output().splitlines() if line.startswith("minuet up:")]
    assert len(lines) == 1, suite.output()
    return lines[0]


def assert_all_ended(pids: dict[str, int], timeout_s: float = 10.0) -> None:
    until(
        lambda: not any(is_running(pid) for pid in pids.values()),
        f"all of {pids} have ended",
        timeout_s,
    )


def test_everything_runs_is_announced_and_stops_cleanly(make: MakeSuite) -> None:
    suite = make()
    suite.start()
    pids = suite.pids()
    assert set(pids) == {"valkey", "postgres", "first", "second"}
    assert all(is_running(pid) for pid in pids.values())
    until(lambda: suite.url in suite.output(), "the address is printed")
    until(lambda: suite.api_key in suite.output(), "the key is printed")

    started_at = time.monotonic()
    assert suite.stop(signal.SIGINT) == 0
    assert time.monotonic() - started_at < 10
    assert not any(is_running(pid) for pid in pids.values())
    assert not (suite.data_dir / "suite.json").exists()


def test_key_and_data_outlive_a_restart(make: MakeSuite) -> None:
    suite = make()
    suite.start()
    key = suite.api_key
    assert stat.S_IMODE((suite.data_dir / "api-key").stat().st_mode) == 0o600
    cluster_made_at = (suite.data_dir / "postgres" / "cluster" / "PG_VERSION").stat().st_mtime_ns
    suite.stop()
    suite.start()
    assert suite.api_key == key
    version = suite.data_dir / "postgres" / "cluster" / "PG_VERSION"
    assert version.stat().st_mtime_ns == cluster_made_at


def test_only_the_service_that_may_gets_the_key(make: MakeSuite) -> None:
    suite = make(env={"MINUET_BOOTSTRAP_API_KEY": "from outside"})
    suite.start()
    assert '"has_key": true' in suite.log("first")
    assert '"has_key": false' in suite.log("second")


@pytest.mark.parametrize("victim", ["first", "valkey", "postgres"])
def test_what_is_killed_runs_again_and_the_rest_goes_on(make: MakeSuite, victim: str) -> None:
    suite = make()
    suite.start()
    before = suite.pids()
    suite.until_restarted(victim, suite.kill(victim))
    after = suite.pids()
    assert {name for name in before if before[name] != after[name]} == {victim}


def test_restarted_service_answers_on_its_old_port(make: MakeSuite) -> None:
    suite = make()
    suite.start()
    port = suite.file.services["second"].port
    suite.until_restarted("second", suite.kill("second"))
    assert suite.file.services["second"].port == port
    suite.until_ready("second")


@pytest.mark.parametrize("behaviour", ["steady", "stubborn"])
def test_killed_supervisor_leaves_nothing_running(make: MakeSuite, behaviour: str) -> None:
    suite = make(behaviour)
    suite.start()
    pids = suite.pids()
    suite.kill_supervisor()
    assert_all_ended(pids)
    suite.start()
    assert set(suite.pids()) == set(pids)


def test_deaf_service_does_not_delay_the_stop_past_ten_seconds(make: MakeSuite) -> None:
    suite = make("stubborn")
    suite.start()
    pids = suite.pids()
    started_at = time.monotonic()
    assert suite.stop() == 0
    assert time.monotonic() - started_at < 10
    assert_all_ended(pids, 1)


def test_second_signal_is_harmless(make: MakeSuite) -> None:
    suite = make("stubborn")
    suite.start()
    os.kill(suite.file.pid, signal.SIGINT)
    until(lambda: "Stopping" in suite.output(), "the stop begins")
    assert suite.stop(signal.SIGINT) == 0
    assert "Stopped" in suite.output()


def test_stop_during_the_start_leaves_nothing(make: MakeSuite) -> None:
    suite = make()
    process = suite.spawn()
    until(lambda: (suite.data_dir / "lock").exists(), "the start begins")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not list(suite.data_dir.glob("*/*.sock"))
    assert "Traceback" not in suite.output()


def test_taken_port_is_refused_before_anything_starts(make: MakeSuite) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        suite = make(env={"MINUET_PORT": str(port)})
        told = refusal(suite)
        assert f"Port {port} is taken" in told
        assert "--port or MINUET_PORT" in told
    assert not (suite.data_dir / "valkey").exists()


def test_data_directory_in_use_is_refused(make: MakeSuite) -> None:
    suite = make()
    suite.start()
    second = Suite(suite.data_dir, command=(sys.executable, FAKE, "steady"), fresh=True)
    second.output_path = second.output_path.with_suffix(".second")
    assert f"in use by another suite (pid {suite.file.pid})" in refusal(second)
    assert all(is_running(pid) for pid in suite.pids().values())


def test_unwritable_data_directory_is_refused(make: MakeSuite) -> None:
    suite = make()
    suite.data_dir.write_text("a file, not a folder")
    assert "Cannot write to the data directory" in refusal(suite)


def test_failed_migration_is_told_with_its_last_line(make: MakeSuite) -> None:
    suite = make("steady", "1")
    assert "The migration ended with code 1" in (line := refusal(suite))
    assert "42 tables" in line


def test_what_does_not_get_ready_says_why(make: MakeSuite) -> None:
    line = refusal(make("shy", env={"MINUET_READY_TIMEOUT_S": "1"}))
    assert "second is not ready after 1 s: the number of partitions is not known yet" in line


def test_service_that_dies_at_every_start_is_told_with_its_last_line(make: MakeSuite) -> None:
    assert "second ended with code 3 at every start" in (line := refusal(make("hasty")))
    assert "cannot_go_on" in line


def test_unfit_redis_is_refused_with_every_reason(make: MakeSuite, tmp_path: Path) -> None:
    with plain_valkey(tmp_path) as url:
        suite = make(env={"MINUET_REDIS_URL": url})
        assert suite.spawn().wait(30) == 1
    for fix in ("appendonly yes", "maxmemory-policy noeviction", "maxmemory 1gb"):
        assert fix in suite.output()


def test_unreachable_redis_is_refused(make: MakeSuite) -> None:
    line = refusal(make(env={"MINUET_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}))
    assert "Cannot use the Redis at redis://:***@127.0.0.1:1/0" in line


def test_servers_of_ones_own_are_used_instead(
    make: MakeSuite, redis_url: str, empty_database_url: str
) -> None:
    suite = make(env={"MINUET_REDIS_URL": redis_url, "MINUET_DATABASE_URL": empty_database_url})
    suite.start()
    assert suite.file.servers == {}
    assert (suite.redis_url, suite.database_url) == (redis_url, empty_database_url)
    assert not (suite.data_dir / "valkey").exists()
    assert not (suite.data_dir / "postgres").exists()


def test_bad_addresses_are_all_told(make: MakeSuite) -> None:
    env = {"MINUET_REDIS_URL": "http://x", "MINUET_DATABASE_URL": "mysql://x", "MINUET_PORT": "x"}
    suite = make(env=env)
    assert suite.spawn().wait(30) == 2
    for name in env:
        assert f"minuet up: {name} must " in suite.output()


def test_a_terminal_that_goes_away_stops_the_suite(make: MakeSuite) -> None:
    suite = make()
    suite.start()
    pids = suite.pids()
    assert suite.stop(signal.SIGHUP) == 0
    assert_all_ended(pids, 1)


def test_warnings_of_services_are_shown(make: MakeSuite) -> None:
    suite = make()
    suite.start()
    until(lambda: "warning: service_started" in suite.output(), "the warning is shown")
