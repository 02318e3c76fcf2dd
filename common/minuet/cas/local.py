"""Blobs lately used by this process."""

from __future__ import annotations

from collections import OrderedDict


class LocalBlobs:
    """Least recently used first out, bounded by bytes; larger than an eighth is not kept."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity = capacity_bytes
        self._size = 0
        self._blobs: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def get(self, tenant: str, digest: str) -> bytes | None:
        data = self._blobs.get((tenant, digest))
        if data is not None:
            self._blobs.move_to_end((tenant, digest))
        return data

    def put(self, tenant: str, digest: str, data: bytes) -> None:
        if len(data) * 8 > self._capacity or (tenant, digest) in self._blobs:
            return
        self._blobs[tenant, digest] = data
        self._size += len(data)
        while self._size > self._capacity:
            _, oldest = self._blobs.popitem(last=False)
            self._size -= len(oldest)

    def drop(self, tenant: str, digest: str) -> None:
        if (data := self._blobs.pop((tenant, digest), None)) is not None:
            self._size -= len(data)
