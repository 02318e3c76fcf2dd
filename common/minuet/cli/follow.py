"""Follow a run: recorded events by long poll, live news beside them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from minuet.model.errors import Unavailable

from .progress import Progress

if TYPE_CHECKING:
    from minuet.client import Client
    from minuet.client.views import LiveItem, Run, RunEvent

# Live news waits for the end of a poll, so this is how late they may come.
POLL_S: Final = 0.5
PATIENCE_S: Final = 60.0
AWAY_PAUSE_S: Final = 1.0
# Workers send what they have to tell every 100 ms, results at once: the last logs come late.
LIVE_DELAY_S: Final = 0.3


class Sink(Protocol):
    """Shows what is heard. `begin` comes first, `end` last, also after a failure."""

    def begin(self, run: Run, progress: Progress) -> None: ...

    def event(self, event: RunEvent) -> None: ...

    def live(self, item: LiveItem) -> None: ...

    def away(self, reason: str) -> None: ...

    def end(self, run: Run | None) -> None: ...


def follow_run(
    client: Client,
    run_id: str,
    sink: Sink,
    *,
    timeout_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Run:
    """Show everything that happens in the run until it has ended, and return it.

    A suite that goes away is waited for (up to a minute), because the run outlives it. Raises
    TimeoutError; the run goes on then.
    """
    run = client.runs.show(run_id)
    progress = Progress(client.runs.nodes(run_id), run.seq)  # may be ahead of seq: harmless
    sink.begin(run, progress)
    ended: Run | None = None
    try:
        follower = _Follower(client, run_id, progress, sink, clock, pause)
        follower.until_ended(None if timeout_s is None else clock() + timeout_s)
        ended = client.runs.show(run_id)
    finally:
        sink.end(ended)
    return ended


class _Follower:
    def __init__(
        self,
        client: Client,
        run_id: str,
        progress: Progress,
        sink: Sink,
        clock: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self._client = client
        self._run_id = run_id
        self._progress = progress
        self._sink = sink
        self._clock = clock
        self._pause = pause
        self._heard: str | None = None
        self._after = 0

    def until_ended(self, deadline: float | None) -> None:
        heard_at = self._clock()
        while True:
            try:
                if self._step():
                    return
                heard_at = self._clock()
            except Unavailable as error:
                if self._clock() - heard_at > PATIENCE_S:
                    raise
                self._sink.away(str(error))
                self._pause(AWAY_PAUSE_S)
            if deadline is not None and self._clock() > deadline:
                raise TimeoutError(f"run {self._run_id} has not ended yet")

    def _step(self) -> bool:
        """One look at both; True once the run has ended and everything of it was shown."""
        page = self._client.runs.events_page(self._run_id, self._after, wait_s=POLL_S)
        if page.ended:
            self._pause(LIVE_DELAY_S)
        live = self._client.runs.live(self._run_id, self._heard)
        for event in page.items:
            self._progress.apply(event)
        for item in live.items:
            self._progress.hear(item)
            self._sink.live(item)  # a person reads what a node said before that it ended
        for event in page.items:
            self._sink.event(event)
        self._after = max(self._after, page.after)
        self._heard = live.after
        return page.ended
