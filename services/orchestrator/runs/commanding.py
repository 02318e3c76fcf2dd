"""Commands of runs: numbered, written, relayed, and answered when they are recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import asyncpg

from minuet.bus.keys import partition_of
from minuet.model.errors import InvalidInput, NotFound
from minuet.model.status import RunStatus
from minuet.store import commands
from minuet.store.commands import CommandRow, CommandState
from minuet.store.database import Database
from minuet.store.runs import Progress
from minuet.views.schemas import CommandView

from ..auth import Principal
from ..errors import CommandRefused, KeyReused, RunEnded
from ..metrics import COMMANDS_ACCEPTED
from ..recorded import Recorded
from ..relay import Relay
from .service import Runs

if TYPE_CHECKING:
    from minuet.store.database import Connection

WAIT_S: Final = 10.0
Beside: TypeAlias = "Callable[[Connection, int], Awaitable[None]]"


class Sent(NamedTuple):
    """A command that stands. `progress` is how far the run is recorded once it was applied or the
    run ended; None if neither is recorded in time."""

    number: int
    progress: Progress | None


class Commander:
    def __init__(self, db: Database, runs: Runs, relay: Relay, recorded: Recorded) -> None:
        self._db = db
        self._runs = runs
        self._relay = relay
        self._recorded = recorded

    async def cancel(
        self, principal: Principal, run: str, *, data: dict[str, Any], key: str | None
    ) -> tuple[CommandView, bool]:
        """The command, and whether it is recorded; it is accepted in any case. Its `status` tells
        whether the run's workers have let go yet. Cancelling twice is harmless.

        Raises NotFound, RunEnded if the run ended before the command could be applied, and
        CommandRefused if it is ending in another way already.
        """
        await self._runs.row(principal, run)
        sent = await self._sent(principal, run, "cancel", data, key)
        if sent.progress is not None:
            _judge_cancel(run, sent.number, sent.progress)
        view = await self.command(principal, run, sent.number)
        if view.reason is not None and not await self._is_cancelled(run, sent.number):
            raise _refused(view)
        return view, sent.progress is not None

    async def order(
        self, principal: Principal, run: str, name: str, *, data: dict[str, Any], key: str | None
    ) -> tuple[CommandView, bool]:
        """Pause, resume or message: the command, and whether it is recorded that it was applied; it
        is accepted otherwise, and may still be refused.

        Raises NotFound, RunEnded, CommandRefused.
        """
        await self._runs.row(principal, run)
        sent = await self._sent(principal, run, name, data, key)
        if sent.progress is not None and sent.progress.cmd < sent.number:
            raise _ended(run, sent.progress.status)
        view = await self.command(principal, run, sent.number)
        if view.reason is not None:
            raise _refused(view)
        return view, sent.progress is not None

    async def _sent(
        self, principal: Principal, run: str, name: str, data: dict[str, Any], key: str | None
    ) -> Sent:
        """Raises RunEnded."""
        sent = await self.send(principal, run, name, data, key)
        if sent is None:
            raise _ended(run, (await self._runs.row(principal, run)).status)
        return sent

    async def _is_cancelled(self, run: str, before: int) -> bool:
        async with self._db.connection() as c:
            return await commands.has_cancel(c, run, before=before)

    async def send(
        self,
        principal: Principal,
        run: str,
        name: str,
        data: dict[str, Any],
        key: str | None,
        beside: Beside | None = None,
    ) -> Sent | None:
        """Write a command, bring it on its way and wait until it is recorded, at most ten seconds.

        None if the run has ended (or does not exist for this tenant): then nothing was written.
        The same key again waits for the command that stands already. `beside` writes what belongs
        to a new command into its transaction, given its number. Raises KeyReused, InvalidInput for
        what Postgres cannot hold, StoreUnavailable.
        """
        command = await self._write(principal, run, name, data, key, beside)
        if command is None:
            return None
        self._relay.offer_command(partition_of(run), principal.tenant, command)
        number = command.number
        progress = await self._recorded.wait(
            run, lambda progress: progress.cmd >= number or progress.ended, timeout_s=WAIT_S
        )
        return Sent(number, progress)

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
        beside: Beside | None,
    ) -> CommandRow | None:
        """None if the run has ended. The same key again gives the row that stands already."""
        try:
            async with self._db.transaction() as c:
                await commands.lock_run(c, run)
                if key is not None and (found := await commands.find_command(c, run, key)):
                    _check_same(found, name, data)
                    return found
                command = await commands.add_command(
                    c, run, name, tenant=principal.tenant, principal=principal.id, data=data,
                    idempotency_key=key,
                )  # fmt: skip
                if command is not None and beside is not None:
                    await beside(c, command.number)
        except asyncpg.DataError as error:  # U+0000
            raise InvalidInput(f"this cannot be stored: {error}", pointer="") from error
        if command is not None:
            COMMANDS_ACCEPTED.labels(name).inc()
        return command


def _check_same(found: CommandRow, name: str, data: dict[str, Any]) -> None:
    """Raises KeyReused."""
    if (found.name, found.data) != (name, data):
        raise KeyReused(
            f"command {found.number} of run {found.run_id} came with this key and another request",
            pointer="Idempotency-Key:",
        )


def _judge_cancel(run: str, number: int, progress: Progress) -> None:
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
    if state.refused is not None:
        progress = "refused"
    elif state.cmd >= state.number:
        progress = "recorded"
    elif status.ended:
        progress = "overtaken"
    return CommandView(
        run, state.number, state.name, state.principal, state.created_at, progress, status.word,
        state.refused,
    )  # fmt: skip


_REASONS: Final = {
    "paused": "it is paused already",
    "not_paused": "it is not paused",
    "ending": "it is {status}: nothing changes how it ends",
    "too_many_messages": "too many messages are kept for it that nothing waited for",
}


def _refused(view: CommandView) -> CommandRefused:
    reason = view.reason or ""
    told = _REASONS.get(reason, reason).format(status=view.status)
    return CommandRefused(f"run {view.run} cannot take this {view.name}: {told}", reason=reason)
