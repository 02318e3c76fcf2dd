"""How many tokens share a stream entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minuet.bus.api import Page
from minuet.ir.transition import Token
from minuet.model.node_type import Effect

MAX_PAGE: Mapping[Effect, int] = {"pure": 64, "idempotent": 8, "once": 1}


def page_size(effect: Effect, tokens: int, outstanding: int, slots: float) -> int:
    """Tokens a page: 1 while slots are free, growing with the backlog up to the effect's bound.

    `tokens` are to be dispatched now, `outstanding` are out already, `slots` is this partition's
    share of the workers' slots.
    """
    backlog = tokens + outstanding
    return max(1, min(MAX_PAGE[effect], round(backlog / max(1.0, slots))))


def make_pages(
    tokens: Iterable[Token], outstanding: Mapping[str, int], slots: Mapping[str, float]
) -> list[Page]:
    """Group tokens by type, in order, into pages. Slots of unknown types count as one."""
    by_type: dict[str, list[Token]] = {}
    for token in tokens:
        by_type.setdefault(token.type, []).append(token)
    pages: list[Page] = []
    for type_, group in by_type.items():
        # A type keeps its effect across workflows; should versions differ, the strictest rules.
        effect = min((token.effect for token in group), key=MAX_PAGE.__getitem__)
        size = page_size(effect, len(group), outstanding.get(type_, 0), slots.get(type_, 1.0))
        for first in range(0, len(group), size):
            page = [(token.id, token.data) for token in group[first : first + size]]
            pages.append(Page(type_, page))
    return pages
