"""The decorator that makes node types, and the set of those that one worker serves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import jsonschema_rs

from minuet.model.duration import duration_ms
from minuet.model.errors import InvalidInput
from minuet.model.node_type import Effect, NodeType

from .signature import NodeDefinitionError, Signature, output_schema, read_signature

__all__ = ["NodeDefinitionError", "NodeSpec", "Registry", "declare", "node", "spec_of"]

Function = TypeVar("Function", bound=Callable[..., Any])

TYPE_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,127}")
PORT_NAME = re.compile(r"[a-z][a-z0-9_]{0,127}")
EFFECTS = ("pure", "idempotent", "once")
ATTRIBUTE = "__minuet_node__"


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node type and the function behind it. `validator` holds an explicit config schema."""

    type: NodeType
    function: Callable[..., Any]
    signature: Signature
    is_async: bool
    validator: jsonschema_rs.Validator | None = None

    @property
    def name(self) -> str:
        return self.type.name


class Registry:
    """Node types by name. `@registry.node(...)` declares one; `add` takes decorated functions."""

    def __init__(self, nodes: Iterable[NodeSpec] = ()) -> None:
        self._nodes: dict[str, NodeSpec] = {}
        for spec in nodes:
            self.add(spec)

    def add(self, found: NodeSpec | Callable[..., Any]) -> None:
        """Raises NodeDefinitionError if the name is taken by another function."""
        spec = found if isinstance(found, NodeSpec) else spec_of(found)
        if spec is None:
            raise NodeDefinitionError(f"{found!r} is not decorated with @node")
        known = self._nodes.get(spec.name)
        if known is not None and known.function is not spec.function:
            raise NodeDefinitionError(
                f"node type {spec.name!r} is defined by {known.function.__qualname__} "
                f"and by {spec.function.__qualname__}"
            )
        self._nodes[spec.name] = spec

    def node(self, name: str, **options: Any) -> Callable[[Function], Function]:
        """Like `minuet.worker.node`, and adds the function here."""

        def decorate(function: Function) -> Function:
            decorated = node(name, **options)(function)
            self.add(decorated)
            return decorated

        return decorate

    def __iter__(self) -> Iterator[NodeSpec]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)


def node(
    name: str,
    *,
    effect: Effect = "idempotent",
    timeout: str = "60s",
    title: str = "",
    description: str = "",
    ports: Sequence[str] = (),
    config_schema: dict[str, Any] | None = None,
) -> Callable[[Function], Function]:
    """Make an async or plain function a node type; the function itself stays callable.

    The config is what the function takes: its parameters by name, or, with a single parameter that
    is named `config` or typed with a msgspec Struct, dataclass or TypedDict, the whole of it. A
    parameter `ctx` gets the Context. `config_schema` replaces the schema made from the hints.

    `effect`: `pure` (no effect outside, may run any number of times), `idempotent` (repeating is
    harmless, e.g. by ctx.idempotency_key), `once` (run singly; still again after a crash).
    `timeout` is the default of one execution. `ports` are the labels that a Result may name.
    Raises NodeDefinitionError.
    """

    def decorate(function: Function) -> Function:
        signature = read_signature(function)
        schema = config_schema if config_schema is not None else signature.schema()
        spec = NodeSpec(
            type=NodeType(
                name=checked_name(name),
                effect=checked_effect(effect),
                config_schema=schema,
                output_schema=output_schema(function),
                title=title,
                description=description or inspect.getdoc(function) or "",
                ports=checked_ports(ports),
                timeout_ms=checked_timeout(timeout),
            ),
            function=function,
            signature=signature,
            is_async=inspect.iscoroutinefunction(function),
            validator=validator_for(config_schema),
        )
        setattr(function, ATTRIBUTE, spec)
        return function

    return decorate


def declare(type: NodeType, function: Callable[..., Any]) -> NodeSpec:
    """A function behind a node type that is described elsewhere; its schema is checked.

    Raises NodeDefinitionError.
    """
    return NodeSpec(
        type=type,
        function=function,
        signature=read_signature(function),
        is_async=inspect.iscoroutinefunction(function),
        validator=validator_for(type.config_schema),
    )


def spec_of(found: object) -> NodeSpec | None:
    """The node type that a decorated function carries, None for anything else."""
    spec = getattr(found, ATTRIBUTE, None) if callable(found) else None
    return spec if isinstance(spec, NodeSpec) else None


def validator_for(schema: dict[str, Any] | None) -> jsonschema_rs.Validator | None:
    if schema is None:
        return None
    try:
        return jsonschema_rs.validator_for(schema)
    except (jsonschema_rs.ValidationError, ValueError) as exc:
        raise NodeDefinitionError(f"config_schema is no JSON Schema: {exc}") from exc


def checked_name(name: str) -> str:
    if not TYPE_NAME.fullmatch(name):
        raise NodeDefinitionError(
            f"{name!r} is no node type name: lower-case letters, digits, '_', '.', '-', "
            "starting with a letter"
        )
    return name


def checked_effect(effect: Effect) -> Effect:
    if effect not in EFFECTS:
        raise NodeDefinitionError(f"effect must be one of {', '.join(EFFECTS)}, not {effect!r}")
    return effect


def checked_ports(ports: Sequence[str]) -> list[str]:
    if isinstance(ports, str):
        raise NodeDefinitionError("ports is a list of labels, not one string")
    for port in ports:
        if not PORT_NAME.fullmatch(port) or port in ("success", "error", "timeout"):
            raise NodeDefinitionError(f"{port!r} cannot be a port of its own")
    return list(ports)


def checked_timeout(timeout: str) -> int:
    try:
        ms = duration_ms(timeout)
    except InvalidInput as exc:
        raise NodeDefinitionError(f"timeout: {exc}") from exc
    if ms < 1:
        raise NodeDefinitionError("timeout must be longer than nothing")
    return ms
