"""Dead letters over HTTP: found, retried, discarded, one by one and many at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from minuet.model.event import Event
from minuet.model.status import RunStatus
from minuet.store import history as stored
from minuet.store.database import Database
from minuet.store.history import NewDeadLetter

from .history import History

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


class Pile:
    """Runs that failed, each with a letter."""

    def __init__(self, db: Database, api: httpx.AsyncClient, history: History) -> None:
        self._db, self.api, self._history = db, api, history

    async def failed(self, workflow: str = "broken") -> str:
        document = {
            "apiVersion": "minuet/v1",
            "name": workflow,
            "nodes": [{"id": "a", "type": "transform", "config": {"value": 1}}],
        }
        run = str((await self.api.post("/runs", json={"document": document})).json()["id"])
        data = {"status": "failed", "port": "error", "fatal": True, "error": {"code": "boom"}}
        over = Event("run.ended", data={"status": "failed"})
        events = [Event("run.started"), Event("node.ended", "a", 1, data), over]
        await self._history.record(run, *events, status=RunStatus.FAILED)
        return run

    async def letter(self, run: str | None, reason: str = "node_failed") -> int:
        letter = NewDeadLetter("default", run, "a", reason, {"error": {"code": "boom"}})
        async with self._db.transaction() as c:
            await stored.insert_dead_letters(c, [letter])
        return int(await self._db.fetchval("select max(id) from dead_letters"))

    async def listed(self, **query: str) -> list[int]:
        answer = await self.api.get("/dead-letters", params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    async def show(self, id: int) -> Json:
        shown: Json = (await self.api.get(f"/dead-letters/{id}")).json()
        return shown

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.api.post(f"/dead-letters/{path}", json=body)

    async def runs(self) -> int:
        return int(await self._db.fetchval("select count(*) from runs"))


@pytest.fixture
def pile(db: Database, api: httpx.AsyncClient, history: History) -> Pile:
    return Pile(db, api, history)


async def test_the_list_is_filtered_by_workflow_and_reason(pile: Pile) -> None:
    one = await pile.letter(await pile.failed("one"))
    two = await pile.letter(await pile.failed("two"), "internal_error")
    none = await pile.letter(None, "signal")
    assert await pile.listed() == [none, two, one]
    assert await pile.listed(workflow="one") == [one]
    assert await pile.listed(reason="internal_error") == [two]
    assert await pile.listed(workflow="one", reason="signal") == []
    assert (await pile.show(one))["workflow"] == "one"
    assert (await pile.api.get("/dead-letters/999999")).status_code == 404
    assert (await pile.api.get("/dead-letters", params={"status": "lost"})).status_code == 400


async def test_pages_go_on_where_the_last_one_ended(pile: Pile) -> None:
    made = [await pile.letter(None, "signal") for _ in range(5)]
    found: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await pile.api.get("/dead-letters", params=query)).json()
        found += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == made[::-1]


async def test_a_retry_settles_every_letter_of_its_run_and_says_who_and_which(pile: Pile) -> None:
    run = await pile.failed()
    first, twin = await pile.letter(run), await pile.letter(run)
    answer = await pile.post(f"{first}/retry")
    assert answer.status_code == 202, answer.text
    new = answer.json()["id"]
    assert (await pile.api.get(f"/runs/{new}")).json()["retry_of"] == run
    assert await pile.listed() == []
    assert await pile.listed(status="retried") == [twin, first]
    shown = await pile.show(first)
    assert (shown["status"], shown["retry_run"], shown["settled_by"]) == (
        "retried", new, "bootstrap",
    )  # fmt: skip
    assert shown["settled_at"] is not None


async def test_a_letter_is_retried_once_whoever_asks_again(pile: Pile) -> None:
    letter = await pile.letter(await pile.failed())
    first = (await pile.post(f"{letter}/retry")).json()["id"]
    before = await pile.runs()
    again = await pile.post(f"{letter}/retry")
    assert (again.status_code, again.json()["id"]) == (202, first)
    assert await pile.runs() == before
    other = await pile.post(f"{letter}/retry", {"from": "a"})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/conflict")
    assert (await pile.post(f"{letter}/discard")).status_code == 409


async def test_a_retry_of_the_run_itself_settles_its_letters_too(pile: Pile) -> None:
    run = await pile.failed()
    letter = await pile.letter(run)
    new = (await pile.api.post(f"/runs/{run}/retry")).json()["id"]
    assert (await pile.show(letter))["retry_run"] == new
    assert (await pile.post(f"{letter}/retry")).status_code == 409


async def test_a_child_run_is_retried_by_its_parent_which_settles_both(
    pile: Pile, db: Database
) -> None:
    parent, child = await pile.failed(), await pile.failed()
    await db.execute(
        "update runs set parent_run = $2, child = $3 where id = $1",
        child, parent, {"parent": {"run": parent, "node": "a"}},
    )  # fmt: skip
    letters = [await pile.letter(child), await pile.letter(parent)]
    refused = await pile.post(f"{letters[0]}/retry")
    assert (refused.status_code, parent in refused.json()["detail"]) == (409, True)
    new = (await pile.post(f"{letters[1]}/retry")).json()["id"]
    assert [(await pile.show(each))["retry_run"] for each in letters] == [new, new]


async def test_a_dry_run_leaves_the_letter_open(pile: Pile) -> None:
    letter = await pile.letter(await pile.failed())
    answer = await pile.post(f"{letter}/retry", {"dry_run": True})
    assert (answer.status_code, answer.json()["again"][0]["id"]) == (200, "a")
    assert await pile.listed() == [letter]


async def test_a_letter_without_a_run_can_only_be_discarded(pile: Pile) -> None:
    letter = await pile.letter(None, "signal")
    assert (await pile.post(f"{letter}/retry")).status_code == 409
    for _ in range(2):
        answer = await pile.post(f"{letter}/discard")
        assert (answer.status_code, answer.json()["status"]) == (200, "discarded")
    assert await pile.listed() == []
    assert await pile.listed(status="discarded") == [letter]
    again = await pile.post(f"{letter}/retry")
    assert (again.status_code, "discarded" in again.json()["detail"]) == (409, True)


async def test_many_are_retried_with_an_answer_each(pile: Pile) -> None:
    run = await pile.failed()
    one, twin = await pile.letter(run), await pile.letter(run)
    lost = await pile.letter(None, "signal")
    answer = await pile.post("retry", {"ids": [one, twin, lost, 999_999, one]})
    assert answer.status_code == 200, answer.text
    items = {each["id"]: each for each in answer.json()["items"]}
    assert list(items) == [one, twin, lost, 999_999]
    assert items[one]["status"] == items[twin]["status"] == "retried"
    assert items[one]["run"] == items[twin]["run"]
    assert items[lost]["status"] == items[999_999]["status"] == "refused"
    assert items[lost]["detail"]
    assert await pile.listed() == [lost]


async def test_a_filter_takes_what_fits_it(pile: Pile) -> None:
    mine = [await pile.letter(await pile.failed("mine")) for _ in range(3)]
    other = await pile.letter(await pile.failed("other"))
    answer = (await pile.post("retry", {"filter": {"workflow": "mine"}})).json()
    assert [each["id"] for each in answer["items"]] == mine[::-1]
    assert len({each["run"] for each in answer["items"]}) == 3
    assert answer["more"] is False
    assert await pile.listed() == [other]
    done = (await pile.post("discard", {"filter": {"reason": "node_failed"}})).json()
    assert done["items"] == [{"id": other, "status": "discarded", "run": None, "detail": None}]


@pytest.mark.parametrize("body", [{}, {"ids": [1], "filter": {}}, {"ids": []}, {"ids": [0]}])
async def test_many_are_named_or_filtered(pile: Pile, body: Json) -> None:
    assert (await pile.post("discard", body)).status_code == 422
