"""From an error to what a person reads, what a program reads, and the exit code."""

from __future__ import annotations

from typing import Any

import msgspec

from minuet.model.diagnostic import Diagnostic
from minuet.model.errors import (
    Conflict,
    InvalidDocument,
    InvalidInput,
    InvalidInputs,
    MinuetError,
    NotFound,
    Overloaded,
    Unavailable,
)

from .exits import Exit


class Failure(MinuetError):
    """A command cannot go on: one line, how to mend it, and the exit code."""

    code = "failure"

    def __init__(self, message: str, *, hint: str = "", exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code


class Report(msgspec.Struct, omit_defaults=True):
    """A failure as `--json` prints it to stderr: `{"error": {...}}`."""

    code: str
    message: str
    hint: str = ""
    exit_code: int = 0
    diagnostics: list[Diagnostic] = []


def report_of(error: MinuetError) -> Report:
    hint, exit_code = _hint_and_exit(error)
    report = Report(error.code, str(error), hint, int(exit_code))
    if isinstance(error, InvalidDocument):
        report.message = "the document does not compile"
        report.diagnostics = error.diagnostics
    elif isinstance(error, InvalidInputs):
        report.message = "the inputs miss the workflow's schema"
        report.diagnostics = [Diagnostic("error", at, message) for at, message in error.faults]
    return report


def _hint_and_exit(error: MinuetError) -> tuple[str, Exit]:
    match error:
        case Failure():
            return error.hint, error.exit_code
        case InvalidInputs():
            return "give text as --input key=text, other JSON as --input key:=12", Exit.USAGE
        case NotFound():
            return "", Exit.NOT_FOUND
        case Conflict():
            return "", Exit.CONFLICT
        case InvalidInput():
            return "", Exit.USAGE
        case Overloaded():
            return "the suite has too much to do: try again later", Exit.UNREACHABLE
        case Unavailable():
            return _away(error), Exit.UNREACHABLE
    return _by_code(error)


def _away(error: Unavailable) -> str:
    if error.code == "unreachable":
        return "start the suite with `minuet up`, or set MINUET_URL to where it is"
    return "" if error.code == "no_suite" else "it heals by itself: try again later"


def _by_code(error: MinuetError) -> tuple[str, Exit]:
    """Errors whose classes live beside httpx, which must not be imported to ask for them."""
    if error.code == "unauthorized":
        return "set MINUET_API_KEY; `minuet up` prints the key of a local suite", Exit.UNAUTHORIZED
    if error.code == "forbidden":
        return "`minuet approvals APPROVAL` says who may", Exit.UNAUTHORIZED
    if error.code == "bad_settings":
        return "", Exit.USAGE
    if error.code == "client_error":
        return "", Exit.USAGE
    return "the logs of the suite say more (`.minuet/logs` for a local one)", Exit.INTERNAL


def to_json(report: Report) -> dict[str, Any]:
    return {"error": msgspec.to_builtins(report)}
