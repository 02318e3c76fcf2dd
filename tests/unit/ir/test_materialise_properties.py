"""Laws of the materialiser, judged by its reference and by the `jsonpatch` package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonpatch
import jsonpointer
import pytest
from hypothesis import assume, event, given

from minuet.ir import apply_patch, invert, materialise, patcher, reference_patch
from minuet.model.errors import PatchError

from .random_patches import documents_and_patches

Case = tuple[Any, list[Any]]
FOREIGN = (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException)


def strict(value: Any) -> Any:
    """A form in which == tells true from 1 and 1 from 1.0, and -0.0 from 0.0."""
    if isinstance(value, dict):
        return {key: strict(child) for key, child in value.items()}
    if isinstance(value, list):
        return [strict(child) for child in value]
    return (type(value).__name__, repr(value))


def outcome(document: Any, patch: list[Any], module: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(materialise, "Patcher", module.Patcher)
    monkeypatch.setattr(materialise, "same", module.same)
    try:
        return strict(apply_patch(document, patch)), strict(invert(document, patch))
    except PatchError as exc:
        return str(exc)


def foreign(document: Any, patch: list[Any]) -> Any:
    """What `jsonpatch` makes of it, or its error."""
    try:
        return jsonpatch.apply_patch(document, patch)
    except FOREIGN as exc:
        return exc


def applied(document: Any, patch: list[Any]) -> Any:
    """What `apply_patch` makes of it, or its error."""
    try:
        return apply_patch(document, patch)
    except PatchError as exc:
        return exc


def containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from containers(child)


def may_differ(patch: list[Any]) -> bool:
    """Where `jsonpatch` leaves the RFC: `test` takes true for 1, and the root can be removed."""
    return any(
        (each["op"] == "test" and holds_bit(each["value"]))
        or (each["op"] in ("remove", "move") and "" in (each["path"], each.get("from")))
        for each in patch
    )


def holds_bit(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(holds_bit, inner)) or (not isinstance(value, list | dict) and value in (0, 1))


@given(documents_and_patches())
def test_compiled_equals_reference(case: Case) -> None:
    document, patch = case
    assert patcher.is_compiled()
    with pytest.MonkeyPatch.context() as monkeypatch:
        ours = outcome(document, patch, patcher, monkeypatch)
        assert ours == outcome(document, patch, reference_patch, monkeypatch)
    event("refused" if isinstance(ours, str) else "applied")


@given(documents_and_patches(by_id=False))
def test_same_as_the_jsonpatch_package(case: Case) -> None:
    document, patch = case
    assume(not may_differ(patch))
    ours, theirs = applied(document, patch), foreign(document, patch)
    event("refused" if isinstance(ours, PatchError) else "applied")
    assert isinstance(ours, PatchError) == isinstance(theirs, Exception), (ours, theirs)
    assert isinstance(ours, PatchError) or strict(ours) == strict(theirs)


@given(documents_and_patches())
def test_patch_then_inverse_is_identity(case: Case) -> None:
    document, patch = case
    before = strict(patch)
    patched = applied(document, patch)
    if isinstance(patched, PatchError):
        with pytest.raises(PatchError, match=re.escape(str(patched))):
            invert(document, patch)
    else:
        assert strict(apply_patch(patched, invert(document, patch))) == strict(document)
    assert strict(patch) == before


@given(documents_and_patches())
def test_given_document_never_changes(case: Case) -> None:
    document, patch = case
    before = strict(document)
    shape = [(id(each), len(each)) for each in containers(document)]
    applied(document, patch)
    assert strict(document) == before
    assert [(id(each), len(each)) for each in containers(document)] == shape
