from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minuet.model.errors import InvalidInput
from minuet.model.yaml import parse_yaml

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Co", "Cn")), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_json_is_yaml(value: Any) -> None:
    assert parse_yaml(json.dumps(value, ensure_ascii=False)) == value


def test_words_and_dates_are_text() -> None:
    text = b"{on: yes, at: 2020-01-01, no: off, none: ~, n: 0x1f, f: 1e3, t: true}"
    assert parse_yaml(text) == {
        "on": "yes", "at": "2020-01-01", "no": "off", "none": None, "n": 31, "f": 1000.0, "t": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        b"a: 1\na: 2", b"a: &x 1\nb: *x", b"a: !!python/name:os.system", b"a: .nan", b"a: -.inf",
        b"a: 1e999", b"1: 2", b"? [a]\n: b", b"[" * 2000, b"a: [", b"a: 1\n---\nb: 2",
        b"\xff\xfe\xff", b"\x00", b"a: " + b"9" * 5000, b'a: "\\ud800"', b'"\\ud800": 1',
    ],
)  # fmt: skip
def test_what_is_no_tree_of_json_values_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput, match="not valid YAML"):
        parse_yaml(text)
