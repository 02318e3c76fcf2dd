"""What a model says, shown while it says it."""

from __future__ import annotations

from minuet.worker import Context

LONGEST = 4096


class Deltas:
    """Passes text on in whole words, so that the masks of secrets meet whole secrets."""

    def __init__(self, ctx: Context, turn: int) -> None:
        self._ctx = ctx
        self._turn = turn
        self._kept = ""
        self._told = False
        self._restart = False

    def feed(self, text: str) -> None:
        self._kept += text
        cut = max(self._kept.rfind(" "), self._kept.rfind("\n")) + 1
        if cut == 0 and len(self._kept) > LONGEST:
            cut = len(self._kept)
        if cut:
            self._tell(self._kept[:cut])
            self._kept = self._kept[cut:]

    def end(self) -> None:
        """Tell what is left."""
        if self._kept:
            self._tell(self._kept)
            self._kept = ""

    def restart(self) -> None:
        """The turn is asked for again: what was told of it counts for nothing."""
        self._kept = ""
        self._restart = self._told

    def _tell(self, text: str) -> None:
        self._ctx.delta(self._turn, text, restart=self._restart)
        self._told, self._restart = True, False
