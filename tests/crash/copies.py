"""An old copy of Redis, put back under a suite that had gone on."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from tests.suite import Suite
from tests.support.waiting import is_running, until


class RedisCopy:
    """Of the append-only file as it stands now: the server writes it before it answers."""

    def __init__(self, suite: Suite, place: Path) -> None:
        self._suite = suite
        self._place = place
        self._files = suite.data_dir / "valkey" / "appendonlydir"
        shutil.copytree(self._files, place)

    def put_back(self) -> None:
        """Kill the server and let it start with the copy. The supervisor, which would start it at
        once, stands still meanwhile."""
        supervisor = self._suite.file.pid
        os.kill(supervisor, signal.SIGSTOP)
        try:
            old = self._suite.kill("valkey")
            until(lambda: not is_running(old), "the server is dead")
            shutil.rmtree(self._files)
            shutil.copytree(self._place, self._files)
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self._suite.until_restarted("valkey", old)
