"""Tools by the server's own tool calls; the answer is the message, or a call of `finish`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .answer import Answer, Calls, Fault, Judge, arguments_of
from .dialect import FINISH, Message, ToolForm, cut_short, response_format
from .turns import Replied, ToolCall, ToolResult


class Native:
    """`finish` is offered if there are ports to choose from."""

    def __init__(self, judge: Judge, tools: Sequence[ToolForm]) -> None:
        self._judge = judge
        offered = [form(tool.name, tool.description, tool.parameters) for tool in tools]
        if judge.ports:
            offered.append(finish_form(judge))
        self._tools = sorted(offered, key=lambda tool: str(tool["function"]["name"]))

    def system(self) -> str:
        if self._judge.ports:
            return "When the task is done, call the tool `finish`, alone, with the port that fits."
        return ""

    def request(self) -> dict[str, Any]:
        request: dict[str, Any] = {}
        if self._tools:
            request["tools"] = self._tools
        if self._judge.schema is not None and not self._judge.ports:
            request["response_format"] = response_format(self._judge.schema)
        return request

    def read(self, reply: Replied) -> Calls | Answer | Fault:
        if reply.calls:
            if len(reply.calls) == 1 and reply.calls[0].name == FINISH and self._judge.ports:
                return self._finish(reply.calls[0])
            return Calls(reply.calls)
        if (fault := cut_short(reply)) is not None:
            return fault
        if self._judge.ports:
            return Fault("call the tool `finish` with one of its ports")
        return self._judge.value(reply.content)

    def _finish(self, call: ToolCall) -> Answer | Fault:
        arguments = arguments_of(call)
        if isinstance(arguments, Fault):
            return arguments
        return self._judge.answer(arguments.get("output"), arguments.get("port"))

    def said(self, reply: Replied) -> Message:
        message: Message = {"role": "assistant", "content": reply.content or None}
        if reply.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in reply.calls
            ]
        return message

    def results(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Message]:
        return [
            {"role": "tool", "tool_call_id": result.call, "content": result.content}
            for result in results
        ]

    def repair(self, reply: Replied, fault: Fault) -> list[Message]:
        """A call must be followed by its result, whatever was wrong with it."""
        if reply.calls:
            return [
                {"role": "tool", "tool_call_id": call.id, "content": f"Error: {fault.message}"}
                for call in reply.calls
            ]
        return [{"role": "user", "content": f"That cannot be taken: {fault.message}"}]


def form(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def finish_form(judge: Judge) -> dict[str, Any]:
    output = judge.schema if judge.schema is not None else {"description": "The result, if any."}
    required = ["port"] if judge.schema is None else ["port", "output"]
    parameters = {
        "type": "object",
        "required": required,
        "additionalProperties": False,
        "properties": {"port": {"enum": judge.ports}, "output": output},
    }
    return form(FINISH, "End the task on one of the ports, with its result.", parameters)
