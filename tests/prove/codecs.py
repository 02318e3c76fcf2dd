"""Just enough of two wire protocols to see which requests pass and which replies answer them.

A codec belongs to one connection. `requests` gives back every whole request with its raw bytes and
its step ("" if it is no step); `replies` counts whole replies in what the server sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import hiredis

from .steps import postgres_step, redis_step

_NOT_YET: Final = object()


class Codec(Protocol):
    def requests(self, data: bytes) -> Iterator[tuple[bytes, str]]: ...

    def reply_to_last(self) -> int:
        """The number of the reply that answers the request that `requests` gave last."""
        ...

    def replies(self, data: bytes) -> int:
        """How many replies are whole after these bytes, since the connection began."""
        ...


class RedisCodec:
    """Requests as arrays of bulk strings, which is how every client sends them. A connection that
    subscribes gets replies that nobody asked for: there only `before` means anything."""

    def __init__(self) -> None:
        self._asked = 0
        self._requests = hiredis.Reader(notEnoughData=_NOT_YET)
        self._replies = hiredis.Reader(notEnoughData=_NOT_YET)
        self._answered = 0

    def requests(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        self._requests.feed(data)
        while (args := self._requests.gets()) is not _NOT_YET:
            self._asked += 1
            assert isinstance(args, list)
            yield hiredis.pack_command(tuple(args)), redis_step(args)

    def reply_to_last(self) -> int:
        return self._asked

    def replies(self, data: bytes) -> int:
        self._replies.feed(data)
        while self._replies.gets() is not _NOT_YET:
            self._answered += 1
        return self._answered


class PostgresCodec:
    """Version 3 of the protocol without encryption. A reply is a ReadyForQuery: one for each
    simple query and each Sync."""

    def __init__(self) -> None:
        self._asked = 1  # the greeting ends with one
        self._has_started = False
        self._requests = b""
        self._replies = b""
        self._answered = 0
        self._prepared: dict[bytes, str] = {}
        self._wrote = ""
        self._was_executed = False

    def requests(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        self._requests += data
        while (size := self._size(self._requests)) is not None:
            raw, self._requests = self._requests[:size], self._requests[size:]
            yield raw, self._step(raw)

    def reply_to_last(self) -> int:
        """What was bound is answered with the Sync that follows."""
        return self._asked + self._was_executed

    def replies(self, data: bytes) -> int:
        self._replies += data
        while len(self._replies) >= 5:
            size = 1 + int.from_bytes(self._replies[1:5], "big")
            if len(self._replies) < size:
                break
            self._answered += self._replies[:1] == b"Z"
            self._replies = self._replies[size:]
        return self._answered

    def _size(self, data: bytes) -> int | None:
        """Of the first message, None if it is not whole. The very first has no type."""
        begin = 1 if self._has_started else 0
        if len(data) < begin + 4:
            return None
        size = begin + int.from_bytes(data[begin : begin + 4], "big")
        return size if len(data) >= size else None

    def _step(self, raw: bytes) -> str:
        """A statement that was prepared is a step when it is executed, not when it is parsed."""
        if not self._has_started:
            self._has_started = True
            return ""
        kind, body = raw[:1], raw[5:]
        self._was_executed = kind == b"B"
        if kind == b"Q":
            self._asked += 1
            return self._placed(postgres_step(body.rstrip(b"\0").decode(errors="replace")))
        if kind == b"P":
            name, statement, _ = body.split(b"\0", 2)
            self._prepared[name] = postgres_step(statement.decode(errors="replace"))
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            return self._placed(self._prepared.get(name, ""))
        elif kind == b"S":
            self._asked += 1
        return ""

    def _placed(self, step: str) -> str:
        """A commit is named by what its transaction wrote first."""
        if step == "COMMIT":
            return f"COMMIT {self._wrote}".rstrip()
        if step == "BEGIN":
            self._wrote = ""
        elif not self._wrote and " " in step:
            self._wrote = step
        return step


class HttpCodec:
    """Requests by their first bytes: a client that waits for each answer sends one at a time."""

    def __init__(self) -> None:
        self._asked = 0
        self._answered = 0

    def requests(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        is_request = data.startswith(b"POST ")
        self._asked += is_request
        yield data, "POST" if is_request else ""

    def reply_to_last(self) -> int:
        return self._asked

    def replies(self, data: bytes) -> int:
        self._answered += data.startswith(b"HTTP/1.1 ")
        return self._answered
