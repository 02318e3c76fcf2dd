"""From a task token to the arguments of its function."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from minuet.expr import (
    MISSING,
    ExpressionError,
    Path,
    Template,
    TemplateSyntaxError,
    build_context,
    compile_template,
    extract,
    parse_path,
)
from minuet.model.errors import TerminalError
from minuet.model.token import TaskToken

from .registry import NodeSpec
from .secrets import Secrets, SecretScope

TASK_ROOTS = frozenset({"inputs", "nodes", "run", "item", "index", "iteration", "secrets"})
MAX_PLANS = 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """One config, compiled. `constant` is its JSON if rendering reads nothing.

    `paths` are those that rendering reads from the context.
    """

    template: Template
    constant: bytes | None
    decoder: msgspec.json.Decoder[Any]
    paths: tuple[Path, ...]


class Renderer:
    """Compiles each distinct config once and renders it for each token. Safe between threads."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._plans: OrderedDict[tuple[str, bytes], Plan] = OrderedDict()

    def arguments(
        self, spec: NodeSpec, token: TaskToken, blobs: Mapping[str, Any]
    ) -> tuple[dict[str, Any], SecretScope | None]:
        """Keyword arguments for the function, and the secrets that they hold.

        `blobs` has the decoded value of each of the token's refs by path text. Raises
        TerminalError with code `config`, `expression` or `secret`.
        """
        plan = self._plan(spec, token.config)
        if plan.constant is not None:
            return self._constant(spec, plan), None
        scope = self._secrets.scope()
        try:
            config = plan.template.render(context_of(plan, token, blobs), secrets=scope)
        except ExpressionError as exc:
            raise TerminalError(scope.mask_text(str(exc)), code="expression") from exc
        try:
            return convert(spec, config), scope
        except TerminalError as exc:
            raise TerminalError(scope.mask_text(str(exc)), code=exc.code) from None

    def _constant(self, spec: NodeSpec, plan: Plan) -> dict[str, Any]:
        """Decoded anew for each token, so that no two share a list or object."""
        if spec.signature.empty and plan.constant == b"{}":
            return {}
        if spec.validator is not None:
            return convert(spec, msgspec.json.decode(plan.constant or b"{}"))
        try:
            return spec.signature.arguments(plan.decoder.decode(plan.constant or b"{}"))
        except msgspec.ValidationError as exc:
            raise config_fault(str(exc)) from exc

    def _plan(self, spec: NodeSpec, config: msgspec.Raw) -> Plan:
        key = (spec.name, bytes(config))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = compile_plan(spec, config)
            while len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)
        return plan


def compile_plan(spec: NodeSpec, config: msgspec.Raw) -> Plan:
    try:
        template = compile_template(msgspec.json.decode(config), allowed_roots=TASK_ROOTS)
    except (TemplateSyntaxError, msgspec.DecodeError) as exc:
        raise config_fault(str(exc)) from exc
    constant = msgspec.json.encode(template.render({})) if template.is_constant else None
    paths = tuple(path for path in template.paths if path[0] != "secrets")
    return Plan(template, constant, msgspec.json.Decoder(spec.signature.type), paths)


def context_of(plan: Plan, token: TaskToken, blobs: Mapping[str, Any]) -> dict[str, Any]:
    """What the template reads; a path that the token does not bring is absent, not null."""
    values: dict[Path, Any] = dict.fromkeys(plan.paths, MISSING)
    if ("iteration",) in values:
        values[("iteration",)] = token.iteration
    for text, raw in token.context.items():
        values[parse_path(text)] = msgspec.json.decode(raw)
    for text, ref in token.refs.items():
        values[parse_path(text)] = extract(blobs[text], parse_path(ref.path))
    return build_context(values)


def convert(spec: NodeSpec, config: Any) -> dict[str, Any]:
    """Arguments from a rendered config. Raises TerminalError naming the wrong field."""
    if spec.validator is not None:
        error = next(iter(spec.validator.iter_errors(config)), None)
        if error is not None:
            where = "".join(f"/{part}" for part in error.instance_path)
            raise config_fault(f"{error.message} - at {where or '/'}")
    try:
        return spec.signature.arguments(msgspec.convert(config, spec.signature.type))
    except msgspec.ValidationError as exc:
        raise config_fault(str(exc)) from exc


def config_fault(message: str) -> TerminalError:
    return TerminalError(f"the config does not fit: {message[:1000]}", code="config")
