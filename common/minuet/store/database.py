"""One pool of connections to Postgres, with driver errors translated once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import asyncpg
import msgspec

from minuet.model.errors import StoreUnavailable

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]

# SQLSTATE classes that say nothing against the statement: connection lost (08), rolled back by
# deadlock or conflict (40), out of resources (53), lock not available (55), shut down or
# cancelled (57), system error (58).
PASSING_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})

# A plan is kept with its statement. One that was made while a table was small, before Postgres had
# statistics of it, may read the whole table, and would go on to while it grows.
STATEMENT_LIFETIME_S = 10

# The driver has no class of its own for a connection that was lost before a statement; the pool
# takes such a connection back while its user still holds it.
_LOST = ("closed", "closing", "released back to the pool")


class Database:
    """A pool; `open` does not connect, so a process starts while Postgres is away.

    Values of jsonb columns are plain Python values or msgspec structs, decoded as plain values.
    Every method raises StoreUnavailable when Postgres is away or the outcome is unknown; errors
    that speak against the statement itself (unique violation, bad data) pass as asyncpg raises
    them.
    """

    def __init__(
        self, url: str, *, max_size: int = 10, name: str = "minuet", plan_anew: bool = False
    ) -> None:
        """`plan_anew`: no plan is kept at all. For who asks seldom for much, of tables that grow
        meanwhile."""
        self._url = url
        self._max_size = max_size
        self._name = name
        self._plan_anew = plan_anew
        self._pool: Pool[asyncpg.Record] | None = None

    async def open(self) -> Self:
        if self._pool is None:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=self._max_size,
                timeout=5,
                command_timeout=30,
                max_cached_statement_lifetime=STATEMENT_LIFETIME_S,
                init=_prepare,
                reset=_leave,
                server_settings={
                    "application_name": self._name,
                    "synchronous_commit": "on",
                    "timezone": "UTC",
                    "jit": "off",
                    "plan_cache_mode": "force_custom_plan" if self._plan_anew else "auto",
                },
            )
        return self

    async def close(self) -> None:
        """Close every connection; waits for those in use. Closing twice is harmless."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection, statements outside a transaction."""
        if self._pool is None:
            raise StoreUnavailable("the database is not open")
        with translated():
            async with self._pool.acquire() as connection:
                try:
                    yield connection
                except asyncpg.InternalClientError:
                    connection.terminate()  # the driver lost track of it: never use it again
                    raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One connection in one transaction (read committed), committed when the block ends.
        After StoreUnavailable it is unknown whether it was."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        async with self.connection() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        async with self.connection() as connection:
            return await connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        """The command tag ("UPDATE 1")."""
        async with self.connection() as connection:
            return await connection.execute(query, *args)

    async def check(self) -> str | None:
        """Why Postgres cannot serve, or None: for /readyz."""
        try:
            await self.fetchval("select value from settings where key = 'partitions'")
        except StoreUnavailable as error:
            return f"postgres: {error}"
        except asyncpg.UndefinedTableError:
            return "postgres: the schema is missing; run python -m minuet.migrations"
        return None

    async def partitions(self) -> int:
        """The number of partitions in force for new runs."""
        value = await self.fetchval("select value from settings where key = 'partitions'")
        if not isinstance(value, int):
            raise StoreUnavailable("setting `partitions` is missing: the schema is not migrated")
        return value


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's ways of saying "away" into StoreUnavailable."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if str(error.sqlstate or "")[:2] in PASSING_CLASSES:
            raise StoreUnavailable(str(error)) from error
        raise
    except asyncpg.InterfaceError as error:
        if not any(words in str(error) for words in _LOST):
            raise
        raise StoreUnavailable(str(error)) from error
    except (OSError, TimeoutError, asyncpg.InternalClientError) as error:
        # The last is how the driver ends a COPY whose connection is lost.
        raise StoreUnavailable(str(error) or type(error).__name__) from error


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


async def _leave(_: asyncpg.Connection[asyncpg.Record]) -> None:
    """In place of the driver's clean-up at each release, which is a round trip: nobody here sets,
    listens or leaves a cursor; transactions are rolled back all the same. Who takes a lock of the
    session gives it back or ends the connection."""


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + msgspec.json.encode(value)  # version byte of the binary form


def _decode_jsonb(data: bytes) -> Any:
    return msgspec.json.decode(data[1:])
