"""The syntax tree of a CEL expression, read from the form in which the library serialises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory


@dataclass(frozen=True, slots=True)
class Const:
    """A literal; `value` is a str for string literals and None for every other kind."""

    id: int
    value: str | None


@dataclass(frozen=True, slots=True)
class Ident:
    """A name; a leading dot (`.name`) means the root even where a variable shadows it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or `has(operand.field)` if `test_only`."""

    id: int
    operand: Node
    field: str
    test_only: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator; a method's receiver is the first argument."""

    id: int
    function: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A list, map or message literal; `items` holds elements, or keys and values."""

    id: int
    items: tuple[Node, ...]
    is_map: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """What a macro (map, filter, all, exists, exists_one) became."""

    id: int
    variables: tuple[str, ...]
    accumulator: str
    range: Node
    init: Node
    condition: Node
    step: Node
    result: Node


Node = Const | Ident | Select | Call | Literal | Fold


@dataclass(frozen=True, slots=True)
class Tree:
    root: Node
    offsets: Mapping[int, int]
    """Node id to character offset in the source."""


class TooDeep(ValueError):
    """The tree is nested deeper than the wire format's reader allows."""


def parse_tree(serialized: bytes) -> Tree:
    """Decode a serialised, unchecked expression. Raises TooDeep."""
    try:
        envelope = _ANY.FromString(serialized)
        parsed = _PARSED.FromString(envelope.value)
    except message.DecodeError as exc:
        raise TooDeep("the expression is nested too deeply") from exc
    return Tree(_convert(parsed.expr), dict(parsed.source_info.positions))


def _convert(expr: Any) -> Node:
    kind = expr.WhichOneof("kind")
    return _CONVERTERS[kind](expr.id, getattr(expr, kind))


def _const(node_id: int, const: Any) -> Node:
    return Const(node_id, const.string_value if const.HasField("string_value") else None)


def _ident(node_id: int, ident: Any) -> Node:
    return Ident(node_id, ident.name)


def _select(node_id: int, select: Any) -> Node:
    return Select(node_id, _convert(select.operand), select.field, select.test_only)


def _call(node_id: int, call: Any) -> Node:
    receiver = (_convert(call.target),) if call.HasField("target") else ()
    return Call(node_id, call.function, receiver + tuple(map(_convert, call.args)))


def _list(node_id: int, literal: Any) -> Node:
    return Literal(node_id, tuple(map(_convert, literal.elements)))


def _struct(node_id: int, literal: Any) -> Node:
    items = []
    for entry in literal.entries:
        if entry.HasField("map_key"):
            items.append(_convert(entry.map_key))
        items.append(_convert(entry.value))
    return Literal(node_id, tuple(items), is_map=not literal.message_name)


def _fold(node_id: int, fold: Any) -> Node:
    return Fold(
        node_id,
        tuple(name for name in (fold.iter_var, fold.iter_var2) if name),
        fold.accu_var,
        _convert(fold.iter_range),
        _convert(fold.accu_init),
        _convert(fold.loop_condition),
        _convert(fold.loop_step),
        _convert(fold.result),
    )


_CONVERTERS = {
    "const_expr": _const,
    "ident_expr": _ident,
    "select_expr": _select,
    "call_expr": _call,
    "list_expr": _list,
    "struct_expr": _struct,
    "comprehension_expr": _fold,
}

# The part of cel/expr/syntax.proto that is read here: message, then name, number, type. A trailing
# "*" means repeated, "|" a member of the oneof `kind`. Unknown fields are skipped by the reader.
_SCHEMA: dict[str, list[tuple[str, int, str]]] = {
    "Any": [("type_url", 1, "string"), ("value", 2, "bytes")],
    "ParsedExpr": [("expr", 2, "Expr"), ("source_info", 3, "SourceInfo")],
    "SourceInfo": [("positions", 4, "PositionsEntry*")],
    "Expr": [
        ("id", 2, "int64"),
        ("const_expr", 3, "Constant|"),
        ("ident_expr", 4, "Ident|"),
        ("select_expr", 5, "Select|"),
        ("call_expr", 6, "Call|"),
        ("list_expr", 7, "List|"),
        ("struct_expr", 8, "Struct|"),
        ("comprehension_expr", 9, "Fold|"),
    ],
    "Constant": [("string_value", 6, "string|")],
    "Ident": [("name", 1, "string")],
    "Select": [("operand", 1, "Expr"), ("field", 2, "string"), ("test_only", 3, "bool")],
    "Call": [("target", 1, "Expr"), ("function", 2, "string"), ("args", 3, "Expr*")],
    "List": [("elements", 1, "Expr*")],
    "Struct": [("message_name", 1, "string"), ("entries", 2, "Entry*")],
    "Entry": [("map_key", 3, "Expr"), ("value", 4, "Expr")],
    "Fold": [
        ("iter_var", 1, "string"),
        ("iter_range", 2, "Expr"),
        ("accu_var", 3, "string"),
        ("accu_init", 4, "Expr"),
        ("loop_condition", 5, "Expr"),
        ("loop_step", 6, "Expr"),
        ("result", 7, "Expr"),
        ("iter_var2", 8, "string"),
    ],
}
_PACKAGE = "minuet.cel"


def _add_field(target: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    bare = kind.rstrip("*|")
    proto = descriptor_pb2.FieldDescriptorProto
    field = target.field.add(name=name, number=number)
    field.label = proto.LABEL_REPEATED if kind.endswith("*") else proto.LABEL_OPTIONAL
    if bare[0].isupper():
        owner = f"SourceInfo.{bare}" if bare == "PositionsEntry" else bare
        field.type = proto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{owner}"
    else:
        field.type = proto.Type.Value(f"TYPE_{bare.upper()}")
    if kind.endswith("|"):
        field.oneof_index = 0


def _build_pool() -> descriptor_pool.DescriptorPool:
    """A pool of its own: the default one belongs to the process and may hold other versions."""
    file = descriptor_pb2.FileDescriptorProto(
        name="minuet/cel.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _SCHEMA.items():
        target = file.message_type.add(name=name)
        if any(kind.endswith("|") for _, _, kind in fields):
            target.oneof_decl.add(name="kind")
        for field in fields:
            _add_field(target, *field)
        if name == "SourceInfo":
            entry = target.nested_type.add(name="PositionsEntry")
            entry.options.map_entry = True
            _add_field(entry, "key", 1, "int64")
            _add_field(entry, "value", 2, "int32")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _build_pool()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


_ANY = _message("Any")
_PARSED = _message("ParsedExpr")
