"""One round of a race: patches, completions and perhaps a cancel, all of one run."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from minuet.ir.materialise import apply_patch
from minuet.model.canonical import canonical_json, digest

from .rig import Json, document

Operations = list[Json]
BUSY = {500, 502, 503, 504}
SOONEST_S, LATEST_S = 0.0, 0.6


class Answer(NamedTuple):
    """What became of one request. `reason` is None where the patch was applied."""

    key: str
    reason: str | None


class Round(NamedTuple):
    """A run that has ended, as the API tells of it, and what its callers were told."""

    run: str
    start: Json
    answers: list[Answer]
    cancel_won: bool | None
    shown: Json
    nodes: dict[str, Json]
    document: Json
    patches: list[Json]
    events: list[Json]


def raced(rng: random.Random) -> Json:
    """Timers and tasks complete all the while, and the run lives for about as long as the race."""
    return document(
        "raced",
        [
            {"id": "first", "type": "transform", "config": {"value": {"x": 1}}},
            {"id": "pause", "type": "wait", "config": {"for": f"{rng.randint(50, 800)}ms"}},
            {"id": "note", "type": "e2e.note", "config": {"value": "${nodes.first.output.x}"}},
            {"id": "rest", "type": "wait", "config": {"for": f"{rng.randint(50, 800)}ms"}},
            {"id": "side", "type": "e2e.note", "config": {"value": 2}},
            {"id": "last", "type": "transform", "config": {"value": "as it was"}},
        ],
        [("first", "pause"), ("pause", "note"), ("first", "side"), ("note", "rest"),
         ("rest", "last"), ("side", "last")],
        outputs={"last": "${nodes.last.output}"},
    )  # fmt: skip


def step(id: str) -> Json:
    node = {"id": id, "type": "transform", "config": {"value": id}}
    return {"op": "add", "path": "/nodes/-", "value": node}


def edge(source: str, target: str) -> Json:
    return {"op": "add", "path": "/edges/-", "value": {"from": source, "to": target}}


def append(id: str) -> Operations:
    return [step(id), edge("last", id)]


def behind_the_past(id: str) -> Operations:
    """Out of a node that has ended, or soon will have: resolved at once."""
    return [step(id), edge("first", id)]


def insert(id: str) -> Operations:
    """In place of an edge, if that is still there."""
    old = {"from": "rest", "to": "last"}
    return [
        {"op": "test", "path": "/edges/4", "value": old}, {"op": "remove", "path": "/edges/4"},
        step(id), edge("rest", id), edge(id, "last"),
    ]  # fmt: skip


def change_last(id: str) -> Operations:
    return [{"op": "replace", "path": "/nodes/by-id/last/config/value", "value": id}]


def change_note(id: str) -> Operations:
    """Of a node that is soon at work, and then cannot change any more."""
    return [{"op": "replace", "path": "/nodes/by-id/note/config/value", "value": id}]


KINDS: list[Callable[[str], Operations]] = [
    append, behind_the_past, insert, change_last, change_note,
]  # fmt: skip


class Racer:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def round(self, rng: random.Random, *, patches: int, cancel: bool) -> Round:
        start = raced(rng)
        answer = await self._sent("POST", "/runs", json={"document": start, "inputs": {}})
        assert answer.status_code == 202, answer.text
        run = str(answer.json()["id"])
        base = digest(canonical_json(start))
        asked = [self._patch(run, i, random.Random(rng.random()), base) for i in range(patches)]
        work = asyncio.gather(*asked)
        won = await self._cancel(run, rng.uniform(SOONEST_S, LATEST_S)) if cancel else None
        answers = await work
        shown, events = await self._ended(run)
        listed = (await self._get(f"/runs/{run}/patches", limit=100))["items"]
        return Round(
            run, start, answers, won, shown,
            {each["id"]: each for each in shown["nodes"]},
            await self._get(f"/runs/{run}/document"), listed, events,
        )  # fmt: skip

    async def _patch(self, run: str, number: int, rng: random.Random, base: str) -> Answer:
        key = f"key-{number}"
        headers = {"Idempotency-Key": key} | ({"If-Match": base} if rng.random() < 0.3 else {})
        body = {"operations": rng.choice(KINDS)(f"n{number}")}
        await asyncio.sleep(rng.uniform(SOONEST_S, LATEST_S))
        answer = await self._sent("POST", f"/runs/{run}/patches", json=body, headers=headers)
        while answer.status_code == 202:  # asked again, it waits again
            answer = await self._sent("POST", f"/runs/{run}/patches", json=body, headers=headers)
        if answer.status_code == 200:
            assert answer.json()["status"] == "applied"
            return Answer(key, None)
        return Answer(key, reason_of(answer))

    async def _cancel(self, run: str, after_s: float) -> bool:
        """Whether the run ended by it."""
        await asyncio.sleep(after_s)
        answer = await self._sent(
            "POST", f"/runs/{run}/cancel", json={}, headers={"Idempotency-Key": "cancel"}
        )
        assert answer.status_code in (200, 202, 409), answer.text
        if answer.status_code == 202:
            return str((await self._ended(run))[0]["status"]) == "cancelled"
        return answer.status_code == 200

    async def _ended(self, run: str) -> tuple[Json, list[Json]]:
        """The run when it has ended, and all its events."""
        after, events = 0, []
        async with asyncio.timeout(60):
            while True:
                page = await self._get(f"/runs/{run}/events", after=after, wait=5, limit=1000)
                after = page["after"]
                events += page["items"]
                if page["ended"]:
                    return await self._get(f"/runs/{run}"), events

    async def _get(self, path: str, **query: Any) -> Json:
        answer = await self._sent("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def _sent(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Asked again while the suite is in trouble."""
        async with asyncio.timeout(60):
            while (answer := await self._http.request(method, path, **more)).status_code in BUSY:
                await asyncio.sleep(0.1)
        return answer


def reason_of(answer: httpx.Response) -> str:
    """The word under which the list of patches has what this answer tells."""
    problem = answer.json()
    by_type = {
        "/problems/run-ended": "run_ended", "/problems/invalid-patch": "invalid_patch",
        "/problems/precondition-failed": "base_moved",
    }  # fmt: skip
    reason = problem.get("reason") or by_type.get(problem["type"])
    assert reason is not None, answer.text
    return str(reason)


def check_round(round: Round) -> Counter[str]:
    """What was told, what is listed and what the run follows agree; how often which was told."""
    applied = [each for each in round.patches if each["status"] == "applied"]
    assert {each["status"] for each in round.patches} <= {"applied", "refused"}
    told = Counter(answer.reason or "applied" for answer in round.answers)
    assert {each["patch"] for each in applied} == {a.key for a in round.answers if not a.reason}
    for answer in round.answers:
        if answer.reason and answer.reason != "run_ended":
            last = [each for each in round.patches if each["patch"] == answer.key][-1]
            assert (last["status"], last["reason"]) == ("refused", answer.reason)
            assert last["detail"] or answer.reason == "base_moved"
    expected = round.start
    for each in sorted(applied, key=lambda each: each["number"]):
        expected = apply_patch(expected, each["operations"])
    assert round.document == expected
    assert {node["id"] for node in expected["nodes"]} == set(round.nodes)
    assert round.shown["patches"] == len(applied)
    numbers = [e["data"]["number"] for e in round.events if e["type"] == "patch.applied"]
    assert numbers == sorted(each["number"] for each in applied)
    check_end(round)
    return told


def check_end(round: Round) -> None:
    assert round.shown["counter"] == 0
    assert [each["id"] for each in round.events] == list(range(1, len(round.events) + 1))
    assert [e["type"] for e in round.events].count("run.ended") == 1
    assert round.events[-1]["type"] == "run.ended"
    status = round.shown["status"]
    assert status == ("cancelled" if round.cancel_won else "succeeded"), round.shown["error"]
    if status == "succeeded":
        assert {node["status"] for node in round.nodes.values()} == {"succeeded"}
        last = next(node for node in round.document["nodes"] if node["id"] == "last")
        assert round.shown["outputs"] == {"last": last["config"]["value"]}
