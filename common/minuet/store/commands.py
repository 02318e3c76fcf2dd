"""Commands of runs: numbered rows, relayed until a recorded transition confirms them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .runs import START_COLUMNS, StartRow

if TYPE_CHECKING:
    from .database import Connection


class CommandRow(msgspec.Struct, frozen=True):
    run_id: str
    number: int
    name: str
    data: dict[str, Any]
    principal: str
    created_at: datetime


class PendingRun(msgspec.Struct, frozen=True):
    """A live run with unconfirmed commands; if it is `unstarted` the start is among them."""

    id: str
    partition: int
    start: StartRow
    unstarted: bool
    commands: list[CommandRow]


class CommandState(msgspec.Struct, frozen=True):
    """A command with what is recorded of its run. `refused` is why its owner did not apply it."""

    number: int
    name: str
    principal: str
    created_at: datetime
    cmd: int
    status: int
    refused: str | None


class Refusal(NamedTuple):
    """Why a command was not applied, in the order of the parameters of its update."""

    run_id: str
    number: int
    reason: str


_COMMAND = "run_id, number, name, data, principal, created_at"

CANCELLED = """exists (
  select from commands k where k.run_id = r.id and k.number > 0 and k.name = 'cancel')"""

# A run that waits for its concurrency key is not sent, unless somebody cancels it: then its start
# says so. `greatest` passes over nulls. Commands of runs under way go first, whatever is waiting.
_CLAIM = f"""
with due as (
  select id from runs r where cmd < last_command and status < 6
    and (concurrency_key is null or granted_at is not null or {CANCELLED})
    and ($4 or last_command > 0)
    and (relayed_at is null or relayed_at + least($3, greatest($2, relayed_at - (
      select greatest(min(created_at), r.granted_at) from commands k
      where k.run_id = r.id and k.number > r.cmd)
    )) <= now())
  order by cmd < 0, priority desc, accepted_at limit $1 for update skip locked
)
update runs r set relayed_at = now() from due where r.id = due.id returning r.cmd, {START_COLUMNS}
"""  # noqa: S608 - a constant list of columns


async def add_command(
    c: Connection,
    run: str,
    name: str,
    *,
    tenant: str,
    principal: str,
    data: dict[str, Any],
    idempotency_key: str | None = None,
) -> CommandRow | None:
    """Give the command the run's next number and write it, in the caller's transaction.

    None if the run does not exist or has ended. The run's row stays locked until the transaction
    ends, so numbers have no gaps. Raises asyncpg's UniqueViolationError if the key is taken.
    """
    number = await c.fetchval(
        "update runs set last_command = last_command + 1, relayed_at = "
        "case when concurrency_key is null or granted_at is not null then now() end "
        "where id = $1 and tenant = $2 and status < 6 returning last_command",
        run, tenant,
    )  # fmt: skip
    if number is None:
        return None
    row = await c.fetchrow(
        "insert into commands (run_id, number, name, data, principal, idempotency_key, "  # noqa: S608
        f"created_at) values ($1, $2, $3, $4, $5, $6, now()) returning {_COMMAND}",
        run, number, name, data, principal, idempotency_key,
    )  # fmt: skip
    assert row is not None
    return CommandRow(**row)


async def find_command(c: Connection, run: str, idempotency_key: str) -> CommandRow | None:
    row = await c.fetchrow(
        f"select {_COMMAND} from commands "  # noqa: S608 - a constant list of columns
        "where run_id = $1 and idempotency_key = $2",
        run, idempotency_key,
    )  # fmt: skip
    return CommandRow(**row) if row else None


async def get_command(c: Connection, tenant: str, run: str, number: int) -> CommandState | None:
    row = await c.fetchrow(
        "select k.number, k.name, k.principal, k.created_at, r.cmd, r.status, k.refused "
        "from commands k "
        "join runs r on r.id = k.run_id where r.tenant = $1 and k.run_id = $2 and k.number = $3",
        tenant, run, number,
    )  # fmt: skip
    return CommandState(**row) if row else None


async def claim_unconfirmed(
    c: Connection, *, limit: int, least_s: float, most_s: float, starts: bool = True
) -> list[PendingRun]:
    """Live runs whose commands wait for confirmation and are due again: those that began go first,
    then by priority and age. Without `starts` only runs with commands beside their start.

    A run is due when as much time has passed since it was last relayed as had passed then since
    its first unconfirmed command was accepted, at least `least_s`, at most `most_s`: the spacing
    doubles. Marks the runs as relayed now; rows that another orchestrator has in hand are left
    to it.
    """
    rows = await c.fetch(
        _CLAIM, limit, timedelta(seconds=least_s), timedelta(seconds=most_s), starts
    )
    found = {row["id"]: (row["cmd"], StartRow(*tuple(row)[1:])) for row in rows}
    commands = await _commands_after(c, {id: cmd for id, (cmd, _) in found.items()})
    pending = [
        PendingRun(id, start.partition, start, cmd < 0, commands.get(id, []))
        for id, (cmd, start) in found.items()
    ]
    return sorted(
        pending, key=lambda run: (run.unstarted, -run.start.priority, run.start.accepted_at)
    )


async def hurry(c: Connection) -> None:
    """Make every unconfirmed command due at once: what was sent of it is gone."""
    await c.execute(
        "update runs set relayed_at = null "
        "where cmd < last_command and status < 6 and relayed_at is not null"
    )


async def _commands_after(c: Connection, cmds: dict[str, int]) -> dict[str, list[CommandRow]]:
    """Each run's commands above its confirmed number, start excepted, in number order."""
    rows = await c.fetch(
        f"select {_COMMAND} from commands k "  # noqa: S608 - a constant list of columns
        "join unnest($1::text[], $2::int[]) as w (id, cmd) on k.run_id = w.id "
        "where k.number > greatest(w.cmd, 0) order by k.run_id, k.number",
        list(cmds), list(cmds.values()),
    )  # fmt: skip
    grouped: dict[str, list[CommandRow]] = {}
    for row in rows:
        grouped.setdefault(row["run_id"], []).append(CommandRow(**row))
    return grouped


async def count_unconfirmed(c: Connection) -> int:
    """Live runs with a command that no recorded transition confirms yet (gauge), without those that
    wait for their concurrency key."""
    return int(
        await c.fetchval(
            "select count(*) from runs where cmd < last_command and status < 6 "
            "and (concurrency_key is null or granted_at is not null)"
        )
        or 0
    )


async def has_cancel(c: Connection, run: str, *, before: int) -> bool:
    """Whether a cancel with a lower number was applied, or will be."""
    return bool(
        await c.fetchval(
            "select exists (select from commands where run_id = $1 and number < $2 "
            "and name = 'cancel' and refused is null)",
            run, before,
        )
    )  # fmt: skip


async def mark_refused(c: Connection, refused: Sequence[Refusal]) -> None:
    """Commands of child runs have no row: theirs are passed over."""
    await c.execute(
        "update commands k set refused = e.reason "
        "from unnest($1::text[], $2::int[], $3::text[]) as e (run, number, reason) "
        "where k.run_id = e.run and k.number = e.number",
        *(list(column) for column in zip(*refused, strict=True)),
    )


async def lock_run(c: Connection, run: str) -> None:
    """Make other commands of the run wait until the transaction ends."""
    await c.execute("select 1 from runs where id = $1 for no key update", run)
