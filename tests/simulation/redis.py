"""The Redis of a simulation: one memory, and for each process a client with a wire between them.

What a call does is the in-memory bus's own; here is only when it happens, how often, and whether
anybody hears of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar, cast

from minuet.bus.api import Commit, Done, Fields
from minuet.bus.memory import MemoryBus
from minuet.bus.memory_coordinator import MemoryCoordinator
from minuet.bus.memory_state import Partition, State
from minuet.model.errors import BusUnavailable

from .dice import Dice, Fate
from .loop import Process, VirtualLoop

T = TypeVar("T")
EPOCH_MS = 1_700_000_000_000


class Request:
    """A call under way. `body` is its effect on the server."""

    __slots__ = ("body", "executed", "fate", "future", "method", "timer")

    def __init__(
        self, method: str, body: Callable[[], Any], fate: Fate, future: asyncio.Future[Any]
    ) -> None:
        self.method = method
        self.body = body
        self.fate = fate
        self.future = future
        self.executed = False
        self.timer: asyncio.TimerHandle | None = None


class Observer:
    """What wants to know of effects; called on the server, between two calls."""

    def called(self, client: Client, method: str, body: Callable[[], Any]) -> None:
        """A call is about to be sent."""

    def committing(self, commit: Commit, state: State) -> None: ...

    def committed(self, commit: Commit, state: State) -> None: ...

    def appended(self, part: Partition, signals: Sequence[Fields]) -> None: ...

    def went_back(self) -> None: ...


class Server:
    """The memory, its clock and who waits at it."""

    def __init__(self, loop: VirtualLoop, dice: Dice, observer: Observer) -> None:
        self.loop = loop
        self.dice = dice
        self.observer = observer
        self.state = State()
        self.starts = 1
        self.clients: list[Client] = []
        self._waiters: deque[tuple[Client, Request]] = deque()
        self._serving = False

    def now(self) -> int:
        return EPOCH_MS + int(self.loop.time() * 1000)

    def restart(self, state: State) -> None:
        """With the memory of an earlier moment. Whatever is under way fails."""
        self.state = state
        self.starts += 1
        self.observer.went_back()
        self._waiters.clear()
        for client in self.clients:
            client.disconnect()

    def execute(self, client: Client, request: Request) -> Any:
        result = request.body()
        if request.fate.twice:
            result = request.body()
        request.executed = True
        return result

    def wake(self) -> None:
        if self._waiters and not self._serving:
            self._serving = True
            self.loop.call_soon(self._serve, context=self.loop.world.main.context)

    def park(self, client: Client, request: Request, block_s: float) -> None:
        """A blocking read that found nothing."""
        waiter = (client, request)
        self._waiters.append(waiter)
        request.timer = self.loop.call_later(
            block_s, self._give_up, waiter, context=self.loop.world.main.context
        )

    def leave(self, client: Client) -> None:
        """Its blocking reads end with its connections."""
        self._waiters = deque(each for each in self._waiters if each[0] is not client)

    def _give_up(self, waiter: tuple[Client, Request]) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            waiter[0].reply(waiter[1], [])

    def _serve(self) -> None:
        """Who waited longest is served first."""
        self._serving = False
        for waiter in list(self._waiters):
            client, request = waiter
            if request.future.done():
                self._waiters.remove(waiter)
            elif found := request.body():
                self._waiters.remove(waiter)
                client.reply(request, found)


class Client(MemoryBus):
    """The bus as one process sees it. Calls travel in order, as over one connection; blocking
    reads have connections of their own."""

    def __init__(self, server: Server, process: Process) -> None:
        self.server = server
        self.process = process
        self.away_until = 0.0
        self.out_of_memory = False
        self._lock = cast("Any", nullcontext())
        self._loop = server.loop
        self._under_way: deque[Request] = deque()
        self._open: dict[Request, None] = {}
        self._line_at = 0.0
        self._replies_at = 0.0
        server.clients.append(self)

    # ── what the parts of the in-memory bus stand on ──────────────────────────────────────────

    @property
    def _state(self) -> State:  # type: ignore[override]
        return self.server.state

    @property
    def _starts(self) -> int:  # type: ignore[override]
        return self.server.starts

    @property
    def _listeners(self) -> dict[Any, Any]:  # type: ignore[override]
        return {}

    def _now(self) -> int:
        return self.server.now()

    def _wake(self) -> None:
        self.server.wake()

    async def _call(self, method: str, body: Callable[[], T]) -> T:
        request = self._request(method, body)
        self._send(request)
        return cast("T", await request.future)

    async def _blocking(self, method: str, body: Callable[[], list[T]], block_ms: int) -> list[T]:
        request = self._request(method, body)
        self._at(request.fate.call_s, self._arrive_blocking, request, block_ms)
        return cast("list[T]", await request.future)

    # ── on the way there ──────────────────────────────────────────────────────────────────────

    def _request(self, method: str, body: Callable[[], Any]) -> Request:
        self.server.observer.called(self, method, body)
        fate = self.server.dice.fate()
        if self.away_until > self._loop.time() and not self.server.dice.calm:
            fate = Fate(lost="call", call_s=0.05)
        request = Request(method, body, fate, self._loop.create_future())
        self._open[request] = None
        return request

    def _send(self, request: Request) -> None:
        self._under_way.append(request)
        now = self._loop.time()
        self._line_at = max(self._line_at, now + request.fate.call_s)
        self._at(self._line_at - now, self._arrive, request)

    def _at(self, delay_s: float, then: Callable[..., None], *args: Any) -> None:
        context = self._loop.world.main.context
        if delay_s > 0:
            self._loop.call_later(delay_s, then, *args, context=context)
        else:
            self._loop.call_soon(then, *args, context=context)

    def _arrive(self, request: Request) -> None:
        if request not in self._under_way:
            return  # its connection broke before
        self._under_way.remove(request)
        if request.fate.lost == "call":
            self._fail(request)
            return
        try:
            result = self.server.execute(self, request)
        except Exception as exc:
            self.reply(request, exc)
        else:
            self.reply(request, result)

    def _arrive_blocking(self, request: Request, block_ms: int) -> None:
        if request.future.done() or not self.process.alive:
            return
        if request.fate.lost == "call":
            self._fail(request)
            return
        found = self.server.execute(self, request)
        if found or not block_ms:
            self.reply(request, found)
        else:
            self.server.park(self, request, block_ms / 1000)

    # ── and back ──────────────────────────────────────────────────────────────────────────────

    def reply(self, request: Request, result: Any) -> None:
        """A result or an exception."""
        if request.timer is not None:
            request.timer.cancel()
        if request.fate.lost:
            self._fail(request)
            return
        now = self._loop.time()
        self._replies_at = max(self._replies_at, now + request.fate.reply_s)
        if self._replies_at > now:
            self._at(self._replies_at - now, self._answer, request, result)
        else:
            self._answer(request, result)

    def _answer(self, request: Request, result: Any) -> None:
        self._open.pop(request, None)
        if request.future.done():
            return
        if isinstance(result, Exception):
            request.future.set_exception(result)
        else:
            request.future.set_result(result)

    def _fail(self, request: Request) -> None:
        self._answer(request, BusUnavailable(f"{request.method}: the connection is lost"))

    def hold(self, seconds: float) -> None:
        """What is sent from now on arrives that late: it stands in a buffer."""
        self._line_at = max(self._line_at, self._loop.time() + seconds)

    def disconnect(self) -> None:
        """Every connection breaks: what is under way is lost on the way there or back."""
        self._under_way.clear()
        for request in list(self._open):
            if request.timer is not None:
                request.timer.cancel()
            self._fail(request)

    def die(self, arriving: int) -> None:
        """The process is gone; so many of the calls under way still arrive."""
        while len(self._under_way) > arriving:
            self._under_way.pop()
        self.server.leave(self)
        self.server.clients.remove(self)

    # ── what is watched ───────────────────────────────────────────────────────────────────────

    async def commit(self, commit: Commit) -> int:
        return await self._call("commit", lambda: self._commit(commit))

    def _commit(self, commit: Commit) -> int:
        body = cast("Any", MemoryCoordinator.commit).__wrapped__
        self.server.observer.committing(commit, self._state)
        now: int = body(self, commit)
        self.server.observer.committed(commit, self._state)
        return now

    async def send(self, p: int, signals: Sequence[Fields], *, not_after: int | None = None) -> int:
        return await self._call("send", lambda: self._send_signals(p, signals, not_after))

    def _send_signals(self, p: int, signals: Sequence[Fields], not_after: int | None) -> int:
        body = cast("Any", MemoryBus.send).__wrapped__
        sent: int = body(self, p, signals, not_after=not_after)
        if sent:
            self.server.observer.appended(self._partition(p), signals)
        return sent


class ThreadClient:
    """The synchronous side: calls of a thread, each at once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def renew(self, leases: Mapping[int, str], lease_ms: int) -> dict[int, int | None]:
        return self._call(
            "renew", lambda renew: {p: renew(p, owner, lease_ms) for p, owner in leases.items()}
        )

    def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]:
        return self._call("heartbeat", lambda beat: beat(consumer, held))

    def cancelled(self, tokens: Sequence[str]) -> list[bool]:
        return self._call("cancelled", lambda cancelled: cancelled(tokens))

    def complete(self, done: Sequence[Done]) -> list[bool]:
        return self._call("complete", lambda complete: complete(done))

    def _call(self, method: str, call: Callable[[Callable[..., Any]], T]) -> T:
        body = getattr(type(self._client), method).__wrapped__.__get__(self._client)
        self._client.server.observer.called(self._client, method, lambda: None)
        fate = self._client.server.dice.fate()
        away = self._client.away_until > self._client.server.loop.time()
        if fate.lost == "call" or (away and not self._client.server.dice.calm):
            raise BusUnavailable(f"{method}: the connection is lost")
        if fate.twice:
            call(body)
        result = call(body)
        if fate.lost:
            raise BusUnavailable(f"{method}: the connection is lost")
        return result
