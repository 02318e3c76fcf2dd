"""What the API takes and says of approvals."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType


class DecisionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `payload` the decision is on the proposal as it is."""

    decision: Literal["approve", "reject"]
    comment: Annotated[str, Meta(max_length=10_000)] = ""
    payload: Any | UnsetType = UNSET
