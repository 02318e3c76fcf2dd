"""What can go wrong with an expression.

MinuetError
├── ExpressionError             evaluation failed: the node ends on `error`
└── InvalidInput
    ├── ExpressionSyntaxError   the text cannot be compiled
    └── TemplateSyntaxError     one or more strings of a template cannot be compiled
"""

from __future__ import annotations

from dataclasses import dataclass

from minuet.model.errors import InvalidInput, MinuetError


class ExpressionError(MinuetError):
    """An evaluation failed.

    `text` is the source, `path` the missing segment if one is known, `pointer` the JSON Pointer of
    the string within the config when the expression stands in a template.
    """

    code = "expression"

    def __init__(
        self,
        text: str,
        reason: str,
        *,
        offset: int | None = None,
        path: tuple[str, ...] | None = None,
        pointer: str | None = None,
    ) -> None:
        super().__init__(f"{pointer}: {reason}" if pointer else reason)
        self.text = text
        self.reason = reason
        self.offset = offset
        self.path = path
        self.pointer = pointer

    def at(self, pointer: str) -> ExpressionError:
        """The same error, placed in a config."""
        return ExpressionError(
            self.text, self.reason, offset=self.offset, path=self.path, pointer=pointer
        )


class ExpressionSyntaxError(InvalidInput):
    """The text is no valid expression.

    `offset` counts characters from 0, `line` and `column` from 1.
    """

    code = "expression_syntax"

    def __init__(self, text: str, reason: str, *, offset: int = 0) -> None:
        self.text = text
        self.reason = reason
        self.offset = min(max(offset, 0), len(text))
        before = text[: self.offset]
        self.line = before.count("\n") + 1
        self.column = self.offset - (before.rfind("\n") + 1) + 1
        super().__init__(f"{reason} (line {self.line}, column {self.column})")


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """One string that does not compile. `offset` counts characters of that string from 0."""

    pointer: str
    message: str
    offset: int


class TemplateSyntaxError(InvalidInput):
    """All faults of a template, in document order."""

    code = "template_syntax"

    def __init__(self, faults: tuple[TemplateFault, ...]) -> None:
        first = faults[0]
        super().__init__(f"{first.pointer or '/'}: {first.message}", pointer=first.pointer)
        self.faults = faults
