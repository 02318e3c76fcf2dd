"""Paths travel as text and rebuild the context they were taken from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.expr import MISSING, build_context, extract, format_path, parse_path

_SEGMENT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(_SEGMENT, max_size=5).map(tuple))
def test_parse_undoes_format(path: tuple[str, ...]) -> None:
    assert parse_path(format_path(path)) == path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("nodes", "a", "output", "body"), "nodes.a.output.body"),
        (("output", "content-type", "x"), 'output["content-type"].x'),
        (("output", 'say "hé"'), 'output["say \\"hé\\""]'),
        ((), ""),
    ],
)
def test_canonical_text(path: tuple[str, ...], text: str) -> None:
    assert format_path(path) == text


@pytest.mark.parametrize("text", ["a..b", ".a", "a.", "a[0]", 'a["x"', "a b", 'a["x]', "[x]"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|Unterminated"):
        parse_path(text)


def test_missing_leaves_parents() -> None:
    assert build_context({("a", "b", "c"): MISSING}) == {"a": {"b": {}}}


def test_null_is_not_missing() -> None:
    assert extract({"a": None}, ("a",)) is None
    assert extract({"a": None}, ("a", "b")) is MISSING
    assert extract([1], ("0",)) is MISSING


def test_values_are_never_written_to() -> None:
    whole = {"b": {"c": 1}}
    context = build_context({("a", "b", "d"): 2, ("a",): whole, ("x",): 3})
    assert context == {"a": {"b": {"c": 1}}, "x": 3}
    assert whole == {"b": {"c": 1}}
