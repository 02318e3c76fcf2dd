"""What the API takes for a retry."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..runs.schemas import NO_NUL


class RetryBody(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_node": "from"}
):
    """Without anything: from what failed. `from` runs this node and everything after it again.
    `inputs` replace those of the run; `patch` (RFC 6902 on the document that it ended on) or
    `document` change what it does. `newest` starts again on the newest version of the workflow, and
    keeps nothing. With `dry_run` nothing is started."""

    from_node: Annotated[str, Meta(max_length=200, pattern=NO_NUL)] | UnsetType = UNSET
    inputs: dict[str, Any] | UnsetType = UNSET
    patch: list[Any] | UnsetType = UNSET
    document: Any = UNSET
    newest: bool = False
    dry_run: bool = False
