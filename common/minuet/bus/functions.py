"""The library of Redis functions, made from `functions/*.lua`.

Library and function names end in a hash of the sources: processes of different versions share a
server without replacing each other's functions. A file holds `local function <file name>`; its
header's `Flags` line is what it is registered with.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

from .codes import FunctionName

FOLDER: Final = Path(__file__).parent / "functions"
SHARED: Final = "_shared.lua"
_FLAGS = re.compile(r"^-- Flags +(.+)$", re.MULTILINE)


def sources() -> dict[str, str]:
    """Function name -> source, without what all share."""
    files = sorted(FOLDER.glob("*.lua"))
    return {file.stem: file.read_text() for file in files if file.name != SHARED}


@cache
def version() -> str:
    """Eight hex digits over all sources."""
    texts = [(FOLDER / SHARED).read_text(), *sources().values()]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]


@cache
def library() -> bytes:
    """What FUNCTION LOAD takes."""
    blocks = [_block(name, source) for name, source in sources().items()]
    shared = (FOLDER / SHARED).read_text()
    return "\n".join([f"#!lua name=minuet_{version()}", shared, *blocks]).encode()


@cache
def registered(name: FunctionName) -> bytes:
    """The name that FCALL takes."""
    return f"{name}_{version()}".encode()


def flags(source: str) -> list[str]:
    """The flags that a header names. Raises ValueError without such a line."""
    found = _FLAGS.search(source)
    if found is None:
        raise ValueError("a function's header needs a line `-- Flags  ...`")
    return [] if found[1].strip() == "none" else found[1].split()


def _block(name: str, source: str) -> str:
    listed = ", ".join(f"'{flag}'" for flag in flags(source))
    register = (
        f"redis.register_function{{function_name = '{name}_{version()}', "
        f"callback = {name}, flags = {{{listed}}}}}"
    )
    return f"do\n{source}\n{register}\nend"
