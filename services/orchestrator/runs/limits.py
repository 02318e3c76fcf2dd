"""Accepting runs whose workflow limits how many of them go on at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from minuet.expr import ExpressionError, build_context, compile_template, extract
from minuet.model.canonical import canonical_json
from minuet.model.errors import InvalidInputs
from minuet.model.ir import IrConcurrency
from minuet.store import concurrency, runs
from minuet.store.commands import CommandRow
from minuet.store.concurrency import Key, Occupant, Replaced
from minuet.store.runs import NewRun, StartRow

from ..errors import LimitReached

if TYPE_CHECKING:
    from minuet.store.database import Connection

MAX_KEY: Final = 500
KEY_ROOTS: Final = frozenset({"inputs"})


class Limited(NamedTuple):
    """A run with a concurrency key; `on_limit` is that of its document."""

    run: NewRun
    on_limit: str

    @property
    def key(self) -> Key:
        return Key(self.run.tenant, self.run.workflow, self.run.concurrency_key or "")


@dataclass(slots=True)
class Made:
    """What a batch led to. `answers` are in its order: whether the run was written, or why it was
    refused. `granted` may be sent; older runs can be among them."""

    answers: list[bool | Exception]
    written: set[str] = field(default_factory=set)
    granted: list[StartRow] = field(default_factory=list)
    cancels: list[tuple[Key, CommandRow]] = field(default_factory=list)


def render_key(given: IrConcurrency, inputs: dict[str, Any]) -> str:
    """The key of a run with these inputs. Raises InvalidInputs if they do not make one."""
    if not given.key:
        return ""
    template = compile_template(given.key, allowed_roots=KEY_ROOTS)
    values = {path: extract(inputs, path[1:]) for path in template.paths}
    try:
        value = template.render(build_context(values))
    except ExpressionError as error:
        raise InvalidInputs([("", f"the concurrency key cannot be made: {error}")]) from error
    key = value if isinstance(value, str) else canonical_json(value).decode()
    if len(key) > MAX_KEY:
        message = f"the concurrency key has {len(key)} characters; the limit is {MAX_KEY}"
        raise InvalidInputs([("", message)])
    return key


async def accept_limited(c: Connection, batch: Sequence[Limited]) -> Made:
    """Write the runs of the batch that are not refused, cancel those whose place they take, and
    grant what is free: all in the caller's transaction, under the locks of the keys."""
    keys = {each.key for each in batch}
    await concurrency.lock_keys(c, keys)
    asked = [(each.run.tenant, each.run.idempotency_key) for each in batch]
    known = await runs.known_keys(c, [(tenant, key) for tenant, key in asked if key is not None])
    lines = {
        key: Line(await concurrency.occupants(c, key))
        for key in keys
        if any(each.key == key and each.on_limit != "queue" for each in batch)
    }
    made = Made([])
    entering: list[NewRun] = []
    for each, name in zip(batch, asked, strict=True):
        if name in known:
            made.answers.append(False)
            continue
        line = lines.get(each.key)
        refusal = line.enter(each) if line is not None else None
        made.answers.append(refusal or True)
        if refusal is None:
            entering.append(each.run)
            if name[1] is not None:
                known.add(name)
    await _write(c, entering, lines, made)
    for key in sorted(keys):
        made.granted += await concurrency.grant(c, key)
    made.answers = [
        answer if answer is not True else each.run.id in made.written
        for each, answer in zip(batch, made.answers, strict=True)
    ]
    return made


async def _write(c: Connection, entering: list[NewRun], lines: dict[Key, Line], made: Made) -> None:
    made.written = await runs.insert_runs(c, entering)
    principals = {run.id: run.principal for run in entering}
    for key, line in sorted(lines.items(), key=itemgetter(0)):
        cancelled = [
            Replaced(victim, principals[successor], {"reason": f"run {successor} takes its place"})
            for victim, successor in line.replaced.items()
            if successor in made.written
        ]
        if cancelled:
            made.cancels += [(key, row) for row in await concurrency.cancel_runs(c, cancelled)]


class Line:
    """The runs of one key, the oldest first, as a batch joins them. `replaced` maps runs that are
    to be cancelled to those that take their place."""

    def __init__(self, occupants: list[Occupant]) -> None:
        self._ids = [each.id for each in occupants if not each.cancelled]
        self._leaving = [each.id for each in occupants if each.cancelled and each.granted]
        self._holding = {each.id for each in occupants if each.granted}
        self.replaced: dict[str, str] = {}

    def enter(self, given: Limited) -> LimitReached | None:
        """Let the run join, or say why it may not."""
        limit = given.run.concurrency_limit or 1
        present = [*self._leaving, *self._ids]
        if given.on_limit == "reject" and len(present) >= limit:
            return _refusal(given, limit, [id for id in present if id in self._holding])
        if given.on_limit == "cancel_oldest":
            surplus = max(0, len(self._ids) + 1 - limit)
            self.replaced |= dict.fromkeys(self._ids[:surplus], given.run.id)
            del self._ids[:surplus]
        self._ids.append(given.run.id)
        return None


def _refusal(given: Limited, limit: int, holders: list[str]) -> LimitReached:
    key = given.run.concurrency_key
    what = f"with the key {key!r} " if key else ""
    return LimitReached(
        f"{limit} of {given.run.workflow!r} {what}may go on at once, and as many do",
        holders=holders[: concurrency.MAX_HOLDERS],
    )
