"""Where Redis listens: one server, or some nodes of a cluster.

`redis://[user:password@]host[:port][/db]`, `unix:///path`, and for a cluster
`redis+cluster://[user:password@]host[:port][,host[:port]...]`. With TLS the schemes are `rediss`
and `rediss+cluster`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from minuet.model.errors import InvalidInput

from .tls import TLS_OPTIONS, tls_context

DEFAULT_PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    """`path` is that of a Unix socket; without one, host and port count. `seeds` name nodes of a
    cluster that are asked for the others; they make `is_cluster`, and host and port are then those
    of the first. `tls_options` are (name, value) as in the address. Holds the password: never log
    a field, `str(address)` is fit for that."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str = ""
    db: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    seeds: tuple[tuple[str, int], ...] = ()
    is_tls: bool = False
    tls_options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        scheme = "rediss" if self.is_tls else "redis"
        if self.is_cluster:
            return f"{scheme}+cluster://{','.join(f'{_bare(h)}:{p}' for h, p in self.seeds)}"
        return f"{scheme}://{_bare(self.host)}:{self.port}/{self.db}"

    @property
    def is_cluster(self) -> bool:
        return bool(self.seeds)

    @property
    def url(self) -> str:
        """Of one server, as redis-py reads it, password included."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        login = login if self.password else ""
        query = "".join(f"&{name}={quote(value)}" for name, value in self.tls_options)
        if self.path:
            return f"unix://{login}{quote(self.path)}?db={self.db}"
        scheme, _, rest = str(replace(self, seeds=())).partition("://")
        return f"{scheme}://{login}{rest}{query.replace('&', '?', 1)}"

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What a connection is wrapped in; None without TLS. Raises InvalidInput for files that
        cannot be read."""
        return tls_context(dict(self.tls_options)) if self.is_tls else None

    def node(self, host: str, port: int) -> Address:
        """One node of this cluster, reached with the same login."""
        return replace(self, host=host, port=port, seeds=())

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises InvalidInput for another scheme or a malformed address."""
        try:
            return _parsed(url)
        except ValueError as exc:
            raise InvalidInput(f"not an address of a Redis server: {exc}") from exc

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


def _parsed(url: str) -> Address:
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    path = unquote(parts.path)
    login = Address(user=unquote(parts.username or ""), password=unquote(parts.password or ""))
    if parts.scheme == "unix" and path:
        return replace(login, host="", port=0, path=path, db=int(query.get("db", "0")))
    is_tls, tls_options = _tls(parts, query)
    login = replace(login, is_tls=is_tls, tls_options=tls_options)
    if parts.scheme in ("redis", "rediss") and parts.hostname:
        port = parts.port or DEFAULT_PORT
        return replace(login, host=parts.hostname, port=port, db=int(path.strip("/") or 0))
    if parts.scheme in ("redis+cluster", "rediss+cluster"):
        if path.strip("/") not in ("", "0"):
            raise InvalidInput("a cluster has no numbered databases: leave the path out")
        seeds = _seeds(parts)
        return replace(login, host=seeds[0][0], port=seeds[0][1], seeds=seeds)
    raise InvalidInput(
        "a Redis address reads redis://host:port/db, unix:///path/to.sock or "
        "redis+cluster://host:port,host:port (with TLS: rediss://, rediss+cluster://)"
    )


def _tls(parts: SplitResult, query: dict[str, str]) -> tuple[bool, tuple[tuple[str, str], ...]]:
    is_tls = parts.scheme.startswith("rediss")
    return is_tls, tuple((name, query[name]) for name in TLS_OPTIONS if is_tls and name in query)


def _seeds(parts: SplitResult) -> tuple[tuple[str, int], ...]:
    """Several hosts are no URL by the book: each is read as one."""
    listed = parts.netloc.rpartition("@")[2].split(",")
    places = [urlsplit(f"//{place}") for place in listed]
    if not all(place.hostname for place in places):
        raise InvalidInput("a cluster's address names a host between all its commas")
    return tuple((str(place.hostname), place.port or DEFAULT_PORT) for place in places)


def _bare(host: str) -> str:
    return f"[{host}]" if ":" in host else host
