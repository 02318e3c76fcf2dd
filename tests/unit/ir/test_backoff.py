"""Delays between attempts: full jitter under a cap, and what a peer asked for."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.ir.backoff import MAX_RETRY_AFTER_MS, backoff_ms, retry_delay_ms
from minuet.model.ir import IrRetry
from minuet.model.token import Failure

RETRIES = st.builds(
    IrRetry,
    max_attempts=st.integers(1, 100),
    initial_ms=st.integers(1, 60_000),
    multiplier=st.floats(1, 10),
    max_ms=st.integers(1, 86_400_000),
)
TOKENS = st.integers(0, 10**6).map(lambda n: f"0-r/n/1/{n}")


def ceiling(retry: IrRetry, attempt: int) -> float:
    return min(retry.max_ms, retry.initial_ms * retry.multiplier ** (attempt - 1))


@given(RETRIES, st.integers(1, 100), TOKENS)
def test_a_delay_is_positive_and_under_the_ceiling(
    retry: IrRetry, attempt: int, token: str
) -> None:
    assert 1 <= backoff_ms(retry, attempt, token) <= max(1, round(ceiling(retry, attempt)))
    assert backoff_ms(retry, attempt, token) == backoff_ms(retry, attempt, token)


def test_an_attempt_beyond_all_numbers_waits_at_most_the_cap() -> None:
    retry = IrRetry(max_attempts=10**6, initial_ms=1_000, multiplier=10.0, max_ms=5_000)
    assert backoff_ms(retry, 10**5, "0-r/n/1/1") <= 5_000


@pytest.mark.parametrize("attempt", [1, 3, 9])
def test_the_jitter_is_full(attempt: int) -> None:
    """Over many tokens the delays fill 0 to the ceiling evenly: no herd, no floor."""
    retry = IrRetry(max_attempts=9, initial_ms=1_000, multiplier=2.0, max_ms=60_000)
    top = ceiling(retry, attempt)
    shares = [backoff_ms(retry, attempt, f"0-r{n}/n/1/{attempt}") / top for n in range(4_000)]
    assert 0.48 < statistics.fmean(shares) < 0.52
    tenths = [sum(low <= share * 10 < low + 1 for share in shares) for low in range(10)]
    assert min(tenths) > 300
    assert max(tenths) < 500


FAILURE = Failure("http_503", "later")


@given(RETRIES, st.integers(1, 100), TOKENS, st.integers(0, 10**9))
def test_retry_after_only_lengthens_and_never_beyond_a_week(
    retry: IrRetry, attempt: int, token: str, asked: int
) -> None:
    failure = Failure("http_503", "later", retry_after_ms=asked)
    delay = retry_delay_ms(retry, attempt, token, failure)
    if attempt >= retry.max_attempts:
        assert delay is None
        return
    own = backoff_ms(retry, attempt, token)
    assert delay == max(own, min(asked, MAX_RETRY_AFTER_MS))


def test_terminal_failures_and_the_last_attempt_are_not_repeated() -> None:
    retry = IrRetry(max_attempts=3)
    assert retry_delay_ms(retry, 1, "t", FAILURE) is not None
    assert retry_delay_ms(retry, 3, "t", FAILURE) is None
    assert retry_delay_ms(retry, 1, "t", Failure("http_404", "gone", retryable=False)) is None
