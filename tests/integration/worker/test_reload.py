"""`--reload`: a changed source is served anew, and the parent takes its child along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.waiting import is_running, until

SOURCE = """
import os
from pathlib import Path
from minuet.worker import node

Path(__file__).with_name("loaded-{mark}").write_text(str(os.getpid()))

@node("n")
def n(): ...
"""


def test_a_changed_source_is_served_anew(tmp_path: Path, valkey_url: str, key_prefix: str) -> None:
    module = tmp_path / "changing.py"
    module.write_text(SOURCE.format(mark="first"))
    env = {name: value for name, value in os.environ.items() if not name.startswith("MINUET_")}
    env |= {
        "MINUET_REDIS_URL": valkey_url, "MINUET_KEY_PREFIX": key_prefix,
        "MINUET_DRAIN_TIMEOUT_S": "1",
    }  # fmt: skip
    parent = subprocess.Popen(
        [sys.executable, "-m", "minuet.worker", str(module), "--reload"], env=env
    )
    try:
        first = pid_in(tmp_path / "loaded-first")
        module.write_text("1 +")  # a child that cannot start is no end
        until(lambda: not is_running(first), "the first child drained")
        module.write_text(SOURCE.format(mark="second"))
        second = pid_in(tmp_path / "loaded-second")
        parent.send_signal(signal.SIGTERM)
        parent.wait(15)
        assert not is_running(second)
    finally:
        parent.kill()
        parent.wait()


def pid_in(path: Path) -> int:
    def written() -> int | None:
        return int(path.read_text() or 0) or None if path.exists() else None

    return until(written, f"{path.name} written")
