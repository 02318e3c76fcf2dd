"""A suite, Python workers beside it, and the API as a user sees it: raw JSON over HTTP."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.suite import Suite
from tests.support.waiting import until

from .nodes import LEDGER_VARIABLE

ENDED = {"succeeded", "failed", "cancelled", "timed_out"}
Json = dict[str, Any]


def document(name: str, nodes: Sequence[Json], edges: Sequence[Any] = (), **more: Any) -> Json:
    """A document; an edge may be a pair of node ids."""
    full = [e if isinstance(e, dict) else {"from": e[0], "to": e[1]} for e in edges]
    return {"apiVersion": "minuet/v1", "name": name, "nodes": list(nodes), "edges": full} | more


def chain(ids: Sequence[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(ids))


def fan(first: str, middle: Sequence[str], last: str) -> list[tuple[str, str]]:
    return [(first, each) for each in middle] + [(each, last) for each in middle]


class Worker:
    """`minuet worker <module>` in a process of its own."""

    def __init__(self, suite: Suite, module: str, ledger: Path, **env: str) -> None:
        self.log_path = ledger.with_name(f"{module}.log")
        settings = {
            LEDGER_VARIABLE: str(ledger),
            "MINUET_REDIS_URL": suite.redis_url,
            "MINUET_WORKER_LEASE_MS": "3000",
            "MINUET_WORKER_HEARTBEAT_MS": "250",
            **env,
        }
        command = [sys.executable, "-m", "minuet.cli.main", "worker", module]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT
            )

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to drain; the exit code. Harmless if it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(20)


class Rig:
    def __init__(self, suite: Suite, ledger: Path) -> None:
        self.suite = suite
        self.ledger = ledger
        ledger.touch()
        self._workers: list[Worker] = []
        self.connect()

    def connect(self) -> None:
        """Make the client; again after the suite has started anew."""
        self.http = httpx.Client(
            base_url=f"{self.suite.url}/api/v1",
            headers={"Authorization": f"Bearer {self.suite.api_key}"},
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        self.http.close()
        for worker in self._workers:
            worker.stop()

    def work(self, module: str, type_: str, **env: str) -> Worker:
        """Start a worker and wait until the API tells that it serves `type_`."""
        worker = Worker(self.suite, module, self.ledger, **env)
        self._workers.append(worker)
        until(lambda: self.serves(worker, type_), f"{module} serves {type_}")
        until(lambda: self.knows(type_), f"{type_} is known")
        return worker

    def knows(self, type_: str) -> bool:
        """Whether documents with this type compile: the API hears of it after its worker."""
        return any(each["name"] == type_ for each in self.get("/node-types")["items"])

    def serving(self, type_: str) -> int:
        """How many workers the API lists for a type."""
        return sum(type_ in each["types"] for each in self.get("/workers")["items"])

    def serves(self, worker: Worker, type_: str) -> bool:
        # By pid: a worker that died while nobody could be told is listed for a while yet.
        listed = self.get("/workers")["items"]
        return any(each["pid"] == worker.process.pid and type_ in each["types"] for each in listed)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def apply(self, document: Json) -> Json:
        answer = self.http.post("/workflows", json={"document": document})
        assert answer.status_code in (200, 201), answer.text
        applied: Json = answer.json()
        return applied

    def start(self, workflow: str | Json, inputs: Any = None, **headers: str) -> str:
        """Start by name or with a document; the run's id."""
        body: Json = {"document" if isinstance(workflow, dict) else "workflow": workflow}
        answer = self.http.post(
            "/runs", json=body | ({} if inputs is None else {"inputs": inputs}), headers=headers
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def wait(self, run: str, timeout_s: float = 60.0) -> Json:
        """The run when it has ended."""
        assert until(
            lambda: self.get(f"/runs/{run}/events", after=self._seq(run), wait=5)["ended"],
            f"run {run} ended",
            timeout_s,
        )
        shown: Json = self.get(f"/runs/{run}")
        assert shown["status"] in ENDED
        return shown

    def _seq(self, run: str) -> int:
        return int(self.get(f"/runs/{run}", limit=1)["seq"])

    def run(self, workflow: Json, inputs: Any = None, timeout_s: float = 60.0) -> Json:
        """Start a document and wait for its end."""
        return self.wait(self.start(workflow, inputs), timeout_s)

    def nodes(self, run: str) -> dict[str, Json]:
        """All nodes of a run, page after page."""
        return {node["id"]: node for node in self.items(f"/runs/{run}/nodes", limit=200)}

    def items(self, path: str, **query: Any) -> Iterator[Json]:
        """Everything of a list, page after page."""
        page = self.get(path, **query)
        yield from page["items"]
        while page["next_cursor"] is not None:
            page = self.get(path, **query, cursor=page["next_cursor"])
            yield from page["items"]

    def events(self, run: str) -> list[Json]:
        found: list[Json] = []
        page = self.get(f"/runs/{run}/events", limit=1000)
        while page["items"]:
            found += page["items"]
            page = self.get(f"/runs/{run}/events", limit=1000, after=page["after"])
        return found

    def ledger_of(self, run: str) -> Counter[tuple[str, str]]:
        """How often each (node, word) of the run stands in the ledger."""
        lines = (line.split() for line in self.ledger.read_text().splitlines())
        return Counter((node, word) for of, node, _, word in lines if of == run)

    def until_noted(self, run: str, node: str, word: str, timeout_s: float = 20.0) -> None:
        until(lambda: self.ledger_of(run)[node, word] > 0, f"{node} {word}", timeout_s)

    def until_node(self, run: str, node: str, status: str) -> Json:
        def shown() -> Json | None:
            view: Json = self.get(f"/runs/{run}/nodes/{node}")
            return view if view["status"] == status else None

        return until(shown, f"{node} is {status}")


@contextmanager
def rig(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """A suite with one Python worker."""
    with Suite(folder / ".minuet", env=env) as suite:
        made = Rig(suite, folder / "ledger")
        try:
            made.work("tests.e2e.nodes", "e2e.note")
            yield made
        finally:
            made.close()
