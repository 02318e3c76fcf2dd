"""Who asks: every request under /api/v1 carries `Authorization: Bearer <key>`."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from minuet.model.errors import InvalidInput
from minuet.store import api_keys

from .errors import Unauthorized

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

    from minuet.store.database import Database

ADMIN: Final = "admin"
BOOTSTRAP_ID: Final = "bootstrap"
AGENT_ID: Final = "agent"
TRUST_S: Final = 10.0
REMEMBERED: Final = 10_000


class Principal(msgspec.Struct, frozen=True):
    """Who a request comes from. Everything it may see belongs to `tenant`."""

    id: str
    kind: str
    tenant: str
    groups: list[str] = []
    roles: list[str] = []

    @property
    def is_admin(self) -> bool:
        return ADMIN in self.roles


class Authenticator:
    """Looks keys up by the hash of their secret, and remembers answers for `TRUST_S` seconds.

    So a revoked key works at most that long. Comparing hashes tells a guesser nothing: what
    differs in time depends on bits of sha256 that nobody can steer.
    """

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def bootstrap(self, secret: str) -> None:
        """Make `secret` an administrator's key of the tenant `default`. Idempotent."""
        async with self._db.connection() as c:
            await api_keys.keep_key(
                c, BOOTSTRAP_ID, secret, tenant="default", name="bootstrap", roles=[ADMIN]
            )

    async def bootstrap_agent(self, secret: str) -> None:
        """Make `secret` the key of the agent runner in the tenant `default`. Idempotent."""
        async with self._db.connection() as c:
            await api_keys.keep_key(
                c, AGENT_ID, secret, tenant="default", name="agent runner", roles=[], kind="agent"
            )

    async def principal(self, authorization: str | None) -> Principal:
        """Raises Unauthorized unless the header carries a key that is valid."""
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Unauthorized("send the header `Authorization: Bearer <key>`")
        hashed = api_keys.secret_hash(secret.strip())
        known = self._known.get(hashed)
        if known is not None and known[0] > self._clock():
            return known[1]
        return await self._look_up(hashed)

    def forget(self) -> None:
        """Ask Postgres again for every key."""
        self._known.clear()

    async def _look_up(self, hashed: bytes) -> Principal:
        async with self._db.connection() as c:
            row = await api_keys.find_key(c, hashed)
        if row is None:
            self._known.pop(hashed, None)
            raise Unauthorized("the API key is unknown or revoked")
        principal = Principal(row.id, row.kind, row.tenant, row.groups, row.roles)
        self._known[hashed] = (self._clock() + TRUST_S, principal)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return principal


async def require_key(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of the API's router: afterwards `request.user` is the principal."""
    if b"%00" in connection.scope["raw_path"] or "\0" in connection.scope["path"]:
        raise InvalidInput("U+0000 is not taken in paths", pointer="")
    if b"%00" in connection.scope["query_string"]:
        raise InvalidInput("U+0000 is not taken in queries", pointer="")
    authenticator: Authenticator = connection.app.state.core.authenticator
    connection.scope["user"] = await authenticator.principal(
        connection.headers.get("authorization")
    )
    connection.scope["auth"] = None
