"""What stands in the product's place while simulations run: threads, clocks, dice, statements.

No hook in the product: these are its own names, bound to something else for a while. Times are
scaled so that nothing is asked for a thousand times before anything happens; relations between them
hold as in the product.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from importlib import import_module
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

import structlog

from minuet.bus.gate import Gate
from minuet.cas import plans
from minuet.ir.plan import Plan
from minuet.model.errors import Unavailable
from minuet.model.ir import Ir
from minuet.services.coordinator.reader import Reader
from minuet.services.coordinator.renewal import RenewalThread
from minuet.worker.heartbeat import Heartbeat

from .loop import UNIT, VirtualLoop
from .statements import REPLACED

BLOCK_MS = 1_000
SCALED: dict[str, dict[str, Any]] = {
    "minuet.services.coordinator.timers": {"TICK_S": 0.2},
    "minuet.services.coordinator.reader": {"BLOCK_MS": 500},
    "minuet.services.coordinator.partition": {"MAX_CACHED_RUNS": 50_000},  # schedules may say less
    "minuet.services.coordinator.ownership": {"LOOKS_A_LEASE": 4},
    "minuet.services.orchestrator.lost_tokens": {"STILL_S": 12.0, "LONGEST_STILL_S": 40.0},
    "minuet.worker.live": {"FLUSH_S": 2.0},
    "minuet.worker.watcher": {"TICK_S": 0.1},
}


class Now:
    """What the world of the schedule that runs lends to the product."""

    random: ClassVar[Random] = Random(0)
    loop: ClassVar[VirtualLoop | None] = None
    logged: ClassVar[list[dict[str, Any]]] = []


class Dice:
    """The module `random`, as far as the product uses it."""

    @staticmethod
    def uniform(a: float, b: float) -> float:
        return Now.random.uniform(a, b)

    @staticmethod
    def shuffle(items: list[Any]) -> None:
        Now.random.shuffle(items)


def uuid4() -> SimpleNamespace:
    return SimpleNamespace(hex=f"{Now.random.getrandbits(128):032x}")


def monotonic() -> float:
    return 0.0 if Now.loop is None else Now.loop.time()


class _Thread:
    """A thread of a process, as a task of its own unit."""

    def __init__(self) -> None:
        self._ended = False

    def begin(self, turn: Any, every_s: float) -> None:
        loop = Now.loop
        assert loop is not None
        self._loop = loop
        loop.spawn(UNIT.get().process.thread, self._run(turn, every_s))

    def end(self) -> None:
        self._ended = True

    async def _run(self, turn: Any, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            if self._ended:
                return
            turn()


class SimulatedRenewal(RenewalThread):
    """The production's rounds, without its thread."""

    def start(self) -> None:
        self._driver = _Thread()
        self._driver.begin(self.turn, self._every_s)

    def stop(self) -> None:
        self._driver.end()


class SimulatedHeartbeat(Heartbeat):
    def start(self) -> None:
        self._driver = _Thread()
        self._driver.begin(self._turn_or_not, min(self._options.watch_s, 0.5))

    def stop(self) -> None:
        self._driver.end()

    def _turn_or_not(self) -> None:
        with suppress(Unavailable):  # the next round tries again, as in the thread
            self.turn()


_plans: dict[str, Plan] = {}


def kept_plan(ir: Ir, digest: str) -> Plan:
    """Plans never change: one of a digest is enough for all processes and schedules."""
    found = _plans.get(digest)
    if found is None:
        found = _plans[digest] = Plan(ir, digest)
    return found


def _note(logger: Any, name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    error = sys.exc_info()[1] if event.get("exc_info") else None
    Now.logged.append({**event, "error": repr(error)} if error else dict(event))
    raise structlog.DropEvent


@contextmanager
def simulated() -> Iterator[None]:
    """Within, the product runs in simulations, and only there."""
    with mock.patch.multiple(plans, Plan=kept_plan):
        patches = [
            mock.patch.multiple(import_module(module), **names)
            for module, names in {**SCALED, **REPLACED}.items()
        ]
        ownership = import_module("minuet.services.coordinator.ownership")
        vouching = import_module("minuet.services.orchestrator.vouching")
        recorded = import_module("minuet.services.recorder.partitions")
        patches += [
            mock.patch.object(ownership, "RenewalThread", SimulatedRenewal),
            mock.patch.object(ownership, "uuid", SimpleNamespace(uuid4=uuid4)),
            mock.patch.object(vouching, "uuid", SimpleNamespace(uuid4=uuid4)),
            mock.patch.object(recorded, "time", SimpleNamespace(monotonic=monotonic)),
            mock.patch.object(Reader._read, "__defaults__", (BLOCK_MS,)),
            mock.patch.dict(Gate.__init__.__kwdefaults__ or {}, clock=monotonic),
            mock.patch.object(
                import_module("minuet.worker.runtime"), "Heartbeat", SimulatedHeartbeat
            ),
            mock.patch.object(import_module("minuet.worker.reclaimer"), "random", Dice),
            mock.patch.object(import_module("minuet.worker.backoff"), "random", Dice),
        ]
        before = structlog.get_config()
        structlog.configure(
            processors=[_note], wrapper_class=structlog.make_filtering_bound_logger(40)
        )
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in reversed(patches):
                patch.stop()
            structlog.configure(**before)
