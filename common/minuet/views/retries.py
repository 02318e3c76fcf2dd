"""What a retry would take over, run again and cost, as the API shows it before it is done."""

from __future__ import annotations

import msgspec

from minuet.model.node_type import Effect


class CostView(msgspec.Struct, frozen=True):
    """What a node took in the ended run. `duration_ms` is from ready to end, `attempts` and tokens
    those of all rounds of a loop together. Tokens are null where no model told them."""

    duration_ms: int
    attempts: int
    rounds: int
    input_tokens: int | None = None
    output_tokens: int | None = None


class AgainView(msgspec.Struct, frozen=True):
    """A node that is decided anew, and why: `asked`, `changed`, `inputs`, `failed`, `timed_out`,
    `cancelled`, `skipped`, `pending`, `undone`, `loop` or `after` (the node named there). Whether
    it runs follows from its edges. `outside` tells whether it touches the world outside of the
    run, by `method` if it is an http node; `asks_people` that somebody has to answer again."""

    id: str
    type: str
    reason: str
    after: str | None
    effect: Effect
    outside: bool
    method: str | None
    asks_people: bool
    last: CostView | None


class RetryView(msgspec.Struct, frozen=True):
    """A retry that was not done. `last` sums up what `again` took in the ended run."""

    retry_of: str
    workflow: str
    version: int | None
    document_digest: str
    reused: list[str]
    again: list[AgainView]
    last: CostView
