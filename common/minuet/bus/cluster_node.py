"""One node of a cluster: a connection that says at once when its node does not serve a slot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import hiredis

from minuet.model.errors import BusUnavailable

from .address import Address
from .codes import Refusal, refusal
from .connection import Connection
from .lane import Lane
from .slots import Place, Redirected, SlotMap, redirected, slot_map
from .wire import Argument, Reply

PATIENCE_S = 0.5
"""A node that is away is not waited for as a single server is: others have work meanwhile."""
ANSWER_S = 1.0
"""How long a node may take to say who serves what."""


class Node(Connection):
    """Raises Redirected where a Connection would connect anew: what to do then is the cluster's."""

    def __init__(self, address: Address, prefix: str) -> None:
        super().__init__(address, prefix, patience_s=PATIENCE_S)
        self.place = Place(address.host, address.port)
        self._asking_lane: Lane | None = None
        self._asking_turn = asyncio.Lock()
        self._greeting: asyncio.Task[None] | None = None

    def connect_soon(self) -> None:
        """Connect in the background; from then on the connection comes back by itself."""
        if self._greeting is None:
            self._greeting = asyncio.ensure_future(self._connect())

    async def close(self) -> None:
        if self._greeting is not None:
            self._greeting.cancel()
        if self._asking_lane is not None:
            await self._asking_lane.close()
        await super().close()

    async def submit_many(
        self, commands: Sequence[tuple[Argument, ...]]
    ) -> list[Reply | BaseException]:
        """As `call_many`, but whatever became of a command stands in its place, as Redirected,
        BusUnavailable or another error."""
        futures: list[asyncio.Future[Reply]] = []
        try:
            for command in commands:
                futures.append(await self._lane.submit(*command))
        except BusUnavailable as exc:
            unsent = [exc] * (len(commands) - len(futures))
        else:
            unsent = []
        replies = await asyncio.gather(*futures, return_exceptions=True)
        for i, reply in enumerate(replies):
            if isinstance(reply, hiredis.ReplyError):
                replies[i] = await self._outcome(commands[i], reply)
        return [*replies, *unsent]

    async def asking(self, args: tuple[Argument, ...]) -> Reply:
        """A call for a slot that this node is being given and does not serve yet."""
        async with self._asking_turn:
            if self._asking_lane is None:
                self._asking_lane = Lane(self.address)
            permission = await self._asking_lane.submit(b"ASKING")
            asked = await self._asking_lane.submit(*args)
            _, answer = await asyncio.gather(permission, asked, return_exceptions=True)
        # A permission holds for one command: what the refusal wants goes by the common way, and
        # the caller asks again.
        if isinstance(answer, hiredis.ReplyError):
            await self._make_good(self._lane, answer, 0.0)
            raise Redirected(str(answer))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def map(self) -> SlotMap:
        """Who serves what, as this node sees it. Raises BusUnavailable, soon."""
        try:
            async with asyncio.timeout(ANSWER_S):
                slots, info = await self.call_many([(b"CLUSTER", b"SLOTS"), (b"CLUSTER", b"INFO")])
        except TimeoutError as exc:
            raise BusUnavailable(f"{self.place} does not answer") from exc
        return slot_map(slots, info, self.place.host)

    async def _connect(self) -> None:
        try:
            await self.call(b"PING")
        except BusUnavailable:
            return  # the lane goes on by itself

    async def _outcome(
        self, args: tuple[Argument, ...], error: hiredis.ReplyError
    ) -> Reply | BaseException:
        try:
            return await self._retry(self._lane, args, error)
        except Exception as exc:  # stands in the command's place: the caller raises it
            return exc

    async def _make_good(self, lane: Lane, error: hiredis.ReplyError, pause: float) -> None:
        if refusal(error) is Refusal.MOVED:
            raise redirected(str(error), self.place.host) from error
        await super()._make_good(lane, error, pause)
