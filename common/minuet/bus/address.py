"""Where a Redis server listens: `redis://[user:password@]host[:port][/db]` or `unix:///path`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from minuet.model.errors import InvalidInput

DEFAULT_PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    """`path` is that of a Unix socket; without one, host and port count. `url` is the whole text
    (password included: never log it; `str(address)` is fit for that)."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str = ""
    db: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    url: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.path else f"redis://{self.host}:{self.port}/{self.db}"

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises InvalidInput for another scheme (TLS included) or a malformed address."""
        try:
            parts = urlsplit(url)
            query = parse_qs(parts.query)
            path = unquote(parts.path)
            login = unquote(parts.username or ""), unquote(parts.password or ""), url
            if parts.scheme == "unix" and path:
                return cls("", 0, path, int(query.get("db", ["0"])[0]), *login)
            if parts.scheme == "redis" and parts.hostname:
                port = parts.port or DEFAULT_PORT
                return cls(parts.hostname, port, "", int(path.strip("/") or 0), *login)
        except ValueError as exc:
            raise InvalidInput(f"not an address of a Redis server: {exc}") from exc
        if parts.scheme == "rediss":
            raise InvalidInput("TLS (rediss://) is not supported yet: use redis:// or unix://")
        raise InvalidInput("a Redis address reads redis://host:port/db or unix:///path/to.sock")

    def greeting(self) -> list[tuple[str | bytes | int, ...]]:
        """What a new connection says first."""
        commands: list[tuple[str | bytes | int, ...]] = []
        if self.password:
            commands.append(
                ("AUTH", self.user, self.password) if self.user else ("AUTH", self.password)
            )
        if self.db:
            commands.append(("SELECT", self.db))
        return commands
