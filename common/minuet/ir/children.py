"""How far the child runs of a node have come: pure bookkeeping over `Children`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from minuet.expr.returned import returned_values
from minuet.model.canonical import canonical_json, digest
from minuet.model.ids import child_run_id
from minuet.model.signal import Parent
from minuet.model.state import Children, ItemError, Stored
from minuet.model.token import CasRef, Failure

INLINE_BYTES = 64 * 1024
MAX_RESULT_BYTES = 8 * 1024 * 1024
MAX_ITEMS = 100_000
DEFAULT_PARALLEL = 100


def item_key(node: str, item: int) -> str:
    """Where the result of an item stands among the outputs; no node id holds the sign."""
    return f"{node}#{item}"


def live_items(children: Children) -> Iterator[int]:
    """Items that were started and have not ended, ascending."""
    ended = set(children.beyond)
    return (item for item in range(children.low, children.next) if item not in ended)


def running(children: Children) -> int:
    return children.next - children.low - len(children.beyond)


def is_live(children: Children, item: int) -> bool:
    return children.low <= item < children.next and item not in children.beyond


def is_over(children: Children) -> bool:
    return children.low == children.count


def note_ended(children: Children, item: int) -> None:
    """The item, which was live, has ended."""
    if item == children.low:
        children.low += 1
        ended = set(children.beyond)
        while children.low in ended:
            ended.remove(children.low)
            children.low += 1
        if len(ended) < len(children.beyond):
            children.beyond = sorted(ended)
    else:
        children.beyond.append(item)


def tolerated(config: Mapping[str, Any], children: Children) -> bool:
    """Whether the map may go on although these items have failed."""
    match config.get("on_item_error", "fail"):
        case "collect":
            return True
        case {"tolerate": most}:
            return len(children.failed) <= int(most)
        case _:
            return not children.failed


def too_many_failed(children: Children) -> Failure:
    first = children.failed[0]
    more = f" and {len(children.failed) - 1} others" if len(children.failed) > 1 else ""
    message = f"item {first.item}{more} failed: {first.message}"
    return Failure("item_failed", message, cause=first.code)


def item_error(item: int, failure: Failure) -> ItemError:
    return ItemError(item, failure.code, failure.message)


def child_id(parent: Parent) -> str:
    return child_run_id(parent.token, parent.item or 0)


def collected(
    children: Children, outputs: Mapping[str, Stored], node: str, returns: Sequence[str]
) -> tuple[Stored, bytes | None]:
    """The output of a map, and the blob that it refers to if it is too large to stand inline.

    `{results, errors, succeeded, failed}`: results in the order of the items, null where one
    failed; one that is large itself is its reference.
    """
    results = [_result(outputs.get(item_key(node, item))) for item in range(children.count)]
    failed = sorted(children.failed, key=lambda each: each.item)
    output = {
        "results": results,
        "errors": failed,
        "succeeded": children.count - len(failed),
        "failed": len(failed),
    }
    return stored_value(output, returns)


def stored_value(value: Any, returns: Sequence[str]) -> tuple[Stored, bytes | None]:
    """How a value is kept: inline, or as a blob with the values at the paths that are read."""
    text = msgspec.json.encode(value)
    if len(text) <= INLINE_BYTES:
        return Stored(msgspec.Raw(text)), None
    whole = msgspec.json.decode(text)
    blob = canonical_json(whole)
    values = returned_values(whole, returns, max_bytes=INLINE_BYTES)
    return Stored(ref=CasRef(digest(blob), len(blob)), values=values), blob


def _result(stored: Stored | None) -> Any:
    if stored is None:
        return None
    return stored.value if stored.ref is None else stored.ref
