"""How many pages a call may bring, and in which order streams are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from minuet.bus.api import Delivery
from minuet.worker.taker import Taker

pytestmark = pytest.mark.anyio


class Streams:
    """A take that records its calls; `full` streams give as many pages as asked for."""

    def __init__(self, *full: tuple[str, int]) -> None:
        self.full = set(full)
        self.calls: list[tuple[int, int, int]] = []

    async def take(
        self, streams: Mapping[str, Sequence[int]], consumer: str, *, count: int, block_ms: int
    ) -> list[Delivery]:
        asked = [(type, p) for type, partitions in streams.items() for p in partitions]
        self.calls.append((len(asked), count, block_ms))
        return [
            Delivery(p, type, f"{n}-0", [])
            for type, p in asked
            if (type, p) in self.full
            for n in range(count)
        ]


def taker(bus: Streams, types: Sequence[str] = ("a", "b"), partitions: int = 4) -> Taker:
    made = Taker(bus, "w", types, 1000)  # type: ignore[arg-type]
    made.serve_partitions(partitions)
    return made


async def test_plenty_of_slots_means_one_blocking_call_over_all_streams() -> None:
    bus = Streams()
    await taker(bus).take(20)
    assert bus.calls == [(8, 2, 1000)]


@pytest.mark.parametrize("free", [8, 9, 20, 64])
async def test_a_blocking_call_never_brings_more_than_is_free(free: int) -> None:
    bus = Streams(*((type, p) for type in "ab" for p in range(4)))
    assert len(await taker(bus).take(free)) <= free


async def test_few_slots_ask_one_stream_at_a_time_and_never_overfill() -> None:
    bus = Streams(*((type, p) for type in "ab" for p in range(4)))
    assert len(await taker(bus).take(3)) == 3
    assert bus.calls == [(1, 3, 0)]


async def test_rotation_goes_on_where_it_stopped() -> None:
    bus = Streams(*((type, p) for type in "ab" for p in range(4)))
    t = taker(bus)
    seen = [(d.type, d.p) for _ in range(8) for d in await t.take(1)]
    assert len(set(seen)) == 8


async def test_a_round_without_a_page_is_followed_by_a_blocking_call() -> None:
    bus = Streams()
    assert await taker(bus).take(3) == []
    assert bus.calls == [*[(1, 3, 0)] * 8, (8, 1, 1000)]


async def test_streams_follow_the_number_of_partitions() -> None:
    bus = Streams()
    t = taker(bus, partitions=1)
    t.serve_partitions(3)
    await t.take(12)
    assert bus.calls == [(6, 2, 1000)]
