"""What the relay does where a part of Redis refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from minuet.bus.memory import MemoryBus
from minuet.model.errors import BusUnavailable
from minuet.services.orchestrator.admission import Admission
from minuet.services.orchestrator.relay import Relay
from minuet.store.commands import CommandRow
from minuet.store.runs import StartRow

pytestmark = pytest.mark.anyio
AT = datetime(2030, 1, 1, tzinfo=UTC)


class Cas:
    async def warm(self, tenant: str, digest: str) -> None:
        if digest == "sha256:away":
            raise BusUnavailable("not now")


def start(p: int, ir: str = "sha256:i") -> StartRow:
    return StartRow(f"{p}-r", "acme", p, "w", 1, ir, AT, b"{}", None, None, None)


async def relay_on(bus: MemoryBus) -> Relay:
    admission = Admission(cast("Any", bus), lambda: 2)
    admission.redis_now = await bus.now()
    return Relay(cast("Any", None), cast("Any", bus), cast("Any", Cas()), admission)


async def sent(bus: MemoryBus, p: int) -> list[bytes]:
    return [dict(e.fields)["k"] for e in await bus.read_signals({p: "0-0"}, count=9, block_ms=0)]


async def test_a_refused_start_does_not_keep_commands() -> None:
    """A full Redis takes no start, but the cancel that lets it drain."""
    bus = MemoryBus()
    relay = await relay_on(bus)
    bus.fail_next("send")
    relay.offer_start(start(0))
    relay.offer_command(0, "acme", CommandRow("0-a", 1, "cancel", {}, "key", AT))
    await relay.flush()
    assert await sent(bus, 0) == [b"command"]


async def test_one_partition_out_of_reach_does_not_keep_the_others() -> None:
    bus = MemoryBus()
    relay = await relay_on(bus)
    relay.offer_start(start(0, "sha256:away"))
    relay.offer_start(start(1))
    await relay.flush()
    assert (await sent(bus, 0), await sent(bus, 1)) == ([], [b"start"])


async def test_values_are_brought_back_for_every_start_documents_only_now_and_then() -> None:
    """Workers read values from Redis alone, and what only ended runs named has left it."""
    relay = await relay_on(MemoryBus())
    warmed: list[str] = []

    class Noting(Cas):
        async def warm(self, tenant: str, digest: str) -> None:
            warmed.append(digest)

    relay._cas = cast("Any", Noting())
    ref = {"$cas": "sha256:large", "size_bytes": 99_999}
    for run in "ab":
        row = StartRow(f"0-{run}", "acme", 0, "w", 1, "sha256:i", AT, None, ref, {}, None)
        relay.offer_start(row)
        relay.offer_start(row)
        await relay.flush()
    assert warmed == ["sha256:i", "sha256:large", "sha256:large"]
