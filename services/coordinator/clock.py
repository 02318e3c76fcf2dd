"""Redis time as a process knows it without asking."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class RedisClock:
    """Estimates the clock of the Redis server in ms, never below it (by more than its own drift).

    A reply says what the server's clock was at some instant after the call was sent; so
    `reply - sent` is an upper bound of the offset, and the least of the recent bounds the best.
    Timers set by this clock are therefore never early.
    """

    def __init__(self, local_ms: Callable[[], int], *, window: int = 32) -> None:
        self._local_ms = local_ms
        self._bounds: deque[int] = deque(maxlen=window)
        self._offset = 0

    def local(self) -> int:
        """The local clock, to be read right before a call is sent."""
        return self._local_ms()

    def learn(self, sent_local: int, server_now: int) -> None:
        """A call sent at `sent_local` was answered with the server's time `server_now`."""
        self._bounds.append(server_now + 1 - sent_local)  # + 1: the server cuts off below a ms
        self._offset = min(self._bounds)

    def now(self) -> int:
        return self._local_ms() + self._offset
