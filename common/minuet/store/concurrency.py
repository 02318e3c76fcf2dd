"""Concurrency limits: which accepted run may be sent, and who holds the key it waits for.

A run with a key holds it from `granted_at` until its end is recorded: no step frees it that could
be lost. Whoever grants first takes the lock of the key, so of several orchestrators none can count
the same free place twice. Runs with a cancel among their commands are passed over: they end unsent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from .commands import CANCELLED, CommandRow
from .runs import START_COLUMNS, StartRow

if TYPE_CHECKING:
    from .database import Connection

LOCK_SEED: Final = 0x636F6E63
"""Keys are locked by their hash: two of the same hash wait for each other, which is harmless."""
MAX_HOLDERS: Final = 10


class Key(NamedTuple):
    """What a limit is counted by."""

    tenant: str
    workflow: str
    key: str


class Occupant(NamedTuple):
    """A run that holds its key or waits for it."""

    id: str
    granted: bool
    cancelled: bool


class Replaced(NamedTuple):
    """A run to be cancelled, by whom, and the data of that command."""

    run: str
    principal: str
    data: dict[str, Any]


class Standing(msgspec.Struct, frozen=True):
    """How a run stands with its key. While it waits, `place` is 1 for the next in line and
    `holders` are the runs it waits for (at most ten, the longest-holding first); once it is
    granted `place` is 0."""

    key: str
    limit: int
    granted_at: datetime | None
    place: int
    holders: list[str]


_SAME: Final = "tenant = $1 and workflow = $2 and concurrency_key = $3 and status < 6"

# `least`: the smallest limit among those ahead and oneself, so that a run of a version with a
# higher limit cannot overtake for ever one of a version with a lower one.
_GRANT: Final = f"""
with line as (
  select id, row_number() over w as place, min(concurrency_limit) over w as least
  from runs r where {_SAME} and granted_at is null and not {CANCELLED}
  window w as (order by priority desc, accepted_at, id)
), held as (
  select count(*) as runs from runs where {_SAME} and granted_at is not null
)
update runs r set granted_at = now(), relayed_at = now() from line, held
where r.id = line.id and held.runs + line.place <= line.least
returning {START_COLUMNS}
"""  # noqa: S608 - constants

_WITH_ROOM: Final = f"""
with line as (
  select distinct on (tenant, workflow, concurrency_key)
    tenant, workflow, concurrency_key, concurrency_limit
  from runs r where concurrency_key is not null and granted_at is null and status < 6
    and not {CANCELLED}
  order by tenant, workflow, concurrency_key, priority desc, accepted_at, id
)
select tenant, workflow, concurrency_key from line l
where (select count(*) from runs h where h.tenant = l.tenant and h.workflow = l.workflow
  and h.concurrency_key = l.concurrency_key and h.status < 6 and h.granted_at is not null
) < l.concurrency_limit
limit $1
"""  # noqa: S608 - constants

_OCCUPANTS: Final = f"""
select id, granted_at is not null, {CANCELLED} from runs r where {_SAME}
order by accepted_at, id
"""  # noqa: S608 - constants

_STANDING: Final = f"""
select r.concurrency_key, r.concurrency_limit, r.granted_at,
  case when r.granted_at is null then 1 + (
    select count(*) from runs o where o.tenant = r.tenant and o.workflow = r.workflow
      and o.concurrency_key = r.concurrency_key and o.status < 6 and o.granted_at is null
      and (-o.priority, o.accepted_at, o.id) < (-r.priority, r.accepted_at, r.id)
      and not {CANCELLED.replace("r.id", "o.id")}
  ) else 0 end,
  case when r.granted_at is null then array(
    select h.id from runs h where h.tenant = r.tenant and h.workflow = r.workflow
      and h.concurrency_key = r.concurrency_key and h.status < 6 and h.granted_at is not null
    order by h.granted_at, h.id limit $3
  ) else '{{}}' end
from runs r where r.tenant = $1 and r.id = $2 and r.concurrency_key is not null and r.status < 6
"""  # noqa: S608 - constants


async def lock_keys(c: Connection, keys: Collection[Key]) -> None:
    """Until the transaction ends nobody else grants these keys. To be called once, before anything
    else is locked: the order of the hashes keeps two callers from waiting for each other."""
    await c.execute(
        "select pg_advisory_xact_lock(h) from (select distinct hashtextextended(t, $2) as h "
        "from unnest($1::text[]) as t order by 1) as hashes",
        [msgspec.json.encode(key).decode() for key in keys], LOCK_SEED,
    )  # fmt: skip


async def grant(c: Connection, key: Key) -> list[StartRow]:
    """Give the free places of the key to the first in line: by priority, then by age. The caller
    holds the key's lock. What is returned may be sent once the transaction stands; should it never
    be, the relay's sweep finds it."""
    return [StartRow(*row) for row in await c.fetch(_GRANT, *key)]


async def keys_with_room(c: Connection, *, limit: int) -> list[Key]:
    """Keys for which a run waits although there is a free place."""
    return [Key(*row) for row in await c.fetch(_WITH_ROOM, limit)]


async def keys_of(c: Connection, runs: Sequence[str]) -> set[Key]:
    """The keys of those among the runs that have one."""
    rows = await c.fetch(
        "select tenant, workflow, concurrency_key from runs "
        "where id = any($1::text[]) and concurrency_key is not null",
        runs,
    )
    return {Key(*row) for row in rows}


async def count_waiting(c: Connection) -> int:
    """Runs that wait for their key."""
    return int(
        await c.fetchval(
            "select count(*) from runs where concurrency_key is not null "
            "and granted_at is null and status < 6"
        )
        or 0
    )


async def occupants(c: Connection, key: Key) -> list[Occupant]:
    """The oldest first."""
    return [Occupant(*row) for row in await c.fetch(_OCCUPANTS, *key)]


async def cancel_runs(c: Connection, replaced: Iterable[Replaced]) -> list[CommandRow]:
    """Write a cancel command for each run that has not ended."""
    wanted = {each.run: each for each in replaced}
    rows = await c.fetch(
        "with first as (select id from runs where id = any($1::text[]) and status < 6 "
        "order by id for no key update) "
        "update runs r set last_command = last_command + 1, "
        "relayed_at = case when granted_at is not null then now() end from first "
        "where r.id = first.id returning r.id, r.last_command",
        list(wanted),
    )
    found = await c.fetch(
        "insert into commands (run_id, number, name, data, principal, created_at) "
        "select w.id, w.number, 'cancel', w.data, w.principal, now() "
        "from unnest($1::text[], $2::int[], $3::jsonb[], $4::text[]) "
        "as w (id, number, data, principal) "
        "returning run_id, number, name, data, principal, created_at",
        [row["id"] for row in rows],
        [row["last_command"] for row in rows],
        [wanted[row["id"]].data for row in rows],
        [wanted[row["id"]].principal for row in rows],
    )
    return [CommandRow(**row) for row in found]


async def standing(c: Connection, tenant: str, run: str) -> Standing | None:
    """How a live run stands with its key; None if it has none, has ended, or does not exist."""
    row = await c.fetchrow(_STANDING, tenant, run, MAX_HOLDERS)
    return Standing(*row) if row else None
