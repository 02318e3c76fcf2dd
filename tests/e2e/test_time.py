"""Time in a real suite: timers, deadlines and back-off, also while everything is down."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.suite import Suite
from tests.support.waiting import until

from .rig import Json, Rig, document

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

OVERDUE = 10_000
NODES_A_RUN = 500
FIRED_WITHIN_S = 60.0


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lateness(rig: Rig, run: str) -> list[float]:
    """How many seconds after its instant each wait of a run ended; negative is early."""
    due: dict[str, datetime] = {}
    late: list[float] = []
    for event in rig.events(run):
        if event["type"] == "node.waiting":
            due[event["node"]] = at(event["data"]["due_at"])
        elif event["type"] == "node.ended" and event.get("node") in due:
            late.append((at(event["time"]) - due[event["node"]]).total_seconds())
    return late


def waits(name: str, **config: str) -> Json:
    return document(name, [{"id": "w", "type": "wait", "config": config}])


@contextmanager
def restartable(folder: Path, env: dict[str, str] | None = None) -> Iterator[Rig]:
    suite = Suite(folder / ".minuet", env=env)
    suite.start()
    rig = Rig(suite, folder / "ledger")
    try:
        yield rig
    finally:
        rig.close()
        suite.stop()


def test_waits_outlive_a_stop_of_everything(tmp_path: Path) -> None:
    """One comes due while nothing runs, and fires at the start; one is due later, and is on time;
    a deadline passes meanwhile too."""
    with restartable(tmp_path) as rig:
        short = rig.start(waits("short", **{"for": "4s"}))
        ends_at = datetime.now(UTC) + timedelta(seconds=25)
        long = rig.start(waits("long", until=ends_at.isoformat()))
        strict = rig.start(waits("strict", **{"for": "1h"}) | {"settings": {"deadline": "4s"}})
        for run in (short, long):
            rig.until_node(run, "w", "waiting")
        due = at(rig.get(f"/runs/{short}/nodes/w")["due_at"])
        assert rig.suite.stop(signal.SIGINT) == 0
        rig.http.close()
        until(lambda: datetime.now(UTC) > due + timedelta(seconds=1), "the short one is overdue")
        rig.suite.start()
        rig.connect()
        back = datetime.now(UTC)
        assert rig.wait(short)["status"] == "succeeded"
        (late,) = lateness(rig, short)
        assert late > 1
        ended = rig.wait(strict)
        assert (ended["status"], ended["error"]["code"]) == ("timed_out", "deadline")
        assert back < ends_at, "the restart took too long for what is tested"
        assert rig.wait(long)["status"] == "succeeded"
        (late,) = lateness(rig, long)
        assert 0 <= late < 5


def test_ten_thousand_overdue_timers_fire_after_a_cold_start(tmp_path: Path) -> None:
    with restartable(tmp_path) as rig:
        due = datetime.now(UTC) + timedelta(seconds=30)
        node: Json = {"type": "wait", "config": {"until": due.isoformat()}}
        rig.apply(document("many", [node | {"id": f"w{n}"} for n in range(NODES_A_RUN)]))
        runs = [rig.start("many") for _ in range(OVERDUE // NODES_A_RUN)]
        until(
            lambda: all(rig.get(f"/runs/{run}", limit=1)["status"] == "waiting" for run in runs),
            "all wait", 30,
        )  # fmt: skip
        assert datetime.now(UTC) < due, "too slow to prepare"
        assert rig.suite.stop(signal.SIGINT) == 0
        rig.http.close()
        until(lambda: datetime.now(UTC) > due, "all are overdue", 40)
        began = time.monotonic()
        rig.suite.start()
        ready = time.monotonic()
        rig.connect()
        for run in runs:
            assert rig.wait(run, FIRED_WITHIN_S)["status"] == "succeeded"
        took = time.monotonic() - began
        print(f"{OVERDUE} overdue timers fired {took:.1f} s after the start of the suite, ", end="")
        print(f"{time.monotonic() - ready:.1f} s after it was ready")
        assert took < FIRED_WITHIN_S
        assert min(lateness(rig, runs[0])) >= 0


# ── Retry-After ────────────────────────────────────────────────────────────────────────────────


class Busy(ThreadingHTTPServer):
    """Answers 503 with seconds, then 429 with a date, then 200; keeps when it was asked, and when
    the next attempt may come."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked_at: list[datetime] = []
        self.not_before: list[datetime] = []


class _Handler(BaseHTTPRequestHandler):
    server: Busy

    def do_GET(self) -> None:
        now = datetime.now(UTC)
        self.server.asked_at.append(now)
        match len(self.server.asked_at):
            case 1:
                self._refuse(503, "2", now + timedelta(seconds=2))
            case 2:
                then = (now + timedelta(seconds=3)).replace(microsecond=0)
                self._refuse(429, format_datetime(then, usegmt=True), then)
            case _:
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

    def _refuse(self, status: int, after: str, then: datetime) -> None:
        self.server.not_before.append(then)
        self.send_response(status)
        self.send_header("retry-after", after)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_both_forms_of_retry_after_are_honoured(tmp_path: Path) -> None:
    """The node's own back-off would be over in 20 ms."""
    with Busy() as busy:
        threading.Thread(target=busy.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{busy.server_address[1]}"
        retry = {"max_attempts": 3, "initial": "10ms", "max": "20ms"}
        node: Json = {"id": "n", "type": "http", "retry": retry,
                      "config": {"method": "GET", "url": f"http://{address}/"}}  # fmt: skip
        with restartable(tmp_path, {"MINUET_NET_ALLOW": address}) as rig:
            assert rig.run(document("polite", [node]))["status"] == "succeeded"
        busy.shutdown()
    assert len(busy.asked_at) == 3
    for then, asked in zip(busy.not_before, busy.asked_at[1:], strict=True):
        assert timedelta(0) <= asked - then < timedelta(seconds=5)
