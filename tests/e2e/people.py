"""People beside a suite: each with a key of their own, deciding over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import httpx

from minuet.store.api_keys import keep_key
from minuet.store.database import Database
from tests.suite import Suite

Json = dict[str, Any]


class Person:
    """An id, and a client that carries its key. No administrator."""

    def __init__(self, id: str, http: httpx.AsyncClient) -> None:
        self.id = id
        self.http = http

    async def decide(self, approval: str, decision: str, **more: Any) -> httpx.Response:
        body = {"decision": decision, **more}
        return await self.http.post(f"/approvals/{approval}/decision", json=body)

    async def cancel(self, run: str) -> httpx.Response:
        return await self.http.post(f"/runs/{run}/cancel")


class People:
    """Several persons; the first also starts runs and looks at things."""

    def __init__(self, persons: Sequence[Person]) -> None:
        self.persons = persons

    @classmethod
    @asynccontextmanager
    async def of(cls, suite: Suite, *ids: str) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(Database(suite.database_url))
            persons = []
            for id in ids:
                async with database.connection() as c:
                    await keep_key(
                        c, id, f"secret-{id}", tenant="default", name=id, roles=["member"]
                    )
                client = httpx.AsyncClient(
                    base_url=f"{suite.url}/api/v1", timeout=60, trust_env=False,
                    headers={"Authorization": f"Bearer secret-{id}"},
                )  # fmt: skip
                persons.append(Person(id, await stack.enter_async_context(client)))
            yield cls(persons)

    async def get(self, path: str, **query: Any) -> Json:
        answer = await self.persons[0].http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def start(self, document: Json) -> str:
        answer = await self.persons[0].http.post("/runs", json={"document": document})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def asked(self, run: str, timeout_s: float = 30.0) -> str:
        """The id of the run's approval, once it is open."""
        async with asyncio.timeout(timeout_s):
            while True:
                items = (await self.get("/approvals", run=run))["items"]
                if items:
                    return str(items[0]["id"])
                await asyncio.sleep(0.02)

    async def ended(self, run: str, timeout_s: float = 30.0) -> Json:
        """The run, once it has ended."""
        after = 0
        async with asyncio.timeout(timeout_s):
            while True:
                page = await self.get(f"/runs/{run}/events", after=after, wait=5, limit=1000)
                after = page["after"]
                if page["ended"]:
                    return await self.get(f"/runs/{run}")

    async def events(self, run: str, kind: str) -> list[Json]:
        page = await self.get(f"/runs/{run}/events", limit=1000)
        return [event for event in page["items"] if event["type"] == kind]
