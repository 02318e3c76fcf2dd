"""docs/protocol.md names every kind of signal, event, timer and command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import minuet.ir
from minuet.model.signal import CommandName, Kind

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text("utf-8")
IR = Path(minuet.ir.__file__).parent


def test_every_event_of_a_history_is_told() -> None:
    code = "".join(path.read_text("utf-8") for path in IR.glob("*.py"))
    events = set(re.findall(r"(?:emit|node_event)\(\s*\"([a-z]+(?:\.[a-z]+)?)\"", code))
    assert len(events) > 20
    assert {event for event in events if f"`{event}`" not in PAGE} == set()


def test_every_signal_and_command_is_told() -> None:
    assert {kind for kind in get_args(Kind) if f"| `{kind}` |" not in PAGE} == set()
    assert {name for name in get_args(CommandName) if f"`{name}`" not in PAGE} == set()


def test_every_timer_is_told() -> None:
    code = "".join(path.read_text("utf-8") for path in IR.glob("*.py"))
    timers = set(re.findall(r"timers_add\[f\"([a-z]+) ", code))
    assert {"retry", "deadline", "stop"} <= timers
    assert {timer for timer in timers if f"`{timer} <" not in PAGE} == set()
