"""What the roles of the bus stand on, be it one server or a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .address import Address
from .blocking import Rescue
from .codes import FunctionName
from .keys import Keys
from .wire import Argument, Reply


class Calls(Protocol):
    """`connection.Connection` and `cluster_connection.ClusterConnection`. Calls raise
    BusUnavailable (outcome unknown if it writes), Overloaded (out of memory, nothing written) or
    BusFault. Only what the server refused to execute is sent again."""

    @property
    def keys(self) -> Keys: ...

    @property
    def address(self) -> Address: ...

    @property
    def connections(self) -> int: ...

    @property
    def trouble(self) -> str | None: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, *args: Argument) -> Reply: ...

    async def call_many(self, commands: Sequence[tuple[Argument, ...]]) -> list[Reply]:
        """All in one write to each server, replies in order. One without a key goes where the
        next one with a key goes, so that both see one clock."""

    async def fcall(
        self, name: FunctionName, keys: Sequence[str | bytes], args: Sequence[Argument]
    ) -> Reply: ...

    async def call_blocking(
        self, block_ms: int, *args: Argument, rescue: Rescue | None = None
    ) -> Reply: ...
