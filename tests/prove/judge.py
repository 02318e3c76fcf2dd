"""The judge: what was promised, against what API, history, Redis and the nodes' ledger say.

It asks the servers themselves, past every proxy, once the load is over, and answers in words.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import msgspec

from minuet.model.event import Event
from minuet.model.status import NodeStatus, RunStatus
from tests.crash.ledger import Execution, keys_by_execution, read_ledger

from .at_rest import leftovers, live_state
from .folded import fold_differences

if TYPE_CHECKING:
    from .fleet import Fleet

REST_S = 30.0
EVENTS_ASKED = 5
"""Of how many runs the API is asked for every event."""


@dataclass
class Verdict:
    """`executions` are executions that were recorded, `duplicates` those that the ledger has more
    often than they have attempts: run again after a crash."""

    violations: list[str] = field(default_factory=list)
    runs_started: int = 0
    runs_ended: int = 0
    executions: int = 0
    duplicates: int = 0


class Row(NamedTuple):
    """A run as Postgres has it."""

    id: str
    status: RunStatus
    seq: int
    cmd: int
    counter: int
    last_commit: str
    parent: str | None


class Transition(NamedTuple):
    first_seq: int
    last_seq: int
    commit: str
    prev: str
    at: float
    events: list[Event]


class History(NamedTuple):
    """Of all runs that were asked for and their descendants."""

    rows: dict[str, Row]
    transitions: dict[str, list[Transition]]


def judge(
    fleet: Fleet,
    accepted: Sequence[str],
    *,
    may_wait: Iterable[str] = (),
    ledger: Path | None = None,
    ledger_nodes: Iterable[str] = (),
    at_rest: bool = True,
    expected: str | None = None,
    asks_api: bool = True,
    rest_s: float = REST_S,
) -> Verdict:
    """Judge the runs that were answered 2xx, with their child runs.

    `may_wait`: those that need not have ended, if they say what they wait for. `ledger_nodes`: ids
    of nodes that write into the ledger. `at_rest`: all load is over, so Redis must be empty of
    what is live (it gets `rest_s` to become so). `expected`: the status in which all must have
    ended. `asks_api`: what is told over HTTP is judged too. Calling it twice is harmless.
    """
    waiting = set(may_wait)
    is_at_rest = at_rest and not waiting
    if is_at_rest:
        _until_at_rest(fleet, rest_s)
    history = asyncio.run(read_history(fleet.database_url, accepted))
    verdict = Verdict(runs_started=len(set(accepted)))
    verdict.runs_ended = sum(history.rows[r].status.ended for r in accepted if r in history.rows)
    found = verdict.violations
    for run in accepted:
        found += _of_accepted(run, history.rows.get(run), run in waiting, expected)
    if asks_api:
        found += _of_api(fleet, accepted, waiting, history)
        for run in list(accepted)[:EVENTS_ASKED]:
            found += _told_events(fleet, run, history.rows.get(run))
    for id, row in history.rows.items():
        _check_history(id, row, history.transitions[id], found.append)
    found += asyncio.run(fold_differences(fleet.database_url, list(history.rows)))
    found += live_state(fleet, [row for row in history.rows.values() if not row.status.ended])
    _check_ledger(ledger or fleet.ledger, set(ledger_nodes), history, verdict)
    if is_at_rest:
        found += leftovers(fleet)
    found += _changed(history, asyncio.run(read_history(fleet.database_url, accepted)))
    return verdict


async def read_history(database_url: str, accepted: Sequence[str]) -> History:
    """One consistent look at runs, descendants and transitions."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(_FAMILIES, list(accepted))
            found = {row["id"]: Row(row[0], RunStatus(row[1]), *row[2:]) for row in rows}
            told = await connection.fetch(_TRANSITIONS, list(found))
    finally:
        await connection.close()
    transitions: defaultdict[str, list[Transition]] = defaultdict(list)
    for run, first, last, commit, prev, at, events in told:
        decoded = msgspec.json.decode(events, type=list[Event])
        transitions[run].append(Transition(first, last, commit, prev, at.timestamp(), decoded))
    return History(found, transitions)


_FAMILIES = """
with recursive family as (
  select id from runs where id = any($1::text[])
  union select r.id from runs as r join family as f on r.parent_run = f.id)
select r.id, r.status, r.seq, r.cmd, r.counter, r.last_commit, r.parent_run
from runs as r join family as f on f.id = r.id
"""
_TRANSITIONS = """
select run_id, first_seq, last_seq, commit_id, prev, time, events
from transitions where run_id = any($1::text[]) order by run_id, first_seq
"""


def _of_accepted(run: str, row: Row | None, may_wait: bool, expected: str | None) -> Iterable[str]:
    """It is known, and ended as it should unless it may wait."""
    if row is None:
        yield f"{run}: accepted, and nothing knows it"
    elif not row.status.ended and not may_wait:
        yield f"{run}: accepted, {row.status.word}, and did not end"
    elif row.status.ended and expected and row.status.word != expected:
        yield f"{run}: ended {row.status.word}, not {expected}"


def _of_api(
    fleet: Fleet, accepted: Iterable[str], waiting: set[str], history: History
) -> Iterable[str]:
    """API and Postgres tell the same of each; what waits, says what for."""
    for run in accepted:
        answer = fleet.http.get(f"/runs/{run}", params={"limit": 1})
        row = history.rows.get(run)
        if answer.status_code != 200:
            yield f"{run}: the API answers {answer.status_code} about an accepted run"
        elif row and row.status.ended and answer.json()["status"] != row.status.word:
            yield f"{run}: {row.status.word} in Postgres, {answer.json()['status']} by the API"
        elif row and not row.status.ended and run in waiting:
            blockers = fleet.http.get(f"/runs/{run}/blockers")
            if blockers.status_code != 200 or not blockers.json().get("items"):
                yield f"{run}: {row.status.word}, and does not say what it waits for"


def _told_events(fleet: Fleet, run: str, row: Row | None) -> Iterable[str]:
    """The API shows the events 1, 2, 3 ... up to where the run is."""
    ids: list[int] = []
    while row is not None:
        page = fleet.get(f"/runs/{run}/events", limit=1000, after=len(ids))
        ids += [event["id"] for event in page["items"]]
        if not page["items"]:
            break
    if row is not None and ids[: row.seq] != list(range(1, row.seq + 1)):
        yield f"{run}: at event {row.seq}, and the API shows {ids}"


def _changed(before: History, after: History) -> Iterable[str]:
    """What ended stays as it ended."""
    for id, row in before.rows.items():
        if row.status.ended and after.rows.get(id) != row:
            yield f"{id}: ended {row.status.word}, and changed after that"


def _check_history(id: str, row: Row, transitions: list[Transition], say: Any) -> None:
    """Ids without gap, commits in one line, each thing once, nothing after the end."""
    seq, commit = 0, ""
    for each in transitions:
        if each.first_seq != seq + 1 or each.last_seq - seq != len(each.events):
            say(f"{id}: events {each.first_seq}-{each.last_seq} after {seq}")
        if each.prev != commit:
            say(f"{id}: commit {each.commit} builds on {each.prev}, the one before is {commit}")
        seq, commit = each.last_seq, each.commit
    if (row.seq, row.last_commit) != (seq, commit):
        say(f"{id}: the row is at {row.seq} {row.last_commit}, its history at {seq} {commit}")
    events = [event for each in transitions for event in each.events]
    ends = [i for i, event in enumerate(events) if event.type == "run.ended"]
    if len(ends) != row.status.ended:
        say(f"{id}: {row.status.word}, and ended {len(ends)} times")
    if ends and (ends[-1] != len(events) - 1 or row.counter != 0):
        late = [event.type for event in events[ends[-1] + 1 :]]
        say(f"{id}: ended with {row.counter} live tokens, and after its end came {late}")
    for (what, *key), count in Counter(_once(events)).items():
        if count > 1:
            say(f"{id}: {what} of {key} {count} times")


def _once(events: Iterable[Event]) -> Iterable[tuple[Any, ...]]:
    """What may occur once in a history, each with what identifies it."""
    for event in events:
        if event.type == "node.ended":
            yield "end", event.node, event.gen
        elif event.type == "node.item":
            yield "result of item", event.node, event.gen, event.data["item"]
        elif event.type in ("approval.decided", "patch.applied", "message.received"):
            number = event.data.get("number", event.data.get("by"))
            yield event.type, event.node, event.gen, number


def idempotency_key(run: str, node: str, gen: int) -> str:
    """As docs/protocol.md defines it."""
    return hashlib.sha256(f"{run}/{node}/{gen}".encode()).hexdigest()[:32]


def _check_ledger(path: Path, nodes: set[str], history: History, verdict: Verdict) -> None:
    """Each execution that counts was run, all its runs with the key of one of its gens."""
    lines, keys = read_ledger(path), keys_by_execution(path)
    say = verdict.violations.append
    for id, transitions in history.transitions.items():
        events = [e for each in transitions for e in each.events if e.node in nodes]
        by_node: defaultdict[str, set[int]] = defaultdict(set)
        attempts: Counter[str] = Counter()
        for event in events:
            if event.type in ("node.ready", "node.ended") and event.gen is not None:
                by_node[event.node or ""].add(event.gen)
            attempts[event.node or ""] += event.type in ("node.ended", "node.retrying")
        for node, gens in by_node.items():
            execution = Execution(id, node)
            ended = [e for e in events if e.node == node and _was_run(e)]
            verdict.executions += len(ended)
            verdict.duplicates += max(0, lines[execution] - attempts[node])
            wanted = {idempotency_key(id, node, gen) for gen in gens}
            if ended and not lines[execution]:
                say(f"{id}/{node}: recorded, and never executed")
            if foreign := keys.get(execution, set()) - wanted:
                say(f"{id}/{node}: executed with keys of no execution: {sorted(foreign)}")


def _was_run(event: Event) -> bool:
    """An end that says the node's code was run to its end."""
    return event.type == "node.ended" and event.data.get("status") == NodeStatus.SUCCEEDED.word


def _until_at_rest(fleet: Fleet, rest_s: float) -> None:
    """Give the last entries the time that reading and deleting them takes."""
    deadline = time.monotonic() + rest_s
    while leftovers(fleet) and time.monotonic() < deadline:
        time.sleep(0.05)
