"""The agent's loop: decide from the journal, act, journal, again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import structlog

from minuet.bus.api import JournalBus
from minuet.model.errors import RetryableError
from minuet.worker import Context, Result

from . import metrics
from .acting import Hands
from .answer import Answer, Calls, Judge
from .config import AgentConfig
from .deltas import Deltas
from .dialect import Dialect
from .journal import Blobs, Journal, Moved
from .json_mode import JsonMode
from .model import Model, Models
from .native import Native
from .shown import turns_of
from .talk import Talk
from .tools.catalogue import Catalogue
from .tools.tool import Tool
from .turns import Acted, Entry, Replied

log = structlog.get_logger()
MOVES = 3


class AgentRunner:
    """Runs one node at a time for each call; holds what all of them share."""

    def __init__(self, bus: JournalBus, blobs: Blobs, models: Models, catalogue: Catalogue) -> None:
        self._bus = bus
        self._blobs = blobs
        self._models = models
        self._catalogue = catalogue

    async def run(self, config: AgentConfig, ctx: Context) -> Result:
        """Raises NodeError, Unavailable."""
        judge = Judge(config)
        tools = self._catalogue.of(config)
        dialect = dialect_of(config, judge, tools)
        journal = Journal(self._bus, self._blobs, ctx.tenant, ctx.idempotency_key)
        hands = Hands(tools, config.hosts, ctx)
        async with self._models.of(config) as model:
            for _ in range(MOVES):
                talk = Talk(config, dialect, await journal.load())
                if talk.entries:
                    metrics.RESUMED.inc()
                    ctx.log.info("resumed", turns=talk.turns)
                    for turn in turns_of(talk.entries, dialect):
                        ctx.turn(turn)
                try:
                    return await converse(talk, dialect, journal, model, hands, ctx)
                except Moved:
                    log.warning("journal_moved", run_id=ctx.run_id, node_id=ctx.node_id)
        raise RetryableError("another worker has this execution", code="superseded")


def dialect_of(config: AgentConfig, judge: Judge, tools: Mapping[str, Tool]) -> Dialect:
    if config.tool_mode == "json_schema":
        return JsonMode(judge, list(tools.values()))
    return Native(judge, list(tools.values()))


async def converse(
    talk: Talk, dialect: Dialect, journal: Journal, model: Model, hands: Hands, ctx: Context
) -> Result:
    """To the answer. Each turn, and each turn's results, are journaled before what follows."""
    while True:
        step = talk.next()
        if isinstance(step, Answer):
            return Result(step.output, step.port)
        entry: Entry
        if isinstance(step, Calls):
            patches = patches_before(talk.entries)
            entry = Acted(await hands.act(step.calls, talk.turns, patches))
        else:
            entry = await ask(talk, dialect, model, ctx)
        await journal.add(entry)
        talk.add(entry)
        ctx.turn(turns_of(talk.entries, dialect)[-1])


async def ask(talk: Talk, dialect: Dialect, model: Model, ctx: Context) -> Replied:
    turn = talk.turns + 1
    started = time.monotonic()
    request = {**dialect.request(), "messages": talk.messages()}
    if talk.temperature is not None:
        request["temperature"] = talk.temperature
    reply = await model.ask(request, Deltas(ctx, turn), ctx.deadline)
    fields = metrics.record(model.name, reply, time.monotonic() - started)
    ctx.log.info("model_call", turn=turn, **fields)
    return reply


def patches_before(entries: Sequence[Entry]) -> int:
    """How often the workflow's change was asked for, the last turn's calls not counted."""
    replies = [entry for entry in entries if isinstance(entry, Replied)][:-1]
    return sum(call.name == "patch_workflow" for reply in replies for call in reply.calls)
