"""Canonical JSON and digests; they live in `minuet.model.canonical`."""

from __future__ import annotations

from minuet.model.canonical import canonical_json, digest

__all__ = ["canonical_json", "digest"]
