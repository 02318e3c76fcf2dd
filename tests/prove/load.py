"""The load of the crash tests: runs that mix what runs can be made of, and a person who decides."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx

from minuet.model.status import RunStatus
from tests.crash.service import note_service
from tests.support.starts import Starter
from tests.support.waiting import until

from .fleet import API_KEY, Fleet

Json = dict[str, Any]
END_S = 120.0
DECIDE_S = 0.1
ENDED = int(RunStatus.SUCCEEDED)


def _document(name: str, nodes: list[Json], **more: Any) -> Json:
    return {"apiVersion": "minuet/v1", "name": name, "nodes": nodes} | more


def _call(id: str, ms: int = 0) -> Json:
    query = {"execution": f"${{run.id}}/{id}/0", "ms": str(ms)}
    config = {"method": "POST", "url": "${inputs.url}/note", "query": query}
    return {"id": id, "type": "http", "config": config}


def _map(id: str, items: str, ms: int = 0) -> Json:
    """Each item one pure step, its result the item itself."""
    item = {"id": "item", "type": "prove.quick", "config": {"value": "${inputs.item}", "ms": ms}}
    run = {"nodes": [item], "outputs": "${nodes.item.output}"}
    return {"id": id, "type": "map", "config": {"items": items, "run": run}}


MIXED = _document(
    "prove-mixed",
    [
        {"id": "first", "type": "prove.step", "config": {"ms": 10}},
        {"id": "left", "type": "prove.step", "config": {"ms": 20}},
        _call("call"),
        {
            "id": "shaky", "type": "prove.flaky", "config": {"succeeds_at": 2},
            "retry": {"max_attempts": 3, "initial": "100ms"},
        },
        {"id": "nap", "type": "wait", "config": {"for": "200ms"}},
        _map("each", "[1, 2, 3]"),
        {"id": "ask", "type": "hitl", "config": {"message": "Go on?"}},
        {"id": "last", "type": "prove.step"},
    ],
    edges=[
        *({"from": "first", "to": to} for to in ("left", "call", "shaky", "nap", "each")),
        {"from": "left", "to": "ask"},
        *({"from": one, "to": "last"} for one in ("ask", "call", "shaky", "nap", "each")),
    ],
    outputs={"items": "${nodes.each.output.results}", "node": "${nodes.last.output.node}"},
)  # fmt: skip

STEPS = [f"s{i}" for i in range(8)]
CHAIN = _document(
    "prove-chain",
    [{"id": id, "type": "prove.step", "config": {"ms": 50}} for id in STEPS],
    edges=[{"from": a, "to": b} for a, b in itertools.pairwise(STEPS)],
    outputs={"node": "${nodes.s7.output.node}"},
)
"""Always a token at a worker: what stands still shows."""

LONG = _document(
    "prove-long",
    [{"id": id, "type": "prove.step", "config": {"ms": 400}} for id in STEPS],
    edges=[{"from": a, "to": b} for a, b in itertools.pairwise(STEPS)],
    outputs={"node": "${nodes.s7.output.node}"},
)
"""As the chain, and long enough to be killed in the middle."""

PAGES = _document(
    "prove-pages", [_map("each", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", ms=40)],
    outputs={"items": "${nodes.each.output.results}"},
)  # fmt: skip
"""Pages of many tokens, each of which takes longer than a page should."""

SLOW = _document(
    "prove-slow",
    [{"id": "first", "type": "prove.step", "config": {"ms": 1500}}, _call("call", ms=1500)],
    outputs={"node": "${nodes.first.output.node}"},
)
"""Long enough in hand to need heartbeats."""

DOCUMENTS = (MIXED, CHAIN, LONG, PAGES, SLOW)
OUTPUTS: dict[str, Json] = {
    "prove-mixed": {"items": [1, 2, 3], "node": "last"},
    "prove-chain": {"node": "s7"},
    "prove-long": {"node": "s7"},
    "prove-pages": {"items": list(range(1, 13))},
    "prove-slow": {"node": "first"},
}
"""What every run of a document must end with."""

LEDGER_NODES = ["first", "left", "call", "shaky", "item", "last", *STEPS]
"""Ids of all nodes that write into the ledger."""


class Changed(Exception):
    """A run had ended, and its status is another now."""


class Load:
    """Starts runs as a careful client does: again until the answer is 2xx, under one key.

    `inputs` are what every run of these documents needs.
    """

    def __init__(self, fleet: Fleet, service_url: str) -> None:
        self.fleet = fleet
        self.inputs = {"url": service_url}
        self._starter = Starter(fleet.url, API_KEY, inputs=self.inputs)
        self._number = itertools.count()
        self._ended: dict[str, int] = {}

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
        """Until Postgres says so of all. Raises AssertionError with ids of those that did not, and
        when a run that had ended does not look so any more."""
        try:
            until(lambda: not self.unended(runs), "all runs ended", timeout_s)
        except AssertionError as error:
            left = self.unended(runs)
            raise AssertionError(f"{len(left)} runs not ended: {sorted(left)[:5]}") from error

    def unended(self, runs: Sequence[str]) -> dict[str, int]:
        """Status numbers of runs that have not ended; one that nobody knows is -1. Raises
        Changed if one had ended otherwise at an earlier look."""
        found = asyncio.run(_statuses(self.fleet.database_url, runs))
        for id, status in found.items():
            if self._ended.get(id, status) != status:
                raise Changed(f"{id}: ended with status {self._ended[id]}, now {status}")
        self._ended |= {id: status for id, status in found.items() if status >= ENDED}
        return {id: status for id, status in found.items() if status < ENDED}

    def wrong_outputs(self, runs: Sequence[str], expected: Json) -> list[str]:
        """In words, of runs that have ended otherwise than with these outputs."""
        found = asyncio.run(_outputs(self.fleet.database_url, runs))
        return [f"{id}: outputs {got}" for id, got in found.items() if got != expected]


async def _outputs(database_url: str, runs: Sequence[str]) -> dict[str, Any]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "select id, outputs from runs where id = any($1::text[]) and status >= 6", list(runs)
        )
    finally:
        await connection.close()
    return {row["id"]: json.loads(row["outputs"] or b"null") for row in rows}


async def _statuses(database_url: str, runs: Sequence[str]) -> dict[str, int]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "select w.id, coalesce(r.status, -1) as status from unnest($1::text[]) as w (id) "
            "left join runs as r on r.id = w.id",
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
        for document in (*DOCUMENTS, *documents):
            fleet.apply(document)
        decider = Decider(fleet)
        decider.start()
        try:
            yield Load(fleet, service_url)
        finally:
            decider.stop()
