"""Node types whose every execution leaves a line in a ledger file."""

from __future__ import annotations

import os
import time
from pathlib import Path

from minuet.worker import Context, RetryableError, node

LEDGER_VARIABLE = "MINUET_TEST_LEDGER"


def note(ctx: Context) -> None:
    """Append one line in one write: O_APPEND keeps lines of several processes whole."""
    line = f"{ctx.run_id}/{ctx.node_id}/{ctx.attempt} {ctx.idempotency_key}\n"
    with Path(os.environ[LEDGER_VARIABLE]).open("ab", buffering=0) as ledger:
        ledger.write(line.encode())


@node("crash.note", effect="idempotent", timeout="20s")
def crash_note(ctx: Context, sleep_ms: int = 0) -> dict[str, str]:
    """Note the execution, then take `sleep_ms`."""
    note(ctx)
    if sleep_ms:
        time.sleep(sleep_ms / 1000)
    return {"node": ctx.node_id}


@node("crash.flaky", effect="idempotent", timeout="20s")
def crash_flaky(ctx: Context, failures: int) -> None:
    """Fail so many attempts."""
    note(ctx)
    if ctx.attempt <= failures:
        raise RetryableError("not yet")


@node("crash.large", effect="pure")
def crash_large(size_bytes: int) -> str:
    """A value that is too large to stand inline."""
    return "x" * size_bytes


@node("crash.sized", effect="pure")
def crash_sized(value: str) -> int:
    """How large the value is that came."""
    return len(value)
