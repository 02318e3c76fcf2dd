"""Bring a database to the newest schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

# Any number will do as long as nothing else in the database locks it: "minuet" in ASCII.
LOCK_KEY = 0x6D696E756574


def alembic_config(connection: Connection) -> Config:
    """Alembic without an ini file: the scripts lie beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


async def upgrade(url: str, revision: str = "head") -> None:
    """Apply what is missing, in one transaction. Safe when several processes start at once:
    they queue on an advisory lock, and all but the first find nothing to do."""
    engine = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"select pg_advisory_xact_lock({LOCK_KEY})"))
            await connection.run_sync(lambda c: command.upgrade(alembic_config(c), revision))
    finally:
        await engine.dispose()


def sqlalchemy_url(url: str) -> str:
    """`postgresql://` and `postgres://` name the asyncpg driver for SQLAlchemy."""
    _, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("a database URL starts with postgresql://")
    return f"postgresql+asyncpg://{rest}"
