"""Which hosts an agent may have called: rules, and the host that an address certainly leads to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from minuet.expr.scan import Unclosed, split

PORTS: Final = {"http": 80, "https": 443}
# Plain names and IPv4 addresses alone: no user before @, no brackets, percent signs, backslashes,
# blanks or letters beyond ASCII, on whose reading two parsers could differ.
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?#]|\Z)",
    re.IGNORECASE | re.ASCII,
)


class Origin(NamedTuple):
    """`host` is lower case and has no trailing dot; `port` is always there."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def literal_origin(address: str) -> Origin | None:
    """Where a template of an address leads, whatever its expressions give; None if that depends on
    them, or if the text before the path is anything but `scheme://name[:port]`."""
    try:
        pieces = split(address)
    except Unclosed:
        return None
    head = pieces[0] if pieces and isinstance(pieces[0], str) else ""
    found = _ORIGIN.match(head)
    if found is None or ".." in found["host"] or (len(pieces) > 1 and not found["rest"]):
        return None
    port = int(found["port"] or PORTS[found["scheme"].lower()])
    host = plain_host(found["host"])
    return Origin(host, port) if host and 0 < port < 65536 else None


def allows(rules: Iterable[str], host: str, port: int) -> bool:
    """Whether a rule names this host: `name`, or `*.name` for all below it, each with `:port` if
    only that one. Rules with expressions name none."""
    host = plain_host(host)
    for rule in rules:
        name, _, only = rule.lower().partition(":")
        if only and only != str(port):
            continue
        if host == plain_host(name) or (name.startswith("*.") and host.endswith(name[1:])):
            return True
    return False


def wider(inner: Sequence[str], outer: Sequence[str]) -> list[str]:
    """Rules of `inner` that allow what `outer` does not."""
    return [rule for rule in inner if not any(_covers(other, rule) for other in outer)]


def plain_host(host: str) -> str:
    return host.lower().removesuffix(".")


def _covers(outer: str, inner: str) -> bool:
    if "${" in outer + inner:
        return False
    name, _, only = inner.lower().partition(":")
    wide, _, port = outer.lower().partition(":")
    if port and port != only:
        return False
    return name == wide or (wide.startswith("*.") and name.removeprefix("*").endswith(wide[1:]))
