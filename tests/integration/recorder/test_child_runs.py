"""Child runs: nobody accepted them, so their rows are written with what they did first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from minuet.model.event import Event, TransitionRecord
from minuet.model.signal import Parent, Start
from minuet.services.recorder.recorder import Recorder
from minuet.store import feeds, runs
from minuet.store.database import Database
from tests.support.records import TENANT, Owner, accept, ending, run_named, transition

pytestmark = pytest.mark.anyio
ROOT = run_named("a")


def start_of(run: str, parent: str, **fields: Any) -> Start:
    given: dict[str, Any] = {
        "tenant": TENANT, "ir": "sha256:i", "workflow": "w.fan", "accepted_at": 1_790_000_000_000,
        "parent": Parent(parent, "fan", 1, 1, 0), "document": "sha256:d",
    }  # fmt: skip
    return Start(run, **{**given, **fields})


def begins(run: str, parent: str, **fields: Any) -> TransitionRecord:
    event = Event("run.started", data={"start": start_of(run, parent, **fields)})
    return transition(run, seq=1, events=[event])


async def column(database: Database, name: str) -> dict[str, Any]:
    return {row["id"]: row[name] for row in await database.fetch("select * from runs")}


async def letters(database: Database) -> list[tuple[str, str]]:
    rows = await database.fetch("select kind, run_id from dead_letters order by run_id, kind")
    return [tuple(row) for row in rows]


async def play(recorder: Recorder) -> None:
    while await recorder.turn():
        pass


async def test_child_gets_its_row_with_its_first_transition(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, ROOT)
    await database.execute("update runs set priority = 8, principal = 'ada'")
    child = run_named("c")
    first = await owner.commit(transition(ROOT, seq=1), begins(child, ROOT))
    await owner.commit(ending(child, seq=2, prev=first, outputs=3))
    await play(recorder)
    row = await database.fetchrow("select * from runs where id = $1", child)
    assert row is not None
    assert (row["parent_run"], row["workflow"], row["status"]) == (ROOT, "w.fan", 6)
    assert (row["tenant"], row["principal"], row["priority"]) == (TENANT, "ada", 8)
    assert (row["seq"], row["cmd"], row["outputs"]) == (2, 0, b"3")
    command = await database.fetchrow("select * from commands where run_id = $1", child)
    assert command is not None
    assert (command["number"], command["name"]) == (0, "start")


async def test_descendants_of_one_batch_are_written_parents_first(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    """In one commit, and against their order: what counts is who started whom."""
    await accept(database_url, ROOT)
    names = [run_named(f"d{depth}") for depth in range(5)]
    lines = [begins(run, parent) for parent, run in zip([ROOT, *names], names, strict=False)]
    await owner.commit(*reversed(lines))
    await play(recorder)
    parents = await column(database, "parent_run")
    assert [parents[name] for name in names] == [ROOT, *names[:-1]]
    assert await letters(database) == []


async def test_child_of_an_unknown_run_is_dead_lettered(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, ROOT)
    await owner.commit(begins(run_named("c"), run_named("nobody")), transition(ROOT, seq=1))
    await play(recorder)
    assert (await column(database, "seq")) == {ROOT: 1}
    assert await letters(database) == [("unknown_run", run_named("c"))]


@pytest.mark.parametrize("names", [["c"], ["c", "d"]])
async def test_runs_that_name_themselves_as_ancestors_hold_up_nobody(
    database: Database, database_url: str, owner: Owner, recorder: Recorder, names: Sequence[str]
) -> None:
    await accept(database_url, ROOT)
    circle = [run_named(name) for name in names]
    lines = [begins(run, parent) for run, parent in zip(circle, circle[1:] + circle, strict=False)]
    await owner.commit(*lines, transition(ROOT, seq=1))
    await play(recorder)
    assert (await column(database, "seq")) == {ROOT: 1}
    assert await letters(database) == [("unknown_run", run) for run in circle]


async def test_repeated_entries_change_nothing(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, ROOT)
    child = run_named("c")
    await owner.commit(begins(child, ROOT))
    entries = await owner._bus.read_events({0: "0-0"}, count=10, block_ms=0)  # type: ignore[attr-defined]
    await play(recorder)
    before = await database.fetch("select * from runs order by id")
    await owner.commit(event=entries[0].fields[0][1])
    await play(recorder)
    assert await database.fetch("select * from runs order by id") == before
    assert await database.fetchval("select count(*) from commands where run_id = $1", child) == 1
    assert await letters(database) == []


async def test_row_that_postgres_refuses_blocks_no_other(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, ROOT)
    bad = begins(run_named("bad"), ROOT, workflow="a\0b")
    others = [begins(run_named(f"c{i}"), ROOT) for i in range(6)]
    await owner.commit(*others[:3], bad, *others[3:], transition(ROOT, seq=1))
    await play(recorder)
    assert (await column(database, "seq")).keys() == {ROOT, *(each.run for each in others)}
    assert await letters(database) == [("refused_transition", run_named("bad"))]


async def test_child_that_could_not_be_routed_has_a_row_that_says_so(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, ROOT)
    child = run_named("c")
    error = {"code": "internal_error", "message": "a bug"}
    told = msgspec.to_builtins(start_of(child, ROOT), enc_hook=lambda raw: {})
    await owner.commit(ending(child, seq=1, prev="", error=error, start=told, status="failed"))
    await play(recorder)
    row = await database.fetchrow("select * from runs where id = $1", child)
    assert row is not None
    assert (row["parent_run"], row["error"]) == (ROOT, error)


async def test_lists_leave_children_out_unless_their_parent_is_named(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, ROOT)
    children = [run_named(f"c{i}") for i in range(3)]
    await owner.commit(*[begins(child, ROOT) for child in children])
    await play(recorder)
    wanted: dict[str, Any] = {"statuses": None, "workflow": None, "after": None, "limit": 10}
    async with database.connection() as c:
        roots = await runs.list_runs(c, TENANT, **wanted)
        changed = await feeds.lines_of(c, [TENANT], [ROOT, *children])
        below = await runs.list_runs(c, TENANT, **wanted, parent=ROOT)
    assert [line.id for line in roots] == [line.id for _, line in changed] == [ROOT]
    assert sorted(line.id for line in below) == children
