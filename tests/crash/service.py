"""An HTTP service that writes each call into the ledger, as the test's own nodes do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@contextmanager
def note_service(ledger: Path) -> Iterator[str]:
    """Serve on a free port of the loopback, after `ms` of the query; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            [execution] = query["execution"]
            line = f"{execution} {self.headers['Idempotency-Key']}\n"
            with ledger.open("ab", buffering=0) as file:
                file.write(line.encode())
            time.sleep(int(query.get("ms", ["0"])[0]) / 1000)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
