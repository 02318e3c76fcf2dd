"""The schema of the inputs, and inputs against it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from minuet.model.errors import InvalidInputs
from minuet.model.ir import Ir

from .faults import Faults, pointer
from .schema_faults import BadSchema, Checker, checker_of

_KEYWORDS_OF_OBJECTS = frozenset(
    {"type", "properties", "required", "$ref", "allOf", "anyOf", "oneOf", "additionalProperties",
     "patternProperties", "not", "if", "enum", "const", "minProperties", "maxProperties",
     "propertyNames", "dependentRequired", "dependentSchemas", "$defs", "unevaluatedProperties"}
)  # fmt: skip


def check_inputs_schema(schema: Any, faults: Faults) -> None:
    """Draft 2020-12, self-contained: a reference that leads out of it is refused, never fetched."""
    if not isinstance(schema, dict):
        return
    before = faults.errors
    for fault in _meta_checker().faults(schema):
        faults.error(f"/inputs{fault.pointer}", f"not valid in JSON Schema: {fault.message}")
    for path, reference in _references(schema, []):
        if not reference.startswith("#"):
            faults.error(
                f"/inputs{pointer(*path)}",
                f"the reference {reference[:80]!r} leads out of the schema: use $defs",
            )
    if faults.errors == before:
        try:
            Checker(schema)
        except BadSchema as exc:
            faults.error("/inputs", f"not a usable JSON Schema: {exc}")
    if schema and not schema.keys() & _KEYWORDS_OF_OBJECTS:
        faults.warning(
            "/inputs",
            "inputs is a JSON Schema of an object: put the names under 'properties', or anything "
            "is accepted",
        )


@cache
def _meta_checker() -> Checker:
    return Checker({"$ref": "https://json-schema.org/draft/2020-12/schema"})


def _references(schema: Any, path: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
    """Every $ref and $dynamicRef with its place; values of enum, const and examples are data."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield [*path, key], value
            elif key not in ("enum", "const", "examples", "default"):
                yield from _references(value, [*path, key])
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from _references(value, [*path, index])


def validate_inputs(ir: Ir, inputs: Any) -> None:
    """Raises InvalidInputs with every fault; pointers lead into the inputs.

    Inputs are always an object. The caller bounds size and depth (`minuet.model.json`).
    """
    if not isinstance(inputs, dict):
        raise InvalidInputs([("", "inputs must be an object")])
    if not ir.inputs_schema:
        return
    faults = checker_of(ir.inputs_schema).faults(inputs)
    if faults:
        raise InvalidInputs([(fault.pointer, fault.message) for fault in faults])
