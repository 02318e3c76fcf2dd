"""A Commit as keys and arguments of the function `commit` (its header is the layout)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from .api import Commit, Fields, RunWrite
from .keys import Keys
from .wire import Argument

SET, PURGE, UNLINK, REPLACE = 0, 1, 2, 3


def commit_keys(keys: Keys, commit: Commit) -> list[str]:
    p = commit.p
    found = [
        keys.lease(p), keys.signals(p), keys.events(p), keys.timers(p), keys.cancelled(p),
        keys.dead(p),
    ]  # fmt: skip
    for write in commit.runs:
        found += (keys.run(p, write.run), keys.out(p, write.run))
    found += [keys.tasks(p, page.type) for page in commit.pages]
    return found


def commit_args(commit: Commit) -> list[Argument]:
    args: list[Argument] = [
        commit.owner, commit.number, commit.cursor, commit.event or b"",
        len(commit.runs), len(commit.pages), len(commit.timers_add), len(commit.timers_del),
        len(commit.cancelled), len(commit.signals), len(commit.dead_letters),
    ]  # fmt: skip
    for write in commit.runs:
        add_run(args, write)
    add_entries(args, (page.tokens for page in commit.pages))
    for member, due_at in commit.timers_add:
        args += (due_at, member)
    args += commit.timers_del
    args += commit.cancelled
    add_entries(args, commit.signals)
    add_entries(args, commit.dead_letters)
    return args


def add_run(args: list[Argument], write: RunWrite) -> None:
    fields, outputs = write.fields, write.outputs
    args += (mode_of(write), 2 * len(fields), 2 * len(outputs))
    args += chain.from_iterable(fields.items())
    args += chain.from_iterable(outputs.items())


def add_entries(args: list[Argument], entries: Iterable[Fields]) -> None:
    """For each entry: the count of its values, then these."""
    for fields in entries:
        args.append(2 * len(fields))
        args += chain.from_iterable(fields)


def mode_of(write: RunWrite) -> int:
    """The strongest that is asked for."""
    if write.unlink:
        return UNLINK
    if write.replace:
        return REPLACE
    return PURGE if write.purge else SET
