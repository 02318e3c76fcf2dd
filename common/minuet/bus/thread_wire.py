"""A blocking connection to Redis for one thread."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import hiredis

from minuet.model.errors import BusUnavailable

from .address import Address
from .wire import Argument, Reply

_NOT_YET: Final = object()
CHUNK_BYTES: Final = 64 * 1024


class ThreadWire:
    """Connects when first used and after every failure. Not for use by two threads at once."""

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        self._address = address
        self._tls = address.tls
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader(notEnoughData=_NOT_YET)

    def exchange(self, commands: Sequence[tuple[Argument, ...]]) -> list[Reply]:
        """All in one write; an error reply stands in its place as hiredis.ReplyError.

        Raises BusUnavailable when there is no connection or no reply in time; then the outcome
        is unknown and the connection is given up, so that no late reply meets another command.
        """
        self.send(commands)
        return self.receive(len(commands))

    def send(self, commands: Sequence[tuple[Argument, ...]]) -> None:
        """The first half of `exchange`; `receive` must follow."""
        with self._giving_up():
            _send(self._socket or self._connect(), commands)

    def receive(self, count: int) -> list[Reply]:
        """The replies to what was sent. Each wait for a part of them is bounded by the timeout."""
        with self._giving_up():
            if self._socket is None:
                raise ConnectionResetError("closed meanwhile")
            return self._replies(self._socket, count)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        if self._address.path:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket = made
            made.settimeout(self._timeout_s)
            made.connect(self._address.path)
        else:
            place = (self._address.host, self._address.port)
            made = self._socket = socket.create_connection(place, self._timeout_s)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                host = self._address.host
                made = self._socket = self._tls.wrap_socket(made, server_hostname=host)
        self._reader = hiredis.Reader(notEnoughData=_NOT_YET)
        greeting = self._address.greeting()
        _send(made, greeting)
        for reply in self._replies(made, len(greeting)):
            if isinstance(reply, hiredis.ReplyError):
                raise ConnectionRefusedError(str(reply))
        return made

    def _replies(self, connected: socket.socket, count: int) -> list[Reply]:
        replies: list[Reply] = []
        while len(replies) < count:
            reply = self._reader.gets()
            if reply is not _NOT_YET:
                replies.append(reply)
                continue
            data = connected.recv(CHUNK_BYTES)
            if not data:
                raise ConnectionResetError("closed by the server")
            self._reader.feed(data)
        return replies

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except (OSError, hiredis.ProtocolError) as exc:
            self.close()
            raise BusUnavailable(f"{self._address}: {exc}") from exc


def _send(connected: socket.socket, commands: Sequence[tuple[Argument, ...]]) -> None:
    if commands:
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
        connected.sendall(b"".join(packed))
