"""The blobs that a process keeps: bounded by bytes, least recently used first out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minuet.cas.local import LocalBlobs


def test_what_was_put_is_there_for_its_tenant_alone() -> None:
    blobs = LocalBlobs(100)
    blobs.put("a", "d", b"12")
    assert blobs.get("a", "d") == b"12"
    assert blobs.get("b", "d") is None
    assert blobs.get("a", "e") is None


def test_the_least_recently_used_goes_first() -> None:
    blobs = LocalBlobs(80)
    for name in "abcdefgh":
        blobs.put("t", name, b"x" * 10)
    blobs.get("t", "a")
    blobs.put("t", "i", b"x" * 10)
    assert blobs.get("t", "b") is None
    assert blobs.get("t", "a") is not None


def test_more_than_an_eighth_is_not_kept() -> None:
    blobs = LocalBlobs(80)
    blobs.put("t", "large", b"x" * 11)
    blobs.put("t", "fits", b"x" * 10)
    assert blobs.get("t", "large") is None
    assert blobs.get("t", "fits") is not None


def test_what_is_dropped_makes_room() -> None:
    blobs = LocalBlobs(80)
    for name in "abcdefgh":
        blobs.put("t", name, b"x" * 10)
    blobs.drop("t", "h")
    blobs.drop("t", "never there")
    blobs.put("t", "i", b"x" * 10)
    assert blobs.get("t", "h") is None
    assert all(blobs.get("t", name) for name in "abcdefgi")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30), st.booleans())))
def test_it_never_holds_more_than_it_may(steps: list[tuple[int, int, bool]]) -> None:
    """A digest names one content, so the size follows from the name."""
    blobs = LocalBlobs(100)
    sizes: dict[str, int] = {}
    for name, size, drop in steps:
        digest = str(name)
        if drop:
            blobs.drop("t", digest)
        else:
            blobs.put("t", digest, b"x" * sizes.setdefault(digest, size))
        held = [data for n in sizes if (data := blobs.get("t", n)) is not None]
        assert sum(map(len, held)) <= 100
        assert all(len(data) * 8 <= 100 for data in held)
