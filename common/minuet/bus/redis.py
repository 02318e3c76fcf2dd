"""The bus on Redis or Valkey: every role of `minuet.bus.api` in one client."""

from __future__ import annotations

from .redis_coordinator import RedisCoordinator
from .redis_journal import RedisJournal
from .redis_leftovers import RedisLeftovers
from .redis_line import RedisLine
from .redis_reconciler import RedisReconciler
from .redis_recorder import RedisRecorder
from .redis_registry import RedisRegistry
from .redis_signals import RedisSignals
from .redis_tickets import RedisTickets
from .redis_worker import RedisWorker


class RedisBus(
    RedisCoordinator,
    RedisSignals,
    RedisReconciler,
    RedisLeftovers,
    RedisLine,
    RedisWorker,
    RedisRegistry,
    RedisRecorder,
    RedisTickets,
    RedisJournal,
):
    """`bus = await RedisBus.connect(url, prefix)`, at the end `await bus.close()`.

    One connection for calls, one more for each blocking read under way. Belongs to the loop that
    it was made in; threads use `minuet.bus.thread.ThreadBus`.
    """
