"""Parameters that several operations take."""

from __future__ import annotations

from typing import Annotated

from litestar.params import HeaderParameter, QueryParameter

from minuet.store.page import MAX_LIMIT

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="Most items of a page")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before")]
Key = Annotated[
    str | None,
    HeaderParameter(name="Idempotency-Key", description="The same key again gives the same answer"),
]
