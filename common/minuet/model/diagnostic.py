"""What compile and validation report about a document."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["error", "warning"]


class Diagnostic(msgspec.Struct, frozen=True):
    """One fault. `path` is a JSON Pointer into the document ("" is the whole document)."""

    severity: Severity
    path: str
    message: str
