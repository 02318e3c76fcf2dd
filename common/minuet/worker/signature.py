"""From a function's signature to the schema of its config, and from a config to its arguments."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from minuet.model.prepared import prepare

from .context import Context

ONE_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class NodeDefinitionError(TypeError):
    """A function cannot become a node type; the message says which part of it is in the way."""


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """How configs become calls.

    `type` is what a config is converted to. With `whole`, that value is the argument of this name;
    otherwise `type` is a struct with one field an argument. `context` is the parameter that takes
    the Context.
    """

    type: Any
    whole: str | None
    context: str | None
    empty: bool

    def arguments(self, config: Any) -> dict[str, Any]:
        """Keyword arguments for a converted config."""
        if self.whole is not None:
            return {self.whole: config}
        return msgspec.structs.asdict(config)

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the config. Raises NodeDefinitionError for types JSON cannot carry."""
        try:
            schema = msgspec.json.schema(self.type)
        except (TypeError, ValueError, msgspec.MsgspecError) as exc:
            raise NodeDefinitionError(f"the config has no JSON Schema: {exc}") from exc
        return lift_reference(schema)


def read_signature(function: Callable[..., Any]) -> Signature:
    """Raises NodeDefinitionError."""
    hints = type_hints(function)
    context: str | None = None
    fields: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "ctx" or hints.get(parameter.name) is Context:
            context = parameter.name
        elif parameter.kind in ONE_BY_NAME:
            fields.append(parameter)
        else:
            raise NodeDefinitionError(
                f"{function.__qualname__} takes {parameter}: give each config field a name, "
                "or take the whole config as `config: dict`"
            )
    if len(fields) == 1 and takes_whole_config(fields[0], hints):
        name = fields[0].name
        return Signature(decodable(function, hints.get(name, dict[str, Any])), name, context, False)
    config = decodable(function, struct_of(function, fields, hints))
    return Signature(config, None, context, empty=not fields)


def decodable(function: Callable[..., Any], type_: Any) -> Any:
    """The same type, prepared: plain functions get their arguments in threads."""
    try:
        prepare(type_)
    except (TypeError, ValueError) as exc:
        raise NodeDefinitionError(f"{function.__qualname__}: {exc}") from exc
    return type_


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as exc:
        raise NodeDefinitionError(
            f"the type hints of {function.__qualname__} cannot be read: {exc}; "
            "names in hints must be importable from its module"
        ) from exc


def takes_whole_config(parameter: inspect.Parameter, hints: dict[str, Any]) -> bool:
    """A single positional parameter named `config`, or of a type that is an object with fields."""
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        return False
    hint = hints.get(parameter.name)
    return (
        parameter.name == "config"
        or dataclasses.is_dataclass(hint)
        or typing.is_typeddict(hint)
        or (isinstance(hint, type) and issubclass(hint, msgspec.Struct))
    )


def struct_of(
    function: Callable[..., Any], fields: list[inspect.Parameter], hints: dict[str, Any]
) -> type[msgspec.Struct]:
    """A struct with one field a parameter; a field that no parameter takes is an error."""
    specs: list[Any] = []
    for field in fields:
        hint = hints.get(field.name, Any)
        if field.default is inspect.Parameter.empty:
            specs.append((field.name, hint))
        else:
            specs.append((field.name, hint, default_of(field.default)))
    try:
        return msgspec.defstruct(
            f"{function.__name__}_config", specs, kw_only=True, forbid_unknown_fields=True
        )
    except (TypeError, ValueError) as exc:
        raise NodeDefinitionError(f"{function.__qualname__}: {exc}") from exc


def default_of(value: Any) -> Any:
    """Mutable defaults are copied for each call: two tokens never share one."""
    if value and isinstance(value, (list, dict, set, bytearray)):  # msgspec copies empty ones
        return msgspec.field(default_factory=lambda: copy.deepcopy(value))
    return value


def lift_reference(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definition that a top-level `$ref` names at the top, where people and forms look."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    name = reference.removeprefix("#/$defs/")
    definitions = dict(schema["$defs"])
    lifted = dict(definitions[name])
    if not mentions(lifted, reference) and not mentions(
        {key: value for key, value in definitions.items() if key != name}, reference
    ):
        del definitions[name]
    return {**lifted, "$defs": definitions} if definitions else lifted


def mentions(schema: Any, reference: str) -> bool:
    if isinstance(schema, dict):
        return schema.get("$ref") == reference or any(
            mentions(part, reference) for part in schema.values()
        )
    return isinstance(schema, list) and any(mentions(part, reference) for part in schema)


def output_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """JSON Schema of the annotated return value, None if there is none worth telling."""
    hint = type_hints(function).get("return", Any)
    if hint is Any or hint is type(None):
        return None
    try:
        return lift_reference(msgspec.json.schema(hint)) or None
    except (TypeError, ValueError, msgspec.MsgspecError):
        return None  # Result, or a type that is only encodable: the output is simply undescribed
