"""Which step of the protocol a command to a server is: by its name and its keys alone."""

from __future__ import annotations

import re
from typing import Final

_HASH: Final = re.compile(r"_[0-9a-f]{8}$")
_SIGNAL_KINDS: Final = {b"start", b"command", b"restore", b"reemit", b"archived"}
_TABLE: Final = re.compile(
    r"\b(insert into|update(?! skip)|copy|delete from)\s+(?:only\s+)?\"?(?:public\"?\.\"?)?(\w+)",
    re.I,
)


def redis_step(args: list[bytes]) -> str:
    """`commit`, `acquire`, `complete` ... for functions; a send tells what is sent, as `send
    start`; `read signals`, `read events`, `read live`; `take` for XREADGROUP; `load` for reading a
    run; `delete events`; otherwise the command, as `PUBLISH`."""
    name = args[0].upper()
    if name == b"FCALL":
        return _function(args)
    if name == b"XREAD":
        return _read(args)
    if name == b"XREADGROUP":
        return "take"
    if name == b"HGETALL":
        return "load"
    if name == b"XDEL" and args[1].endswith(b":events"):
        return "delete events"
    return name.decode()


def _function(args: list[bytes]) -> str:
    name = _HASH.sub("", args[1].decode())
    if name in ("send", "send_anyway"):
        kinds = [arg.decode() for arg in args[3:] if arg in _SIGNAL_KINDS]
        return f"send {kinds[0]}" if kinds else name
    return name


def _read(args: list[bytes]) -> str:
    words = [arg.upper() for arg in args]
    stream = args[words.index(b"STREAMS") + 1]
    return f"read {stream.rpartition(b':')[2].decode()}"


def postgres_step(statement: str) -> str:
    """`BEGIN`, `COMMIT`, `INSERT runs`, `COPY transitions`, ... : the first thing it writes, or
    its first word."""
    found = _TABLE.search(statement)
    if found:
        return f"{found[1].split()[0].upper()} {found[2]}"
    words = statement.split(None, 1)
    return words[0].rstrip(";").upper() if words else ""
