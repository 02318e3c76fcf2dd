"""Tickets: who gets one, what it stands for, and where it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from minuet.bus.redis import RedisBus
from minuet.model.ticket import Ticket, ticket_name
from minuet.services.orchestrator.tickets.service import Tickets
from minuet.settings import FanoutSettings

pytestmark = pytest.mark.anyio


async def test_a_ticket_stands_for_the_key_that_asked(
    api: httpx.AsyncClient, bus: RedisBus
) -> None:
    answer = await api.post("/tickets")
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    issued = answer.json()
    left = datetime.fromisoformat(issued["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=20) < left <= timedelta(seconds=30)
    assert issued["url"] == "ws://test:8081"
    held = await bus.take_ticket(ticket_name(issued["ticket"]))
    assert held is not None
    assert msgspec.json.decode(held, type=Ticket) == Ticket("bootstrap", "default")


async def test_no_two_tickets_are_the_same(api: httpx.AsyncClient) -> None:
    tickets = [(await api.post("/tickets")).json()["ticket"] for _ in range(3)]
    assert len(set(tickets)) == 3


async def test_without_a_key_there_is_no_ticket(api: httpx.AsyncClient) -> None:
    answer = await api.post("/tickets", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


async def test_info_tells_where_the_sockets_are(api: httpx.AsyncClient) -> None:
    assert (await api.get("/info")).json()["socket_url"] == "ws://test:8081"


@pytest.mark.parametrize(
    ("scheme", "hostname", "url"),
    [
        ("http", "localhost", "ws://localhost:9000"),
        ("https", "minuet.example", "wss://minuet.example:9000"),
        ("http", "::1", "ws://[::1]:9000"),
        ("http", None, "ws://127.0.0.1:9000"),
    ],
)
async def test_sockets_are_on_the_host_of_the_api(
    bus: RedisBus, scheme: str, hostname: str | None, url: str
) -> None:
    tickets = Tickets(bus, FanoutSettings(port=9000))
    assert tickets.socket_url(scheme, hostname) == url


async def test_an_address_that_was_set_is_told(bus: RedisBus) -> None:
    tickets = Tickets(bus, FanoutSettings(url="wss://live.example/"))
    assert tickets.socket_url("http", "localhost") == "wss://live.example"
