"""The endpoints of the stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.response import Stream

from .answer import FINGERPRINT, PREFIX, chunks, completion
from .ledger import Ledger
from .player import Play, Player, Unscripted
from .request import ChatRequest, messages_hash

NOTICE = "scripted stand-in for a language model (minuet dev-llm): nothing here is generated"
Any3 = Request[Any, Any, Any]


def create_app(player: Player, ledger: Ledger) -> Litestar:
    @post("/v1/chat/completions", status_code=200)
    async def chat(request: Any3) -> Response[Any]:
        body = await request.body()
        try:
            asked = msgspec.json.decode(body, type=ChatRequest)
            hashed = messages_hash(body)
        except msgspec.MsgspecError as exc:
            return problem(400, "invalid_request", str(exc))
        try:
            play = player.play(asked, hashed)
        except Unscripted as exc:
            note(ledger, asked, hashed, None, "unscripted", str(exc))
            return problem(422, exc.code, str(exc))
        note(ledger, asked, hashed, play.conversation, outcome_of(play))
        await asyncio.sleep(play.turn.latency_ms / 1000)
        return answer(asked, play, hashed)

    @get("/v1/models")
    async def models() -> dict[str, Any]:
        names = [PREFIX + name.lower().replace(" ", "-") for name in player.names]
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "minuet-dev-llm",
             "description": NOTICE}
            for name in names
        ]  # fmt: skip
        return {"object": "list", "data": listed}

    @get(["/", "/healthz", "/readyz"])
    async def health() -> dict[str, Any]:
        return {"status": "ok", "what": NOTICE, "conversations": player.names}

    return Litestar([chat, models, health], debug=False, logging_config=None, openapi_config=None)


def answer(asked: ChatRequest, play: Play, hashed: str) -> Response[Any]:
    fault = play.fault
    if fault is not None and fault.status is not None:
        wait = fault.retry_after_s
        headers = {} if wait is None else {"Retry-After": f"{wait:g}"}
        return problem(fault.status, "scripted_failure", fault.message, headers)
    if fault is not None and fault.malformed:
        return Response(b'{"choices": [{"mess', media_type="application/json")
    if asked.stream:
        return Stream(streamed(asked, play, hashed), media_type="text/event-stream")
    return Response(completion(asked, play, hashed), media_type="application/json")


async def streamed(asked: ChatRequest, play: Play, hashed: str) -> AsyncIterator[bytes]:
    """Server-sent events; a scripted cut ends them after that many, without a word."""
    cut = play.fault.cut_after if play.fault is not None else None
    for number, chunk in enumerate(chunks(asked, play, hashed)):
        if number == cut:
            return
        if number and play.turn.chunk_ms:
            await asyncio.sleep(play.turn.chunk_ms / 1000)
        yield b"data: " + msgspec.json.encode(chunk) + b"\n\n"
    yield b"data: [DONE]\n\n"


def note(
    ledger: Ledger, asked: ChatRequest, hashed: str, conversation: str | None, outcome: str,
    text: str = "",
) -> None:  # fmt: skip
    ledger.add(
        model=asked.model, conversation=conversation, turn=asked.turn + 1, outcome=outcome,
        messages=len(asked.messages), messages_sha256=hashed, stream=bool(asked.stream), note=text,
    )  # fmt: skip


def outcome_of(play: Play) -> str:
    if play.fault is None:
        return "ok"
    if play.fault.status is not None:
        return str(play.fault.status)
    return "malformed" if play.fault.malformed else "cut"


def problem(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> Response[Any]:
    error = {"message": message, "type": code, "code": code, "system_fingerprint": FINGERPRINT}
    return Response(
        {"error": error}, status_code=status, headers=headers, media_type="application/json"
    )
