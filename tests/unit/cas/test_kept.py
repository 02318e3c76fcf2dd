"""What is kept is bounded by weight, not by number."""

from __future__ import annotations

from minuet.cas.kept import Kept


def test_the_least_recently_used_go_until_the_weight_fits() -> None:
    kept: Kept[str] = Kept(10)
    for name in "abc":
        kept.put("t", name, name, 3)
    assert kept.get("t", "a") == "a"
    kept.put("t", "d", "d", 4)
    assert [kept.get("t", name) for name in "abcd"] == ["a", None, "c", "d"]


def test_what_was_put_last_stays_however_heavy() -> None:
    kept: Kept[str] = Kept(10)
    kept.put("t", "a", "a", 3)
    kept.put("t", "b", "b", 99)
    assert [kept.get("t", name) for name in "ab"] == [None, "b"]
    kept.put("t", "b", "b", 1)
    kept.put("t", "c", "c", 9)
    assert [kept.get("t", name) for name in "bc"] == ["b", "c"]


def test_a_tenant_does_not_get_what_is_anothers() -> None:
    kept: Kept[str] = Kept(10)
    kept.put("one", "a", "x", 1)
    assert kept.get("two", "a") is None
