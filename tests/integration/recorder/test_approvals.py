"""The table of approvals follows the stored history, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from minuet.bus.memory import MemoryBus
from minuet.model.errors import BusUnavailable
from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.services.recorder.recorder import Recorder
from minuet.store.database import Database
from tests.support.records import TENANT, TIME, Owner, accept, run_named, transition

pytestmark = pytest.mark.anyio
RUN = run_named("a")
ID = "apr-1"


def requested(id: str = ID, node: str = "ask", **more: Any) -> Event:
    data = {"approval": id, "message": "Ship it?", "payload": {"n": 1.50, "s": "a\0b"}, **more}
    return Event("approval.requested", node, 1, data)


def decided(decision: str, **more: Any) -> Event:
    return Event("approval.decided", "ask", 1, {"approval": ID, "decision": decision, **more})


def closed(how: str, id: str = ID) -> Event:
    return Event(f"approval.{how}", "ask", 1, {"approval": id})


async def row_of(database: Database, id: str = ID) -> dict[str, Any]:
    row = await database.fetchrow("select * from approvals where id = $1", id)
    assert row is not None
    return dict(row)


async def test_a_question_and_its_answer(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    form = {"type": "object", "title": "a\0b"}
    question = requested(form=form, assignees=["anna"], groups=["ops"], expires_at=TIME + 500)
    first = await owner.commit(transition(RUN, seq=2, events=[Event("run.started"), question]))
    await recorder.turn()
    row = await row_of(database)
    assert (row["tenant"], row["run_id"], row["node"], row["gen"]) == (TENANT, RUN, "ask", 1)
    assert (row["workflow"], row["message"], row["status"]) == ("w", "Ship it?", "pending")
    assert msgspec.json.decode(row["payload"]) == {"n": 1.5, "s": "a\0b"}
    assert row["form"] == {"type": "object", "title": "a\ufffdb"}
    assert (row["assignees"], row["groups"], row["seq"]) == (["anna"], ["ops"], 2)
    assert (row["expires_at"] - row["requested_at"]).total_seconds() == 0.5

    said = decided("approve", by="anna", comment="fine\0", payload={"n": 2})
    await owner.commit(transition(RUN, seq=3, prev=first, events=[said]))
    await recorder.turn()
    row = await row_of(database)
    assert (row["status"], row["decided_by"], row["comment"]) == ("approved", "anna", "fine\ufffd")
    assert (msgspec.json.decode(row["decided_payload"]), row["seq"]) == ({"n": 2}, 3)
    assert row["decided_at"] is not None


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (decided("reject", by="bert"), "rejected"),
        (closed("expired"), "expired"),
        (closed("cancelled"), "cancelled"),
    ],
)
async def test_question_and_end_may_come_in_one_batch(
    event: Event, status: str,
    database: Database, database_url: str, owner: Owner, recorder: Recorder,
) -> None:  # fmt: skip
    await accept(database_url, RUN)
    first = await owner.commit(transition(RUN, seq=1, events=[requested()]))
    await owner.commit(transition(RUN, seq=2, prev=first, events=[event]))
    await recorder.turn()
    assert (await row_of(database))["status"] == status


async def test_the_first_end_stands(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    events = [requested(), closed("expired"), decided("approve", by="anna"), requested()]
    await owner.commit(transition(RUN, seq=4, events=events))
    await recorder.turn()
    row = await row_of(database)
    assert (row["status"], row["decided_by"], row["seq"]) == ("expired", None, 2)


async def test_a_batch_that_comes_again_changes_nothing(
    database: Database, database_url: str, bus: MemoryBus, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    first = await owner.commit(transition(RUN, seq=1, events=[requested()]))
    said = decided("approve", by="anna")
    await owner.commit(transition(RUN, seq=2, prev=first, events=[said]))
    bus.fail_next("delete_events")
    with pytest.raises(BusUnavailable):
        await recorder.turn()
    before = await row_of(database)
    await recorder.turn()
    assert await row_of(database) == before


async def test_a_forked_history_asks_and_answers_nothing(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    await accept(database_url, RUN)
    first = await owner.commit(transition(RUN, seq=1, events=[requested()]))
    await owner.commit(transition(RUN, seq=2, prev=first))
    await recorder.turn()
    fork = [decided("approve", by="anna"), requested("apr-2", "other")]
    await owner.commit(transition(RUN, seq=3, prev=first, events=fork))
    await recorder.turn()
    assert (await row_of(database))["status"] == "pending"
    assert await database.fetchval("select count(*) from approvals") == 1


async def test_what_a_run_still_asks_when_it_ends_is_cancelled(
    database: Database, database_url: str, owner: Owner, recorder: Recorder
) -> None:
    other = run_named("b")
    await accept(database_url, RUN, other)
    asked = [requested(), requested("apr-2", "second")]
    first = await owner.commit(
        transition(RUN, seq=2, events=asked),
        transition(other, seq=1, events=[requested("apr-3")]),
    )
    await owner.commit(
        transition(RUN, seq=3, prev=first, events=[decided("reject", by="bert")]),
    )
    await recorder.turn()
    head = await database.fetchval("select last_commit from runs where id = $1", RUN)
    last = [Event("run.ended", data={"status": "failed"})]
    await owner.commit(
        transition(RUN, seq=4, prev=head, events=last, status=RunStatus.FAILED, counter=0)
    )
    await recorder.turn()
    states = [(await row_of(database, id))["status"] for id in (ID, "apr-2", "apr-3")]
    assert states == ["rejected", "cancelled", "pending"]
    assert (await row_of(database, "apr-2"))["seq"] == 4
    status = await database.fetchval("select status from runs where id = $1", RUN)
    assert status == int(RunStatus.FAILED)
