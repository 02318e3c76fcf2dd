"""Tools for models without tool calls: each turn is one JSON object that names the next action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from .answer import Answer, Calls, Fault, Judge
from .dialect import FINISH, Message, ToolForm, cut_short, response_format
from .turns import Replied, ToolCall, ToolResult


class JsonMode:
    def __init__(self, judge: Judge, tools: Sequence[ToolForm]) -> None:
        self._judge = judge
        self._tools = sorted(tools, key=lambda tool: tool.name)

    def system(self) -> str:
        """The tools and the form of an action, with an example of each."""
        lines = ["Answer every time with one JSON object that names the next action.", "Actions:"]
        for tool in self._tools:
            schema = msgspec.json.encode(tool.parameters).decode()
            lines.append(f"- {tool.name}: {tool.description} Its arguments: {schema}")
            lines.append(f'  Example: {{"action": "{tool.name}", "arguments": {{}}}}')
        lines.append(f"- {FINISH}: end the task with its output.")
        port = f', "port": "{self._judge.ports[0]}"' if self._judge.ports else ""
        lines.append(f'  Example: {{"action": "{FINISH}"{port}, "output": "the result"}}')
        return "\n".join(lines)

    def request(self) -> dict[str, Any]:
        actions = [action_schema(tool) for tool in self._tools]
        return {"response_format": response_format({"anyOf": [*actions, self._finish_schema()]})}

    def _finish_schema(self) -> dict[str, Any]:
        properties: dict[str, Any] = {"action": {"const": FINISH}}
        if self._judge.ports:
            properties["port"] = {"enum": self._judge.ports}
        properties["output"] = self._judge.schema if self._judge.schema is not None else {}
        return {
            "type": "object",
            "required": list(properties),
            "additionalProperties": False,
            "properties": properties,
        }

    def read(self, reply: Replied) -> Calls | Answer | Fault:
        if (fault := cut_short(reply)) is not None:
            return fault
        try:
            value = msgspec.json.decode(reply.content)
        except msgspec.DecodeError as exc:
            return Fault(f"the answer must be one JSON object: {exc}")
        if not isinstance(value, dict) or not isinstance(value.get("action"), str):
            return Fault("the answer must be a JSON object with the field action")
        if value["action"] == FINISH:
            return self._judge.answer(value.get("output"), value.get("port"))
        if value["action"] not in {tool.name for tool in self._tools}:
            names = ", ".join([*(tool.name for tool in self._tools), FINISH])
            return Fault(f"action must be one of {names}")
        arguments = msgspec.json.encode(value.get("arguments", {})).decode()
        return Calls([ToolCall("call_1", value["action"], arguments)])

    def said(self, reply: Replied) -> Message:
        return {"role": "assistant", "content": reply.content}

    def results(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Message]:
        names = {call.id: call.name for call in calls}
        return [
            {"role": "user", "content": f"Result of {names[result.call]}: {result.content}"}
            for result in results
        ]

    def repair(self, reply: Replied, fault: Fault) -> list[Message]:
        return [{"role": "user", "content": f"That cannot be taken: {fault.message}"}]


def action_schema(tool: ToolForm) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["action", "arguments"],
        "additionalProperties": False,
        "properties": {"action": {"const": tool.name}, "arguments": tool.parameters},
    }
