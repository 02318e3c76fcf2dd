"""Comparing what was shown of a run with what Postgres holds, which wins."""

from __future__ import annotations

from typing import Final

from minuet.model.status import RunStatus
from minuet.store import feeds
from minuet.store.database import Database
from minuet.store.feeds import ChainedTransition
from minuet.store.history import run_heads
from minuet.views.runs import EVENTS, ms_of, number_events

from .feed import Feed, Link
from .frames import event_frames

AT_ONCE: Final = 500


async def compare(db: Database, feed: Feed, *, forked: bool = False) -> None:
    """Show what is recorded and was not shown; take back what contradicts the record.

    `forked`: Redis tells another history than was shown, so what is not recorded is void too.
    """
    more = True
    while more:
        async with db.connection() as c:
            chain = await feeds.chain_after(c, feed.run, feed.recorded, limit=AT_ONCE)
            head = (await run_heads(c, [feed.run])).get(feed.run)
        _apply(feed, chain)
        more = len(chain) == AT_ONCE
    if forked and feed.recorded < feed.seq:
        feed.rewind(feed.recorded, feed.recorded_commit, ended=False)
    if head is not None and head.seq == feed.recorded:
        feed.ended = RunStatus(head.status).ended


def _apply(feed: Feed, chain: list[ChainedTransition]) -> None:
    if not chain:
        return
    if not feed.agrees_with((each.first_seq, each.last_seq, each.commit_id) for each in chain):
        feed.rewind(chain[-1].last_seq, chain[-1].commit_id, ended=False)
        return
    for each in chain:
        if each.first_seq == feed.seq + 1:
            feed.show(link_of(feed.run, each))
    feed.confirm(chain[-1].last_seq, chain[-1].commit_id)


def link_of(run: str, row: ChainedTransition) -> Link:
    events = number_events(run, row.first_seq, ms_of(row.time), EVENTS.decode(row.events))
    return Link(row.first_seq, row.last_seq, row.commit_id, event_frames(events))
