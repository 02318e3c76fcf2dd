"""Finds out whether Redis lost something, and writes down that it was compared with Postgres."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple

from minuet.bus.api import ReconcilerBus
from minuet.bus.voucher import Finding, Voucher


class Doubt(NamedTuple):
    """A partition that is being compared; its voucher says so until that is done."""

    p: int
    voucher: Voucher

    @property
    def is_emptied(self) -> bool:
        return self.voucher.finding is Finding.EMPTIED


def _drawn() -> str:
    return uuid.uuid4().hex


class Vouching:
    """`look` each second; if `in_doubt` names partitions, compare between `begin` and `end`.

    A comparison is told from a later one by the value that `begin` wrote: should the server be
    emptied or start anew meanwhile, `end` vouches for nothing. One that was not brought to its
    end is begun again, by whoever comes next.
    """

    def __init__(self, bus: ReconcilerBus, draw: Callable[[], str] = _drawn) -> None:
        self._bus = bus
        self._draw = draw
        self._server = ""
        self._texts: dict[int, str | None] = {}
        self._seen: dict[int, tuple[str, str]] = {}

    async def look(self, partitions: int) -> bool:
        """Read all vouchers; whether the server was started anew or emptied since the last look,
        healed meanwhile or not."""
        self._server = await self._bus.server_id()
        self._texts = dict(enumerate(await self._bus.vouchers(partitions)))
        seen = {p: (self._server, _epoch(text)) for p, text in self._texts.items()}
        lost = any(self._seen.get(p, now) != now for p, now in seen.items())
        self._seen = seen
        return lost

    @property
    def in_doubt(self) -> list[int]:
        return [p for p, text in self._texts.items() if not self._holds(text)]

    async def begin(self) -> list[Doubt]:
        """Say of what is in doubt that it is being compared; without what another reconciler, or
        another loss, was quicker to change."""
        doubts = [Doubt(p, self._doubtful(self._texts[p])) for p in self.in_doubt]
        return [each for each in doubts if await self._write(each.p, each.voucher)]

    async def end(self, doubts: list[Doubt]) -> None:
        """Vouch for what was compared."""
        now = await self._bus.now()
        for p, voucher in doubts:
            await self._write(p, _compared(voucher, now, self._server))

    async def renew(self) -> None:
        """Note on those that hold that all was compared now."""
        now = await self._bus.now()
        for p, text in list(self._texts.items()):
            if text is not None and self._holds(text):
                await self._write(p, _compared(Voucher.decode(text), now, self._server))

    async def _write(self, p: int, voucher: Voucher) -> bool:
        after = voucher.encode()
        written = await self._bus.vouch(p, before=self._texts[p], after=after)
        if written:
            self._texts[p] = after
            self._seen[p] = self._server, voucher.epoch
        return written

    def _holds(self, text: str | None) -> bool:
        return text is not None and Voucher.decode(text).holds(self._server)

    def _doubtful(self, text: str | None) -> Voucher:
        if text is None:
            return Voucher(Finding.EMPTIED, 0, self._draw(), self._draw())
        before = Voucher.decode(text)
        was_emptied = before.finding is Finding.EMPTIED
        finding = Finding.EMPTIED if was_emptied else Finding.DOUBTED
        return before._replace(finding=finding, by=self._draw())


def _compared(voucher: Voucher, now: int, server: str) -> Voucher:
    return voucher._replace(finding=Finding.COMPARED, at=now, by=server)


def _epoch(text: str | None) -> str:
    return "" if text is None else Voucher.decode(text).epoch
