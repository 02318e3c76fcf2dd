"""JSON Schemas (Draft 2020-12) of wire forms and built-in node types, as package data."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec


@cache
def load(name: str) -> Any:
    """The parsed file `<name>.json`, for example "document" or "node-types/http".

    Shared by all callers: do not change it. Raises FileNotFoundError for an unknown name.
    """
    return msgspec.json.decode(files(__name__).joinpath(f"{name}.json").read_bytes())
