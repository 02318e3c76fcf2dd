"""A server that takes requests and never answers to the end; it sees who hangs up, and when."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

BEGUN: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
CHUNK: Final = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"well "},"finish_reason":null}]}\n\n'
)


class SilentServer:
    """`asked` counts requests by path, `closed_at` when (monotonic) each path's peer hung up."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port = int(listener.getsockname()[1])
        self.asked: dict[str, int] = {}
        self.closed_at: dict[str, float] = {}

    def serve(self) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._hold, args=(connection,), daemon=True).start()

    def _hold(self, connection: socket.socket) -> None:
        with connection:
            path = connection.recv(65_536).split(b" ", 2)[1].decode()
            self.asked[path] = self.asked.get(path, 0) + 1
            if path.startswith("/begun"):
                connection.sendall(BEGUN + b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
            with suppress(ConnectionError):
                while connection.recv(65_536):
                    pass
            self.closed_at[path] = time.monotonic()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SilentServer(listener)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
