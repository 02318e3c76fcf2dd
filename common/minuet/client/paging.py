"""All items of a list, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Page(Protocol[Item]):
    @property
    def items(self) -> list[Item]: ...

    @property
    def next_cursor(self) -> str | None: ...


def every(fetch: Callable[[str | None], Page[Item]], limit: int | None = None) -> Iterator[Item]:
    """The items of every page, asked for as they are needed; at most `limit` of them."""
    cursor: str | None = None
    given = 0
    while True:
        page = fetch(cursor)
        for item in page.items:
            if limit is not None and given >= limit:
                return
            given += 1
            yield item
        cursor = page.next_cursor
        if cursor is None or (limit is not None and given >= limit):
            return
