"""The supervisor's small parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minuet.environment import SettingsError
from minuet.services.up.backoff import FIRST_S, LIMIT_S, RAN_WELL_S, Backoff
from minuet.services.up.data_dir import LOG_LIMIT_BYTES, DataDir
from minuet.services.up.logs import Follower, last_lines, notable
from minuet.services.up.ports import free_ports
from minuet.services.up.settings import UpSettings


def test_backoff_doubles_up_to_its_limit() -> None:
    backoff = Backoff()
    delays = [backoff.after_death(ran_s=0.1) for _ in range(10)]
    assert delays[:3] == [FIRST_S, FIRST_S * 2, FIRST_S * 4]
    assert delays[-1] == LIMIT_S


def test_backoff_starts_anew_after_a_good_run() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after_death(ran_s=0.1)
    assert backoff.after_death(ran_s=RAN_WELL_S) == FIRST_S
    assert backoff.after_death(ran_s=0.1) == FIRST_S * 2


def test_arguments_win_over_the_environment() -> None:
    settings = UpSettings.read({"MINUET_PORT": "1", "MINUET_DATA_DIR": "a"}, ["--port", "2"])
    assert (settings.port, settings.data_dir) == (2, Path("a"))


def test_bad_port_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="MINUET_PORT"):
        UpSettings.read({}, ["--port", "99999"])


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


def test_only_warnings_and_worse_are_notable() -> None:
    line = {"action": "slow", "level": "warning", "timestamp": "x", "service": "y", "run_id": "r"}
    assert notable(json.dumps(line).encode()) == "warning: slow run_id=r"
    assert notable(json.dumps(line | {"level": "info"}).encode()) is None
    assert notable(b"Traceback (most recent call last):") is None
    assert notable(b"[1, 2]") is None


def test_follower_waits_for_the_end_of_a_line_and_skips_what_was_there(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text('{"level": "error", "action": "old"}\n')
    follower = Follower("x", log)
    with log.open("a") as file:
        file.write('{"level": "error", ')
        file.flush()
        assert follower.news() == []
        file.write('"action": "new"}\n')
        file.flush()
        assert follower.news() == ["error: new"]
    assert follower.news() == []


def test_last_lines_skip_empty_ones(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert last_lines(log, 2) == []
    log.write_text("one\n\ntwo\nthree\n\n")
    assert last_lines(log, 2) == ["two", "three"]


def test_big_log_is_put_aside_at_start(tmp_path: Path) -> None:
    data_dir = DataDir.open(tmp_path)
    try:
        path = data_dir.log_path("x")
        path.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
        assert data_dir.log_path("x") == path
        assert not path.exists()
        assert path.with_suffix(".log.1").stat().st_size == LOG_LIMIT_BYTES + 1
    finally:
        data_dir.close()
