"""The rendered config of an `http` node; `schemas/node-types/http.json` is normative."""

from __future__ import annotations

from typing import Any

import msgspec

DEFAULT_MAX_BYTES = 10 * 1024 * 1024
Status = int | str


class Expect(msgspec.Struct, frozen=True):
    status: Status | list[Status] = "2xx"
    max_bytes: int = DEFAULT_MAX_BYTES

    def accepts(self, status: int) -> bool:
        """Whether this status, or its class, counts as success."""
        wanted = self.status if isinstance(self.status, list) else [self.status]
        return status in wanted or f"{status // 100}xx" in wanted


class HttpConfig(msgspec.Struct, frozen=True):
    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    query: dict[str, Any] = {}
    body: Any = None
    expect: Expect = Expect()
