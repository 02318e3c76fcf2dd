"""Redis time as a process knows it without asking."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class RedisClock:
    """Two estimates of the clock of the Redis server in ms, by the process's own clock.

    A reply says what the server's clock was at some instant between the call and the reply, so
    each gives one bound of the offset on either side, and the narrowest of the recent ones count:
    `now` is never below the server's clock, and above it by no more than the quickest recent round
    trip; `reached` is never above it. (Both by more than the drift of the two clocks.)
    """

    def __init__(self, local_ms: Callable[[], int], *, window: int = 32) -> None:
        self._local_ms = local_ms
        self._upper: deque[int] = deque(maxlen=window)
        self._lower: deque[int] = deque(maxlen=window)
        self._ahead = 0
        self._behind = 0
        self._told = 0

    def local(self) -> int:
        """The local clock, to be read right before a call is sent."""
        return self._local_ms()

    def learn(self, sent_local: int, server_now: int) -> None:
        """A call sent at `sent_local` has just been answered with the server's time."""
        # 1 ms wider on both sides: server and local clock cut off below a ms.
        self._upper.append(server_now + 1 - sent_local)
        self._lower.append(server_now - 1 - self._local_ms())
        self._ahead = min(self._upper)
        self._behind = max(self._lower)
        self._told = max(self._told, server_now)

    def forget(self) -> None:
        """The server may be another one, with another clock: only what comes counts."""
        self._upper.clear()
        self._lower.clear()
        self._told = 0

    def now(self) -> int:
        """For what must not happen early: timers that are set by it are never due too soon."""
        return self._local_ms() + self._ahead

    def reached(self) -> int:
        """For what has happened: never less than before, and never more than the server's clock, so
        what the next owner of a partition tells, from its acquisition on, is later."""
        self._told = max(self._told, self._local_ms() + self._behind)
        return self._told
