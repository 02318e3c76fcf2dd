"""`python -m minuet.services.orchestrator.describe`: print the OpenAPI document, with no server.

The front end's types are made from it (frontend/scripts/make-schema.mjs).
"""

from __future__ import annotations

import sys
from typing import Any, cast

import msgspec

from .app import create_app
from .core import Core
from .meta.openapi import describe


def document() -> dict[str, Any]:
    """What the API serves at /api/v1/openapi.json. Routes ask for the core at requests only, so
    the application stands without one."""
    return describe(create_app(cast(Core, None)))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(document()))
