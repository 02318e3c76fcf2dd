"""The error tree.

MinuetError
├── InvalidInput            a caller's mistake: nothing was changed
│   ├── InvalidDocument     carries diagnostics that point into the document
│   ├── InvalidInputs       run inputs miss the workflow's schema
│   ├── PatchError          carries the operation that does not fit the document
│   ├── NotFound
│   ├── Conflict            the thing is in another state than the caller assumed
│   └── TooLarge
├── Unavailable             heals itself: retry later
│   ├── BusUnavailable
│   ├── StoreUnavailable
│   └── Overloaded          carries retry_after_s
├── Fenced                  the lease or its commit number is not ours any more
└── NodeError               what node code raises to end its node on `error`
    ├── RetryableError
    └── TerminalError
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .diagnostic import Diagnostic


class MinuetError(Exception):
    """Root of every error raised on purpose; `code` is stable and goes over the wire."""

    code = "error"


class InvalidInput(MinuetError):
    """A caller's mistake. `pointer` is the JSON Pointer of the offending field, if there is one."""

    code = "invalid_input"

    def __init__(self, message: str, *, pointer: str | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer


class InvalidDocument(InvalidInput):
    """The document does not compile; `diagnostics` holds every fault that was found."""

    code = "invalid_document"

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        first = next((d for d in diagnostics if d.severity == "error"), diagnostics[0])
        super().__init__(f"{first.path or '/'}: {first.message}", pointer=first.path)
        self.diagnostics = diagnostics


class InvalidInputs(InvalidInput):
    """Run inputs miss the workflow's schema; `faults` is a list of (pointer, message)."""

    code = "invalid_inputs"

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        pointer, message = faults[0]
        super().__init__(message, pointer=pointer)
        self.faults = faults


class PatchError(InvalidInput):
    """Operation number `index` (from 0) of a patch cannot be applied; `reason` says why, `op` and
    `pointer` are the operation's, "" where it has none."""

    code = "invalid_patch"

    def __init__(self, reason: str, *, index: int, op: str, pointer: str) -> None:
        what = " ".join(part for part in (op, pointer) if part)
        super().__init__(
            f"operation {index}{f' ({what})' if what else ''}: {reason}", pointer=pointer
        )
        self.reason = reason
        self.index = index
        self.op = op


class NotFound(InvalidInput):
    """What was asked for does not exist, or not for this tenant."""

    code = "not_found"


class Conflict(InvalidInput):
    """The thing is in another state than the caller assumed; the message says in which."""

    code = "conflict"


class TooLarge(InvalidInput):
    """A documented limit is passed; the message names limit and actual size."""

    code = "too_large"


class Unavailable(MinuetError):
    """Something that heals itself is away."""

    code = "unavailable"


class BusUnavailable(Unavailable):
    """Redis cannot be reached, or the outcome of a call is unknown."""

    code = "bus_unavailable"


class StoreUnavailable(Unavailable):
    """Postgres cannot be reached, or the outcome of a transaction is unknown."""

    code = "store_unavailable"


class Overloaded(Unavailable):
    """Admission refused: come back after `retry_after_s` seconds."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Fenced(MinuetError):
    """The caller no longer owns the partition, or builds on a commit that Redis does not hold."""

    code = "fenced"


class NodeError(MinuetError):
    """Raised by node code: the attempt failed.

    `retry_after_s` overrides a shorter back-off; it never shortens one.
    """

    code = "node_error"
    retryable = True

    def __init__(
        self, message: str, *, code: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.retry_after_s = retry_after_s


class RetryableError(NodeError):
    """The same call may succeed later."""

    code = "retryable"


class TerminalError(NodeError):
    """Trying again is pointless: the node ends on `error` at once."""

    code = "terminal"
    retryable = False
