"""A run is deleted while somebody looks at it."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed

from minuet.services.orchestrator.retention.cache import Cache
from minuet.services.orchestrator.retention.deleting import Deleter
from tests.support.records import TENANT

from .rig import Rig, Watcher, run_id

pytestmark = pytest.mark.anyio
RUN, OTHER = run_id(1), run_id(2)


async def delete(rig: Rig) -> None:
    deleter = Deleter(rig.db, rig.bus, Cache(rig.db, rig.bus))
    assert await deleter.delete(TENANT, RUN, by="me") == 1


async def closed(watcher: Watcher) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        await watcher.until("nothing that is ever sent")
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_who_watches_is_told_and_who_comes_back_finds_nothing(rig: Rig) -> None:
    await rig.accept(RUN, OTHER)
    prev = await rig.steps(RUN, 3)
    await rig.end(RUN, seq=4, prev=prev)
    await rig.record()
    async with rig.serving(), rig.watch(RUN) as watcher, rig.watch(OTHER) as other:
        assert (await watcher.frame())["run"]["seq"] == 4
        await other.frame()
        await delete(rig)
        assert await closed(watcher) == (4404, f"run {RUN} was deleted")
        async with rig.watch(RUN, after=4) as again:
            code, reason = await closed(again)
            assert code == 4404
            assert f"run {RUN} was deleted on" in reason
        await rig.steps(OTHER, 1)
        assert await other.events(1) == [1]


async def test_a_client_that_is_behind_when_the_run_goes_is_closed_not_failed(rig: Rig) -> None:
    """It must be shown everything anew, and there is nothing to show."""
    await rig.accept(RUN)
    prev = await rig.steps(RUN, 3)
    await rig.end(RUN, seq=4, prev=prev)
    await rig.record()
    async with rig.serving(without=("announcements",)) as fanout, rig.watch(RUN) as watcher:
        await watcher.frame()
        await delete(rig)
        feed = fanout.hub.feed_of(RUN)
        assert feed is not None
        for each in feed.watchers:
            each.start_over("slow")
        assert (await watcher.frame())["kind"] == "resync"
        code, reason = await closed(watcher)
        assert code == 4404
        assert "was deleted on" in reason
