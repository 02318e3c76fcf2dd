"""Stream replies of RESP2 in the bus's own words."""

from __future__ import annotations

from collections.abc import Mapping

from .api import Entry, Fields
from .calls import Calls
from .wire import Argument, Reply


def fields_of(flat: list[bytes]) -> Fields:
    return list(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True))


async def read_streams(
    connection: Calls, cursors: Mapping[str, tuple[int, str]], *, count: int, block_ms: int
) -> list[Entry]:
    """XREAD of all: stream key -> (partition, cursor). Streams in the order of the reply."""
    if not cursors:
        return []
    args: list[Argument] = [b"XREAD", b"COUNT", count]
    if block_ms > 0:
        args += (b"BLOCK", block_ms)
    args += (b"STREAMS", *cursors, *(cursor for _, cursor in cursors.values()))
    reply = await connection.call_blocking(block_ms, *args)
    return entries_of(reply, {key.encode(): p for key, (p, _) in cursors.items()})


def entries_of(reply: Reply, partitions: Mapping[bytes, int]) -> list[Entry]:
    return [
        Entry(partitions[key], entry_id.decode(), fields_of(flat))
        for key, entries in reply or ()
        for entry_id, flat in entries
    ]
