"""Run a workflow in memory, with fake nodes and a virtual clock, for tests of your own.

    from minuet.testing import Harness

    harness = Harness.from_file("workflow.yaml")
    harness.fake("enrich", returns={"body": {"employees": 900}})
    run = harness.run({"domain": "example.com"})
    assert run.status == "succeeded"

See docs/testing.md.
"""

from minuet.model.errors import RetryableError, TerminalError
from minuet.worker.result import Result

from .fakes import FakeError
from .harness import Harness
from .live_run import LiveChild, LiveRun, Refused
from .question import Question
from .run import Attempt, HistoryEvent, LogLine, NodeRun, Round, Run

__all__ = [
    "Attempt",
    "FakeError",
    "Harness",
    "HistoryEvent",
    "LiveChild",
    "LiveRun",
    "LogLine",
    "NodeRun",
    "Question",
    "Refused",
    "Result",
    "RetryableError",
    "Round",
    "Run",
    "TerminalError",
]
