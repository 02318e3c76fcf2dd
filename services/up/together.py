"""Run several coroutines at once, with one exception instead of a group of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable


async def all_or_first_failure(works: Iterable[Coroutine[object, object, None]]) -> None:
    """Run all to their end; the first failure cancels the others and is raised itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def all_to_the_end(works: Iterable[Coroutine[object, object, None]]) -> None:
    """Run all to their end whatever fails; then the first failure, if any, is raised."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
