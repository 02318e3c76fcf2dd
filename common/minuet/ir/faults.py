"""Gathering diagnostics: every check reports here and goes on."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from minuet.model.diagnostic import Diagnostic, Severity

# More tell nobody anything, and a hostile document must not blow up the answer.
MAX_DIAGNOSTICS = 200


def pointer(*segments: str | int) -> str:
    """JSON Pointer (RFC 6901) of the segments."""
    return "".join(f"/{str(each).replace('~', '~0').replace('/', '~1')}" for each in segments)


def quoted(names: Iterable[str]) -> str:
    """The names in quotes, at most ten of them."""
    every = [f"'{name}'" for name in names]
    return ", ".join(every[:10]) + (" ..." if len(every) > 10 else "")


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'x'?" or nothing, for the end of a message. Looks at most at 500 names."""
    alike = (each for each in known if abs(len(each) - len(name)) <= max(2, len(name) // 2))
    close = get_close_matches(name, sorted(set(islice(alike, 500))), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


class Faults:
    """Diagnostics in the order in which they were found, each once."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self.errors = 0

    def error(self, path: str, message: str) -> None:
        self._add(Diagnostic("error", path, message))

    def warning(self, path: str, message: str) -> None:
        self._add(Diagnostic("warning", path, message))

    def _add(self, diagnostic: Diagnostic) -> None:
        if diagnostic in self._found:
            return
        self.errors += diagnostic.severity == "error"
        self._found[diagnostic] = None

    def nearest(self, name: str, known: Iterable[str]) -> str:
        """`nearest`, as long as the message will be shown: comparing names is slow."""
        return nearest(name, known) if len(self._found) < MAX_DIAGNOSTICS else ""

    def listed(self) -> list[Diagnostic]:
        """Errors before warnings; cut at MAX_DIAGNOSTICS with a note that says so."""
        every = sorted(self._found, key=lambda each: each.severity != "error")
        if len(every) <= MAX_DIAGNOSTICS:
            return every
        more = len(every) - MAX_DIAGNOSTICS
        severity: Severity = "error" if self.errors > MAX_DIAGNOSTICS else "warning"
        return [*every[:MAX_DIAGNOSTICS], Diagnostic(severity, "", f"... and {more} more faults")]
