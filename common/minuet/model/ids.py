"""Run ids: `<partition>-<ULID>` in lower-case Crockford base 32, sortable by acceptance."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_RUN_ID: Final = re.compile(r"(0|[1-9][0-9]{0,5})-[0-7][0-9a-hjkmnp-tv-z]{25}")

RANDOM_BITS: Final = 80


def ulid(now_ms: int, random: int) -> str:
    """26 characters from ms since the epoch and `RANDOM_BITS` random bits.

    Two ids of one ms are in no particular order. Source: the ULID specification.
    """
    value = now_ms << RANDOM_BITS | random
    return "".join(_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10))


def run_id(partition: int, now_ms: int, random: int) -> str:
    return f"{partition}-{ulid(now_ms, random)}"


def is_run_id(text: str) -> bool:
    """Whether `text` has the form of a run id; anything else can name no run."""
    return _RUN_ID.fullmatch(text) is not None


def child_run_id(token: str, item: int) -> str:
    """Id of the child run that a token (`run/node/gen/attempt`) starts for one item: always the
    same, in the parent's partition, with the parent's time."""
    partition, _, parent = token.partition("/")[0].partition("-")
    digest = hashlib.sha256(f"{token}#{item}".encode()).digest()
    value = int.from_bytes(digest[:10], "big")
    return f"{partition}-{parent[:10]}{ulid(0, value)[10:]}"
