"""A service for tests: says it is ready, and does what its first argument says.

steady     serve until SIGTERM
hasty      end with code 3 at once
stubborn   serve, deaf to SIGTERM
shy        serve, never ready
"""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        shy = sys.argv[1] == "shy"
        self.send_response(503 if shy else 200)
        self.end_headers()
        self.wfile.write(b"the number of partitions is not known yet\n" if shy else b"ready\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing about requests."""


def main() -> None:
    say("service_started", "warning", has_key="MINUET_BOOTSTRAP_API_KEY" in os.environ)
    if sys.argv[1] == "hasty":
        say("cannot_go_on", "error")
        sys.exit(3)
    port = "MINUET_PORT" if "MINUET_BOOTSTRAP_API_KEY" in os.environ else "MINUET_METRICS_PORT"
    ignored = sys.argv[1] == "stubborn"
    signal.signal(signal.SIGTERM, signal.SIG_IGN if ignored else lambda *_: sys.exit(0))
    HTTPServer(("127.0.0.1", int(os.environ[port])), Ready).serve_forever()


def say(action: str, level: str, **fields: object) -> None:
    print(json.dumps({"action": action, "level": level, **fields}), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
