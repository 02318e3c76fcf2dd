"""What nobody can read, route or store, put where only the protocol should write."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import redis

from minuet.bus.keys import Keys, partition_of

_KEYS = Keys()
GARBAGE = b"\xff\xfe{not json"

UNREADABLE_SIGNALS: list[dict[bytes | str, bytes | str]] = [
    {"k": "nonsense", "s": "{}"},
    {"x": "y"},
    {"k": GARBAGE},
    {"k": "done"},
    {"k": "done", "not a token id": "{}"},
    {"k": "done", "0-x/first/1/1": GARBAGE},
    {"k": "done", "0-x/first/1/1": '{"port": 7}'},
    {"k": "start", "s": GARBAGE},
    {"k": "start", "s": "{}"},
    {"k": "command", "s": '{"run": 1}'},
    {"k": "restore", "s": "[]"},
    {"k": "timer", "no such timer": "soon"},
]


def spoil_signals(client: redis.Redis, p: int) -> int:
    """How many entries were put among the signals of partition `p`."""
    for fields in UNREADABLE_SIGNALS:
        client.xadd(_KEYS.signals(p), fields)  # type: ignore[arg-type]
    return len(UNREADABLE_SIGNALS)


def spoil_events(client: redis.Redis, p: int) -> int:
    entries: list[Any] = [{"e": GARBAGE}, {"e": '{"owner": 1}'}, {"x": "y"}]
    for fields in entries:
        client.xadd(_KEYS.events(p), fields)
    return len(entries)


def spoil_tasks(client: redis.Redis, p: int, type_: str) -> None:
    """Pages whose tokens cannot be read."""
    for fields in ({"not a token id": GARBAGE}, {"0-x/first/1/1": "{}"}):
        client.xadd(_KEYS.tasks(p, type_), fields)  # type: ignore[arg-type]


def send_message_without_a_name(client: redis.Redis, run: str) -> None:
    """A command that can be read, is the next one of its run, and cannot be routed."""
    command = {"v": 1, "run": run, "number": 1, "name": "message", "data": {}}
    client.xadd(_KEYS.signals(partition_of(run)), {"k": "command", "s": json.dumps(command)})


def send_again(client: redis.Redis, token: str, output: Any) -> None:
    """A late result of an execution that has ended, with another output than was recorded."""
    outcome = {"port": "success", "output": output}
    client.xadd(_KEYS.signals(partition_of(token)), {"k": "done", token: json.dumps(outcome)})


def refuse_events_with(database_url: str, text: str) -> None:
    """Let Postgres refuse, as wrong data, every transition whose events have `text`."""
    quoted = text.replace("'", "''")
    statement = f"""
    create function prove_refuse() returns trigger language plpgsql as $$ begin
      if position('{quoted}' in convert_from(new.events, 'UTF8')) > 0 then
        raise exception 'not to be stored' using errcode = '22000';
      end if;
      return new;
    end $$;
    create trigger prove_refuse before insert on transitions
      for each row execute function prove_refuse();
    """
    asyncio.run(_execute(database_url, statement))


def dead_letters(database_url: str) -> dict[str, int]:
    """How many there are of each kind."""
    rows = asyncio.run(
        _fetch(database_url, "select kind, count(*) as n from dead_letters group by kind")
    )
    return {row["kind"]: row["n"] for row in rows}


async def _execute(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _fetch(database_url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()
