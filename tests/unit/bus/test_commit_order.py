"""The commit is the first thing that `commit` sends, and the only one that decides its outcome."""

from __future__ import annotations

from typing import Any

import pytest

from minuet.bus.api import Commit, Page
from minuet.bus.keys import Keys
from minuet.bus.redis_coordinator import RedisCoordinator
from minuet.model.errors import BusUnavailable, Overloaded

pytestmark = pytest.mark.anyio

COMMIT = Commit(0, "o", 0, "0-0", pages=[Page("http", [("0-r/a/1/1", b"{}")])])


class Line:
    """Notes what is sent; naming types fails with `error`."""

    keys = Keys()

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[Any] = []
        self.error = error

    async def call(self, *args: Any) -> int:
        self.sent.append(args[0])
        if self.error is not None:
            raise self.error
        return 1

    async def fcall(self, name: str, keys: Any, args: Any) -> int:
        self.sent.append(name)
        return 7


async def test_commit_is_sent_before_its_types_are_named() -> None:
    line = Line()
    bus = RedisCoordinator(line)  # type: ignore[arg-type]
    assert await bus.commit(COMMIT) == 7
    assert await bus.commit(COMMIT) == 7
    assert line.sent == ["commit", b"SADD", "commit"]


@pytest.mark.parametrize("error", [BusUnavailable("cut"), Overloaded("full")])
async def test_types_that_cannot_be_named_leave_the_commit_done(error: Exception) -> None:
    line = Line(error)
    bus = RedisCoordinator(line)  # type: ignore[arg-type]
    assert await bus.commit(COMMIT) == 7
    line.error = None
    await bus.commit(COMMIT)
    assert line.sent == ["commit", b"SADD", "commit", b"SADD"]
