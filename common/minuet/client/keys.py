"""/keys"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from minuet.views.keys import KeyPage, KeyView, MadeKey

from .answers import decode
from .paging import every
from .paths import segment
from .transport import Transport


class Keys:
    """For administrators; everybody else gets Forbidden."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def make(
        self,
        id: str,
        *,
        kind: Literal["person", "service", "agent"] = "service",
        admin: bool = False,
        groups: Sequence[str] = (),
    ) -> MadeKey:
        """The answer alone tells the secret. Never repeated by itself. Raises Conflict if there is
        such a key; the id of a revoked one may be used again."""
        roles = ["admin"] if admin else []
        body = {"id": id, "kind": kind, "roles": roles, "groups": [*groups]}
        return self._transport.post("/keys", MadeKey, body)

    def list(self, limit: int | None = None) -> Iterator[KeyView]:
        """By id, revoked ones too."""
        return every(lambda at: self._transport.get("/keys", KeyPage, {"cursor": at}), limit)

    def revoke(self, id: str) -> KeyView:
        """Raises NotFound, and Conflict for the key in use."""
        path = f"/keys/{segment(id)}"
        return decode(self._transport.send("DELETE", path, repeatable=True), KeyView)
