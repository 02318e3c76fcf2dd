"""What models said, turn by turn: stored as it is told, read for whoever comes late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from minuet.model.event import LiveEvent

from .history import without_nul
from .live import instant

if TYPE_CHECKING:
    from .database import Connection

LARGEST_TURN: Final = 2**31 - 1
LONGEST_TEXT: Final = 200_000


class TurnRow(msgspec.Struct, frozen=True):
    """`details` is None while the turn is being said; `text` then is what was said so far."""

    gen: int
    turn: int
    attempt: int
    time: datetime
    text: str
    details: dict[str, Any] | None


class Told(msgspec.Struct):
    """A turn as one batch tells it: `text` stands `at` characters after its beginning."""

    event: LiveEvent
    turn: int
    at: int
    text: str
    details: dict[str, Any] | None = None


Key = tuple[str, str, int, int]


def gathered(events: Sequence[LiveEvent]) -> list[Told]:
    """One item for each turn that node.delta and node.turn events tell of, by key. What no row
    can hold is left out. Pieces after a lost one are left out too: a text so far has no holes."""
    by_key: dict[Key, Told] = {}
    for event in events:
        turn = _number(event.data.get("turn"), LARGEST_TURN)
        if turn is None:
            continue
        key = (event.run, event.node, event.gen, turn)
        if event.type == "node.turn":
            by_key[key] = _finished(event, turn)
        elif (at := _number(event.data.get("at"), LONGEST_TEXT)) is not None:
            by_key[key] = _with_piece(by_key.get(key), Told(event, turn, at, _text(event)))
    return [by_key[key] for key in sorted(by_key)]


def _finished(event: LiveEvent, turn: int) -> Told:
    details = {k: v for k, v in event.data.items() if k not in ("turn", "text")}
    return Told(event, turn, 0, _text(event), without_nul(details))


def _with_piece(before: Told | None, piece: Told) -> Told:
    if before is None or piece.at < before.at:
        return piece
    if before.details is not None or piece.at > before.at + len(before.text):
        return before
    return Told(
        piece.event, piece.turn, before.at, before.text[: piece.at - before.at] + piece.text
    )


def _text(event: LiveEvent) -> str:
    return str(without_nul(str(event.data.get("text", ""))))[:LONGEST_TEXT]


def _number(value: object, largest: int) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= largest else None


async def store_turns(c: Connection, events: Sequence[LiveEvent]) -> int:
    """Pieces go on where the stored text ends, or replace its end; those of a turn that is
    finished, or that an older attempt says, change nothing. How many turns were told of."""
    told = gathered(events)
    if told:
        whole = [each for each in told if each.details is not None]
        await _go_on(c, [each for each in told if each.details is None])
        await _begin(c, [each for each in told if each.details is None and each.at == 0])
        await _finish(c, whole)
    return len(told)


_TOLD: Final = (
    "select * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], "
    "$6::timestamptz[], $7::text[]) as told (run_id, node, gen, turn, attempt, time, text)"
)


def _columns(told: Sequence[Told]) -> list[list[Any]]:
    return [
        [each.event.run for each in told],
        [each.event.node for each in told],
        [each.event.gen for each in told],
        [each.turn for each in told],
        [each.event.attempt for each in told],
        [instant(each.event) for each in told],
        [each.text for each in told],
    ]


async def _go_on(c: Connection, told: Sequence[Told]) -> None:
    if not told:
        return
    await c.execute(
        "update node_turns t set attempt = told.attempt, time = told.time, "
        "text = left(left(t.text, told.at) || told.text, $9) "
        "from (select * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], "
        "$6::timestamptz[], $7::text[], $8::int[]) "
        "as w (run_id, node, gen, turn, attempt, time, text, at)) as told "
        "where (t.run_id, t.node, t.gen, t.turn) = (told.run_id, told.node, told.gen, told.turn) "
        "and t.details is null and told.attempt >= t.attempt and told.at <= length(t.text)",
        *_columns(told), [each.at for each in told], LONGEST_TEXT,
    )  # fmt: skip


async def _begin(c: Connection, told: Sequence[Told]) -> None:
    if told:
        await c.execute(
            "insert into node_turns (run_id, node, gen, turn, attempt, time, text) "
            f"{_TOLD} on conflict do nothing",
            *_columns(told),
        )


async def _finish(c: Connection, told: Sequence[Told]) -> None:
    if not told:
        return
    await c.execute(
        "insert into node_turns (run_id, node, gen, turn, attempt, time, text, details) "
        "select * from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], "
        "$6::timestamptz[], $7::text[], $8::jsonb[]) "
        "on conflict on constraint node_turns_pkey do update set attempt = excluded.attempt, "
        "time = excluded.time, text = excluded.text, details = excluded.details "
        "where excluded.attempt >= node_turns.attempt",
        *_columns(told), [each.details for each in told],
    )  # fmt: skip


async def turns_of_node(
    c: Connection, run: str, node: str, *, after: tuple[int, int], limit: int
) -> list[TurnRow]:
    """Turns after (gen, turn), in that order."""
    rows = await c.fetch(
        "select gen, turn, attempt, time, text, details from node_turns "
        "where run_id = $1 and node = $2 and (gen, turn) > ($3, $4) order by gen, turn limit $5",
        run, node, *after, limit,
    )  # fmt: skip
    return [TurnRow(**row) for row in rows]
