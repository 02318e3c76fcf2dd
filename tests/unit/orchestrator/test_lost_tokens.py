"""Tokens that stand nowhere are asked for again; all others are left alone, however slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from minuet.bus.api import Delivery, Done
from minuet.bus.memory_stream import Stream
from minuet.cas.plans import PlanCache
from minuet.model.ir import Ir, IrEdge, IrNode
from minuet.model.state import Head
from minuet.services.orchestrator import lost_tokens
from minuet.services.orchestrator.lost_tokens import LostTokens
from minuet.services.orchestrator.metrics import REEMIT_SKIPPED
from tests.unit.coordinator.harness import Bench

RUN = "0-r"
SIDE_BY_SIDE = Ir(
    workflow="two",
    nodes=[
        IrNode(id="a", type="slow", effect="pure"),
        IrNode(id="b", type="other", effect="pure"),
        IrNode(id="c", type="slow", effect="pure"),
    ],
    edges=[IrEdge(0, 2), IrEdge(1, 2)],
)
OK = b"{}"


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


class Scene:
    """A run whose two first nodes are dispatched, and sweeps under a clock that the test moves."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.bus = bench.bus
        self.now = 0.0
        self.lost = LostTokens(self.bus, PlanCache(bench.blobs), clock=lambda: self.now)

    async def sweep(self, at: float) -> int:
        self.now = at
        self.lost.begin()
        await self.lost.note(0, [(RUN, await self.head())])
        return await self.lost.resend()

    def delete(self, type: str) -> None:
        """Every entry of the type vanishes, by hand."""
        stream = self.bus._partition(0).tasks[type]
        for id, _ in list(stream.after((0, 0), 100)):
            assert stream.delete(id)

    async def take(self, type: str) -> list[Delivery]:
        return await self.bus.take({type: [0]}, "w", count=100, block_ms=0)

    async def finish(self, type: str) -> list[str]:
        """Complete all that can be taken; the token ids."""
        taken = await self.take(type)
        for each in taken:
            results = [(id, OK) for id, _ in each.tokens]
            assert await self.bus.complete([Done(0, type, each.id, results)]) == [True]
        return [id for each in taken for id, _ in each.tokens]

    async def until_tasks(self, *types: str) -> None:
        """A page of each type is there."""
        tasks = self.bus._partition(0).tasks
        await eventually(lambda: all(len(tasks.get(type, Stream())) for type in types))

    async def head(self) -> Head:
        [head] = await self.bus.heads(0, [RUN])
        assert head is not None
        return Head.decode(head.decode())


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    bench = Bench()
    made = Scene(bench)
    await bench.start(RUN, await bench.put_ir(SIDE_BY_SIDE))
    async with bench.coordinator(1):
        await made.until_tasks("slow", "other")
        yield made


async def test_a_lost_token_is_dispatched_again_and_the_run_ends(scene: Scene) -> None:
    scene.delete("slow")
    assert [await scene.sweep(at) for at in (0, 30, 59)] == [0, 0, 0]
    assert await scene.sweep(61) == 1
    await scene.until_tasks("slow")
    assert await scene.finish("slow") == ["0-r/a/1/1"]
    assert await scene.finish("other") == ["0-r/b/1/1"], "the other token was left alone"
    await scene.until_tasks("slow")
    assert await scene.finish("slow") == ["0-r/c/1/1"]
    await scene.bench.ended(1)


async def test_slow_nodes_are_left_alone_for_ever(scene: Scene) -> None:
    held = await scene.take("slow")  # in a worker's hands; the other waits for a worker
    assert [await scene.sweep(at) for at in range(0, 4000, 30)] == [0] * 134
    assert len(held) == 1
    assert await scene.take("slow") == []
    assert len(await scene.take("other")) == 1


async def test_a_run_that_moves_is_watched_from_anew(scene: Scene) -> None:
    await scene.sweep(0)
    before = await scene.head()
    await scene.finish("other")
    async with asyncio.timeout(5):
        while await scene.head() == before:
            await asyncio.sleep(0.005)
    scene.delete("slow")
    assert await scene.sweep(61) == 0
    assert await scene.sweep(120) == 0
    assert await scene.sweep(122) == 1


async def test_another_server_makes_all_that_was_seen_worthless(scene: Scene) -> None:
    scene.delete("slow")
    await scene.sweep(0)
    scene.lost.forget()
    assert await scene.sweep(61) == 0
    assert await scene.sweep(122) == 1


async def test_a_backlog_too_large_to_read_is_skipped_and_said(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.delete("slow")
    monkeypatch.setattr(lost_tokens, "MAX_ENTRIES", 0)
    skipped = REEMIT_SKIPPED.labels("tasks")
    before = skipped._value.get()
    await scene.sweep(0)
    assert await scene.sweep(61) == 1, "of `slow`, which is empty, all can be told"
    assert skipped._value.get() == before + 1, "of `other` nothing can be told"


@pytest.fixture
async def orphan() -> Scene:
    """The same, after the coordinator went away: signals stay unread."""
    bench = Bench()
    made = Scene(bench)
    await bench.start(RUN, await bench.put_ir(SIDE_BY_SIDE))
    async with bench.coordinator(1):
        await made.until_tasks("slow", "other")
    return made


async def test_an_answer_that_nobody_read_yet_is_not_lost(orphan: Scene) -> None:
    await orphan.sweep(0)
    await orphan.finish("slow")
    assert await orphan.sweep(61) == 0


async def test_what_was_asked_for_is_not_asked_for_twice(orphan: Scene) -> None:
    orphan.delete("slow")
    await orphan.sweep(0)
    assert await orphan.sweep(61) == 1
    assert [await orphan.sweep(at) for at in range(90, 2000, 30)] == [0] * 64
    async with orphan.bench.coordinator(1):
        await orphan.until_tasks("slow")
    assert len(await orphan.take("slow")) == 1


async def test_nothing_is_sought_while_signals_of_the_first_look_are_unread(orphan: Scene) -> None:
    """They may be about to move the run."""
    orphan.delete("slow")
    await orphan.bus.send(0, [[("k", b"continue"), ("s", b'{"run":"0-other"}')]])
    await orphan.sweep(0)
    assert await orphan.sweep(61) == 0
    async with orphan.bench.coordinator(1):
        signals = orphan.bus._partition(0).signals
        await eventually(lambda: not len(signals))
        assert await orphan.sweep(122) == 1
