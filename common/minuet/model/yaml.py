"""YAML as people write documents in it, read into JSON values and nothing else.

The core schema of YAML 1.2: `on`, `off`, `yes` and `no` are text (edges have a field `on`), and
so are dates. Anchors, aliases and tags are refused: a document is a tree of JSON values.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from minuet.model.errors import InvalidInput

MAX_DEPTH: Final = 100
MAX_DIGITS: Final = 40


def parse_yaml(data: bytes | str) -> Any:
    """The one document in `data`. Raises InvalidInput, with line and column, on anything else:
    bad syntax, a repeated or non-text key, an alias, a tag, NaN or infinity, too deep a nesting.
    """
    try:
        return _Loader(data).get_single_data()
    except yaml.YAMLError as error:
        raise InvalidInput(f"not valid YAML: {_explain(error)}") from error


def _explain(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}" if mark else problem


def _refuse(message: str, node: Any) -> yaml.YAMLError:
    """`node` is a node or an event of the library: both say where they begin."""
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


class _Loader(yaml.SafeLoader):
    """Composes with a bound on depth, constructs JSON values only."""

    def __init__(self, stream: bytes | str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refuse("anchors and aliases are not taken", event)
        if getattr(event, "tag", None):
            raise _refuse("tags are not taken", event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _refuse(f"nested deeper than {MAX_DEPTH}", event)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in node.value:
        if key.tag != "tag:yaml.org,2002:str":
            raise _refuse("a key must be text", key)
        _text(loader, key)
        if key.value in value:
            raise _refuse(f"the key {key.value!r} stands twice", key)
        value[key.value] = loader.construct_object(item, deep=True)
    return value


def _sequence(loader: _Loader, node: yaml.SequenceNode) -> list[Any]:
    return [loader.construct_object(item, deep=True) for item in node.value]


def _text(_: _Loader, node: yaml.ScalarNode) -> str:
    value: str = node.value
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _refuse("surrogates are not taken: write the character itself", node)
    return value


def _float(_: _Loader, node: yaml.ScalarNode) -> float:
    value = float(node.value) if node.value[-1].isdigit() or node.value[-1] == "." else math.nan
    if not math.isfinite(value):
        raise _refuse("numbers must be finite", node)
    return value


def _int(_: _Loader, node: yaml.ScalarNode) -> int:
    if len(node.value) > MAX_DIGITS:
        raise _refuse("the number has too many digits", node)
    return int(node.value, 0) if node.value[:2] in ("0x", "0o") else int(node.value)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _sequence)
_Loader.add_constructor("tag:yaml.org,2002:str", _text)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)

# SafeLoader resolves by YAML 1.1; these are the core schema's forms.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )
