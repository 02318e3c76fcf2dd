"""What is known of a type is worked out before threads share it."""

from __future__ import annotations

from typing import Any

import msgspec


def prepare(*types: Any) -> None:
    """Let msgspec work out now how to decode these types, with all that they are made of.

    It does so at the first use of a type. Two threads that use one first at the same time crash
    the process (msgspec 0.22: the second sees what the first has half written). So whatever threads
    decode or convert is prepared where it is defined. Costs nothing when repeated.
    """
    for each in types:
        msgspec.json.Decoder(each)
