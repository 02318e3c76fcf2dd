"""A Valkey with factory settings but for its policy: what Minuet refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minuet.embedded.valkey import valkey_binary
from tests.support.waiting import until


@contextmanager
def plain_valkey(folder: Path) -> Iterator[str]:
    socket = folder / "plain.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--maxmemory-policy", "allkeys-lru"]
    process = subprocess.Popen(
        [str(valkey_binary()), *options, "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    try:
        until(socket.exists, "the plain Valkey listens")
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait()
