"""Approvals over HTTP: who may decide, on what, and who wins. The owner's part is played here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from minuet.bus.keys import partition_of
from minuet.bus.redis import RedisBus
from minuet.model.event import Event
from minuet.model.signal import Command
from minuet.model.status import RunStatus
from minuet.services.orchestrator.core import Core
from minuet.store import approvals
from minuet.store.api_keys import keep_key
from minuet.store.approvals import NewApproval, Settlement, Status
from minuet.store.database import Database

from .history import History

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
FORM = {
    "type": "object",
    "required": ["amount"],
    "properties": {"amount": {"type": "number", "maximum": 500}},
}


class Desk:
    """Questions as the recorder stores them, and their ends as an owner decides them."""

    def __init__(
        self, db: Database, bus: RedisBus, api: httpx.AsyncClient, history: History, document: Json
    ) -> None:
        self._db, self._bus, self._api, self._history = db, bus, api, history
        self._document = document
        self.run = ""

    async def ask(self, id: str = "apr-1", **more: Any) -> str:
        if not self.run:
            body = {"document": self._document, "inputs": {"domain": "x"}}
            self.run = (await self._api.post("/runs", json=body)).json()["id"]
        given = {"payload": b'{"amount":240}', "form": None, "assignees": [], "groups": []} | more
        async with self._db.transaction() as c:
            await approvals.insert_approvals(c, [
                NewApproval(
                    id=id, tenant="default", run_id=self.run, node=f"ask_{id[-1]}", gen=1,
                    message="Refund?", requested_at=datetime.now(UTC), expires_at=None, seq=1,
                    **given,
                )
            ])  # fmt: skip
        return id

    async def key(self, id: str, *, groups: Sequence[str] = (), tenant: str = "default") -> Json:
        """Headers of a person who is no administrator."""
        async with self._db.connection() as c:
            await keep_key(
                c, id, f"secret-{id}", tenant=tenant, name=id, roles=["member"], groups=groups
            )
        return {"Authorization": f"Bearer secret-{id}"}

    async def commands(self, count: int) -> list[Command]:
        """Wait for this many commands of the run."""
        while True:
            entries = await self._bus.read_signals(
                {partition_of(self.run): "0-0"}, count=1000, block_ms=20
            )
            fields = [dict(entry.fields) for entry in entries]
            found = {
                command.number: command
                for each in fields
                if each["k"] == b"command"
                for command in [msgspec.json.decode(each["s"], type=Command)]
            }
            if len(found) >= count:
                return [found[number] for number in sorted(found)]

    async def close(
        self, status: Status, id: str = "apr-1", *, by: str | None = None, cmd: int = 0,
        data: Json | None = None, run: RunStatus = RunStatus.RUNNING,
    ) -> None:  # fmt: skip
        said = data or {}
        payload = msgspec.json.encode(said["payload"]) if "payload" in said else None
        settlement = Settlement(
            id, status, datetime.now(UTC), by, said.get("comment"), payload, seq=2
        )
        async with self._db.transaction() as c:
            await approvals.settle_approvals(c, [settlement])
        await self._history.record(self.run, Event("warning"), status=run, cmd=cmd)

    async def answer(self, count: int = 1) -> list[Command]:
        """Play the owner: the first of `count` decisions wins, the others are refused."""
        commands = await self.commands(count)
        first = commands[0].data
        status: Status = "approved" if first["decision"] == "approve" else "rejected"
        await self.close(status, by=first["by"], cmd=commands[-1].number, data=first)
        return commands


@pytest.fixture
def desk(
    core: Core, api: httpx.AsyncClient, bus: RedisBus, history: History, document: Json,
    duties: None,
) -> Desk:  # fmt: skip
    return Desk(core.db, bus, api, history, document)


async def decide(
    api: httpx.AsyncClient, decision: str, id: str = "apr-1", headers: Json | None = None,
    **more: Any,
) -> httpx.Response:  # fmt: skip
    body = {"decision": decision, **more}
    return await api.post(f"/approvals/{id}/decision", json=body, headers=headers)


async def test_an_approval_is_listed_and_shown(api: httpx.AsyncClient, desk: Desk) -> None:
    await desk.ask("apr-1", assignees=["anna"], form=FORM)
    await desk.ask("apr-2", groups=["ops"])
    await desk.ask("apr-3")
    await desk.close("expired", "apr-2")
    anna = await desk.key("anna")

    async def ids(query: str, headers: Json | None = None) -> list[str]:
        items = (await api.get(f"/approvals?{query}", headers=headers)).json()["items"]
        return [item["id"] for item in items]

    assert await ids("") == ["apr-3", "apr-2", "apr-1"]
    assert await ids("status=pending") == ["apr-3", "apr-1"]
    assert await ids("status=expired&status=approved") == ["apr-2"]
    assert await ids("workflow=greet&limit=1") == ["apr-3"]
    assert await ids("workflow=other") == []
    assert await ids(f"run={desk.run}") == ["apr-3", "apr-2", "apr-1"]
    assert await ids("mine=true", anna) == ["apr-3", "apr-1"]
    assert await ids("mine=true", await desk.key("otto", groups=["ops"])) == ["apr-3", "apr-2"]
    assert await ids("", await desk.key("eve", tenant="other")) == []

    page = (await api.get("/approvals?limit=2")).json()
    rest = (await api.get(f"/approvals?limit=2&cursor={page['next_cursor']}")).json()
    assert [item["id"] for item in rest["items"]] == ["apr-1"]
    assert rest["next_cursor"] is None
    assert "payload" not in rest["items"][0]

    shown = (await api.get("/approvals/apr-1")).json()
    assert (shown["run"], shown["node"], shown["gen"]) == (desk.run, "ask_1", 1)
    assert (shown["payload"], shown["form"], shown["status"]) == ({"amount": 240}, FORM, "pending")
    assert (shown["message"], shown["workflow"]) == ("Refund?", "greet")
    bert = await desk.key("bert")
    assert (await api.get("/approvals/apr-1", headers=anna)).json()["may_decide"] is True
    assert (await api.get("/approvals/apr-1", headers=bert)).json()["may_decide"] is False
    assert (await api.get("/approvals?status=open")).status_code == 400
    assert (await api.get("/approvals/apr-9")).status_code == 404


async def test_a_decision_is_a_command_and_answers_when_it_is_recorded(
    api: httpx.AsyncClient, desk: Desk
) -> None:
    await desk.ask(form=FORM)
    owner = asyncio.create_task(desk.answer())
    answer = await decide(api, "approve", comment="fine", payload={"amount": 200})
    (command,) = await owner
    assert (command.name, command.principal) == ("decision", "bootstrap")
    assert command.data == {
        "node": "ask_1", "gen": 1, "decision": "approve", "comment": "fine",
        "payload": {"amount": 200}, "by": "bootstrap",
    }  # fmt: skip
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["status"], said["decided_by"], said["comment"]) == (
        "approved", "bootstrap", "fine",
    )  # fmt: skip
    assert (said["payload"], said["decided_payload"]) == ({"amount": 240}, {"amount": 200})

    again = await decide(api, "approve", comment="fine", payload={"amount": 200})
    assert (again.status_code, again.json()) == (200, said)
    for other in (
        await decide(api, "reject"),
        await decide(api, "approve", comment="fine"),
        await decide(api, "approve", comment="other", payload={"amount": 200}),
        await decide(api, "approve", comment="fine", payload={"amount": 200},
                     headers=await desk.key("anna")),
    ):  # fmt: skip
        problem = other.json()
        assert (other.status_code, problem["type"]) == (409, "/problems/already-decided")
        assert problem["decided"]["status"] == "approved"
        assert problem["decided"]["by"] == "bootstrap"
        assert problem["decided"]["comment"] == "fine"
        assert datetime.fromisoformat(problem["decided"]["at"]).tzinfo is not None
        assert "approved by bootstrap at 20" in problem["detail"]


async def test_without_a_payload_the_proposal_is_decided_on(
    api: httpx.AsyncClient, desk: Desk
) -> None:
    await desk.ask()
    owner = asyncio.create_task(desk.answer())
    answer = await decide(api, "reject", comment="no")
    await owner
    assert (answer.json()["status"], answer.json()["decided_payload"]) == (
        "rejected", {"amount": 240},
    )  # fmt: skip


async def test_of_two_opposite_decisions_one_wins(api: httpx.AsyncClient, desk: Desk) -> None:
    await desk.ask()
    anna, bert = await desk.key("anna"), await desk.key("bert")
    owner = asyncio.create_task(desk.answer(2))
    answers = await asyncio.gather(
        decide(api, "approve", headers=anna), decide(api, "reject", headers=bert)
    )
    first = (await owner)[0]
    lost = answers[1] if first.data["by"] == "anna" else answers[0]
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert lost.status_code == 409
    assert lost.json()["decided"]["by"] == first.data["by"]


async def test_the_same_decision_twice_at_once_is_one(api: httpx.AsyncClient, desk: Desk) -> None:
    await desk.ask()
    owner = asyncio.create_task(desk.answer(2))
    answers = await asyncio.gather(decide(api, "approve"), decide(api, "approve"))
    await owner
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_key_that_comes_again_writes_no_second_command(
    core: Core, api: httpx.AsyncClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minuet.services.orchestrator.runs.commanding.WAIT_S", 0.05)
    await desk.ask()
    headers = {"Idempotency-Key": "k1"}
    first = await decide(api, "approve", headers=headers)
    again = await decide(api, "approve", headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.headers["location"] == f"/api/v1/runs/{desk.run}/commands/1"
    assert again.headers["location"] == first.headers["location"]
    other = await decide(api, "reject", headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await core.db.fetchval("select last_command from runs where id = $1", desk.run) == 1

    await desk.answer()
    assert (await decide(api, "approve", headers=headers)).status_code == 200


async def test_only_those_who_are_asked_may_decide(api: httpx.AsyncClient, desk: Desk) -> None:
    await desk.ask(assignees=["anna"], groups=["finance"])
    bert = await desk.key("bert", groups=["ops"])
    refused = await decide(api, "approve", headers=bert)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    assert "anna, the group finance" in refused.json()["detail"]
    eve = await desk.key("eve", tenant="other")
    assert (await decide(api, "approve", headers=eve)).status_code == 404

    owner = asyncio.create_task(desk.answer())
    carl = await desk.key("carl", groups=["finance"])
    assert (await decide(api, "approve", headers=carl)).status_code == 200
    await owner


@pytest.mark.parametrize(
    ("body", "status", "kind", "pointer"),
    [
        ({"payload": {"amount": 501}}, 422, "invalid-payload", "/payload/amount"),
        ({"payload": {}}, 422, "invalid-payload", "/payload"),
        ({"payload": None}, 422, "invalid-payload", "/payload"),
        ({"payload": {"amount": 1, "x": "y" * 70_000}}, 413, "too-large", "/payload"),
        ({"payload": {"amount": 1, "x": "a\0b"}}, 400, "invalid-request", ""),
        ({"comment": 7}, 422, "invalid-body", "/comment"),
        ({"decision": "maybe"}, 422, "invalid-body", "/decision"),
        ({"reason": "x"}, 422, "invalid-body", "/reason"),
    ],
)
async def test_faulty_decisions_change_nothing(
    core: Core, api: httpx.AsyncClient, desk: Desk,
    body: Json, status: int, kind: str, pointer: str,
) -> None:  # fmt: skip
    await desk.ask(form=FORM)
    answer = await api.post("/approvals/apr-1/decision", json={"decision": "approve"} | body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await core.db.fetchval("select last_command from runs where id = $1", desk.run) == 0


async def test_a_proposal_that_lacks_what_the_form_wants_must_be_filled_in(
    api: httpx.AsyncClient, desk: Desk
) -> None:
    await desk.ask(payload=b"{}", form=FORM)
    answer = await decide(api, "approve")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-payload")
    owner = asyncio.create_task(desk.answer())
    assert (await decide(api, "reject")).status_code == 200
    await owner


@pytest.mark.parametrize("status", ["expired", "cancelled"])
async def test_who_comes_too_late_learns_what_happened(
    api: httpx.AsyncClient, desk: Desk, status: Status
) -> None:
    await desk.ask()
    late = asyncio.create_task(decide(api, "approve"))
    (command,) = await desk.commands(1)
    over = RunStatus.CANCELLED if status == "cancelled" else RunStatus.RUNNING
    await desk.close(status, cmd=0 if over.ended else command.number, run=over)
    for answer in (await late, await decide(api, "approve")):
        assert answer.status_code == 409
        assert answer.json()["decided"]["status"] == status
        assert "by" not in answer.json()["decided"]
        assert f"was {status} at 20" in answer.json()["detail"]
