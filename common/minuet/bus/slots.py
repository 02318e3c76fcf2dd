"""Which node of a cluster serves a key: hash slots, and the map of slots as a node tells it."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from minuet.model.errors import BusUnavailable

from .wire import Argument, Reply

SLOTS: Final = 16_384

_KEY_AT: Final = {b"FCALL": 3, b"XINFO": 2, b"OBJECT": 2, b"MEMORY": 2}
_KEYLESS: Final = frozenset(
    b"TIME INFO PING PUBLISH CLIENT CLUSTER CONFIG FUNCTION SCAN DBSIZE".split()
)


class Place(NamedTuple):
    """Where a node listens, as the cluster announces it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def key_slot(key: str | bytes) -> int:
    """The slot of a key: that of its first hash tag `{...}`, if that is not empty.
    Source: Redis Cluster specification (CRC16 XMODEM modulo 16384)."""
    raw = key.encode() if isinstance(key, str) else key
    opens = raw.find(b"{")
    if opens >= 0:
        closes = raw.find(b"}", opens + 1)
        if closes > opens + 1:
            raw = raw[opens + 1 : closes]
    return crc_hqx(raw, 0) % SLOTS


def key_of(args: tuple[Argument, ...]) -> str | bytes | None:
    """The first key of a command as this package writes them, None if it has none."""
    name = args[0] if isinstance(args[0], bytes) else str(args[0]).encode()
    name = name.upper()
    if name in _KEYLESS:
        return None
    reads = name in (b"XREAD", b"XREADGROUP")
    key = args[args.index(b"STREAMS") + 1 if reads else _KEY_AT.get(name, 1)]
    return str(key) if isinstance(key, int) else key


class Redirected(BusUnavailable):
    """The node does not serve the slot (any more): nothing was executed. `place` is who does, or
    None if the node does not say; with `asking` it does so for this one call only."""

    def __init__(self, text: str, place: Place | None = None, *, asking: bool = False) -> None:
        super().__init__(text)
        self.place = place
        self.asking = asking


def redirected(text: str, host: str) -> Redirected:
    """What the error of a node on `host` says: `MOVED slot host:port`, `ASK slot host:port` or
    `READONLY ...`. A missing host means that of the node itself."""
    word, *rest = text.split(" ")
    if word not in ("MOVED", "ASK") or len(rest) < 2:
        return Redirected(text)
    named, _, port = rest[1].rpartition(":")
    return Redirected(text, Place(named or host, int(port)), asking=word == "ASK")


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The master of each slot. `epoch` grows with every change that the cluster agreed on. Not
    `is_whole`: the node that told it holds that the cluster cannot serve now."""

    masters: tuple[Place | None, ...]
    places: frozenset[Place]
    epoch: int = 0
    is_whole: bool = False

    def moved(self, slot: int, place: Place) -> SlotMap:
        """As a node just told of one slot."""
        masters = (*self.masters[:slot], place, *self.masters[slot + 1 :])
        return SlotMap(masters, self.places | {place}, self.epoch, self.is_whole)

    def changes(self, newer: SlotMap) -> int:
        """How many slots another node serves in `newer`."""
        return sum(a != b for a, b in zip(self.masters, newer.masters, strict=True))


NO_MAP: Final = SlotMap((None,) * SLOTS, frozenset())


def slot_map(slots: Reply, info: bytes, host: str) -> SlotMap:
    """The replies of CLUSTER SLOTS and CLUSTER INFO of a node that was reached at `host`."""
    masters: list[Place | None] = [None] * SLOTS
    places = set()
    for first, last, place in _ranges(slots, host):
        places.add(place)
        masters[first : last + 1] = [place] * (last + 1 - first)
    said = _info(info)
    epoch, is_whole = int(said["cluster_current_epoch"]), said["cluster_state"] == "ok"
    return SlotMap(tuple(masters), frozenset(places), epoch, is_whole)


def _ranges(slots: Reply, host: str) -> Iterator[tuple[int, int, Place]]:
    for first, last, master, *_ in slots:
        named = (master[0] or b"").decode()
        if named != "?":  # the node does not know it either
            yield first, last, Place(named or host, int(master[1]))


def _info(text: bytes) -> Mapping[str, str]:
    lines = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, _, value in lines}
