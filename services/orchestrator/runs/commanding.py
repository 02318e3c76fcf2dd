"""Commands of runs: numbered, written, relayed, and answered when they are recorded."""

from __future__ import annotations

from typing import Any, Final

from minuet.bus.keys import partition_of
from minuet.model.errors import NotFound
from minuet.model.status import RunStatus
from minuet.store import commands
from minuet.store.commands import CommandRow, CommandState
from minuet.store.database import Database
from minuet.store.runs import Progress

from ..auth import Principal
from ..errors import RunEnded
from ..metrics import COMMANDS_ACCEPTED
from ..recorded import Recorded
from ..relay import Relay
from .schemas import CommandView
from .service import Runs

WAIT_S: Final = 10.0


class Commander:
    def __init__(self, db: Database, runs: Runs, relay: Relay, recorded: Recorded) -> None:
        self._db = db
        self._runs = runs
        self._relay = relay
        self._recorded = recorded

    async def cancel(
        self, principal: Principal, run: str, *, data: dict[str, Any], key: str | None
    ) -> tuple[CommandView, bool]:
        """The command, and whether it is recorded; it is accepted in any case.

        Raises NotFound, and RunEnded if the run ended before the command could be applied.
        """
        row = await self._runs.row(principal, run)
        command = await self._write(principal, run, "cancel", data, key)
        if command is None:
            raise _ended(run, (await self._runs.row(principal, run)).status)
        self._relay.offer_command(partition_of(row.id), principal.tenant, command)
        number = command.number
        progress = await self._recorded.wait(
            run, lambda progress: progress.cmd >= number or progress.ended, timeout_s=WAIT_S
        )
        if progress is not None:
            _judge(run, number, progress)
        return await self.command(principal, run, number), progress is not None

    async def command(self, principal: Principal, run: str, number: int) -> CommandView:
        """Raises NotFound."""
        async with self._db.connection() as c:
            state = await commands.get_command(c, principal.tenant, run, number)
        if state is None:
            raise NotFound(f"there is no command {number} of run {run!r}")
        return _view(run, state)

    async def _write(
        self,
        principal: Principal,
        run: str,
        name: str,
        data: dict[str, Any],
        key: str | None,
    ) -> CommandRow | None:
        """None if the run has ended. The same key again gives the row that stands already."""
        async with self._db.transaction() as c:
            await commands.lock_run(c, run)
            if key is not None and (found := await commands.find_command(c, run, key)):
                return found
            command = await commands.add_command(
                c, run, name, tenant=principal.tenant, principal=principal.id, data=data,
                idempotency_key=key,
            )  # fmt: skip
        if command is not None:
            COMMANDS_ACCEPTED.labels(name).inc()
        return command


def _judge(run: str, number: int, progress: Progress) -> None:
    """Raises RunEnded if the run did not end by this command."""
    status = RunStatus(progress.status)
    if status.ended and (progress.cmd < number or status is not RunStatus.CANCELLED):
        raise _ended(run, progress.status)


def _ended(run: str, status: int) -> RunEnded:
    word = RunStatus(status).word
    return RunEnded(f"run {run} has ended: {word}", status=word)


def _view(run: str, state: CommandState) -> CommandView:
    status = RunStatus(state.status)
    progress = "accepted"
    if state.cmd >= state.number:
        progress = "recorded"
    elif status.ended:
        progress = "overtaken"
    return CommandView(
        run, state.number, state.name, state.principal, state.created_at, progress, status.word
    )
