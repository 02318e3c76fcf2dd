"""The estimate of Redis time: timers never early, events never ahead and never back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minuet.services.coordinator.clock import RedisClock

OFFSET = 1_700_000_000_000


class World:
    """A local clock, and a server whose clock is ahead by `OFFSET` (below a ms it cuts off)."""

    def __init__(self) -> None:
        self.micros = 0
        self.clock = RedisClock(lambda: self.micros // 1000)

    @property
    def server(self) -> int:
        return (self.micros + 300) // 1000 + OFFSET

    def call(self, there_us: int, back_us: int) -> int:
        """A round trip; what the server said."""
        sent = self.clock.local()
        self.micros += there_us
        said = self.server
        self.micros += back_us
        self.clock.learn(sent, said)
        return said


def test_a_slow_call_does_not_carry_events_ahead() -> None:
    world = World()
    world.call(1_000_000, 0)
    assert world.clock.now() - world.server <= 1_001
    assert world.server - world.clock.reached() <= 2


def test_a_quick_call_narrows_both_bounds() -> None:
    world = World()
    world.call(900_000, 900_000)
    world.call(500, 500)
    assert world.clock.now() - world.server <= 2
    assert world.server - world.clock.reached() <= 2


def test_events_do_not_step_back_when_good_bounds_are_forgotten() -> None:
    world = World()
    world.call(100, 100)
    before = world.clock.reached()
    for _ in range(40):
        world.call(100_000, 400_000)
        now = world.clock.reached()
        assert now >= before
        before = now


def test_another_server_may_have_another_clock() -> None:
    world = World()
    world.call(100, 100)
    told = world.clock.reached()
    world.clock.forget()
    sent = world.clock.local()
    world.clock.learn(sent, told - 60_000)
    assert world.clock.reached() == told - 60_000
    assert world.clock.now() == told - 60_000 + 1


trips = st.tuples(st.integers(0, 2_000_000), st.integers(0, 2_000_000), st.integers(0, 5_000_000))


@given(st.lists(trips, min_size=1, max_size=80))
def test_the_server_is_always_between_the_two(schedule: list[tuple[int, int, int]]) -> None:
    world, told = World(), 0
    for there, back, pause in schedule:
        world.call(there, back)
        world.micros += pause
        reached = world.clock.reached()
        assert told <= reached <= world.server <= world.clock.now()
        told = reached


@given(st.lists(trips, min_size=2, max_size=20))
def test_the_next_owner_tells_later_times(schedule: list[tuple[int, int, int]]) -> None:
    """Each acquisition brings the server's time to a process that knew nothing of it."""
    world, told = World(), 0
    for there, back, held in schedule:
        world.clock = RedisClock(lambda: world.micros // 1000)
        acquired_at = world.call(there, back)
        assert world.clock.reached() >= max(told, acquired_at)
        world.micros += held
        told = world.clock.reached()
        assert told <= world.server
