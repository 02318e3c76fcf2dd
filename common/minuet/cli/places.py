"""Where in a YAML or JSON file the value lies that a JSON Pointer names."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

# The C loader is an order of magnitude quicker; wheels without it exist.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column count from 1; `text` is the line."""

    line: int
    column: int
    text: str


class Places:
    """Looks places up in one text. Finds none in a text that is no YAML."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        try:
            self._root = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError:
            self._root = None

    def of(self, pointer: str) -> Place | None:
        """The value at `pointer`, or the nearest one around it that exists (for missing fields)."""
        node = self._root
        if node is None:
            return None
        mark = node.start_mark
        for token in _tokens(pointer):
            found = _child(node, token)
            if found is None:
                break
            mark, node = found
        text = self._lines[mark.line] if mark.line < len(self._lines) else ""
        return Place(mark.line + 1, mark.column + 1, text)


def _tokens(pointer: str) -> list[str]:
    parts = pointer.split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def _child(node: yaml.Node, token: str) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == token:
                # a block value starts lines below its key, where nobody would look
                is_scalar = isinstance(value, yaml.ScalarNode)
                return (value if is_scalar else key).start_mark, value
    elif isinstance(node, yaml.SequenceNode) and token.isdigit() and int(token) < len(node.value):
        value = node.value[int(token)]
        return value.start_mark, value
    return None
