"""Random JSON values and patches that mostly fit them, so that the deep parts are reached."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

KEYS = st.sampled_from(["a", "b", "nodes", "id", "0", "-", "~", "/", "", "by-id", "x/y~z"])
SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 1.5, 2**63, "", "x", "1"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
NODES = st.fixed_dictionaries({"id": st.sampled_from(["n1", "n2", "n/3", "n~4"]), "config": VALUES})
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=3) | st.fixed_dictionaries(
    {"nodes": st.lists(NODES, max_size=4), "edges": st.lists(VALUES, max_size=2)}
)


def pointers_of(value: Any, at: str = "") -> list[str]:
    """Every pointer into `value`, and those at which something may be added."""
    found = [at]
    if isinstance(value, dict):
        for key, child in value.items():
            found += pointers_of(child, f"{at}/{escaped(key)}")
        found.append(f"{at}/fresh")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            found += pointers_of(child, f"{at}/{index}")
        found += [f"{at}/-", f"{at}/{len(value)}"]
    return found


def escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def ids_of(document: Any) -> list[str]:
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list):
        return []
    return [
        each["id"] for each in nodes if isinstance(each, dict) and isinstance(each.get("id"), str)
    ]


@st.composite
def operations(draw: st.DrawFn, document: Any, *, by_id: bool = True) -> dict[str, Any]:
    known = pointers_of(document)
    if by_id:
        known += [
            f"/nodes/by-id/{escaped(name)}{tail}"
            for name in [*ids_of(document), "n1"]
            for tail in ("", "/config", "/id", "/fresh")
        ]
    pointer = st.sampled_from(known) | st.sampled_from(["/a/01", "/nodes/99", "/zz/y", "/nodes/-1"])
    op = draw(st.sampled_from(["add", "add", "remove", "replace", "move", "copy", "test"]))
    operation: dict[str, Any] = {"op": op, "path": draw(pointer)}
    if op in ("move", "copy"):
        operation["from"] = draw(pointer)
    elif op != "remove":
        operation["value"] = draw(VALUES | NODES)
    return operation


@st.composite
def documents_and_patches(draw: st.DrawFn, *, by_id: bool = True) -> tuple[Any, list[Any]]:
    document = draw(DOCUMENTS)
    patch = draw(st.lists(operations(document, by_id=by_id), max_size=6))
    return document, patch
