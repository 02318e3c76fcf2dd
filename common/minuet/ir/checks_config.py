"""Node configs: the type's schema, templates, and the bare expressions of branches."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from minuet.expr import (
    ExpressionSyntaxError,
    TemplateSyntaxError,
    compile_expression,
    compile_template,
)
from minuet.expr.paths import Path
from minuet.model.canonical import canonical_json
from minuet.model.duration import duration_ms
from minuet.model.errors import InvalidInput
from minuet.model.node_type import NodeType

from .draft import Draft, NodeDraft
from .faults import Faults, pointer
from .plan import CONFIG_ROOTS
from .relax import relaxed
from .schema_faults import BadSchema, Checker, SchemaFault

TASK_ROOTS = CONFIG_ROOTS | {"secrets"}
_SECRETS_INLINE = "'secrets' can only be used in nodes that a worker executes"


class Configs:
    """Checks of one compile; schemas are prepared once a type."""

    def __init__(self, draft: Draft, faults: Faults) -> None:
        self._draft = draft
        self._faults = faults
        self._checkers: dict[str, tuple[Checker, Checker | None] | None] = {}

    def check(self) -> None:
        """Fills each node's `reads`."""
        for each in self._draft.nodes:
            at = pointer("nodes", each.index, "config")
            self._check_schema(each, at)
            if _is_branch(each):
                self._check_cases(each, at)
            elif not each.spawns:  # their reads are found with what they run
                self._check_templates(each, at)

    def _check_schema(self, each: NodeDraft, at: str) -> None:
        if each.kind is None:
            return
        checkers = self._checkers_of(each.kind, at)
        if checkers is None:
            return
        strict, lenient = checkers
        config = each.node.config
        found = strict.faults(config)
        if found and not _is_branch(each) and not each.spawns and b"${" in canonical_json(config):
            found = lenient.faults(config) if lenient else _apart_from_templates(found, config)
        for fault in found:
            self._faults.error(at + fault.pointer, fault.message)
        if not found and each.kind.builtin and each.node.type == "wait":
            self._check_duration(config.get("for"), f"{at}/for")
            self._check_duration(config.get("timeout"), f"{at}/timeout")
        if not found and each.is_hitl:
            self._check_duration(config.get("timeout"), f"{at}/timeout")
            self._check_form(config.get("form"), f"{at}/form")
            if "${" in config.get("on_timeout", ""):
                self._faults.error(f"{at}/on_timeout", "must be constant: reject or fail")

    def _check_duration(self, duration: Any, at: str) -> None:
        if duration is None or "${" in duration:
            return
        try:
            duration_ms(duration)
        except InvalidInput as exc:
            self._faults.error(at, str(exc))

    def _check_form(self, form: Any, at: str) -> None:
        if form is None or b"${" in canonical_json(form):
            return
        try:
            Checker(form)
        except BadSchema as exc:
            self._faults.error(at, f"this is no JSON Schema: {exc}")

    def _checkers_of(self, kind: NodeType, at: str) -> tuple[Checker, Checker | None] | None:
        if kind.name not in self._checkers:
            try:
                self._checkers[kind.name] = _prepared(canonical_json(kind.config_schema))
            except BadSchema as exc:
                self._checkers[kind.name] = None
                self._faults.warning(
                    at, f"configs of '{kind.name}' go unchecked, its schema is invalid: {exc}"
                )
        return self._checkers[kind.name]

    def _check_templates(self, each: NodeDraft, at: str) -> None:
        config: Any = each.node.config
        if not config:
            return
        roots = CONFIG_ROOTS if each.inline else TASK_ROOTS
        try:
            each.reads = list(compile_template(config, allowed_roots=roots).paths)
        except TemplateSyntaxError as exc:
            for fault in exc.faults:
                self._faults.error(at + fault.pointer, _explained(fault.message, each.inline))

    def _check_cases(self, each: NodeDraft, at: str) -> None:
        paths: set[Path] = set()
        cases = each.node.config.get("cases")
        for index, case in enumerate(cases if isinstance(cases, list) else []):
            when = case.get("when") if isinstance(case, dict) else None
            if not isinstance(when, str) or not when:
                continue
            try:
                paths.update(compile_expression(when, allowed_roots=CONFIG_ROOTS).paths)
            except ExpressionSyntaxError as exc:
                message = _explained(bare_fault(exc), inline=True)
                self._faults.error(f"{at}/cases/{index}/when", message)
        each.reads = sorted(paths)


@lru_cache(maxsize=512)
def _prepared(schema: bytes) -> tuple[Checker, Checker | None]:
    """(for constant configs, for those with templates if there can be one). Raises BadSchema."""
    value = msgspec.json.decode(schema)
    strict = Checker(value)
    try:
        return strict, Checker(relaxed(value))
    except BadSchema:  # a reference into the middle of the schema: relaxing moved its target
        return strict, None


def _apart_from_templates(found: list[SchemaFault], config: Any) -> list[SchemaFault]:
    """Without the faults of strings that a rendering replaces."""
    kept = []
    for fault in found:
        value = config
        for segment in fault.path:
            inside = isinstance(value, list) or (isinstance(value, dict) and segment in value)
            value = value[segment] if inside else None
        if not (isinstance(value, str) and "${" in value):
            kept.append(fault)
    return kept


def _is_branch(each: NodeDraft) -> bool:
    """Branches hold bare expressions and constant ports, no templates."""
    return each.kind is not None and each.kind.builtin and each.node.type == "branch"


def bare_fault(exc: ExpressionSyntaxError) -> str:
    """The message about a bare expression, with the usual mistake named."""
    if exc.text.strip().startswith("${"):
        return "this is a bare expression: write it without ${ }"
    return str(exc)


def _explained(message: str, inline: bool) -> str:
    return _SECRETS_INLINE if inline and message.startswith("'secrets' cannot") else message
