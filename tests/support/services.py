"""A service as a process of its own, without a supervisor."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tests.support.waiting import until


class Service:
    """`python -m minuet.services.<name>` while the block runs; stopped with SIGTERM, which must
    end it with code 0 within ten seconds."""

    def __init__(self, name: str, env: Mapping[str, str], folder: Path, port: int) -> None:
        self.name = name
        self._port = port
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("MINUET_")}
        self._env |= {"MINUET_METRICS_PORT": str(port), **env}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"minuet.services.{self.name}"], env=self._env, stderr=log
            )

    def kill(self) -> None:
        """Kill it at once; `start` makes another."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(10)
        finally:
            self._process.kill()
        assert code == 0, self.log()

    def log(self) -> str:
        return self._log.read_text()

    def trouble(self) -> str | None:
        """What /readyz says, None if the service is ready, "" if it does not answer yet."""
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended:\n{self.log()}"
        try:
            url = f"http://127.0.0.1:{self._port}/readyz"
            answer = httpx.get(url, timeout=2.0, trust_env=False)
        except httpx.TransportError:
            return ""
        return None if answer.status_code == 200 else answer.text.strip()

    def metric(self, name: str) -> float | None:
        """A metric without labels; None while the service does not answer."""
        try:
            url = f"http://127.0.0.1:{self._port}/metrics"
            text = httpx.get(url, timeout=2.0, trust_env=False).text
        except httpx.TransportError:
            return None
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    def until_ready(self) -> None:
        until(lambda: self.trouble() is None, f"{self.name} is ready")

    def until_trouble(self, words: str) -> None:
        """Until the reason that it gives for not being ready has these words."""
        until(lambda: words in (self.trouble() or ""), f"{self.name} says `{words}`")
