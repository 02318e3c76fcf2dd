"""What the supervisor itself is told; the services read their own settings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from minuet.embedded.suite_file import DEFAULT_DATA_DIR
from minuet.environment import EnvironmentReader
from minuet.settings import DATABASE_SCHEMES, REDIS_SCHEMES


@dataclass(frozen=True, slots=True, kw_only=True)
class UpSettings:
    """`redis_url` and `database_url` name servers to use instead of the embedded ones.

    `env` is what the services inherit. Port 0 takes a free one.
    """

    data_dir: Path = DEFAULT_DATA_DIR
    host: str = "127.0.0.1"
    port: int = 8080
    fanout_port: int = 0
    redis_url: str | None = field(default=None, repr=False)
    database_url: str | None = field(default=None, repr=False)
    valkey_max_memory_bytes: int = 1 << 30
    ready_timeout_s: float = 60.0
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, env: Mapping[str, str], arguments: Sequence[str]) -> Self:
        """Arguments win over the environment. Raises SettingsError with every fault."""
        options = _parser().parse_args(arguments)
        merged = dict(env) | {k: v for k, v in vars(options).items() if v is not None}
        reader = EnvironmentReader(merged)
        settings = cls(
            data_dir=Path(reader.text("MINUET_DATA_DIR", str(DEFAULT_DATA_DIR))),
            host=reader.text("MINUET_HOST", "127.0.0.1"),
            port=reader.integer("MINUET_PORT", 8080, low=0, high=65535),
            fanout_port=reader.integer("MINUET_FANOUT_PORT", 0, low=0, high=65535),
            redis_url=reader.optional_address("MINUET_REDIS_URL", REDIS_SCHEMES),
            database_url=reader.optional_address("MINUET_DATABASE_URL", DATABASE_SCHEMES),
            valkey_max_memory_bytes=reader.integer(
                "MINUET_VALKEY_MAXMEMORY_BYTES", 1 << 30, low=16 << 20, high=1 << 44
            ),
            ready_timeout_s=reader.decimal("MINUET_READY_TIMEOUT_S", 60.0, low=1.0, high=3600.0),
            env=dict(env),
        )
        reader.raise_if_faulty()
        return settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="minuet up", description="Start a local suite and watch over it until Ctrl-C."
    )
    parser.add_argument(
        "--data-dir", dest="MINUET_DATA_DIR", help="where its data is kept (default .minuet)"
    )
    parser.add_argument("--host", dest="MINUET_HOST", help="address to listen on")
    parser.add_argument("--port", dest="MINUET_PORT", help="port to listen on (default 8080)")
    return parser
