"""What must not stand in Redis when all runs have ended, and what must while one lives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import redis

from minuet.bus.keys import Keys, partition_of
from minuet.model.state import Head
from minuet.model.status import RunStatus

if TYPE_CHECKING:
    from .fleet import Fleet
    from .judge import Row

GROUP = "workers"


def leftovers(fleet: Fleet) -> list[str]:
    """In words: tokens in streams or hands, unread signals, unrecorded events, timers of runs, runs
    that Redis takes for live. What is left of an ended run until it is forgotten is none."""
    with redis.Redis.from_url(fleet.redis_url, decode_responses=True) as client:
        partitions = int(client.get(Keys().partitions) or 0)
        found = [line for p in range(partitions) for line in _of_partition(client, p)]
        return found + ([] if partitions else ["Redis does not know the number of partitions"])


def live_state(fleet: Fleet, rows: Sequence[Row]) -> list[str]:
    """Live runs must stand in Redis where their history ends, once both are at rest."""
    found = []
    with redis.Redis.from_url(fleet.redis_url, decode_responses=True) as client:
        for row in rows:
            text = client.hget(Keys().run(partition_of(row.id), row.id), "head")
            if text is None:
                found.append(f"{row.id}: live, and Redis does not know it")
                continue
            head = Head.decode(str(text))
            told = (head.status, head.seq, head.cmd, head.counter, head.last)
            if told != (row.status, row.seq, row.cmd, row.counter, row.last_commit):
                found.append(f"{row.id}: Redis is at {told}, history at {tuple(row[1:6])}")
    return found


def _of_partition(client: Any, p: int) -> Iterable[str]:
    keys = Keys()
    for name, key in (("signals", keys.signals(p)), ("events", keys.events(p))):
        if count := client.xlen(key):
            yield f"partition {p}: {count} unread {name}"
    for type_ in client.smembers(keys.types(p)):
        if count := client.xlen(keys.tasks(p, type_)):
            yield f"partition {p}: {count} pages of {type_}"
        if held := _in_hand(client, keys.tasks(p, type_)):
            yield f"partition {p}: {held} pages of {type_} in hand"
    if count := client.hlen(keys.splits(p)):
        yield f"partition {p}: {count} marks of split pages"
    for timer in client.zrange(keys.timers(p), 0, -1):
        if not timer.startswith("forget "):
            yield f"partition {p}: timer {timer}"
    for key in client.scan_iter(match=keys.run(p, "*"), count=1000):
        yield from _of_run(client, key)


def _in_hand(client: Any, stream: str) -> int:
    if not client.exists(stream):
        return 0
    return sum(group["pending"] for group in client.xinfo_groups(stream))


def _of_run(client: Any, key: str) -> Iterable[str]:
    text = client.hget(key, "head")
    if text is None:
        return  # it was just forgotten
    fields = client.hlen(key) - 1
    if not fields:
        return  # archived: for a minute the head stays, of a run that came back alive too
    head = Head.decode(text)
    if not RunStatus(head.status).ended or head.counter:
        yield f"{key}: {head.counter} live tokens, {RunStatus(head.status).word}"
    else:
        yield f"{key}: {fields} fields beside its head though it was recorded"
