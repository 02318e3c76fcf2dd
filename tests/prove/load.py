"""The load of the crash tests: runs that mix what runs can be made of, and a person who decides."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx

from tests.crash.service import note_service
from tests.support.starts import Starter
from tests.support.waiting import until

from .fleet import API_KEY, Fleet

Json = dict[str, Any]
END_S = 120.0
DECIDE_S = 0.1

MIXED: Json = {
    "apiVersion": "minuet/v1",
    "name": "prove-mixed",
    "nodes": [
        {"id": "first", "type": "prove.step", "config": {"ms": 10}},
        {"id": "left", "type": "prove.step", "config": {"ms": 20}},
        {
            "id": "call",
            "type": "http",
            "config": {
                "method": "POST",
                "url": "${inputs.url}/note",
                "query": {"execution": "${run.id}/call/0"},
            },
        },
        {
            "id": "shaky",
            "type": "prove.flaky",
            "config": {"succeeds_at": 2},
            "retry": {"max_attempts": 3, "initial": "100ms"},
        },
        {"id": "nap", "type": "wait", "config": {"for": "200ms"}},
        {
            "id": "each",
            "type": "map",
            "config": {
                "items": "[1, 2, 3]",
                "run": {
                    "nodes": [
                        {"id": "item", "type": "prove.quick", "config": {"value": "${inputs.item}"}}
                    ],
                    "outputs": "${nodes.item.output}",
                },
            },
        },
        {"id": "ask", "type": "hitl", "config": {"message": "Go on?"}},
        {"id": "last", "type": "prove.step"},
    ],
    "edges": [
        *({"from": "first", "to": to} for to in ("left", "call", "shaky", "nap", "each")),
        {"from": "left", "to": "ask"},
        *({"from": one, "to": "last"} for one in ("ask", "call", "shaky", "nap", "each")),
    ],
    "outputs": {"sum": "${nodes.each.output.results}", "node": "${nodes.last.output.node}"},
}
MIXED_OUTPUT = {"sum": [1, 2, 3], "node": "last"}

STEPS = [f"s{i}" for i in range(8)]
CHAIN: Json = {
    "apiVersion": "minuet/v1",
    "name": "prove-chain",
    "nodes": [{"id": id, "type": "prove.step", "config": {"ms": 50}} for id in STEPS],
    "edges": [{"from": a, "to": b} for a, b in itertools.pairwise(STEPS)],
    "outputs": {"node": "${nodes.s7.output.node}"},
}
"""Always a token at a worker: what stands still shows."""

LEDGER_NODES = ["first", "left", "call", "shaky", "item", "last", *STEPS]
"""Ids of all nodes that write into the ledger."""


class Load:
    """Starts runs as a careful client does: again until the answer is 2xx, under one key."""

    def __init__(self, fleet: Fleet, service_url: str) -> None:
        self.fleet = fleet
        self._starter = Starter(fleet.url, API_KEY, inputs={"url": service_url})
        self._number = itertools.count()

    def start(
        self, count: int, workflow: str = "prove-mixed", *, connections: int = 8
    ) -> list[str]:
        """Ids of the accepted runs, in no order."""
        key = f"load-{next(self._number)}"
        return self._starter.start(workflow, count, key=key, connections=connections)

    @contextmanager
    def going_on(
        self, workflow: str = "prove-mixed", *, at_once: int = 5, pause_s: float = 0.25
    ) -> Iterator[list[str]]:
        """Start some runs again and again while the block goes on. The list has the ids of all
        that were accepted; read it when the block has ended."""
        runs: list[str] = []
        stop = threading.Event()

        def start() -> None:
            while not stop.is_set():
                runs.extend(self.start(at_once, workflow, connections=at_once))
                stop.wait(pause_s)

        thread = threading.Thread(target=start, name="load")
        thread.start()
        try:
            yield runs
        finally:
            stop.set()
            thread.join()

    def until_ended(self, runs: Sequence[str], timeout_s: float = END_S) -> None:
        """Until Postgres says so of all. Raises AssertionError with ids of those that did not."""
        try:
            until(lambda: not self.unended(runs), "all runs ended", timeout_s)
        except AssertionError as error:
            left = self.unended(runs)
            raise AssertionError(f"{len(left)} runs not ended: {sorted(left)[:5]}") from error

    def unended(self, runs: Sequence[str]) -> dict[str, int]:
        """Status numbers of runs that have not ended; one that nobody knows is -1."""
        return asyncio.run(_unended(self.fleet.database_url, runs))


async def _unended(database_url: str, runs: Sequence[str]) -> dict[str, int]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "select w.id, coalesce(r.status, -1) as status from unnest($1::text[]) as w (id) "
            "left join runs as r on r.id = w.id where coalesce(r.status, -1) < 6",
            list(runs),
        )
    finally:
        await connection.close()
    return {row["id"]: row["status"] for row in rows}


class Decider:
    """A person who approves whatever is asked, over the API, until stopped."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decider")
        self.faults: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        assert not self.faults, self.faults

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        url = f"{self._fleet.url}/api/v1"
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
            while not self._stop.wait(DECIDE_S):
                try:
                    self._decide_all(client)
                except httpx.TransportError:
                    continue  # the API is being killed: asked again

    def _decide_all(self, client: httpx.Client) -> None:
        listed = client.get("/approvals", params={"status": "pending", "limit": 100})
        if listed.status_code != 200:
            return
        for each in listed.json()["items"]:
            answer = client.post(f"/approvals/{each['id']}/decision", json={"decision": "approve"})
            # 409: it was decided by an earlier request whose answer was lost.
            if answer.status_code not in (200, 202, 409) and answer.status_code < 500:
                self.faults.append(f"{each['id']}: {answer.status_code} {answer.text}")


@contextmanager
def load(fleet: Fleet, *documents: Json) -> Iterator[Load]:
    """A load on a fleet whose services run: documents applied, an HTTP service that keeps the
    ledger too, and somebody who decides."""
    with note_service(fleet.ledger) as service_url:
        for document in (MIXED, CHAIN, *documents):
            fleet.apply(document)
        decider = Decider(fleet)
        decider.start()
        try:
            yield Load(fleet, service_url)
        finally:
            decider.stop()
