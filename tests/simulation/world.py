"""One schedule: a suite, its runs and its storm, from one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from minuet.services.coordinator import partition
from minuet.services.orchestrator.relay import Relay

from .dice import Dice
from .documents import program
from .judge import Judge
from .loop import VirtualLoop
from .nodes import Behaviour, Conduct
from .people import People
from .postgres import Postgres
from .processes import ROLES, Member, OrchestratorMember, Parts
from .redis import Server
from .storm import Storm, Weather
from .surroundings import Now
from .watch import Watch, died_of, is_forgotten, is_quiet

SHELF = 1_500  # documents
CALM_S = 400.0
MOST_STEPS = 300_000  # two hundred times those of an ordinary schedule
LOOK_S = 1.0
# What the product says when it meets something that should not be. An unreadable restore is none of
# it: Redis may lose the state again before the signal that names it is sent.
ALARMS = frozenset({
    "routing_failed", "commit_failed", "page_failed", "complete_refused", "heartbeat_error",
    "transition_refused", "entry_unreadable", "signal_unreadable",
    "restore_impossible", "head_unreadable", "recording_failed", "run_unknown",
})  # fmt: skip
Trace = Callable[[str], None]


@dataclass(slots=True)
class Result:
    """`violation` is None if everything held."""

    seed: int
    violation: str | None = None
    runs: int = 0
    steps: int = 0
    calls: int = 0
    commits: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


class World:
    """Built and run once, inside of `simulated()`."""

    def __init__(self, seed: int, trace: Trace | None = None) -> None:
        self.seed = seed
        self.random = random = Random(seed)
        self.violation: str | None = None
        self._trace = trace
        self.loop = VirtualLoop(random, random.choice([0.0, 0.5, 0.9]))
        self.dice = Dice(
            random,
            lose=random.choice([0.0, 0.01, 0.04]),
            repeat=random.choice([0.0, 0.01, 0.02]),
            delay=random.choice([0.0, 0.1, 0.3]),
            longest_s=random.choice([0.01, 0.2, 2.0, 6.0]),
        )
        self.watch = Watch(random, self.fail)
        self.server = Server(self.loop, self.dice, self.watch)
        self.postgres = Postgres(self.loop, self.dice, random.choice([1, 1, 2]), self.watch)
        self.people = People(self.postgres, random, self.relay)
        self.storm = Storm(self, Weather.drawn(random))
        self.members: dict[str, Member] = {}
        self.conduct = Conduct(random, random.choice([0.05, 0.3]), random.choice([0.0, 0.05, 0.2]))
        signals = random.choice([1, 4, 512])
        self.parts = Parts(self.loop, self.server, self.postgres, random, batch_signals=signals)
        self.events: Counter[str] = Counter()
        self._lingers = random.random() < 0.04
        self._spawned = 0

    # ── a schedule ────────────────────────────────────────────────────────────────────────────

    def run(self) -> Result:
        Now.random, Now.loop = self.random, self.loop
        Behaviour.conduct = self.conduct
        Now.logged.clear()
        partition.MAX_CACHED_RUNS = self.random.choice([1, 50_000])
        if self._trace is not None:
            self.watch.trace = self._tell_call
        try:
            self.soon(self._begin)
            ended = self.loop.run_until(self.storm.lasts_s + CALM_S, most_steps=MOST_STEPS)
            if not ended and self.violation is None:
                self.violation = self._what_is_left()
            if self.violation is None:
                self._judge()
        finally:
            result = self._result()
            self.loop.dispose()
        return result

    def _begin(self) -> None:
        self.server.state.published = self.postgres.partitions
        roles = ["orchestrator", "recorder", "coordinator", "worker"]
        roles += self.random.choices(
            ["coordinator", "coordinator", "worker", "recorder", "orchestrator"],
            k=self.random.choice([0, 1, 2, 3]),
        )
        for role in roles:
            self.spawn(role)
        for _ in range(self.random.choice([1, 2, 4])):
            self.later(self.random.random() * 1.0, self.start_run)
        self.watch.on_call = self.storm.on_call
        self.later(self.storm.lasts_s, self._calm_down)
        self.later(LOOK_S, self._look)

    def start_run(self) -> None:
        number = self.random.randrange(SHELF)
        id = self.people.accept(self.random.randrange(self.postgres.partitions), program(number))
        self.tell(f"accepted {id}, document {number}")

    def _calm_down(self) -> None:
        self.tell("*** calm")
        self.dice.calm = self.conduct.calm = True
        self.watch.on_call = None

    def _look(self) -> None:
        """Once a virtual second: whether anything is wrong, and whether everything is done."""
        self._check_alarms()
        self.watch.look_for_tokens(self.server.state)
        for member in list(self.members.values()):
            reason = died_of(member.task)
            if reason is not None and not member.stopping.is_set():
                self.fail(f"{member.process.name} ended: {reason}")
        if self.dice.calm:
            if is_quiet(self.postgres, self.server.state) and self._has_lingered():
                self.loop.halt()
                return
            self.people.answer(self.server.state)
        self.later(LOOK_S, self._look)

    def _has_lingered(self) -> bool:
        """Some worlds go on until Redis has forgotten everything."""
        return not self._lingers or is_forgotten(self.server.state)

    def _check_alarms(self) -> None:
        for event in Now.logged:
            self.tell(f"log {event}")
            if event.get("event") in ALARMS:
                self.fail(f"the product says {event}")
        Now.logged.clear()
        for trouble in self.loop.troubles:
            self.fail(trouble)

    def _judge(self) -> None:
        judge = Judge(self.postgres, self.watch.kept, self.fail)
        try:
            judge.judge()
        except Exception as exc:  # whatever folding makes of a history that contradicts itself
            self.fail(f"history cannot be folded: {exc!r}")
        self.events = judge.events

    def _what_is_left(self) -> str:
        left = [
            f"{id} (status {row.status}, command {row.cmd} of {row.last_command}"
            f"{', restore requested' if row.restore_requested else ''})"
            for id, row in self.postgres.tables.runs.items()
            if not row.ended or row.restore_requested
        ]
        for p, part in self.server.state.partitions.items():
            left += [f"{run} in Redis" for run in part.runs]
            left += [f"{len(part.signals)} signals, {len(part.events)} events of {p}"]
            left += [f"{len(tasks)} entries for {type_}" for type_, tasks in part.tasks.items()]
        calm_s = self.loop.time() - self.storm.lasts_s
        return f"no rest after {calm_s:.0f} calm seconds: {', '.join(left) or 'nothing'} left"

    # ── processes ─────────────────────────────────────────────────────────────────────────────

    def spawn(self, role: str) -> None:
        self._spawned += 1
        member = ROLES[role](self.parts, f"{role}{self._spawned}")
        self.members[member.process.name] = member

    def relay(self) -> Relay | None:
        """That of any orchestrator that is up."""
        relays = [
            each.relay
            for each in self.members.values()
            if isinstance(each, OrchestratorMember) and each.relay is not None
        ]
        return self.random.choice(relays) if relays else None

    def kill(self, name: str) -> None:
        """And start another one soon, as a supervisor would."""
        member = self.members.pop(name, None)
        if member is None:
            return
        member.kill(self.random.choice([0, 0, 1, 2, 100]))
        self.later(self.random.choice([0.0, 0.2, 3.0]), self.spawn, member.role)

    def stop(self, name: str) -> None:
        """Gracefully; another one starts at once."""
        member = self.members[name]
        if member.stopping.is_set():
            return
        member.stop()
        self.spawn(member.role)

    # ── helpers ───────────────────────────────────────────────────────────────────────────────

    def soon(self, then: Callable[..., None], *args: Any) -> None:
        self.loop.call_soon(then, *args, context=self.loop.world.main.context)

    def later(self, seconds: float, then: Callable[..., None], *args: Any) -> None:
        self.loop.call_later(seconds, then, *args, context=self.loop.world.main.context)

    def fail(self, what: str) -> None:
        if self.violation is None:
            self.violation = what
            self.tell(f"!!! {what}")
            self.loop.halt()

    def tell(self, what: str) -> None:
        if self._trace is not None:
            self._trace(f"{self.loop.time():10.4f}  {what}")

    def _tell_call(self, process: str, method: str, body: Callable[[], Any]) -> None:
        given = dict(zip(body.__code__.co_freevars, body.__closure__ or (), strict=False))
        cells = {
            n: cell.cell_contents for n, cell in given.items() if n not in ("bus", "body", "self")
        }
        self.tell(f"{process:14} {method:16} {str(cells)[:240]}")

    def _result(self) -> Result:
        counts = self.storm.counts + self.dice.counts
        if self.watch.losses:
            counts["losses of Redis"] = self.watch.losses
        return Result(
            self.seed, self.violation, len(self.postgres.tables.runs), self.loop.steps,
            self.watch.calls, self.watch.commits, self.loop.time(), counts,
            self.events,
        )  # fmt: skip


def run_schedule(seed: int, trace: Trace | None = None) -> Result:
    """One schedule, inside of `simulated()`."""
    return World(seed, trace).run()
