"""What the API takes and says of workflows."""

from __future__ import annotations

from typing import Any

import msgspec

from minuet.model.diagnostic import Diagnostic
from minuet.views.workflows import VersionLine


class DocumentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`document` is judged by the compiler, so that every fault is told at once."""

    document: Any


class Applied(msgspec.Struct, frozen=True):
    """`version` is now the latest of `name`."""

    name: str
    version: int
    digest: str
    diagnostics: list[Diagnostic] = []


class VersionView(VersionLine, frozen=True):
    document: dict[str, Any]
