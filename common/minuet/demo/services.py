"""What the demonstration calls: a directory of companies and a calendar, in one local server.

`python -m minuet.demo.services` takes a free port and prints its address.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

ANNOUNCEMENT: Final = "DEMO_SERVICES_URL="

COMPANIES: Final[dict[str, dict[str, Any]]] = {
    "northwind": {
        "name": "Northwind Traders",
        "employees": 1200,
        "interest": "the north",
        "contact": "purchasing@northwind.example",
        "requests_this_month": 2,
    }
}


class Calendar:
    """Booked calls. A request that is repeated under its idempotency key books once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._booked: dict[str, dict[str, Any]] = {}

    def book(self, key: str, wanted: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            number = len(self._booked) + 1
            return self._booked.setdefault(
                key, {"call": f"call-{number}", "with": wanted.get("to"), "on": "Thursday"}
            )


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calendar = Calendar()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """GET /companies/<id>, POST /calls; JSON in and out."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        kind, _, id = self.path.strip("/").partition("/")
        found = COMPANIES.get(id) if kind == "companies" else None
        if found is None:
            self._answer(404, {"error": f"nothing is known of {self.path}"})
        else:
            self._answer(200, found)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            wanted = json.loads(body)
        except ValueError:
            wanted = None
        if self.path != "/calls" or not isinstance(wanted, dict):
            return self._answer(404, {"error": "only POST /calls with an object is known"})
        key = self.headers.get("Idempotency-Key", "")
        return self._answer(201, self.server.calendar.book(key, wanted))

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the run shows every call."""


def main() -> None:
    with Server() as server:
        print(f"{ANNOUNCEMENT}{server.url}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
