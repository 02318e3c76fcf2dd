"""`python -m tests.simulation`: schedules one after another, until one fails or for ever."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter

from .surroundings import simulated
from .world import Result, run_schedule

PROGRESS_S = 10.0


def main(argv: list[str] | None = None) -> int:
    """1 if a schedule failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one, with a trace")
    parser.add_argument("--quiet", action="store_true", help="no trace")
    parser.add_argument("--from", dest="first", type=int, default=0, help="first seed")
    parser.add_argument("--schedules", type=int, default=0, help="how many; 0 for no end")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long; 0 for no end")
    parser.add_argument("--keep-going", action="store_true", help="collect failing seeds")
    given = parser.parse_args(argv)
    with simulated():
        if given.seed is not None:
            return replay(given.seed, quiet=given.quiet)
        return explore(given.first, given.schedules, given.seconds, given.keep_going)


def replay(seed: int, *, quiet: bool) -> int:
    result = run_schedule(seed, None if quiet else print)
    print(f"seed {seed}: {result.violation or 'held'}")
    print(
        f"  {result.runs} runs, {result.calls} calls, {result.commits} commits, "
        f"{result.seconds:.1f} virtual seconds, {dict(result.counts)}"
    )
    return int(result.violation is not None)


class Tally:
    """Figures of many schedules."""

    def __init__(self) -> None:
        self.schedules = self.runs = self.calls = self.commits = 0
        self.seconds = 0.0
        self.counts: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.failed: list[Result] = []
        self._began = time.monotonic()
        self._cpu_began = time.process_time()

    def add(self, result: Result) -> None:
        self.schedules += 1
        self.runs += result.runs
        self.calls += result.calls
        self.commits += result.commits
        self.seconds += result.seconds
        self.counts.update(result.counts)
        self.events.update(result.events)
        if result.violation is not None:
            self.failed.append(result)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def line(self) -> str:
        rate = 60 / (time.process_time() - self._cpu_began)
        return (
            f"{self.schedules:,} schedules, {self.runs:,} runs ({self.schedules * rate:,.0f} and "
            f"{self.runs * rate:,.0f} a minute of one core), {self.commits:,} commits, "
            f"{self.calls:,} calls, {len(self.failed)} failed"
        )

    def report(self) -> str:
        lines = [self.line(), f"{self.seconds / 3600:,.1f} virtual hours"]
        for counts in (self.counts, self.events):
            lines += [f"  {count:10,}  {name}" for name, count in counts.most_common()]
        return "\n".join(lines)


def explore(first: int, schedules: int, seconds: float, keep_going: bool) -> int:
    tally = Tally()
    told_s = 0.0
    gc.disable()
    seed = first
    while (not schedules or seed < first + schedules) and (
        not seconds or tally.elapsed_s < seconds
    ):
        result = run_schedule(seed)
        tally.add(result)
        if result.violation is not None:
            print(f"seed {seed}: {result.violation}")
            print(f"  replay it with: python -m tests.simulation --seed {seed}", flush=True)
            if not keep_going:
                break
        seed += 1
        if seed % 100 == 0:
            gc.collect()
        if tally.elapsed_s - told_s > PROGRESS_S:
            told_s = tally.elapsed_s
            print(f"{told_s:7.0f} s  {tally.line()}", flush=True)
    print(tally.report())
    return int(bool(tally.failed))


if __name__ == "__main__":
    sys.exit(main())
