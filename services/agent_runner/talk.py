"""A conversation as a pure fold of its entries: what was said, what comes next."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.model.errors import TerminalError

from .answer import Answer, Calls, Fault
from .config import AgentConfig
from .dialect import Dialect, Message
from .turns import Acted, Entry, Replied

REPAIRS = 1


class Ask:
    """The model's turn."""


Next = Ask | Calls | Answer


class Talk:
    """`entries` grows by `add`; everything else follows from them, so a journal resumes it."""

    def __init__(self, config: AgentConfig, dialect: Dialect, entries: list[Entry]) -> None:
        self._config = config
        self._dialect = dialect
        self.entries = entries

    @property
    def temperature(self) -> float | None:
        return self._config.temperature

    @property
    def turns(self) -> int:
        return sum(isinstance(entry, Replied) for entry in self.entries)

    @property
    def tokens(self) -> int:
        return sum(entry.usage.total for entry in self.entries if isinstance(entry, Replied))

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def next(self) -> Next:
        """Raises TerminalError: code `budget` if another turn would pass it, code `answer` if the
        answer cannot be taken and was already repaired."""
        last = self.entries[-1] if self.entries else None
        if isinstance(last, Replied):
            step = self._dialect.read(last)
            if not isinstance(step, Fault):
                return step
            if self._faults() > REPAIRS:
                raise TerminalError(f"the answer cannot be taken: {step.message}", code="answer")
        self._check_budget()
        return Ask()

    def _faults(self) -> int:
        replies = [entry for entry in self.entries if isinstance(entry, Replied)]
        return sum(isinstance(self._dialect.read(reply), Fault) for reply in replies)

    def _check_budget(self) -> None:
        budget = self._config.budget
        if self.turns >= budget.turns:
            raise TerminalError(f"no answer after {self.turns} turns", code="budget")
        if budget.tokens is not None and self.tokens >= budget.tokens:
            raise TerminalError(
                f"no answer after {self.tokens:,} of {budget.tokens:,} tokens", code="budget"
            )

    def messages(self) -> list[Message]:
        """What never changes first: instructions, then the task, then turn after turn."""
        return [*self._opening(), *self._history()]

    def _opening(self) -> Iterator[Message]:
        parts = [part for part in (self._config.system, self._dialect.system()) if part]
        if parts:
            yield {"role": "system", "content": "\n\n".join(parts)}
        yield {"role": "user", "content": self._config.prompt}

    def _history(self) -> Iterator[Message]:
        asked: Replied | None = None
        for entry in self.entries:
            if isinstance(entry, Acted):
                step = self._dialect.read(asked) if asked is not None else None
                calls = step.calls if isinstance(step, Calls) else []
                yield from self._dialect.results(calls, entry.results)
                continue
            asked = entry
            yield self._dialect.said(entry)
            step = self._dialect.read(entry)
            if isinstance(step, Fault):
                yield from self._dialect.repair(entry, step)
