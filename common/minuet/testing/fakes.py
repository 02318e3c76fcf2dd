"""Stand-ins for nodes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minuet.model.errors import InvalidInput
from minuet.worker.context import Context
from minuet.worker.result import Result

MISSING: Any = object()


class FakeError(InvalidInput):
    """The test itself is wrong: a fake that names nothing, or a node that nothing stands in for."""

    code = "fake"


class Fake:
    """What answers for a node, and how long that takes (virtual ms)."""

    def __init__(self, answer: Callable[..., Any], takes_ms: int, port: str | None) -> None:
        self.takes_ms = takes_ms
        self._answer = answer
        self._port = port
        self._wants_context = takes_context(answer)

    def __call__(self, config: Any, context: Context) -> Any:
        """What the function returned; may be awaitable. Raises whatever it raised."""
        return self._answer(config, context) if self._wants_context else self._answer(config)

    def on_port(self, returned: Any) -> Result:
        result = returned if isinstance(returned, Result) else Result(returned)
        if self._port is None or result.port != "success":
            return result
        return Result(result.output, self._port, result.waiting)


def takes_context(function: Callable[..., Any]) -> bool:
    """Whether it takes a second positional argument."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some builtins do not tell
        return False
    positional = [
        each
        for each in parameters
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        and each.default is each.empty
    ]
    return len(positional) >= 2


def make_answer(
    target: str, function: Callable[..., Any] | None, returns: Any, each: Iterable[Any] | None
) -> Callable[..., Any]:
    """One function out of the three ways to say it. Raises FakeError unless exactly one is used."""
    given = [function is not None, returns is not MISSING, each is not None]
    if sum(given) != 1:
        raise FakeError(f"fake {target!r}: give a function, or returns=, or each=")
    if function is not None:
        return function
    if each is not None:
        return _in_turn(target, iter(each))
    return lambda config: returns


def _in_turn(target: str, answers: Iterator[Any]) -> Callable[[Any], Any]:
    def answer(config: Any) -> Any:
        try:
            found = next(answers)
        except StopIteration:
            raise FakeError(f"fake {target!r}: called more often than each= has answers") from None
        if isinstance(found, BaseException):
            raise found
        return found

    return answer
