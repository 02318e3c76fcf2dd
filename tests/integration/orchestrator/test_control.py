"""Pause, resume, messages and cancels over HTTP. The owner's part is played here."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.store import commands
from minuet.store.commands import Refusal
from minuet.store.database import Database

from .history import History

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


class Play:
    """A run whose owner answers each command as the test says."""

    def __init__(self, db: Database, api: httpx.AsyncClient, history: History, run: str) -> None:
        self._db, self._api, self._history = db, api, history
        self.run = run

    async def ask(self, what: str, body: Json | None = None, key: str = "") -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self._api.post(f"/runs/{self.run}/{what}", json=body, headers=headers)

    async def told(
        self, what: str, body: Json | None = None, *, status: RunStatus = RunStatus.RUNNING,
        refused: str | None = None, key: str = "",
    ) -> httpx.Response:  # fmt: skip
        """Ask, and have the owner apply the command or refuse it; what the API answers."""
        asked = asyncio.create_task(self.ask(what, body, key))
        number = await self.next_command()
        if refused is not None:
            async with self._db.transaction() as c:
                await commands.mark_refused(c, [Refusal(self.run, number, refused)])
        await self._history.record(self.run, Event("warning"), status=status, cmd=number)
        return await asked

    async def command(self, number: int) -> Json:
        row = await self._db.fetchrow(
            "select name, data, principal from commands where run_id = $1 and number = $2",
            self.run, number,
        )  # fmt: skip
        assert row is not None
        return dict(row)

    async def next_command(self) -> int:
        async with asyncio.timeout(20):
            while True:
                waiting = await self._db.fetchval(
                    "select last_command from runs where id = $1 and last_command > cmd", self.run
                )
                if waiting is not None:
                    return int(waiting)
                await asyncio.sleep(0.01)


@pytest.fixture
async def play(
    db: Database, api: httpx.AsyncClient, history: History, document: Json, duties: None
) -> Play:
    body = {"document": document, "inputs": {"domain": "x"}}
    run = (await api.post("/runs", json=body)).json()["id"]
    await history.record(run, Event("run.started"), cmd=0)
    return Play(db, api, history, run)


async def test_a_pause_answers_when_it_is_recorded(play: Play) -> None:
    answer = await play.told("pause", {"reason": "look first"}, status=RunStatus.PAUSED)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["name"], told["state"], told["status"]) == ("pause", "recorded", "paused")
    assert (await play.command(1))["data"] == {"reason": "look first"}
    assert (await play.told("resume")).json()["status"] == "running"


@pytest.mark.parametrize(
    ("what", "reason", "status"),
    [
        ("pause", "paused", RunStatus.PAUSED),
        ("resume", "not_paused", RunStatus.RUNNING),
        ("pause", "ending", RunStatus.COMPENSATING),
        ("messages/paid", "too_many_messages", RunStatus.RUNNING),
    ],
)
async def test_a_refused_command_says_why(
    play: Play, api: httpx.AsyncClient, what: str, reason: str, status: RunStatus
) -> None:
    answer = await play.told(what, refused=reason, status=status)
    assert answer.status_code == 409, answer.text
    problem = answer.json()
    assert (problem["type"], problem["reason"]) == ("/problems/command-refused", reason)
    later = (await api.get(f"/runs/{play.run}/commands/1")).json()
    assert (later["state"], later["reason"]) == ("refused", reason)


async def test_the_same_key_gives_the_same_answer(play: Play) -> None:
    first = await play.told("pause", status=RunStatus.PAUSED, refused="paused", key="k-1")
    again = await play.ask("pause", key="k-1")
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.json()["reason"] == "paused"


async def test_a_message_is_a_command_with_name_data_and_sender(play: Play) -> None:
    answer = await play.told("messages/payment.received", {"data": {"amount": 12.5}})
    assert answer.status_code == 200, answer.text
    command = await play.command(1)
    assert command["data"] == {
        "name": "payment.received", "data": {"amount": 12.5}, "by": command["principal"],
    }  # fmt: skip


@pytest.mark.parametrize("size", [64 * 1024, 200 * 1024])
async def test_a_message_has_at_most_64_kib(play: Play, size: int) -> None:
    answer = await play.ask("messages/big", {"data": "x" * size})
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"


@pytest.mark.parametrize("name", ["Paid", "9a", "a" * 129])
async def test_a_name_that_nothing_can_wait_for_is_refused(play: Play, name: str) -> None:
    assert (await play.ask(f"messages/{name}")).status_code == 400


@pytest.mark.parametrize("what", ["pause", "resume", "messages/paid", "cancel"])
async def test_an_ended_run_takes_no_command(play: Play, history: History, what: str) -> None:
    await history.record(play.run, Event("run.ended"), status=RunStatus.SUCCEEDED)
    answer = await play.ask(what)
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/run-ended"
    assert answer.json()["run_status"] == "succeeded"


@pytest.mark.parametrize("what", ["pause", "messages/paid", "cancel"])
async def test_a_command_that_the_end_overtakes_is_told_so(
    play: Play, history: History, what: str
) -> None:
    asked = asyncio.create_task(play.ask(what))
    await play.next_command()
    await history.record(play.run, Event("run.ended"), status=RunStatus.FAILED, cmd=0)
    answer = await asked
    assert (answer.status_code, answer.json()["run_status"]) == (409, "failed")


async def test_cancelling_twice_is_harmless(play: Play) -> None:
    first = await play.told("cancel", status=RunStatus.CANCELLING)
    second = await play.told("cancel", status=RunStatus.CANCELLING, refused="ending")
    assert [first.status_code, second.status_code] == [200, 200]
    assert [each.json()["status"] for each in (first, second)] == ["cancelling", "cancelling"]
    third = await play.told("cancel", status=RunStatus.CANCELLED, refused="ending")
    assert (third.status_code, third.json()["status"]) == (200, "cancelled")


async def test_a_cancel_does_not_claim_an_end_that_was_coming_anyway(play: Play) -> None:
    answer = await play.told("cancel", status=RunStatus.COMPENSATING, refused="ending")
    assert (answer.status_code, answer.json()["reason"]) == (409, "ending")
