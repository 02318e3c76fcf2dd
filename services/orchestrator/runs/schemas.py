"""What the API takes and says of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from minuet.views.schemas import NodeView

NO_NUL: Final = r"^[^\x00]*$"  # Postgres cannot store U+0000 in text

Label = Annotated[str, Meta(max_length=200, pattern=NO_NUL)]


class StartBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of `workflow` (`name`, `name@latest`, `name@<version>`) and `document`.
    `priority` replaces that of the document's settings: 10 goes first."""

    workflow: Annotated[str, Meta(min_length=1, max_length=220, pattern=NO_NUL)] | UnsetType = UNSET
    document: Any = UNSET
    inputs: dict[str, Any] = {}
    labels: Annotated[dict[Label, Label], Meta(max_length=50)] = {}
    priority: Annotated[int, Meta(ge=1, le=10)] | UnsetType = UNSET


Reason = Annotated[str, Meta(max_length=2000, pattern=NO_NUL)]


class CancelBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason = ""


class ReasonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for whoever reads the history."""

    reason: Reason = ""


class MessageBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data` goes on to the node that waits; at most 64 KiB as canonical JSON."""

    data: Any = None


class NodePage(msgspec.Struct, frozen=True):
    """Nodes as of event `seq`, in topological order."""

    items: list[NodeView]
    seq: int
    next_cursor: str | None = None


class ToolCallView(msgspec.Struct, frozen=True):
    """`arguments` is the text that the model wrote. `result` is null while the call runs. Long
    texts are cut."""

    name: str
    arguments: str = ""
    result: str | None = None
    is_error: bool = False


class TurnView(msgspec.Struct, frozen=True):
    """What a model said and called in one turn. Until it is `finished`, `text` is what was said so
    far. Turns count 1, 2, 3 ... in one execution (`gen`), whatever attempt they fell in."""

    gen: int
    turn: int
    attempt: int
    time: datetime
    text: str
    finished: bool
    calls: list[ToolCallView] = []
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class TurnPage(msgspec.Struct, frozen=True):
    items: list[TurnView]
    next_cursor: str | None = None
