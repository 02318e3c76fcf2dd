"""What was made of blobs lately, kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

T = TypeVar("T")

PLAN_NODES: Final = 200_000
"""Capacity of a process for compiled documents, weighed in nodes and edges."""


class Kept(Generic[T]):
    """By (tenant, digest): least recently used first out, bounded by the sum of weights.

    What was put last stays, however heavy it is.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._weight = 0
        self._kept: OrderedDict[tuple[str, str], tuple[T, int]] = OrderedDict()

    def get(self, tenant: str, digest: str) -> T | None:
        found = self._kept.get((tenant, digest))
        if found is None:
            return None
        self._kept.move_to_end((tenant, digest))
        return found[0]

    def put(self, tenant: str, digest: str, value: T, weight: int) -> None:
        _, before = self._kept.pop((tenant, digest), (None, 0))
        self._kept[tenant, digest] = (value, weight)
        self._weight += weight - before
        while self._weight > self._capacity and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._weight -= dropped
