"""Splitting a string of a template into literal text and the expressions between `${` and `}`."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one `${...}` and where it starts in the string."""

    text: str
    offset: int


class Unclosed(ValueError):
    """A `${` without its `}`; `offset` is that of the `${`."""

    def __init__(self, offset: int) -> None:
        super().__init__("'${' is never closed; write '$${' for a literal '${'")
        self.offset = offset


_STOP = re.compile(r"\$\$\{|\$\{")
# Inside an expression: strings (raw or not, long or short), comments and braces; the alternatives
# are tried in this order. A string that does not end takes one quote, and CEL names the fault.
_TOKEN = re.compile(
    r"""
      (?P<raw>(?<![A-Za-z0-9_])(?:[rR][bB]?|[bB][rR])
          (?: \"{3}.*?\"{3} | '{3}.*?'{3} | "[^"\n]*" | '[^'\n]*' ))
    | (?P<string> \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
          | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' )
    | (?P<comment>//[^\n]*)
    | (?P<open>\{) | (?P<close>\})
    """,
    re.VERBOSE | re.DOTALL,
)


def split(text: str) -> list[str | Source]:
    """Literal text (unescaped) and sources in order, without empty text. Raises Unclosed."""
    parts: list[str | Source] = []
    literal: list[str] = []
    position = 0
    while (match := _STOP.search(text, position)) is not None:
        literal.append(text[position : match.start()])
        position = match.end()
        if match.group() == "$${":
            literal.append("${")
            continue
        _flush(literal, parts)
        end = _closing_brace(text, position, match.start())
        parts.append(Source(text[position:end], position))
        position = end + 1
    literal.append(text[position:])
    _flush(literal, parts)
    return parts


def escape(text: str) -> str:
    """Text that a template renders as `text`, whatever it holds."""
    return text.replace("${", "$${")


def _flush(literal: list[str], parts: list[str | Source]) -> None:
    joined = "".join(literal)
    literal.clear()
    if joined:
        parts.append(joined)


def _closing_brace(text: str, position: int, start: int) -> int:
    depth = 0
    for match in _TOKEN.finditer(text, position):
        if match.lastgroup == "open":
            depth += 1
        elif match.lastgroup == "close":
            if depth == 0:
                return match.start()
            depth -= 1
    raise Unclosed(start)
