"""Log lines as another process sees them."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import logging, structlog
from minuet.telemetry.logging import configure_logging
configure_logging("probe", {level!r})
log = structlog.get_logger()
log.debug("loop_turned")
log.info("run_started", run_id="0-abc", amount=1)
try:
    raise ValueError("boom")
except ValueError:
    log.exception("run_failed", run_id="0-abc")
logging.getLogger("library").info("chatter")
logging.getLogger("library").warning("disk %s", "full")
"""


def log_lines(level: str) -> list[dict[str, object]]:
    script = SCRIPT.format(level=level)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=30
    )
    return [json.loads(line) for line in run.stderr.splitlines()]


def test_every_line_is_one_json_object_with_action_service_level_and_utc_time() -> None:
    lines = log_lines("info")
    assert [line["action"] for line in lines] == ["run_started", "run_failed", "disk full"]
    assert {line["service"] for line in lines} == {"probe"}
    assert [line["level"] for line in lines] == ["info", "error", "warning"]
    assert all(str(line["timestamp"]).endswith("Z") for line in lines)


def test_ids_are_fields_and_exceptions_stay_on_the_line() -> None:
    started, failed, _ = log_lines("info")
    assert (started["run_id"], started["amount"]) == ("0-abc", 1)
    assert "ValueError: boom" in str(failed["exception"])


def test_level_filters() -> None:
    assert [line["action"] for line in log_lines("error")] == ["run_failed"]
    assert "loop_turned" in [line["action"] for line in log_lines("debug")]
