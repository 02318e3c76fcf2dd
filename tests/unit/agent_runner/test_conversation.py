"""The conversation as a fold, the words of deltas, the journal, and the tools of the suite."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from minuet.bus.memory import MemoryBus
from minuet.model.errors import TerminalError
from minuet.services.agent_runner.answer import Judge
from minuet.services.agent_runner.config import AgentConfig
from minuet.services.agent_runner.deltas import Deltas
from minuet.services.agent_runner.journal import Journal, Moved
from minuet.services.agent_runner.native import Native
from minuet.services.agent_runner.talk import Ask, Talk
from minuet.services.agent_runner.tools.tool import Tool
from minuet.services.agent_runner.tools.workflow import checked, reasons, settled
from minuet.services.agent_runner.turns import Acted, Replied, ToolCall, ToolResult
from tests.unit.worker.support import MemoryBlobs

pytestmark = pytest.mark.anyio
CALLED = Replied(calls=[ToolCall("c1", "look", "{}")], finish_reason="tool_calls")
ACTED = Acted([ToolResult("c1", "seen")])


async def nothing(_: Any) -> None:
    return None


def talk(config: AgentConfig, *entries: Replied | Acted) -> Talk:
    tools = [Tool(name, "", {"type": "object"}, nothing) for name in ("look", "act")]
    return Talk(config, Native(Judge(config), tools), list(entries))


def test_what_never_changes_comes_first() -> None:
    config = AgentConfig("the task", system="the rules")
    first, later = talk(config).messages(), talk(config, CALLED, ACTED).messages()
    assert [message["role"] for message in later] == ["system", "user", "assistant", "tool"]
    assert later[: len(first)] == first
    request = Native(Judge(config), [Tool(n, "", {}, nothing) for n in "ba"]).request()
    assert [tool["function"]["name"] for tool in request["tools"]] == ["a", "b"]


def test_a_faulty_finish_is_answered_as_the_call_that_it_was() -> None:
    finish = Replied(calls=[ToolCall("f", "finish", '{"port": "hot"}')])
    messages = talk(AgentConfig("x", ports=["cold"]), finish).messages()
    assert messages[-1]["role"] == "tool"
    assert messages[-1]["tool_call_id"] == "f"
    assert "cold" in messages[-1]["content"]


def test_an_answer_that_was_cut_off_is_no_answer() -> None:
    assert isinstance(talk(AgentConfig("x"), Replied("half", finish_reason="length")).next(), Ask)


def test_a_schema_that_is_none_is_the_configs_fault() -> None:
    with pytest.raises(TerminalError, match="no JSON Schema"):
        Judge(AgentConfig("x", output_schema={"type": "nonsense"}))


class Told:
    def __init__(self) -> None:
        self.pieces: list[tuple[str, bool]] = []

    def delta(self, turn: int, text: str, *, restart: bool = False) -> None:
        self.pieces.append((text, restart))


def test_deltas_end_between_words_so_that_masks_meet_whole_secrets() -> None:
    told = Told()
    deltas = Deltas(told, 1)  # type: ignore[arg-type]
    for part in ("my sec", "ret is sw", "ordfish now"):
        deltas.feed(part)
    deltas.end()
    assert [text for text, _ in told.pieces] == ["my ", "secret is ", "swordfish ", "now"]
    deltas.restart()
    deltas.feed("again ")
    assert told.pieces[-1] == ("again ", True)


async def test_two_workers_never_write_one_journal() -> None:
    bus, blobs = MemoryBus(), MemoryBlobs()
    first, second = (Journal(bus, blobs, "t", "k") for _ in range(2))
    assert await first.load() == await second.load() == []
    await first.add(CALLED)
    await first.add(ACTED)
    with pytest.raises(Moved):
        await second.add(Replied("other"))
    assert await second.load() == [CALLED, ACTED]
    await second.add(Replied("done"))
    assert await Journal(bus, blobs, "t", "k").load() == [CALLED, ACTED, Replied("done")]
    assert await Journal(bus, blobs, "other", "k").load() == []


async def test_a_journal_whose_entries_are_gone_begins_anew() -> None:
    bus, blobs = MemoryBus(), MemoryBlobs()
    journal = Journal(bus, blobs, "t", "k")
    await journal.load()
    await journal.add(CALLED)
    blobs.data.clear()
    again = Journal(bus, blobs, "t", "k")
    assert await again.load() == []
    await again.add(CALLED)
    assert await Journal(bus, blobs, "t", "k").load() == [CALLED]


def test_answers_of_the_suite_are_read() -> None:
    problem = {"title": "no", "errors": [{"pointer": "/nodes/2", "message": "a cycle"}]}
    assert reasons(httpx.Response(422, json=problem)) == ["/nodes/2: a cycle"]
    assert reasons(httpx.Response(409, json={"detail": "it has ended"})) == ["it has ended"]
    with pytest.raises(TerminalError, match="401"):
        checked(httpx.Response(401, json={"detail": "who?"}))
    for status in (202, 503):
        with pytest.raises(Exception, match=str(status)):
            settled(httpx.Response(status))
