"""Makes, lists and revokes the keys of a tenant; for its administrators."""

from __future__ import annotations

import secrets

import msgspec

from minuet.model.errors import Conflict, NotFound
from minuet.store import api_keys, page
from minuet.store.api_keys import KeyRow
from minuet.store.database import Database
from minuet.views.keys import KeyPage, KeyView, MadeKey

from ..auth import Authenticator, Principal
from ..errors import Forbidden
from .schemas import KeyBody


class Keys:
    """Every method raises Forbidden for a principal who is no administrator."""

    def __init__(self, db: Database, authenticator: Authenticator) -> None:
        self._db = db
        self._authenticator = authenticator

    async def make(self, principal: Principal, body: KeyBody) -> MadeKey:
        """Raises Conflict if the id is taken; that of a revoked key may be used again."""
        _require_admin(principal)
        secret = f"mnt_{secrets.token_urlsafe(32)}"
        async with self._db.connection() as c:
            row = await api_keys.make_key(
                c, body.id, secret, tenant=principal.tenant, kind=body.kind, roles=body.roles,
                groups=body.groups,
            )  # fmt: skip
        if row is None:
            raise Conflict(f"there is a key {body.id!r} already")
        return MadeKey(**msgspec.structs.asdict(row), secret=secret)

    async def listed(self, principal: Principal, *, cursor: str | None, limit: int) -> KeyPage:
        """By id, revoked ones too."""
        _require_admin(principal)
        (after,) = page.decode_cursor(cursor, tuple[str]) if cursor else ("",)
        async with self._db.connection() as c:
            rows = await api_keys.list_keys(c, principal.tenant, after=after, limit=limit + 1)
        items = [_view(row) for row in rows[:limit]]
        return KeyPage(items, page.encode_cursor(items[-1].id) if len(rows) > limit else None)

    async def revoke(self, principal: Principal, id: str) -> KeyView:
        """Good nowhere within the time that answers about keys are remembered. Idempotent.

        Raises NotFound, and Conflict for the key that asks: somebody must be left to make others.
        """
        _require_admin(principal)
        if id == principal.id:
            raise Conflict(f"{id!r} is the key in use: revoke it with another administrator's")
        async with self._db.connection() as c:
            row = await api_keys.revoke_key(c, principal.tenant, id)
        if row is None:
            raise NotFound(f"no key {id}")
        self._authenticator.forget()
        return _view(row)


def _require_admin(principal: Principal) -> None:
    if not principal.is_admin:
        raise Forbidden(f"keys are for administrators; you are {principal.id!r}")


def _view(row: KeyRow) -> KeyView:
    return KeyView(**msgspec.structs.asdict(row))
