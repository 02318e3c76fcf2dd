"""Settings: defaults, faults reported together, secrets kept out of repr."""

from __future__ import annotations

import pytest

from minuet.settings import Settings, SettingsError


def test_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_empty_variable_counts_as_unset() -> None:
    assert Settings.from_env({"MINUET_PORT": ""}).orchestrator.port == 8080


def test_every_fault_is_reported_together() -> None:
    env = {
        "MINUET_PORT": "eighty",
        "MINUET_LOG_LEVEL": "loud",
        "MINUET_REDIS_URL": "http://user:hunter2@example.com",
        "MINUET_WORKER_SLOTS": "0",
        "MINUET_DRAIN_TIMEOUT_S": "nan",
    }
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)
    assert [fault.split(" ", 1)[0] for fault in caught.value.faults] == [
        "MINUET_REDIS_URL",
        "MINUET_LOG_LEVEL",
        "MINUET_PORT",
        "MINUET_WORKER_SLOTS",
        "MINUET_DRAIN_TIMEOUT_S",
    ]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MINUET_WORKER_HEARTBEAT_MS", "10000"), ("MINUET_COORDINATOR_RENEW_MS", "1000")],
)
def test_renewal_must_fit_three_times_into_the_lease(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be under a third"):
        Settings.from_env({name: value})


def test_repr_shows_no_secret() -> None:
    settings = Settings.from_env(
        {
            "MINUET_BOOTSTRAP_API_KEY": "hunter2",
            "MINUET_DATABASE_URL": "postgresql://minuet:hunter2@db/minuet",
            "MINUET_REDIS_URL": "redis://:hunter2@redis/0",
        }
    )
    assert "hunter2" not in repr(settings)
    assert settings.orchestrator.bootstrap_api_key == "hunter2"


def test_sqlalchemy_gets_its_own_scheme() -> None:
    settings = Settings.from_env({"MINUET_DATABASE_URL": "postgresql://a@/b?host=/tmp/c"})
    assert settings.database.sqlalchemy_url == "postgresql+asyncpg://a@/b?host=/tmp/c"


def test_lists_are_parted_by_commas() -> None:
    settings = Settings.from_env({"MINUET_NET_ALLOW": " 127.0.0.1/32, localhost,,"})
    assert settings.network.allow == ("127.0.0.1/32", "localhost")
