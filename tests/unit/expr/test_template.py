"""Templates: types, escaping, one pass, secrets, pointers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.expr import ExpressionError, TemplateSyntaxError, compile_template, escape
from minuet.expr.references import ROOTS


def render(value: Any, context: dict[str, Any] | None = None, **options: Any) -> Any:
    return compile_template(value, allowed_roots=ROOTS).render(context or {}, **options)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _no_hole(value: Any) -> bool:
    if isinstance(value, str):
        return "${" not in value
    items = value.values() if isinstance(value, dict) else value
    return all(map(_no_hole, items)) if isinstance(value, (dict, list)) else True


@given(_JSON.filter(_no_hole))
def test_value_without_holes_is_itself(value: Any) -> None:
    template = compile_template(value, allowed_roots=ROOTS)
    assert template.is_constant
    assert template.render({}) == value


@given(st.text(st.sampled_from("${}a'\\ ")))
def test_escaped_text_renders_as_itself(text: str) -> None:
    assert render(escape(text)) == text


@given(st.text(st.sampled_from("${}ai n")))
def test_data_is_never_evaluated(data: str) -> None:
    context = {"inputs": {"x": data, "y": "no"}}
    assert render(["${inputs.x}", "<${inputs.x}>"], context) == [data, f"<{data}>"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("${inputs.n}", 1),
        ("n=${inputs.n}", "n=1"),
        ("${inputs.n}${inputs.n}", "11"),
        ("${inputs.none}!", "null!"),
        ("${inputs.o}!", '{"a":"é","b":1.5}!'),
        ("${ {'a': {'b': '}'}}.a.b }", "}"),
        ("${'\\'}' + \"}\"}", "'}}"),
        (r"${r'\d' + '}'}", "\\d}"),
        ("${'''it's }''' + '}'}", "it's }}"),
        ("${inputs.n // a } here\n}", 1),
        ("$${inputs.n} ${inputs.n} $", "${inputs.n} 1 $"),
        ("a } b", "a } b"),
        ({"${inputs.n}": ["${inputs.n}"]}, {"${inputs.n}": [1]}),
    ],
)
def test_rendering(source: Any, expected: Any) -> None:
    context = {"inputs": {"n": 1, "none": None, "o": {"b": 1.5, "a": "é"}}}
    value = render(source, context)
    assert value == expected
    assert type(value) is type(expected)


def test_every_fault_has_its_pointer() -> None:
    source = {"a/b": ["ok", "x ${1 +}"], "c": "${foo}", "d": "${never"}
    with pytest.raises(TemplateSyntaxError) as caught:
        compile_template(source, allowed_roots=ROOTS)
    faults = [(fault.pointer, fault.offset) for fault in caught.value.faults]
    assert faults == [("/a~1b/1", 7), ("/c", 2), ("/d", 0)]


def test_failure_has_its_pointer() -> None:
    with pytest.raises(ExpressionError) as caught:
        render({"a": ["${inputs.nme}"]}, {"inputs": {"name": 1}})
    assert caught.value.pointer == "/a/0"
    assert caught.value.path == ("inputs", "nme")
    assert "did you mean 'name'" in str(caught.value)


def test_secrets_come_from_the_resolver_only() -> None:
    template = compile_template(
        {"k": "${secrets.key}", "h": "B ${secrets.key}"}, allowed_roots=ROOTS
    )
    assert template.paths == (("secrets", "key"),)
    asked: list[str] = []

    def resolve(name: str) -> str:
        asked.append(name)
        return "s3"

    assert template.render({}, secrets=resolve) == {"k": "s3", "h": "B s3"}
    assert asked == ["key"]
    with pytest.raises(ExpressionError, match="secret 'key'"):
        template.render({"secrets": {"key": "from data"}})


def test_deep_value_is_refused() -> None:
    value: Any = "x"
    for _ in range(70):
        value = [value]
    with pytest.raises(TemplateSyntaxError, match="nested deeper"):
        compile_template(value, allowed_roots=ROOTS)
