"""The bus for threads on a cluster: a node that is away must not keep leases on others from being
renewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import hiredis

from minuet.model.errors import BusUnavailable, Overloaded

from . import functions
from .address import Address
from .codes import NOT_HELD, BusFault, Refusal, refusal
from .slots import NO_MAP, Place, SlotMap, key_of, key_slot, redirected, slot_map
from .task_calls import Call, cancelled_calls, heartbeat_calls
from .thread import ATTEMPTS, ThreadBus
from .thread_wire import ThreadWire
from .wire import Argument, Reply

Command = tuple[Argument, ...]


class ClusterThreadBus(ThreadBus):
    """As ThreadBus. `renew` leaves out partitions whose node is away, `heartbeat` takes entries
    there for ours and `cancelled` tokens there for wanted; each raises BusUnavailable only if no
    node answers. `complete` raises it if any node does not."""

    def __init__(self, url: str, prefix: str = "", *, timeout_s: float = 1.0) -> None:
        super().__init__(url, prefix, timeout_s=timeout_s)
        self._address = Address.parse(url)
        self._timeout_s = timeout_s
        self._wires: dict[Place, ThreadWire] = {}
        self._map = NO_MAP
        self._is_stale = True
        self._away: set[Place] = set()

    def close(self) -> None:
        with self._turn:
            for wire in self._wires.values():
                wire.close()

    def renew(self, leases: Mapping[int, str], lease_ms: int) -> dict[int, int | None]:
        calls = [
            Call.of("renew", [self._keys.lease(p)], owner, lease_ms, 0)
            for p, owner in leases.items()
        ]
        outcomes = self._some([call.command() for call in calls])
        return {
            p: None if outcome == NOT_HELD else outcome
            for p, outcome in zip(leases, outcomes, strict=True)
            if not isinstance(outcome, BusUnavailable)
        }

    def heartbeat(self, consumer: str, held: Sequence[tuple[int, str, str]]) -> list[bool]:
        calls = heartbeat_calls(self._keys, consumer, held)
        return self._scattered_or(calls, len(held), unknown=True)

    def cancelled(self, tokens: Sequence[str]) -> list[bool]:
        calls = cancelled_calls(self._keys, tokens)
        return self._scattered_or(calls, len(tokens), unknown=False)

    def _scattered_or(self, calls: Sequence[Call], count: int, *, unknown: bool) -> list[bool]:
        found = [unknown] * count
        outcomes = self._some([call.command() for call in calls])
        for call, outcome in zip(calls, outcomes, strict=True):
            if not isinstance(outcome, BusUnavailable):
                for place, yes in zip(call.places, outcome, strict=True):
                    found[place] = yes is not None and yes != 0
        return found

    def _exchange(self, commands: Sequence[Command]) -> list[Reply]:
        outcomes = self._outcomes(commands)
        for outcome in outcomes:
            if isinstance(outcome, BusUnavailable):
                raise outcome
        return outcomes

    def _some(self, commands: Sequence[Command]) -> list[Reply | BusUnavailable]:
        outcomes = self._outcomes(commands)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BusUnavailable)]
        if failed and len(failed) == len(outcomes):
            raise failed[0]
        return outcomes

    def _outcomes(self, commands: Sequence[Command]) -> list[Reply | BusUnavailable]:
        """What the server did not execute is sent again, the rest never."""
        outcomes: list[Reply | BusUnavailable] = [None] * len(commands)
        left = list(range(len(commands)))
        with self._turn:
            for _ in range(ATTEMPTS):
                if self._is_stale and left:
                    self._look()
                self._ask({i: commands[i] for i in left}, outcomes)
                for i in left:
                    if isinstance(refused := outcomes[i], hiredis.ReplyError):
                        outcomes[i] = self._made_good(commands[i], refused)
                left = [i for i in left if isinstance(outcomes[i], hiredis.ReplyError)]
                if not left:
                    return outcomes
        return [
            BusUnavailable(f"Redis keeps refusing: {outcome}")
            if isinstance(outcome, hiredis.ReplyError)
            else outcome
            for outcome in outcomes
        ]

    def _ask(self, commands: Mapping[int, Command], outcomes: list[Reply | BusUnavailable]) -> None:
        """Write to all nodes before any reply is waited for, to those that were away last."""
        groups: dict[Place, list[int]] = {}
        for i, command in commands.items():
            place = self._place_of(command)
            if place is None:
                outcomes[i] = BusUnavailable("no node serves this slot")
            else:
                groups.setdefault(place, []).append(i)
        sent: dict[Place, list[int]] = {}
        for place in sorted(groups, key=lambda place: place in self._away):
            try:
                self._wire_to(place).send([commands[i] for i in groups[place]])
            except BusUnavailable as exc:
                self._note_away(place, exc, groups[place], outcomes)
            else:
                sent[place] = groups[place]
        for place, indexes in sent.items():
            try:
                replies = self._wire_to(place).receive(len(indexes))
            except BusUnavailable as exc:
                self._note_away(place, exc, indexes, outcomes)
                continue
            self._away.discard(place)
            for i, reply in zip(indexes, replies, strict=True):
                outcomes[i] = reply

    def _note_away(
        self,
        place: Place,
        failure: BusUnavailable,
        indexes: Sequence[int],
        outcomes: list[Reply | BusUnavailable],
    ) -> None:
        self._away.add(place)
        self._is_stale = True
        for i in indexes:
            outcomes[i] = failure

    def _made_good(
        self, command: Command, error: hiredis.ReplyError
    ) -> Reply | BusUnavailable | hiredis.ReplyError:
        """The error again if the command may be sent anew; raises if it may never be."""
        kind = refusal(error)
        place = self._place_of(command)
        if kind is Refusal.FULL:
            raise Overloaded("Redis is out of memory") from error
        if kind is Refusal.OTHER or place is None:
            raise BusFault(str(error)) from error
        if kind is Refusal.MOVED:
            return self._follow(command, error, place)
        if kind is Refusal.UNKNOWN_FUNCTION:
            return self._load(place) or error
        return BusUnavailable(str(error))  # busy: the thread's next round comes soon enough

    def _follow(
        self, command: Command, error: hiredis.ReplyError, place: Place
    ) -> Reply | BusUnavailable | hiredis.ReplyError:
        told = redirected(str(error), place.host)
        self._is_stale = self._is_stale or not told.asking
        if told.place is None:
            return error
        if not told.asking:
            self._map = self._map.moved(_slot_of(command), told.place)
            return error
        try:
            _, reply = self._wire_to(told.place).exchange([(b"ASKING",), command])
        except BusUnavailable as exc:
            return exc
        if isinstance(reply, hiredis.ReplyError):
            if refusal(reply) is Refusal.UNKNOWN_FUNCTION:
                return self._load(told.place) or error
            return BusUnavailable(str(reply))
        return reply

    def _load(self, place: Place) -> BusUnavailable | None:
        """Load the functions; why that is unknown, or None if they are there."""
        try:
            (reply,) = self._wire_to(place).exchange([(b"FUNCTION", b"LOAD", functions.library())])
        except BusUnavailable as exc:
            return exc
        if isinstance(reply, hiredis.ReplyError) and "already exists" not in str(reply):
            raise BusFault(f"cannot load the functions: {reply}") from reply
        return None

    def _look(self) -> None:
        """Ask who serves what; what was known stands if nobody answers."""
        best: SlotMap | None = None
        seeds = [Place(host, port) for host, port in self._address.seeds]
        known = sorted({*self._map.places, *seeds}, key=lambda place: place in self._away)
        for place in known:
            found = self._map_of(place)
            if found is None:
                continue
            if best is None or (found.is_whole, found.epoch) > (best.is_whole, best.epoch):
                best = found
            if found.is_whole and found.epoch >= self._map.epoch:
                break
        if best is None:
            return
        self._is_stale = not best.is_whole
        self._map = best
        for place in [place for place in self._wires if place not in best.places]:
            self._wires.pop(place).close()

    def _map_of(self, place: Place) -> SlotMap | None:
        commands: list[Command] = [(b"CLUSTER", b"SLOTS"), (b"CLUSTER", b"INFO")]
        try:
            slots, info = self._wire_to(place).exchange(commands)
        except BusUnavailable:
            self._away.add(place)
            return None
        for reply in (slots, info):
            if isinstance(reply, hiredis.ReplyError):
                if refusal(reply) is Refusal.OTHER:
                    raise BusFault(str(reply)) from reply
                return None
        return slot_map(slots, info, place.host)

    def _place_of(self, command: Command) -> Place | None:
        return self._map.masters[_slot_of(command)]

    def _wire_to(self, place: Place) -> ThreadWire:
        wire = self._wires.get(place)
        if wire is None:
            wire = ThreadWire(self._address.node(*place), timeout_s=self._timeout_s)
            self._wires[place] = wire
        return wire


def _slot_of(command: Command) -> int:
    key = key_of(command)
    return 0 if key is None else key_slot(key)
