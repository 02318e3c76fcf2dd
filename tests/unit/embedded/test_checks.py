"""What is said about servers that do not fit."""

from __future__ import annotations

import pytest

from minuet.embedded.checks import info_faults, without_password

FIT = {
    "redis_version": "7.2.4",
    "valkey_version": "9.1.2",
    "aof_enabled": 1,
    "maxmemory_policy": "noeviction",
    "maxmemory": 1 << 30,
}


def redis_info(version: str) -> dict[str, object]:
    return {k: v for k, v in FIT.items() if k != "valkey_version"} | {"redis_version": version}


def test_fit_servers_have_no_fault() -> None:
    assert info_faults(FIT) == []
    assert info_faults(redis_info("7.0.0")) == []
    assert info_faults(redis_info("8.2.3")) == []


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ({"aof_enabled": 0}, "CONFIG SET appendonly yes"),
        ({"maxmemory_policy": "allkeys-lru"}, "CONFIG SET maxmemory-policy noeviction"),
        ({"maxmemory": 0}, "CONFIG SET maxmemory 1gb"),
        ({"valkey_version": "7.2.9"}, "Minuet needs 8.0 or newer"),
    ],
)
def test_each_violation_is_one_line_with_its_fix(change: dict[str, object], fix: str) -> None:
    (fault,) = info_faults(FIT | change)
    assert fix in fault
    assert "\n" not in fault


def test_old_redis_is_told_its_version() -> None:
    (fault,) = info_faults(redis_info("6.2.14"))
    assert fault == "Redis 6.2.14 is too old: Minuet needs 7.0 or newer"


def test_all_violations_are_told() -> None:
    info = {"redis_version": "6.0.0", "maxmemory_policy": "volatile-lru"}
    assert len(info_faults(info)) == 4


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2@host:6379/0", "redis://:***@host:6379/0"),
        ("postgresql://me:hunter2@host/db", "postgresql://me:***@host/db"),
        ("unix:///tmp/a.sock", "unix:///tmp/a.sock"),
        ("postgresql://minuet@/minuet?host=/tmp/x", "postgresql://minuet@/minuet?host=/tmp/x"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
