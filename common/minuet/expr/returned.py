"""The parts of an output that travel inline when the output itself goes by reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from .paths import MISSING, extract, parse_path

_encode = msgspec.json.Encoder().encode


def returned_values(output: Any, returns: Iterable[str], *, max_bytes: int) -> dict[str, Any]:
    """The values at the paths that the run reads ("output.score"), by path text.

    A value above `max_bytes` stays out: the expression that reads it then fails visibly.
    """
    values: dict[str, Any] = {}
    for text in returns:
        value = extract(output, parse_path(text)[1:])
        if value is not MISSING and len(_encode(value)) <= max_bytes:
            values[text] = value
    return values
