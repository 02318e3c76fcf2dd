"""Config schemas before rendering: a template may stand wherever the schema wants anything."""

from __future__ import annotations

from typing import Any

_TEMPLATE = {"type": "string", "pattern": r"(^|[^$])\$\{"}
_ONE = frozenset(
    {"items", "additionalProperties", "contains", "unevaluatedItems", "unevaluatedProperties"}
)
_SAME_PLACE = frozenset({"if", "then", "else"})
_MANY = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


def relaxed(schema: Any) -> Any:
    """A schema that accepts what some rendering could make valid.

    Templates pass everywhere, constants are judged as before. `oneOf` becomes `anyOf`, because a
    template may make several alternatives possible; `not` is left out for the same reason.
    """
    if not isinstance(schema, dict):
        return schema
    inner = {
        _keyword(key): _relaxed_keyword(key, value) for key, value in schema.items() if key != "not"
    }
    if "oneOf" in schema and "anyOf" in schema:
        inner["anyOf"] = _relaxed_keyword("anyOf", schema["anyOf"])
        inner["allOf"] = [
            *inner.get("allOf", []),
            {"anyOf": _relaxed_keyword("anyOf", schema["oneOf"])},
        ]
    definitions = {
        key: inner.pop(key) for key in ("$schema", "$id", "$defs", "definitions") if key in inner
    }
    return {**definitions, "if": _TEMPLATE, "else": inner}


def _keyword(key: str) -> str:
    return "anyOf" if key == "oneOf" else key


def _relaxed_keyword(key: str, value: Any) -> Any:
    if key in _ONE or key in _SAME_PLACE:
        return relaxed(value)
    if key in _MANY and isinstance(value, list):
        return [relaxed(each) for each in value]
    if key in _NAMED and isinstance(value, dict):
        return {name: relaxed(each) for name, each in value.items()}
    return value
