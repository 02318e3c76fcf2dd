"""Somebody who goes on starting runs, and remembers every answer that he gets."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.prove.fleet import API_KEY, Fleet

ACCEPTED = frozenset({200, 202})
LONGEST_PAUSE_S = 2.0


@dataclass
class Answers:
    """`runs` were answered 2xx. `statuses` counts answers, lost connections as 0. `faults` tells
    in words what no client should ever get."""

    runs: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    last: httpx.Response | None = None


class Caller:
    """Each start has a key of its own and is repeated under it until it is accepted."""

    def __init__(self, fleet: Fleet, workflow: str, inputs: Any) -> None:
        self.answers = Answers()
        self._url = f"{fleet.url}/api/v1"
        self._body = {"workflow": workflow, "inputs": inputs}
        self._numbers = itertools.count()
        self._stop = threading.Event()

    def run(self, pause_s: float) -> None:
        """Until `stop`; then the start in hand is brought to its end."""
        headers = {"Authorization": f"Bearer {API_KEY}"}
        with httpx.Client(
            base_url=self._url, headers=headers, timeout=60, trust_env=False
        ) as client:
            while not self._stop.wait(pause_s):
                key = f"caller-{id(self)}-{next(self._numbers)}"
                while not self._accepted(client, key):
                    pass

    def stop(self) -> None:
        self._stop.set()

    def _accepted(self, client: httpx.Client, key: str) -> bool:
        try:
            answer = client.post("/runs", json=self._body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            self.answers.statuses[0] += 1
            time.sleep(0.1)
            return False
        self._note(answer)
        if answer.status_code in ACCEPTED:
            self.answers.runs.append(answer.json()["id"])
            return True
        time.sleep(min(float(answer.headers.get("Retry-After", 1)), LONGEST_PAUSE_S))
        return False

    def _note(self, answer: httpx.Response) -> None:
        status = answer.status_code
        self.answers.last = answer
        self.answers.statuses[status] += 1
        if status == 503 and "Retry-After" not in answer.headers:
            self.answers.faults.append(f"503 without Retry-After: {answer.text}")
        elif status not in ACCEPTED and status != 503:
            self.answers.faults.append(f"a start was answered {status}: {answer.text}")


@contextmanager
def calling(
    fleet: Fleet, workflow: str, inputs: Any, *, callers: int = 3, pause_s: float = 0.2
) -> Iterator[Answers]:
    """Starts go on while the block does. What it yields may be read meanwhile."""
    caller = Caller(fleet, workflow, inputs)
    threads = [threading.Thread(target=caller.run, args=(pause_s,)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield caller.answers
    finally:
        caller.stop()
        for thread in threads:
            thread.join()
