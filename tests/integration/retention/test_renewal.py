"""Values that live runs name are in the cache, however long ago somebody read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from minuet.bus.keys import Keys
from minuet.bus.redis import RedisBus
from minuet.cas.cas import Cas
from minuet.cas.durable import DurableCas
from minuet.services.orchestrator.retention import renewal as module
from minuet.services.orchestrator.retention.renewal import RENEW_S, Renewal
from minuet.store.blobs import Blobs
from minuet.store.database import Database
from minuet.store.uses import Use, note_uses

from .runs import TENANT, insert_run

pytestmark = pytest.mark.anyio


async def test_values_of_live_runs_are_renewed_and_brought_back(
    db: Database, bus: RedisBus, key_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VALUES_AT_ONCE", 2)
    live, ended = await insert_run(db), await insert_run(db, ended=timedelta(hours=1))
    maker = Cas(bus, Blobs(db))
    named = [(await maker.put_durably(TENANT, b'"%d"' % i)).digest for i in range(6)]
    lost = "sha256:" + "0" * 64
    async with db.connection() as c:
        await note_uses(c, [Use(TENANT, name, live) for name in [*named[:5], lost]])
        await note_uses(c, [Use(TENANT, name, ended) for name in named[4:]])
    keys = [Keys(key_prefix).cas(TENANT, name) for name in named]
    await bus.ask(b"UNLINK", *keys[:2])
    for key in keys[2:]:
        await bus.ask(b"EXPIRE", key, 100)
    now = 0.0
    # Another process: what this one has in memory proves nothing.
    renewal = Renewal(db, bus, DurableCas(Cas(bus, Blobs(db))), clock=lambda: now)
    assert await renewal.sweep() == 5
    lives = [await bus.ask(b"TTL", key) for key in keys]
    assert all(left > 4_700 for left in lives[:5])
    assert lives[5] <= 100
    assert await renewal.sweep() == 0, "not yet"
    now = RENEW_S
    assert await renewal.sweep() == 5
