"""Canonical JSON and digests: the same value has the same bytes in every process."""

from __future__ import annotations

import hashlib

import msgspec

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical_json(value: object) -> bytes:
    """Compact UTF-8 JSON with sorted keys, of JSON values and msgspec structs.

    Numbers keep their kind: 1 and 1.0 differ, in bytes as in expressions. `msgspec.Raw` is copied
    as it stands, so it must be canonical already. NaN and infinities become null: refuse them on
    the way in, as `minuet.model.json` does.
    """
    return _ENCODER.encode(value)


def digest(data: bytes) -> str:
    """`sha256:<hex>` of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
