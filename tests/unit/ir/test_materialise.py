"""What RFC 6902 and 6901 say, addressing by id, limits and errors."""

from __future__ import annotations

from typing import Any

import pytest

from minuet.ir import apply_patch, invert, materialise, patcher, reference_patch
from minuet.model.errors import InvalidInput, PatchError


@pytest.fixture(params=[patcher, reference_patch], ids=["compiled", "reference"], autouse=True)
def twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on both."""
    for name in ("Patcher", "same"):
        monkeypatch.setattr(materialise, name, getattr(request.param, name))


def node(name: str, **config: Any) -> dict[str, Any]:
    return {"id": name, "type": "http", "config": config}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


# The examples of RFC 6902, appendix A, and the rules of RFC 6901, section 4.
APPLIED = [
    ({"foo": "bar"}, [add("/baz", "qux")], {"foo": "bar", "baz": "qux"}),
    ({"foo": ["bar", "baz"]}, [add("/foo/1", "qux")], {"foo": ["bar", "qux", "baz"]}),
    ({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
    ({"a": [1, 2, 3]}, [{"op": "remove", "path": "/a/1"}], {"a": [1, 3]}),
    ({"a": 1}, [{"op": "replace", "path": "/a", "value": 2}], {"a": 2}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    ({"a": [1, 2, 3, 4]}, [{"op": "move", "from": "/a/1", "path": "/a/3"}], {"a": [1, 3, 4, 2]}),
    ({"foo": "bar"}, [{**add("/baz", "qux"), "xyz": 123}], {"foo": "bar", "baz": "qux"}),
    ({"foo": ["bar"]}, [add("/foo/-", ["abc"])], {"foo": ["bar", ["abc"]]}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"": {"": 1}}, [{"op": "replace", "path": "//", "value": 2}], {"": {"": 2}}),
    ({"-": 1, "01": 2}, [{"op": "remove", "path": "/01"}, add("/-", 3)], {"-": 3}),
    ({"a": 1}, [add("", [1])], [1]),
    ({"a": 1}, [{"op": "replace", "path": "", "value": None}], None),
    ({"a": 1}, [add("/a", None)], {"a": None}),
    ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/a"}], {"a": 1}),
    ({"a": [1]}, [{"op": "copy", "from": "", "path": "/c"}], {"a": [1], "c": {"a": [1]}}),
    ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
    ([], [add("/-", 1), add("/0", 0), add("/2", 2)], [0, 1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("document", "patch", "expected"), APPLIED)
def test_applies_as_the_rfc_says(document: Any, patch: list[Any], expected: Any) -> None:
    assert apply_patch(document, patch) == expected


REFUSED = [
    ({"foo": "bar"}, add("/baz/bat", "qux"), "no member"),
    ({"a": [1]}, add("/a/3", 2), "outside"),
    ({"a": [1]}, add("/a/01", 2), "no array index"),
    ({"a": [1]}, add("/a/-1", 2), "no array index"),
    ({"a": [1]}, add("/a/1e0", 2), "no array index"),
    ({"a": [1]}, add("/a/\u0661", 2), "no array index"),
    ({"a": [1]}, add("/a/", 2), "no array index"),
    ({"a": [1]}, add("/a/99999999999999999999999999", 2), "outside"),
    ({"a": [1]}, {"op": "remove", "path": "/a/-"}, "outside"),
    ({"a": [1]}, {"op": "replace", "path": "/a/1", "value": 0}, "outside"),
    ({"a": "text"}, add("/a/0", 2), "no members"),
    ({"a": "text"}, add("/a/0/b", 2), "no members"),
    ({"a": 1}, {"op": "replace", "path": "/b", "value": 2}, "no member"),
    ({"a": 1}, {"op": "remove", "path": ""}, "cannot be removed"),
    ({"a": {"b": 1}}, {"op": "move", "from": "/a", "path": "/a/b"}, "into itself"),
    ({"a": 1}, {"op": "move", "from": "", "path": "/a"}, "into itself"),
    ({"a": 1}, {"op": "move", "from": "/b", "path": "/b"}, "no member"),
    ({"a": 1}, {"op": "copy", "path": "/b"}, "from is missing"),
    ({"a": 1}, {"op": "add", "path": "/b"}, "value is missing"),
    ({"a": 1}, {"op": "add", "value": 1}, "path is missing"),
    ({"a": 1}, {"op": "spam", "path": "/b"}, "op must be one of"),
    ({"a": 1}, {"op": ["add"], "path": "/b"}, "op must be one of"),
    ({"a": 1}, add("b", 1), "does not start with /"),
    ({"a": 1}, add("/~2", 1), "neither ~0 nor ~1"),
    ({"a": 1}, add("/x~", 1), "neither ~0 nor ~1"),
    ({"a": 1}, "add", "an operation is an object"),
    ({"a": 1}, add("/" + "x" * 5000, 1), "limit is 4096"),
    ({"a": 1}, add("/b", object()), "no JSON form"),
]


@pytest.mark.parametrize(("document", "operation", "reason"), REFUSED)
def test_refuses_with_the_reason(document: Any, operation: Any, reason: str) -> None:
    harmless = add("/first", True)
    with pytest.raises(PatchError, match=reason) as refused:
        apply_patch(document, [harmless, operation])
    assert refused.value.index == 1
    assert "first" not in document


EQUAL = [
    (1, 1.0),
    (0, -0.0),
    (2**63, 2**63),
    ({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0}),
    (True, True),
]
UNEQUAL = [
    (True, 1), (1, True), (False, 0), (0.0, False), ("1", 1), (None, False), ([1, 2], [2, 1]),
    ({"a": None}, {}), ([], {}), ([True], [1]), ({"a": {"b": 1}}, {"a": {"b": True}}),
    ([1], [1, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_equal_values_pass_the_test(left: Any, right: Any) -> None:
    document = {"v": left}
    assert apply_patch(document, [{"op": "test", "path": "/v", "value": right}]) is document


@pytest.mark.parametrize(("left", "right"), UNEQUAL)
def test_unequal_values_fail_the_test(left: Any, right: Any) -> None:
    with pytest.raises(PatchError, match="the test failed: expected"):
        apply_patch({"v": left}, [{"op": "test", "path": "/v", "value": right}])


def test_failed_test_says_expected_and_found_cut_off() -> None:
    with pytest.raises(PatchError) as refused:
        apply_patch({"v": "x" * 10_000}, [{"op": "test", "path": "/v", "value": "y"}])
    assert 'expected "y", found "xxx' in str(refused.value)
    assert len(str(refused.value)) < 400


def test_error_tells_operation_and_is_a_callers_mistake() -> None:
    with pytest.raises(InvalidInput) as refused:
        apply_patch({}, [add("/a", 1), {"op": "remove", "path": "/b/c"}])
    error = refused.value
    assert isinstance(error, PatchError)
    assert (error.index, error.op, error.pointer) == (1, "remove", "/b/c")
    assert str(error) == 'operation 1 (remove /b/c): there is no member "b"'


def test_addresses_nodes_by_id() -> None:
    document = {"nodes": [node("a"), node("b/c~d"), node("e")]}
    patched = apply_patch(
        document,
        [
            {"op": "replace", "path": "/nodes/by-id/b~1c~0d/type", "value": "transform"},
            {"op": "remove", "path": "/nodes/by-id/a"},
            {"op": "test", "path": "/nodes/by-id/e/id", "value": "e"},
            add("/nodes/by-id/e/config/url", "x"),
            {"op": "replace", "path": "/nodes/by-id/e", "value": node("f")},
            {"op": "copy", "from": "/nodes/by-id/f", "path": "/nodes/-"},
            add("/nodes/by-id/f/title", "the first of two"),
        ],
    )
    assert patched["nodes"] == [
        {**node("b/c~d"), "type": "transform"},
        {**node("f"), "title": "the first of two"},
        node("f"),
    ]


def test_many_look_ups_by_id_follow_every_change_of_the_nodes() -> None:
    names = [f"n{i}" for i in range(20)]
    document = {"nodes": [node(name) for name in names]}
    patch: list[Any] = []
    for i, name in enumerate(names):
        patch.append(add(f"/nodes/by-id/{name}/seen", True))
        patch.append(
            {"op": "remove", "path": "/nodes/by-id/n0"}
            if i == 7
            else add("/nodes/0", node(f"m{i}"))
        )
        patch.append(
            {"op": "replace", "path": f"/nodes/by-id/n{max(i, 8)}/id", "value": f"n{max(i, 8)}"}
        )
        patch.append(add("/nodes/-", node(f"new{i}")))
        patch.append(add(f"/nodes/by-id/new{i}/seen", True))
    patched = apply_patch(document, patch)
    seen = {each["id"] for each in patched["nodes"] if each.get("seen")}
    assert seen == {f"n{i}" for i in range(1, 20)} | {f"new{i}" for i in range(20)}


def test_unknown_id_is_named() -> None:
    with pytest.raises(PatchError, match='there is no node with id "zz"'):
        apply_patch(
            {"nodes": [node("a"), 5, {"id": 7}]}, [{"op": "remove", "path": "/nodes/by-id/zz"}]
        )


@pytest.mark.parametrize(
    "document", [{"nodes": {"by-id": {"x": 1}}}, {"edges": [], "nodes": {"by-id": {"x": 2}}}]
)
def test_by_id_is_an_ordinary_member_where_nodes_is_no_array(document: Any) -> None:
    assert apply_patch(document, [{"op": "remove", "path": "/nodes/by-id/x"}])["nodes"] == {
        "by-id": {}
    }


def test_edges_have_no_ids() -> None:
    with pytest.raises(PatchError, match="no array index"):
        apply_patch({"edges": [{"id": "a"}]}, [{"op": "remove", "path": "/edges/by-id/a"}])


def test_untouched_parts_are_shared_and_changed_ones_copied_once() -> None:
    nodes, edges = [node("a"), node("b")], [{"from": "a", "to": "b"}]
    document: dict[str, Any] = {"nodes": nodes, "edges": edges, "inputs": {}}
    value = {"deep": [1]}
    patched = apply_patch(
        document, [add("/nodes/0/config/x", value), add("/nodes/by-id/a/config/y", 2)]
    )
    assert patched["edges"] is document["edges"]
    assert patched["inputs"] is document["inputs"]
    assert patched["nodes"][1] is document["nodes"][1]
    assert patched["nodes"][0]["config"]["x"] is value
    assert patched["nodes"][0] == node("a", x=value, y=2)
    assert document["nodes"][0] == node("a")


def test_copies_part_when_one_of_them_changes() -> None:
    patch = [
        add("/a/x", 1),
        {"op": "copy", "from": "/a", "path": "/b"},
        add("/b/y", 2),
        add("/a/in/z", 3),
        add("/b/in/w", 4),
    ]
    patched = apply_patch({"a": {"in": {}}}, patch)
    assert patched == {"a": {"in": {"z": 3}, "x": 1}, "b": {"in": {"w": 4}, "x": 1, "y": 2}}


def test_value_given_twice_is_not_tied() -> None:
    value: dict[str, Any] = {"in": []}
    patched = apply_patch({}, [add("/a", value), add("/b", value), add("/a/in/-", 1)])
    assert patched == {"a": {"in": [1]}, "b": {"in": []}}
    assert value == {"in": []}


def test_too_many_operations_are_refused_before_the_first() -> None:
    with pytest.raises(PatchError, match="3 operations; the limit is 2"):
        apply_patch({}, [add("/a", 1)] * 3, max_operations=2)


def test_values_are_bounded_together() -> None:
    patch = [add("/a", "x" * 40), add("/b", "x" * 40)]
    assert len(apply_patch({}, patch, max_value_bytes=84)) == 2
    with pytest.raises(PatchError, match="more than 83 bytes") as refused:
        apply_patch({}, patch, max_value_bytes=83)
    assert refused.value.index == 1


def test_doubling_by_copies_is_stopped() -> None:
    patch = [{"op": "copy", "from": "", "path": f"/k{i}"} for i in range(200)]
    with pytest.raises(PatchError, match="more than 1048576 bytes"):
        apply_patch({"seed": "x" * 50}, patch)


@pytest.mark.parametrize("given", [{"op": "add"}, "[]", b"[]", 5])
def test_patch_must_be_a_list(given: Any) -> None:
    with pytest.raises(PatchError, match="a patch is a list"):
        apply_patch({}, given)


def test_inverse_restores_what_a_move_overwrote() -> None:
    document = {"a": {"b": {"c": 1}}, "list": [1, {"x": 2}, 3]}
    patch = [
        {"op": "move", "from": "/a/b", "path": "/a"},
        {"op": "move", "from": "/list/1/x", "path": "/list/1"},
        {"op": "move", "from": "/list/0", "path": "/list/-"},
        add("", {"all": "gone"}),
    ]
    patched = apply_patch(document, patch)
    assert patched == {"all": "gone"}
    assert apply_patch(patched, invert(document, patch)) == document
