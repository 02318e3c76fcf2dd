"""Templates: JSON values whose strings may hold `${expression}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minuet.model.canonical import canonical_json
from minuet.model.errors import InvalidInput

from .cel import Expression, compile_expression
from .errors import ExpressionError, ExpressionSyntaxError, TemplateFault, TemplateSyntaxError
from .paths import Path, minimal
from .scan import Unclosed, escape, split

__all__ = ["SecretResolver", "Template", "compile_template", "escape"]

SecretResolver = Callable[[str], Any]
MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class _Hole:
    """A string that holds expressions. One expression alone keeps its value's type."""

    parts: tuple[str | Expression, ...]
    pointer: str

    def render(self, context: Mapping[str, Any]) -> Any:
        try:
            if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
                return self.parts[0].evaluate(context)
            return "".join(
                part if isinstance(part, str) else _as_text(part, context) for part in self.parts
            )
        except ExpressionError as exc:
            raise exc.at(self.pointer) from exc


_Plan = Any  # a JSON value in which _Hole objects stand for strings with expressions


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template; safe to share between threads.

    `paths` are the parts of the context that it reads, sorted, none extending another; those that
    start with "secrets" are answered by the resolver, never by the context.
    """

    source: Any
    paths: tuple[Path, ...]
    _plan: _Plan = field(repr=False, compare=False)
    _secrets: tuple[str, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether rendering reads nothing, so that every rendering gives the same value."""
        return not self.paths

    def render(self, context: Mapping[str, Any], secrets: SecretResolver | None = None) -> Any:
        """New objects and lists; values out of the context are shared and never evaluated again.

        `secrets` maps a name to its value and is asked once a name; its errors pass through. To
        leave secrets for later, let it return `{"$secret": name}`. Raises ExpressionError with the
        pointer of the string.
        """
        if self._secrets:
            context = {**context, "secrets": self._resolve(secrets)}
        return _render(self._plan, context)

    def _resolve(self, secrets: SecretResolver | None) -> dict[str, Any]:
        if secrets is None:
            name = self._secrets[0]
            raise ExpressionError(f"secrets.{name}", f"secret '{name}' cannot be read here")
        return {name: secrets(name) for name in self._secrets}


def compile_template(
    value: Any, *, allowed_roots: frozenset[str], node_ids: frozenset[str] | None = None
) -> Template:
    """Raises TemplateSyntaxError with every fault, each with the pointer of its string.

    Keys of objects are no templates.
    """
    compiler = _Compiler(allowed_roots, node_ids)
    plan = compiler.compile(value, "", 0)
    if compiler.faults:
        raise TemplateSyntaxError(tuple(compiler.faults))
    names = sorted({path[1] for path in compiler.paths if path[0] == "secrets"})
    return Template(value, minimal(frozenset(compiler.paths)), plan, tuple(names))


class _Compiler:
    """Walks one value and gathers paths and faults on the way."""

    def __init__(self, allowed_roots: frozenset[str], node_ids: frozenset[str] | None) -> None:
        self._allowed_roots = allowed_roots
        self._node_ids = node_ids
        self.paths: set[Path] = set()
        self.faults: list[TemplateFault] = []

    def compile(self, value: Any, pointer: str, depth: int) -> _Plan:
        if depth > MAX_DEPTH:
            message = f"the value is nested deeper than {MAX_DEPTH}"
            self.faults.append(TemplateFault(pointer, message, 0))
            return value
        if isinstance(value, str):
            return self._string(value, pointer) if "${" in value else value
        if isinstance(value, dict):
            return {
                key: self.compile(item, f"{pointer}/{_escape_pointer(key)}", depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self.compile(item, f"{pointer}/{index}", depth + 1)
                for index, item in enumerate(value)
            ]
        return value

    def _string(self, text: str, pointer: str) -> _Plan:
        try:
            pieces = split(text)
        except Unclosed as exc:
            self.faults.append(TemplateFault(pointer, str(exc), exc.offset))
            return text
        parts: list[str | Expression] = []
        for piece in pieces:
            if isinstance(piece, str):
                parts.append(piece)
            elif (expression := self._expression(piece.text, pointer, piece.offset)) is not None:
                parts.append(expression)
        if all(isinstance(part, str) for part in parts):
            return "".join(str(part) for part in parts)
        return _Hole(tuple(parts), pointer)

    def _expression(self, text: str, pointer: str, offset: int) -> Expression | None:
        try:
            expression = compile_expression(
                text, allowed_roots=self._allowed_roots, node_ids=self._node_ids
            )
        except ExpressionSyntaxError as exc:
            self.faults.append(TemplateFault(pointer, exc.reason, offset + exc.offset))
            return None
        self.paths.update(expression.paths)
        return expression


def _render(plan: _Plan, context: Mapping[str, Any]) -> Any:
    if isinstance(plan, _Hole):
        return plan.render(context)
    if isinstance(plan, dict):
        return {key: _render(item, context) for key, item in plan.items()}
    if isinstance(plan, list):
        return [_render(item, context) for item in plan]
    return plan


def _as_text(expression: Expression, context: Mapping[str, Any]) -> str:
    value = expression.evaluate(context)
    if isinstance(value, str):
        return value
    try:
        return canonical_json(value).decode()
    except (InvalidInput, ValueError, TypeError) as exc:
        raise ExpressionError(expression.text, f"the value has no JSON form: {exc}") from exc


def _escape_pointer(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
