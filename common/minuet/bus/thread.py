"""The bus for threads: what must go on while the event loop is busy or blocked."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import hiredis

from minuet.model.errors import BusUnavailable, Overloaded

from . import functions
from .address import Address
from .api import Done
from .codes import NOT_HELD, BusFault, Refusal, refusal
from .keys import Keys
from .task_calls import Call, cancelled_calls, complete_calls, heartbeat_calls, scatter
from .thread_wire import ThreadWire
from .wire import Argument, Reply

ATTEMPTS = 3


class ThreadBus:
    """Lease renewal and the worker's heartbeat, synchronous, on a connection of their own.

    Connects when first called. Threads may share it; their calls take turns. Every method may
    raise BusUnavailable after `timeout_s`; the outcome is then unknown, and calling again is
    harmless (`complete` answers False for what it had finished).
    """

    def __init__(self, url: str, prefix: str = "", *, timeout_s: float = 2.0) -> None:
        self._keys = Keys(prefix)
        self._wire = ThreadWire(Address.parse(url), timeout_s=timeout_s)
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the connection; a later call makes a new one."""
        with self._turn:
            self._wire.close()

    def renew(self, leases: Mapping[int, str], lease_ms: int) -> dict[int, int | None]:
        """Renew owner by partition in one round trip; the commit number that Redis holds, or None
        where the lease is not ours."""
        calls = [
            Call.of("renew", [self._keys.lease(p)], owner, lease_ms, 0)
            for p, owner in leases.items()
        ]
        replies = self._exchange([call.command() for call in calls])
        return {
            p: None if reply == NOT_HELD else reply
            for p, reply in zip(leases, replies, strict=True)
        }

    def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]:
        """As WorkerBus.heartbeat."""
        return self._scattered(heartbeat_calls(self._keys, consumer, held), len(held))

    def complete(self, done: Sequence[Done]) -> list[bool]:
        """As WorkerBus.complete."""
        return self._scattered(complete_calls(self._keys, done), len(done))

    def cancelled(self, tokens: Sequence[str]) -> list[bool]:
        """As WorkerBus.cancelled."""
        return self._scattered(cancelled_calls(self._keys, tokens), len(tokens))

    def _scattered(self, calls: Sequence[Call], count: int) -> list[bool]:
        return scatter(calls, self._exchange([call.command() for call in calls]), count)

    def _exchange(self, commands: Sequence[tuple[Argument, ...]]) -> list[Reply]:
        """All replies; what the server did not execute is sent again, the rest never."""
        replies: list[Reply] = [None] * len(commands)
        left = list(range(len(commands)))
        with self._turn:
            for _ in range(ATTEMPTS):
                answers = self._wire.exchange([commands[i] for i in left])
                for i, answer in zip(left, answers, strict=True):
                    replies[i] = answer
                left = [i for i in left if isinstance(replies[i], hiredis.ReplyError)]
                if not left:
                    return replies
                self._make_good(replies[left[0]])
        raise BusUnavailable(f"Redis keeps refusing: {replies[left[0]]}")

    def _make_good(self, error: hiredis.ReplyError) -> None:
        kind = refusal(error)
        if kind is Refusal.UNKNOWN_FUNCTION:
            (reply,) = self._wire.exchange([(b"FUNCTION", b"LOAD", functions.library())])
            if isinstance(reply, hiredis.ReplyError) and "already exists" not in str(reply):
                fault = BusFault if refusal(reply) is Refusal.OTHER else BusUnavailable
                raise fault(f"cannot load the functions: {reply}") from reply
        elif kind is Refusal.FULL:
            raise Overloaded("Redis is out of memory") from error
        elif kind is Refusal.OTHER:
            raise BusFault(str(error)) from error
        else:
            # Busy or moved: the thread's next round comes soon enough, on a new connection.
            self._wire.close()
            raise BusUnavailable(str(error)) from error
