"""A turn in the forms of the protocol: one completion, or chunks of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from .player import Play
from .request import ChatRequest
from .script import ScriptedCall

FINGERPRINT: Final = "minuet-dev-llm-scripted"
PREFIX: Final = "dev-"
CHARS_A_TOKEN: Final = 4


def model_name(asked: str) -> str:
    """The name in answers always tells that this is a stand-in."""
    return asked if asked.startswith(PREFIX) else PREFIX + asked


def completion(request: ChatRequest, play: Play, messages_hash: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": play.turn.content}
    if play.turn.tool_calls:
        message["tool_calls"] = list(tool_calls(play))
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(play)}
    head = envelope(request, messages_hash, "chat.completion")
    return {**head, "choices": [choice], "usage": usage(request, play)}


def chunks(request: ChatRequest, play: Play, messages_hash: str) -> Iterator[dict[str, Any]]:
    """Deltas of text, then of tool calls, the reason of the end, and usage if it was asked for."""
    head = envelope(request, messages_hash, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": ""})
    for part in split(play.turn.content or "", play.turn.chunk_chars):
        yield chunk({"content": part})
    for index, call in enumerate(tool_calls(play)):
        arguments = call["function"].pop("arguments")
        yield chunk({"tool_calls": [{"index": index, **call}]})
        for part in split(arguments, play.turn.chunk_chars):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    yield chunk({}, finish_reason(play))
    if request.stream_options is not None and request.stream_options.include_usage:
        yield {**head, "choices": [], "usage": usage(request, play)}


def envelope(request: ChatRequest, messages_hash: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-dev-{messages_hash[:16]}",
        "object": kind,
        "created": int(time.time()),
        "model": model_name(request.model),
        "system_fingerprint": FINGERPRINT,
    }


def tool_calls(play: Play) -> Iterator[dict[str, Any]]:
    for index, call in enumerate(play.turn.tool_calls):
        yield {
            "id": f"call_{play.number}_{index + 1}",
            "type": "function",
            "function": {"name": call.name, "arguments": arguments_of(call)},
        }


def arguments_of(call: ScriptedCall) -> str:
    if isinstance(call.arguments, str):
        return call.arguments
    return msgspec.json.encode(call.arguments).decode()


def finish_reason(play: Play) -> str:
    return play.turn.finish_reason or ("tool_calls" if play.turn.tool_calls else "stop")


def usage(request: ChatRequest, play: Play) -> dict[str, int]:
    """Scripted figures, else an estimate by length."""
    turn = play.turn
    said = len(turn.content or "") + sum(len(arguments_of(call)) for call in turn.tool_calls)
    heard = sum(len(message.text) for message in request.messages)
    prompt = turn.input_tokens if turn.input_tokens is not None else heard // CHARS_A_TOKEN + 1
    output = turn.output_tokens if turn.output_tokens is not None else said // CHARS_A_TOKEN + 1
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
    }


def split(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), max(1, size)):
        yield text[start : start + max(1, size)]
