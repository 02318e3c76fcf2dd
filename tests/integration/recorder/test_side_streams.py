"""Live events and dead letters: stored where people look for them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from minuet.bus.api import Commit
from minuet.bus.memory import MemoryBus
from minuet.model.event import LiveEvent
from minuet.services.recorder.letters import DeadLetters
from minuet.services.recorder.live import LiveRecorder
from minuet.store.database import Database
from minuet.store.turns import TurnRow, turns_of_node
from tests.support.records import TENANT, TIME, accept, run_named

pytestmark = pytest.mark.anyio
RUN = run_named("a")


def live(kind: str, **data: Any) -> LiveEvent:
    return LiveEvent(kind, RUN, TENANT, "n", 1, 1, TIME, data)


async def test_logs_and_starts_are_stored_once(database: Database, bus: MemoryBus) -> None:
    await bus.emit_live(
        0,
        [
            live("node.started", worker="w1"),
            live("node.progress", fraction=0.5),
            live("node.log", level="info", message="a\0b", fields={"x": "\0"}),
            live("node.log", level="error", message="c"),
        ],
    )
    await LiveRecorder(database, bus, block_ms=0).turn()
    await LiveRecorder(database, bus, block_ms=0).turn()
    logs = await database.fetch("select level, message, fields from node_logs order by id")
    assert [tuple(row) for row in logs] == [
        ("info", "a\ufffdb", {"x": "\ufffd"}),
        ("error", "c", {}),
    ]
    starts = await database.fetch("select run_id, node, gen, attempt, worker from node_started")
    assert [tuple(row) for row in starts] == [(RUN, "n", 1, 1, "w1")]


async def test_logs_that_two_recorders_have_read_are_stored_once(
    database: Database, bus: MemoryBus
) -> None:
    """Each knows where it was; between reading and storing the other one stored more."""
    recorders = [LiveRecorder(database, bus, block_ms=0) for _ in range(2)]
    for number in range(5):
        await bus.emit_live(0, [live("node.log", level="info", message=str(number))])
        await bus.emit_live(1, [live("node.log", level="info", message=f"other {number}")])
        await asyncio.gather(*(recorder.turn() for recorder in recorders))
    await recorders[0].turn()
    logs = await database.fetch("select message from node_logs order by id")
    expected = [str(number) for number in range(5)]
    found = [row["message"] for row in logs]
    assert [each for each in found if "other" not in each] == expected
    assert sorted(found) == sorted([*expected, *(f"other {each}" for each in expected)])


async def test_dead_letters_that_two_recorders_have_read_are_stored_once(
    database: Database, bus: MemoryBus
) -> None:
    carriers = [DeadLetters(database, bus, block_ms=0) for _ in range(2)]
    lease = await bus.acquire(0, "o", 60_000)
    assert lease is not None
    for number in range(5):
        letter = [("k", b"poison"), ("data", b"%d" % number)]
        await bus.commit(Commit(0, "o", number, "0-0", dead_letters=[letter]))
        await asyncio.gather(*(carrier.turn() for carrier in carriers))
    rows = await database.fetch("select data from dead_letters order by id")
    assert [row["data"] for row in rows] == list(range(5))


async def test_the_last_progress_of_an_execution_is_kept(
    database: Database, bus: MemoryBus
) -> None:
    recorder = LiveRecorder(database, bus, block_ms=0)
    turns: list[list[dict[str, Any]]] = [
        [{"fraction": 0.1}, {"fraction": 0.5, "message": "half\0"}], [{"fraction": 1}], [{}],
    ]  # fmt: skip
    ids = []
    for told in turns:
        await bus.emit_live(0, [live("node.progress", **data) for data in told])
        await recorder.turn()
        (row,) = await database.fetch("select id, node, fraction, message from node_progress")
        ids.append((row["id"], row["fraction"], row["message"]))
    assert [each[1:] for each in ids] == [(0.5, "half\ufffd"), (1.0, ""), (None, "")]
    assert [each[0] for each in ids] == sorted({each[0] for each in ids})


async def test_a_turn_grows_piece_by_piece_until_it_is_told_whole(
    database: Database, bus: MemoryBus
) -> None:
    recorder = LiveRecorder(database, bus, block_ms=0)
    whole = {"turn": 1, "text": "Good morning.", "calls": [{"name": "sort", "arguments": "{}"}]}
    batches = [
        [piece(0, "Hel"), piece(3, "lo ")],
        [piece(3, "lo "), piece(6, "you\0")],  # one comes twice
        [piece(40, "lost before")],
        [piece(0, "Good ", restart=True), piece(5, "mor")],
        [live("node.turn", **whole), piece(0, "a late piece")],
    ]
    texts = []
    for batch in batches:
        await bus.emit_live(0, batch)
        await recorder.turn()
        (row,) = await stored_turns(database)
        texts.append(row.text)
    assert texts == ["Hello ", "Hello you\ufffd", "Hello you\ufffd", "Good mor", "Good morning."]
    assert row.details == {"calls": whole["calls"]}


async def test_what_an_earlier_attempt_says_late_changes_nothing(
    database: Database, bus: MemoryBus
) -> None:
    recorder = LiveRecorder(database, bus, block_ms=0)
    for attempt, text in ((2, "second"), (1, "first")):
        said = [piece(0, text), live("node.turn", turn=2, text=text, calls=[])]
        await bus.emit_live(0, [msgspec.structs.replace(e, attempt=attempt) for e in said])
        await recorder.turn()
    assert [(row.turn, row.attempt, row.text) for row in await stored_turns(database)] == [
        (1, 2, "second"), (2, 2, "second"),
    ]  # fmt: skip


def piece(at: int, text: str, **more: Any) -> LiveEvent:
    return live("node.delta", turn=1, at=at, text=text, **more)


async def stored_turns(database: Database) -> list[TurnRow]:
    async with database.connection() as c:
        return await turns_of_node(c, RUN, "n", after=(0, 0), limit=10)


@pytest.mark.parametrize(
    "strange",
    [
        {"gen": 2**31},
        {"attempt": -(2**40)},
        {"time": 10**18},
        {"time": 10**30},
        {"data": {"fraction": 10**400}},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "kind", ["node.started", "node.progress", "node.log", "node.delta", "node.turn"]
)
async def test_what_no_column_can_hold_does_not_hold_up_the_rest(
    database: Database, bus: MemoryBus, kind: str, strange: dict[str, Any]
) -> None:
    """Workers in any language write these entries."""
    changed = msgspec.structs.replace(live(kind, turn=1, at=0, text="x"), **strange)
    await bus.emit_live(0, [changed, live("node.log", message="after it")])
    recorder = LiveRecorder(database, bus, block_ms=0)
    await recorder.turn()
    logs = await database.fetch("select message from node_logs order by id")
    assert logs[-1]["message"] == "after it"
    assert await recorder.turn() == 0


async def test_dead_letters_reach_the_table_with_the_tenant_of_their_run(
    database: Database, database_url: str, bus: MemoryBus
) -> None:
    await accept(database_url, RUN)
    lease = await bus.acquire(0, "o", 60_000)
    assert lease is not None
    letters = [
        [
            ("k", b"node_failed"),
            ("run", RUN.encode()),
            ("node", b"n"),
            ("data", b'{"a":"\\u0000"}'),
        ],
        [("k", b"signal"), ("run", b""), ("node", b""), ("data", b"\xff no json")],
    ]
    await bus.commit(Commit(0, "o", lease.commit, "0-0", dead_letters=letters))
    carrier = DeadLetters(database, bus, block_ms=0)
    assert await carrier.turn() == 2
    assert await carrier.turn() == 0
    rows = await database.fetch("select tenant, run_id, node, kind, data from dead_letters")
    assert [tuple(row) for row in rows] == [
        (TENANT, RUN, "n", "node_failed", {"a": "\ufffd"}),
        ("", None, None, "signal", "\ufffd no json"),
    ]
