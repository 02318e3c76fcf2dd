"""Three small services for the example, in one server: python examples/lead_routing/services.py"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 8900

PROFILES = {
    "northwind": {"name": "Northwind Traders", "employees": 1200},
    "tailspin": {"name": "Tailspin Toys", "employees": 40},
}
CREDIT = {"northwind": {"grade": "A"}, "tailspin": {"grade": "C"}}
MENTIONS = {"northwind": {"count": 8}, "tailspin": {"count": 1}}
SERVICES: dict[str, dict[str, dict[str, Any]]] = {
    "profiles": PROFILES,
    "credit": CREDIT,
    "mentions": MENTIONS,
}


class Handler(BaseHTTPRequestHandler):
    """GET /<service>/<company> answers with JSON, 404 for a company that nobody knows."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        service, _, company = self.path.strip("/").partition("/")
        found = SERVICES.get(service, {}).get(company)
        body = json.dumps(found or {"error": f"nothing known of {company!r}"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the worker's output in the same terminal matters more."""


def main() -> None:
    with ThreadingHTTPServer(("127.0.0.1", PORT), Handler) as server:
        print(f"profiles, credit and mentions on http://127.0.0.1:{PORT}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
