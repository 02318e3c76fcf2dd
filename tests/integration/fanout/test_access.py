"""Who may open a socket, and what everybody else is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .rig import ORIGIN, Rig, run_id

pytestmark = pytest.mark.anyio

RUN = run_id(1)


async def closed_with(rig: Rig, path: str, ticket: str) -> int:
    async with rig.connect(path, ticket) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


async def test_a_ticket_opens_one_socket(rig: Rig) -> None:
    await rig.accept(RUN)
    ticket = await rig.ticket()
    async with rig.serving():
        async with rig.connect(f"/ws/runs/{RUN}", ticket) as socket:
            assert "snapshot" in str(await socket.recv())
        assert await closed_with(rig, f"/ws/runs/{RUN}", ticket) == 4401


@pytest.mark.parametrize("ticket", ["", "wrong", "%FF%00", "%F0%9F%98%80"])
async def test_without_a_ticket_nothing_is_shown(rig: Rig, ticket: str) -> None:
    async with rig.serving():
        assert await closed_with(rig, "/ws/runs", ticket) == 4401


async def test_a_run_of_another_tenant_looks_like_an_unknown_one(rig: Rig) -> None:
    await rig.accept(RUN)
    async with rig.serving():
        for run in (RUN, run_id(2), "nonsense", "0-%00"):
            ticket = await rig.ticket("somebody-else")
            assert await closed_with(rig, f"/ws/runs/{run}", ticket) == 4404


async def test_a_bad_position_is_told_as_such(rig: Rig) -> None:
    async with rig.serving():
        assert await closed_with(rig, f"/ws/runs/{RUN}?after=x", await rig.ticket()) == 4400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ORIGIN + "1"])
async def test_pages_of_others_may_not_connect(rig: Rig, origin: str) -> None:
    async with rig.serving():
        with pytest.raises(InvalidStatus) as refused:
            await rig.connect("/ws/runs", await rig.ticket(), origin=origin)
    assert refused.value.response.status_code == 403


async def test_own_pages_may_connect(rig: Rig) -> None:
    ticket = await rig.ticket()
    async with rig.serving(), rig.connect("/ws/runs", ticket, origin=ORIGIN) as socket:
        assert "snapshot" in str(await socket.recv())


async def test_other_paths_are_not_found(rig: Rig) -> None:
    async with rig.serving():
        with pytest.raises(InvalidStatus) as refused:
            await rig.connect("/ws/other", await rig.ticket())
    assert refused.value.response.status_code == 404


async def test_more_clients_than_allowed_are_refused_and_places_come_free(rig: Rig) -> None:
    async with rig.serving(max_clients=1):
        async with rig.watch(None) as watcher:
            await watcher.frame()
            with pytest.raises(InvalidStatus) as refused:
                await rig.connect("/ws/runs", await rig.ticket())
            assert refused.value.response.status_code == 503
        async with rig.watch(None) as watcher:
            assert (await watcher.frame())["kind"] == "snapshot"


async def test_a_session_ends_and_pings_come_meanwhile(rig: Rig) -> None:
    async with rig.serving(ping_s=0.05, session_s=0.3), rig.watch(None) as watcher:
        assert (await watcher.frame())["kind"] == "snapshot"
        ping = await watcher.frame()
        assert ping["kind"] == "ping"
        assert datetime.fromisoformat(ping["time"]).tzinfo == UTC
        await watcher.socket.wait_closed()
        assert watcher.socket.close_code == 4408
