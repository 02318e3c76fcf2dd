"""What a service exits with, and the line that says why."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

from minuet.environment import SettingsError
from minuet.model.errors import BusUnavailable, MinuetError
from minuet.process import run_process
from minuet.settings import Settings


async def serve(settings: Settings, env: Mapping[str, str]) -> None:
    assert env["MINUET_LOG_LEVEL"] == settings.log.level


async def fail(settings: Settings, env: Mapping[str, str]) -> None:
    raise BusUnavailable("no such address")


def refuse(settings: Settings, env: Mapping[str, str]) -> Coroutine[Any, Any, None]:
    raise ValueError("not a network")


def miss(settings: Settings, env: Mapping[str, str]) -> Coroutine[Any, Any, None]:
    raise SettingsError(["MINUET_X must be set"])


@pytest.mark.parametrize(
    ("prepare", "level", "code", "line"),
    [
        (serve, "critical", 0, ""),
        (fail, "critical", 1, "tried: no such address\n"),
        (refuse, "critical", 2, "tried: not a network\n"),
        (miss, "critical", 2, "tried: MINUET_X must be set\n"),
        (serve, "loud", 2, "MINUET_LOG_LEVEL"),
    ],
)
def test_one_line_says_why(
    prepare: Any, level: str, code: int, line: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("minuet.process.configure_logging", lambda *_: None)
    monkeypatch.setenv("MINUET_LOG_LEVEL", level)
    assert run_process("tried", prepare) == code
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == (1 if code else 0)


def test_a_mistake_of_ours_is_no_line() -> None:
    async def err(settings: Settings, env: Mapping[str, str]) -> None:
        raise RuntimeError

    assert not issubclass(RuntimeError, MinuetError)
    with pytest.raises(RuntimeError):
        run_process("tried", err)
