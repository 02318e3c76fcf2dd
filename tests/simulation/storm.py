"""Who kills, stalls, cuts off and rewinds: between any two calls, as the dice say."""

from __future__ import annotations

import copy
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from minuet.bus.memory_state import State

if TYPE_CHECKING:
    from .processes import Member
    from .redis import Client
    from .world import World

SNAPSHOT_EVERY = 30  # calls, on the average
DULL = 12
# Calls that mostly find nothing: it is seldom that anything befalls right there.
LOOKS = frozenset({
    "read_signals", "read_events", "take", "fire_timers", "now", "server_id", "workers",
    "partitions", "join", "register", "renew", "vouchers", "unvouched", "claim", "backlog",
})  # fmt: skip


@dataclass(slots=True)
class Weather:
    """How rough a schedule is: `strikes` is how many blows fall, `every` how many calls lie between
    two on the average, `lasts_s` when it is over at the latest. `weights` say which blows; Redis
    `loses` writes in some storms."""

    strikes: int
    every: int
    lasts_s: float
    weights: dict[str, float]
    loses: bool

    @classmethod
    def drawn(cls, random: Random) -> Weather:
        weights = {
            "processes killed": 3.0, "callers killed": 3.0, "processes stalled": 2.0,
            "loops stalled": 1.0, "processes cut off": 1.0, "processes stopped": 0.5,
            "connections held up": 1.0, "callers stalled": 4.0, "signals repeated": 3.0,
            "commands sent": 5.0, "runs started": 1.0, "Postgres away": 0.5,
        }  # fmt: skip
        loses = random.random() < 0.4
        if loses:
            weights |= {"Redis gone back": 4.0, "Redis emptied": 1.0}
        # Often a few kinds of blows alone, and many of these.
        for name in random.sample(sorted(weights), k=random.choice([0, 0, 6, 10])):
            weights[name] = 0.0
        strikes = random.choice([2, 4, 8, 16])
        return cls(strikes, random.choice([2, 6, 15]), random.uniform(2, 10), weights, loses)


class Storm:
    """Called before each call of any process while it lasts."""

    def __init__(self, world: World, weather: Weather) -> None:
        self.counts: Counter[str] = Counter()
        self.lasts_s = weather.lasts_s
        self._world = world
        self._weather = weather
        self._left = weather.strikes
        self._random = world.random
        self._names = list(weather.weights)
        self._weights = list(weather.weights.values())
        self._snapshots: deque[State] = deque([State()], maxlen=4)
        self._blows: dict[str, Callable[[Client], None]] = {
            "processes killed": self._kill,
            "callers killed": self._kill_caller,
            "processes stalled": self._stall,
            "loops stalled": self._stall_loop,
            "processes cut off": self._cut_off,
            "processes stopped": self._stop,
            "commands sent": self._command,
            "runs started": self._start,
            "Postgres away": self._take_postgres_away,
            "Redis gone back": self._go_back,
            "Redis emptied": self._empty,
            "connections held up": self._hold_up,
            "callers stalled": self._stall_caller,
            "signals repeated": self._repeat,
        }

    def on_call(self, client: Client, method: str) -> None:
        if self._weather.loses and self._random.random() * SNAPSHOT_EVERY < 1:
            self._snapshots.append(copy.deepcopy(self._world.server.state))
        every = self._weather.every * (DULL if method in LOOKS else 1)
        if self._left and self._random.random() * every < 1:
            self._left -= 1
            blow = self._random.choices(self._names, self._weights)[0]
            if blow == "callers stalled":
                self._strike(blow, client)  # what it is about to send is late with it
            else:
                # Not within the step of the caller: it must not die before it has sent.
                self._world.soon(self._strike, blow, client)

    def _strike(self, blow: str, client: Client) -> None:
        if self._world.dice.calm:
            return
        self.counts[blow] += 1
        self._world.tell(f"*** {blow} ({client.process.name} was about to call)")
        self._blows[blow](client)

    def _anybody(self) -> Member:
        return self._random.choice(list(self._world.members.values()))

    def _kill(self, client: Client) -> None:
        if self._world.members:
            self._world.kill(self._anybody().process.name)

    def _kill_caller(self, client: Client) -> None:
        self._world.kill(client.process.name)

    def _stall(self, client: Client) -> None:
        seconds = self._random.random() ** 2 * 12
        process = self._anybody().process
        self._world.loop.stall(process.main, seconds)
        self._world.loop.stall(process.thread, seconds)

    def _stall_caller(self, client: Client) -> None:
        """Past its lease, with a call that is on its way until then."""
        seconds = 2.5 + self._random.random() * 5
        client.hold(seconds)
        self._world.loop.stall(client.process.main, seconds)
        self._world.loop.stall(client.process.thread, seconds)

    def _stall_loop(self, client: Client) -> None:
        """Its thread goes on."""
        self._world.loop.stall(self._anybody().process.main, self._random.random() * 8)

    def _cut_off(self, client: Client) -> None:
        victim = self._anybody().client
        victim.away_until = self._world.loop.time() + self._random.random() * 5
        victim.disconnect()

    def _stop(self, client: Client) -> None:
        self._world.stop(self._anybody().process.name)

    def _command(self, client: Client) -> None:
        self._world.people.steer(self._world.server.state)

    def _start(self, client: Client) -> None:
        self._world.start_run()

    def _take_postgres_away(self, client: Client) -> None:
        self._world.postgres.away_until = self._world.loop.time() + self._random.random() * 5

    def _hold_up(self, client: Client) -> None:
        """Past the lease of a coordinator, mostly."""
        self._anybody().client.hold(self._random.random() * 8)

    def _repeat(self, client: Client) -> None:
        """A signal of the last seconds comes once more."""
        if self._world.watch.signals:
            p, fields = self._random.choice(self._world.watch.signals)
            self._world.server.state.partitions[p].signals.add(fields, self._world.server.now())
            self._world.server.wake()

    def _go_back(self, client: Client) -> None:
        self._world.server.restart(copy.deepcopy(self._random.choice(self._snapshots)))

    def _empty(self, client: Client) -> None:
        self._world.server.restart(State())
