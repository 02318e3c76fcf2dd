"""What the API takes for many dead letters at once."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..runs.schemas import NO_NUL

Text = Annotated[str, Meta(max_length=220, pattern=NO_NUL)]
Id = Annotated[int, Meta(ge=1, le=2**53)]


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Open letters of this workflow and with this reason; of all where neither is given."""

    workflow: Text | None = None
    reason: Text | None = None


class ManyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either `ids` or a `filter`, which takes the newest 200 that fit."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    filter: Filter | UnsetType = UNSET
