"""Expressions: values, errors, limits, threads."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.expr import (
    ExpressionError,
    ExpressionSyntaxError,
    build_context,
    compile_expression,
    extract,
)
from minuet.expr.references import ROOTS


def evaluate(text: str, context: dict[str, Any] | None = None) -> Any:
    return compile_expression(text, allowed_roots=ROOTS).evaluate(context or {})


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("output.score >= 80", {"output": {"score": 80.5}}, True),
        ("output.score >= 80", {"output": {"score": 81}}, True),
        ("output.score >= 80", {"output": {"score": 79.99}}, False),
        ("output.score == 80", {"output": {"score": 80.0}}, True),
        ("1 + 1.5", {}, 2.5),
        ("output.price * 2", {"output": {"price": 9.5}}, 19.0),
        ("output.price * 2", {"output": {"price": 9}}, 18),
        ("7 / 2", {}, 3),
        ("7 / 2.0", {}, 3.5),
        ("inputs.ok ? 'yes' : null", {"inputs": {"ok": False}}, None),
        ("inputs.l.map(x, x * 2)", {"inputs": {"l": [1, 2]}}, [2, 4]),
        ("inputs.l.map(output, output)", {"inputs": {"l": [1]}}, [1]),
        ("{'b': 1, 'a': [true, null]}", {}, {"a": [True, None], "b": 1}),
        ("timestamp('2020-01-01T00:00:00.5Z')", {}, "2020-01-01T00:00:00.500000Z"),
        ("duration('90s')", {}, "90s"),
        ("duration('-1.5s')", {}, "-1.5s"),
        ("b'abc'", {}, "YWJj"),
        ("3u", {}, 3),
        ("nodes['a'].output", {"nodes": {"a": {"output": 2**70}}}, 2**70),
        ("has(output.a.b.c)", {"output": {"a": 1}}, False),
        ("has(output.x)", {"output": {"x": None}}, True),
        ("has(output.x)", {}, False),
    ],
)
def test_value(text: str, context: dict[str, Any], expected: Any) -> None:
    value = evaluate(text, context)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("output.score >= 80", [("output", "score")]),
        ("has(nodes.x.output.b)", [("nodes", "x", "output", "b")]),
        ("nodes['x'].output['a b'].c", [("nodes", "x", "output", "a b", "c")]),
        ("nodes.x.output[inputs.k]", [("inputs", "k"), ("nodes", "x", "output")]),
        ("nodes.x.output[0].y", [("nodes", "x", "output")]),
        ("output.a.b + output.a", [("output", "a")]),
        ("inputs.l.map(output, output.z + .output.q)", [("inputs", "l"), ("output", "q")]),
        ("inputs.l.all(i, i.x == item)", [("inputs", "l"), ("item",)]),
        ("secrets.db.password", [("secrets", "db")]),
        ("'nodes.x' + \"inputs\"", []),
    ],
)
def test_paths_are_what_is_read(text: str, paths: list[tuple[str, ...]]) -> None:
    assert list(compile_expression(text, allowed_roots=ROOTS).paths) == paths


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("1 +", 3, "Syntax error"),
        ("true && inptus.a", 8, "did you mean 'inputs'"),
        ("1 ==\n item.x", 6, "cannot be used here"),
        ("nodes.enrch.output", 0, "did you mean 'enrich'"),
        ("nodes.enrich", 0, "nodes.enrich.output"),
        ("nodes.enrich.status", 0, "nodes.enrich.output"),
        ("nodes[inputs.x].output", 0, "constant id"),
        ("nodes.map(n, n)", 0, "constant id"),
        ("secrets[inputs.x]", 0, "constant name"),
        ("1 == 'a'", 2, "no matching overload"),
        ("inputs.a.frob()", 13, "frob"),
        ("", 0, ""),
        ("'\ud800'", 1, "surrogate"),
    ],
)
def test_fault_is_refused_with_its_place(text: str, offset: int, words: str) -> None:
    roots = frozenset({"inputs", "nodes", "output", "secrets"})
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_expression(text, allowed_roots=roots, node_ids=frozenset({"enrich", "score"}))
    assert words in caught.value.reason
    if words != "frob":
        assert caught.value.offset == offset
    assert caught.value.line == text[: caught.value.offset].count("\n") + 1


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        ("output.bdy == 1", {"output": {"body": 1}}, "output has no 'bdy'; did you mean 'body'?"),
        ("output.bdy", {"output": {"body": 1}}, "output has no 'bdy'; did you mean 'body'?"),
        ("output.a.b > 1", {"output": {"a": None}}, "output.a is null, so it has no 'b'"),
        ("output > 1", {}, "'output' has no value here"),
        ("1 / output", {"output": 0}, "divide by zero"),
        ("0.0 / 0.0", {}, "finite"),
        ("1.0 / output", {"output": 0}, "divide by zero"),
        ("type(1)", {}, "no JSON form"),
        ("{1: 2}", {}, "string keys"),
        ("output + 1", {"output": "a"}, "No matching overloads"),
        ("output + ''", {"output": "\ud800"}, ""),
        ("output + 1", {"output": 2**70}, "out of range"),
    ],
)
def test_failure_names_its_reason(text: str, context: dict[str, Any], words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, context)
    assert words in caught.value.reason
    assert caught.value.code == "expression"


def test_condition_is_never_quietly_false() -> None:
    condition = compile_expression("output.x", allowed_roots=ROOTS)
    assert condition.evaluate_bool({"output": {"x": True}}) is True
    values: tuple[Any, ...] = (None, 0, "", "true", [])
    for value in values:
        with pytest.raises(ExpressionError, match="expected true or false"):
            condition.evaluate_bool({"output": {"x": value}})


def test_error_does_not_show_secrets() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate("int(secrets.key)", {"secrets": {"key": "hunter2"}})
    assert "hunter2" not in str(caught.value)


def _string_bomb(levels: int, width: int) -> str:
    text = f"x{levels}.size()"
    for level in range(levels, 0, -1):
        name = f"x{level - 1}" if level > 1 else "inputs.s"
        text = f"[{'+'.join([name] * width)}].map(x{level}, {text})"
    return text


TEN = "[0,1,2,3,4,5,6,7,8,9]"
BOMBS = {
    "parentheses": "(" * 3000 + "1" + ")" * 3000,
    "lists": "[" * 3000 + "]" * 3000,
    "operators": "+".join(["1"] * 20_000),
    "short operators": "+".join(["1"] * 3000),
    "selections": "inputs" + ".a" * 3000,
    "negations with no end": "!" * 8000,
    "ternaries": "true?1:" * 1000 + "1",
    "nested maps": "".join(f"{TEN}.map(x{i}," for i in range(6)) + "1" + ")" * 6,
    "nested all": "".join(f"{TEN}.all(x{i}," for i in range(6)) + "true" + ")" * 6,
    "text, wide": _string_bomb(4, 40),
    "text, deep": _string_bomb(8, 10),
    "text, data": "inputs.l.map(x, inputs.l.map(y, inputs.s + inputs.s))",
    "shared lists": "[inputs.l.map(a, inputs.l)].map(b, [inputs.l.map(c, b)].map(d, d == d))",
    "shared comparison": "[inputs.l.map(a, inputs.l)].map(b, inputs.l.map(c, b == b))",
    "too long": "'" + "a" * 9000 + "'",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_bomb_ends_with_an_error(text: str) -> None:
    context = {"inputs": {"l": list(range(99)), "s": "x" * 10_000}}
    with pytest.raises((ExpressionError, ExpressionSyntaxError)):
        evaluate(text, context)


def test_ordinary_macros_are_no_bombs() -> None:
    orders = [{"id": str(i), "lines": [{"sku": "a", "n": i}] * 3} for i in range(50)]
    context = {"inputs": {"orders": orders, "base": "https://api.example.com/" * 10}}
    text = (
        "inputs.orders.filter(o, o.lines.exists(l, l.n > 10))"
        ".map(o, {'url': inputs.base + o.id, 'skus': o.lines.map(l, l.sku + '!')})"
        ".map(p, p.url + '?').size()"
    )
    assert evaluate(text, context) == 39


def test_expression_is_shared_between_threads() -> None:
    expression = compile_expression("output.n * 2 + 0.5", allowed_roots=ROOTS)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: expression.evaluate({"output": {"n": n}}), range(400)))
    assert results == [n * 2 + 0.5 for n in range(400)]


_LEAVES = st.sampled_from(["a", "b", "c"])
_SELECTION = st.lists(_LEAVES, max_size=3).map(lambda names: ".".join(["output", *names]))
_ATOM = st.one_of(
    _SELECTION,
    _SELECTION.filter(lambda text: "." in text).map(lambda text: f"has({text})"),
    st.sampled_from(["1", "1.5", "'a'", "null", "true", "inputs.k", "output[inputs.k]"]),
)
_EXPRESSION = st.recursive(
    _ATOM,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["==", "+", "&&", "||", ">"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}.map(x, [x, {p[1]}])"),
    ),
    max_leaves=5,
)
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "b"]),
    lambda inner: st.dictionaries(_LEAVES, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=6,
)


def _outcome(expression: Any, context: dict[str, Any]) -> Any:
    try:
        return "value", expression.evaluate(context)
    except ExpressionError:
        return "error", None


@given(_EXPRESSION, _VALUE, st.sampled_from(["a", "b", "c"]))
def test_extracted_paths_are_all_that_is_needed(text: str, output: Any, key: str) -> None:
    try:
        expression = compile_expression(text, allowed_roots=ROOTS)
    except ExpressionSyntaxError:
        return
    full = {"output": output, "inputs": {"k": key, "other": 1}}
    extracted = build_context({path: extract(full, path) for path in expression.paths})
    assert _outcome(expression, extracted) == _outcome(expression, full)
