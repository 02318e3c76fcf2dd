"""JSON Schema validation with pointers and messages that say how to mend the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from minuet.model.canonical import canonical_json

from .faults import nearest, pointer, quoted

Path = list[str | int]

# A value of megabytes can have a fault in every field: enough is enough.
MAX_FAULTS = 1000
MAX_UNKNOWN = 20


class SchemaFault(NamedTuple):
    """`path` leads to the offending value, or to the unknown field itself."""

    path: Path
    message: str

    @property
    def pointer(self) -> str:
        return pointer(*self.path)


class BadSchema(ValueError):
    """The schema itself is invalid, or refers to something outside of itself."""


class Checker:
    """A compiled schema (Draft 2020-12; formats are asserted; nothing is ever fetched)."""

    def __init__(self, schema: Any) -> None:
        """Raises BadSchema."""
        self._schema = schema
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema, validate_formats=True, offline=True
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as exc:
            raise BadSchema(str(exc).split("\n", maxsplit=1)[0]) from exc

    def faults(self, value: Any) -> list[SchemaFault]:
        """The faults, up to a bound; none means valid. The value must be JSON of bounded depth."""
        if self._validator.is_valid(value):
            return []
        found = [
            fault
            for error in islice(self._validator.iter_errors(value), MAX_FAULTS)
            for fault in _translate(error, self._schema)
        ]
        return list({fault.pointer + fault.message: fault for fault in found}.values())


def checker_of(schema: Mapping[str, Any]) -> Checker:
    """A checker, kept by the schema's canonical JSON. Raises BadSchema."""
    return _checker(canonical_json(schema))


@lru_cache(maxsize=512)
def _checker(schema: bytes) -> Checker:
    return Checker(msgspec.json.decode(schema))


def _translate(error: Any, schema: Any) -> Iterator[SchemaFault]:
    path: Path = list(error.instance_path)
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    parent = _subschema(schema, list(error.schema_path)[:-1])
    kind = error.kind.as_dict()
    match keyword:
        case "additionalProperties" | "unevaluatedProperties" if "unexpected" in kind:
            known = parent.get("properties", {})
            for name in kind["unexpected"][:MAX_UNKNOWN]:
                yield SchemaFault([*path, name], _unknown_field(name, known))
        case "required":
            name = kind["property"]
            yield SchemaFault(path, f"'{name}' is missing{_hint(_property(parent, name))}")
        case "type":
            wanted = " or ".join(kind["types"])
            got = _type_name(error.instance)
            hint = _hint(parent) if path else ""  # of the whole, it is no help
            yield SchemaFault(path, f"must be {wanted}, not {got}{hint}")
        case "pattern" | "anyOf" | "oneOf" | "format":
            yield SchemaFault(path, f"{_short(error.instance)} does not fit{_hint(parent)}")
        case "minItems" | "maxItems" | "minProperties" | "maxProperties":
            bound = f"at {'least' if keyword.startswith('min') else 'most'} {kind['limit']}"
            text = f"has {len(error.instance)} entries, must have {bound}{_hint(parent)}"
            yield SchemaFault(path, text)
        case _:
            yield SchemaFault(path, _trimmed(error.message))


def _unknown_field(name: str, known: Mapping[str, Any]) -> str:
    suggestion = nearest(name, known)
    if suggestion:
        return f"unknown field{suggestion}"
    return f"unknown field; known are {quoted(known)}" if known else "no field is expected here"


def _property(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = schema.get("properties", {}).get(name, {})
    return found if isinstance(found, Mapping) else {}


def _hint(schema: Mapping[str, Any]) -> str:
    """What the schema's author says about the value."""
    text = ""
    if description := schema.get("description"):
        text += f": {str(description).rstrip('.')}"
    if examples := schema.get("examples"):
        shown = [msgspec.json.encode(each).decode() for each in examples[:3]]
        text += f" (for example {', '.join(shown)})"
    elif not description and "enum" in schema:
        text += f": one of {msgspec.json.encode(schema['enum']).decode()}"
    return text


def _subschema(schema: Any, path: list[str | int]) -> Mapping[str, Any]:
    """The schema at `path`, in which validators also write the references that they followed."""
    found: Any = schema
    for segment in path:
        if segment == "$ref" and isinstance(found, Mapping):
            found = _resolve(schema, str(found.get("$ref", "")))
        elif isinstance(found, Mapping):
            found = found.get(str(segment), {})
        elif isinstance(found, list) and isinstance(segment, int) and segment < len(found):
            found = found[segment]
        else:
            return {}
    return found if isinstance(found, Mapping) else {}


def _resolve(schema: Any, reference: str) -> Any:
    found = schema
    for segment in reference.removeprefix("#").split("/")[1:]:
        name = segment.replace("~1", "/").replace("~0", "~")
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found


def _type_name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _short(value: Any) -> str:
    return _trimmed(msgspec.json.encode(value).decode(), 60)


def _trimmed(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else text[:limit] + "..."
