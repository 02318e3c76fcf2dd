"""On a filled database no query of the hot paths and lists reads a whole table."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import pytest

from minuet.store import children, commands, feeds, history, lookup, runs
from minuet.store.page import Position

if TYPE_CHECKING:
    from minuet.store.database import Connection

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

# One in a hundred lives, one in fifty failed; `w7` is a rare workflow, `t9` a small tenant.
FILL = """
insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, principal, status,
  cmd, last_command, seq, last_commit, accepted_at, started_at, ended_at, relayed_at,
  restore_requested)
select (i % 8) || '-' || lpad(i::text, 26, '0'),
  case when i % 1000 = 3 then 't9' else 't' || i % 3 end, i % 8,
  case when i % 2000 = 5 then 'w7' else 'w' end, '', '', 'key',
  case when i % 100 = 0 then 1 when i % 50 = 1 then 7 else 6 end,
  0, case when i % 2000 = 0 then 1 else 0 end, 10, 'o/1', now() - i * interval '1 second', now(),
  case when i % 100 = 0 then null else now() end, now(), i % 10000 = 0
from generate_series(1, 100000) as i;
insert into runs (id, tenant, partition, workflow, document_digest, ir_digest, principal, status,
  cmd, seq, last_commit, accepted_at, relayed_at, started_at, ended_at, parent_run, child)
select '0-' || lpad(i::text, 26, 'c'), 't0', 0, 'w.fan', '', '', 'key',
  case when i % 300 = 0 then 1 else 6 end, 0, 10, 'o/1', now(), now(),
  now(), case when i % 300 = 0 then null else now() end,
  '0-' || lpad((100 * (1 + i / 30000))::text, 26, '0'), '{}'
from generate_series(1, 60000) as i;
insert into transitions (run_id, first_seq, last_seq, commit_id, prev, time, events)
select id, s, s, 'o/' || s, '', now(), '[]' from runs, generate_series(1, 10) as s;
analyze
"""
SOME = "0-" + "8".rjust(26, "0")
PARENT = "0-" + "100".rjust(26, "0")
LATELY = datetime.now(UTC) - timedelta(minutes=1)
BEFORE = Position(datetime.now(UTC), SOME)


class Explaining:
    """A connection that explains what is asked of it; `plans` is what the planner said. Statements
    are planned without their values too, as after the fifth call."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self.plans: list[str] = []

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        for mode in ("force_custom_plan", "force_generic_plan"):
            await self._connection.execute(f"set plan_cache_mode = {mode}")
            await self._explain(query, args)
        return await self._connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        return next(iter(await self.fetch(query, *args)), None)

    async def _explain(self, query: str, args: tuple[Any, ...]) -> None:
        statement = await self._connection.prepare(query)
        types = ", ".join(f"{t.schema}.{t.name}" for t in statement.get_parameters())
        types = re.sub(r"pg_catalog\.(\w+)\[\]", r"\1[]", types)
        named = "prepare wanted" + (f" ({types})" if types else "") + f" as {query}"
        await self._connection.execute(named)
        values = [
            await self._connection.fetchval("select quote_nullable($1::text)", text(a))
            for a in args
        ]
        call = "execute wanted" + (f" ({', '.join(values)})" if values else "")
        rows = await self._connection.fetch(f"explain {call}")
        await self._connection.execute("deallocate wanted")
        self.plans.append("\n".join(row[0] for row in rows))


def text(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return "{" + ",".join(str(each) for each in value) + "}"
    return None if value is None else str(value)


@pytest.fixture(scope="module")
def filled(background: Any, postgres_server: Any, template_database: str) -> Iterator[str]:
    name = "filled_for_plans"

    async def make() -> None:
        admin = await asyncpg.connect(postgres_server.url)
        await admin.execute(f"create database {name} template {template_database}")
        await admin.close()
        connection = await asyncpg.connect(postgres_server.url_of(name))
        await connection.execute(FILL)
        await connection.close()

    async def drop() -> None:
        admin = await asyncpg.connect(postgres_server.url)
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()

    background.run(make())
    yield postgres_server.url_of(name)
    background.run(drop())


Query = Callable[["Connection"], Awaitable[Any]]


def listing(**filters: Any) -> Query:
    wanted = {"statuses": None, "workflow": None, "after": None, "limit": 50} | filters
    tenant = wanted.pop("tenant", "t0")
    return lambda c: runs.list_runs(c, tenant, **wanted)


QUERIES: dict[str, Query] = {
    "list": listing(),
    "list of a small tenant": listing(tenant="t9"),
    "list of nobody": listing(tenant="nobody"),
    "second page": listing(after=BEFORE),
    "list of live runs": listing(statuses=[0, 1, 2]),
    "list of a status that no run has": listing(statuses=[8]),
    "list of failed runs": listing(statuses=[7]),
    "list of all that went wrong": listing(statuses=[7, 8, 9], after=BEFORE),
    "list of succeeded runs": listing(statuses=[6]),
    "list of a rare workflow": listing(workflow="w7"),
    "list of a workflow without runs": listing(workflow="none", after=BEFORE),
    "list of a workflow's failed runs": listing(workflow="w", statuses=[7]),
    "children of a run": listing(parent=PARENT),
    "further children of a run": listing(parent=PARENT, after=BEFORE),
    "failed children of a run": listing(parent=PARENT, statuses=[7]),
    "children that parents wait for": lambda c: children.children(c, [SOME]),
    "orphans": lambda c: children.orphans(c, limit=500),
    "lines of changed runs": lambda c: feeds.lines_of(c, ["t0"], [SOME]),
    "relay sweep": lambda c: commands.claim_unconfirmed(c, limit=1000, least_s=2, most_s=30),
    "reconciler sweep": lambda c: history.live_runs(c, after=SOME, limit=500),
    "suspects": lambda c: history.suspect_runs(c, limit=500),
    "stored run": lambda c: history.stored_run(c, SOME),
    "runs that ended lately": lambda c: history.runs_ended_since(
        c, [3], LATELY, after="", limit=500
    ),
    "heads of a batch": lambda c: history.run_heads(c, [SOME]),
    "duplicates of a batch": lambda c: history.stored_commits(c, [(SOME, 3)]),
    "history": lambda c: lookup.transitions_after(c, SOME, 0),
    "history from an event on": lambda c: lookup.transitions_after(c, SOME, 5, limit=10),
    "one event": lambda c: lookup.transition_with(c, SOME, 5),
}


async def plans_of(url: str, query: Query) -> list[str]:
    connection = await asyncpg.connect(url)
    explaining = Explaining(connection)
    try:
        async with asyncio.timeout(30):
            await query(cast("Connection", explaining))
    finally:
        await connection.close()
    return explaining.plans


def reads_whole(plan: str) -> bool:
    return re.search(r"Seq Scan on (runs|transitions)\b", plan) is not None


@pytest.mark.parametrize("name", QUERIES)
async def test_no_table_is_read_whole(filled: str, name: str) -> None:
    plans = await plans_of(filled, QUERIES[name])
    assert plans
    assert not [plan for plan in plans if reads_whole(plan)]


async def test_list_of_roots_does_not_wade_through_their_children(filled: str) -> None:
    """60,000 children are newer than every root."""
    for plan in await plans_of(filled, QUERIES["list"]):
        assert "runs_roots_idx" in plan, plan


async def test_a_scan_would_be_seen(filled: str) -> None:
    plans = await plans_of(filled, lambda c: c.fetch("select id from runs where counter > $1", 5))
    assert [reads_whole(plan) for plan in plans] == [True, True]
