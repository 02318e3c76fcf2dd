"""Delays between attempts."""

from __future__ import annotations

import zlib

from minuet.model.ir import IrRetry
from minuet.model.token import Failure

MAX_RETRY_AFTER_MS = 7 * 86_400_000


def backoff_ms(retry: IrRetry, attempt: int, token: str) -> int:
    """Delay after failed attempt number `attempt` (1 = the first), with full jitter.

    Uniform in 1..min(max, initial * multiplier^(attempt - 1)); the draw is a hash of the token
    id, so the same failure always waits the same time (replay stays exact).
    Source: Brooker 2015, "Exponential backoff and jitter" (full jitter).
    """
    try:
        ceiling = min(float(retry.max_ms), retry.initial_ms * retry.multiplier ** (attempt - 1))
    except OverflowError:
        ceiling = float(retry.max_ms)
    fraction = (zlib.crc32(token.encode()) + 1) / 2**32
    return max(1, round(ceiling * fraction))


def retry_delay_ms(retry: IrRetry, attempt: int, token: str, failure: Failure) -> int | None:
    """Delay before the next attempt, or None if there is none. Retry-After only lengthens it, up
    to a week: it comes from outside."""
    if not failure.retryable or attempt >= retry.max_attempts:
        return None
    asked_ms = min(failure.retry_after_ms or 0, MAX_RETRY_AFTER_MS)
    return max(backoff_ms(retry, attempt, token), asked_ms)
