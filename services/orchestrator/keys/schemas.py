"""What the API takes for a key; what it says of keys is in `minuet.views.keys`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Word = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$",
        max_length=64,
        description="Letters, digits and . _ @ - within",
    ),
]


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`agent` is for agent runners: patches with such a key are held to what agents may."""

    id: Word
    kind: Literal["person", "service", "agent"] = "service"
    roles: list[Literal["admin"]] = []
    groups: Annotated[list[Word], msgspec.Meta(max_length=100)] = []
